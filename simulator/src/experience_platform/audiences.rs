//! Audiences, `/data/core/ups/audiences` (experience-platform.md §3). Segment definitions are the same objects.

use serde_json::{Value, json};

use super::audience::{
    IMMUTABLE, IMPORT, SIZE, check_change, check_labels, check_origin, check_types,
    external_audience, has_dependents, keep_computed, not_enabled, segment_definition, touch,
};
use super::common::{
    audiences_of, bulk_answer, bulk_ids, find_audience, find_tombstone, is_hidden, query_number,
    sort,
};
use super::{errors, expression, json_patch};
use crate::exchange::{Answer, Query};
use crate::flags::{
    AudienceMetrics, AudiencePaging, ExternalSegmentsRefusal, InactiveListed, NextSpelling,
};
use crate::service::Ask;
use crate::store::{Key, Kind, Object, text_of};
use crate::world::World;

const KIND: Kind = Kind::Audiences;

/// Members that are kept beside the audience and are not part of every answer.
const ON_REQUEST: [&str; 2] = ["metrics", "recordMetrics"];

/// What the samples of the answer about many ids do not have (§3.11).
const NOT_IN_BULK: [&str; 5] = ["labels", "description", "createdBy", "tags", "metrics"];

type Result<T> = std::result::Result<T, Answer>;

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let refused = world.flags.experience_platform.external_segments_refusal
        == ExternalSegmentsRefusal::ListAndCreate;
    if refused && !world.flags.experience_platform.external_segments_enabled {
        return Err(not_enabled(world));
    }
    let limit = query_number(world, ask, "limit")?
        .unwrap_or(world.flags.experience_platform.audience_default_limit)
        .clamp(1, world.flags.experience_platform.audience_max_limit.max(1));
    let start = query_number(world, ask, "start")?.unwrap_or(0);
    let mut found: Vec<&Object> = audiences_of(world, ask)
        .filter(|audience| !is_hidden(world, audience))
        .filter(|audience| is_listed(world, &ask.query, audience))
        .filter(|audience| matches(&ask.query, audience))
        .collect();
    sort(
        &mut found,
        ask.query.get("sort").unwrap_or("updateEpoch:desc"),
    );
    if ask.empty_list {
        found.clear();
    }
    let total = found.len();
    let skip = match world.flags.experience_platform.audience_paging {
        AudiencePaging::PageIndex => start.saturating_mul(limit),
        AudiencePaging::ItemOffset => start,
    };
    let metrics = tells_metrics(world, &ask.query);
    let children: Vec<Value> = found
        .into_iter()
        .skip(skip)
        .take(limit)
        .map(|audience| {
            let mut element = render(audience, metrics);
            leave_out(
                &mut element,
                &world.flags.experience_platform.audience_list_leaves_out,
            );
            element
        })
        .collect();
    let mut page = json!({"totalCount": total, "pageSize": children.len()});
    let mut links = json!({});
    if skip.saturating_add(children.len()) < total && !children.is_empty() {
        let next = match world.flags.experience_platform.audience_paging {
            AudiencePaging::PageIndex => start + 1,
            AudiencePaging::ItemOffset => start + limit,
        };
        page["next"] = match world.flags.experience_platform.next_spelling {
            NextSpelling::String => json!(next.to_string()),
            NextSpelling::Integer => json!(next),
        };
        let href = format!("@/audiences?start={next}&limit={limit}&totalCount={total}");
        links["next"] = json!({"href": href});
    }
    Ok(Answer::json(
        200,
        json!({"children": children, "_page": page, "_links": links}),
    ))
}

/// Inactive and system audiences are left out unless asked for (§3.2).
fn is_listed(world: &World, query: &Query, audience: &Object) -> bool {
    let asked = match world.flags.experience_platform.inactive_listed {
        InactiveListed::WithProperty => properties(query).next().is_some(),
        InactiveListed::WithAnyQuery => !query.is_empty(),
    };
    let inactive = text_of(audience, "lifecycleState") == Some("inactive");
    let system = audience.get("isSystem") == Some(&Value::Bool(true));
    let system_asked = properties(query).any(|(attribute, _)| attribute == "isSystem");
    (asked || !inactive) && (system_asked || !system)
}

/// The `property=attribute==value` filters; `withMetrics==true` is none.
fn properties(query: &Query) -> impl Iterator<Item = (&str, &str)> {
    query
        .all("property")
        .filter_map(|filter| filter.split_once("=="))
        .filter(|(attribute, _)| !attribute.eq_ignore_ascii_case("withmetrics"))
}

fn tells_metrics(world: &World, query: &Query) -> bool {
    let mut filters = query.all("property");
    match world.flags.experience_platform.audience_metrics {
        AudienceMetrics::OnRequest => {
            filters.any(|filter| filter.eq_ignore_ascii_case("withmetrics==true"))
        }
        AudienceMetrics::Always => true,
        AudienceMetrics::Never => false,
    }
}

fn matches(query: &Query, audience: &Object) -> bool {
    let contains = |parameter: &str| {
        query.get(parameter).is_none_or(|wanted| {
            text_of(audience, parameter)
                .unwrap_or_default()
                .to_lowercase()
                .contains(&wanted.to_lowercase())
        })
    };
    let schema = audience
        .get("schema")
        .and_then(|schema| schema.get("name"))
        .and_then(Value::as_str)
        .unwrap_or("_xdm.context.profile");
    contains("name")
        && contains("description")
        && query
            .get("entityType")
            .is_none_or(|wanted| wanted == schema)
        && properties(query).all(|(attribute, value)| attribute_is(audience, attribute, value))
}

fn attribute_is(audience: &Object, attribute: &str, wanted: &str) -> bool {
    let mut parts = attribute.split('.');
    let first = parts.next().and_then(|part| audience.get(part));
    let value = parts.fold(first, |value, part| value.and_then(|value| value.get(part)));
    match value {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Bool(value)) => wanted == if *value { "true" } else { "false" },
        Some(Value::Number(value)) => wanted.parse().ok().as_ref() == Some(value),
        Some(_) => false,
        None => false,
    }
}

fn render(audience: &Object, metrics: bool) -> Value {
    let mut rendered = audience.clone();
    rendered.remove(IMPORT);
    rendered.remove(SIZE);
    if !metrics {
        rendered.retain(|field, _| !ON_REQUEST.contains(&field.as_str()));
    }
    Value::Object(rendered)
}

fn leave_out(audience: &mut Value, fields: &[impl AsRef<str>]) {
    if let Value::Object(members) = audience {
        members.retain(|field, _| !fields.iter().any(|left_out| left_out.as_ref() == field));
    }
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let id = ask.parameter(0);
    let found = find_audience(world, ask, id).or_else(|| find_tombstone(world, ask, id));
    let Some(audience) = found else {
        return Err(errors::no_audience(world, id));
    };
    if is_hidden(world, audience) {
        return Err(errors::access_denied(world, &ask.caller, Some(id), "READ"));
    }
    Ok(Answer::json(
        200,
        render(audience, tells_metrics(world, &ask.query)),
    ))
}

pub(crate) fn bulk_get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let ids = bulk_ids(world, ask)?;
    bulk_answer(world, &ids, |world, id| {
        find_audience(world, ask, id)
            .filter(|audience| !is_hidden(world, audience))
            .map(|audience| {
                let mut element = render(audience, true);
                if !world.flags.experience_platform.bulk_get_whole {
                    leave_out(&mut element, &NOT_IN_BULK);
                }
                element
            })
    })
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let body = ask.body.as_object().cloned().unwrap_or_default();
    if text_of(&body, "name").unwrap_or_default().trim().is_empty() {
        return Err(errors::unreadable(
            world,
            &[
                "Unable to parse the request body",
                "No usable value for name",
                "Did not find value which can be converted into java.lang.String",
            ],
        ));
    }
    let external = match text_of(&body, "type") {
        Some("SegmentDefinition") => false,
        Some("ExternalSegment") => true,
        None => !body.contains_key("expression"),
        Some(_) => return Err(errors::validation(world, "type is not known.")),
    };
    let audience = if external {
        external_audience(world, ask, body)?
    } else {
        segment_definition(world, ask, body)?
    };
    let status = world.flags.experience_platform.audience_create_status;
    let rendered = render(&audience, false);
    insert(world, audience);
    Ok(Answer::json(status, rendered))
}

pub(crate) fn insert(world: &mut World, audience: Object) {
    let Some(id) = text_of(&audience, "id").map(str::to_owned) else {
        return;
    };
    let delay_ms = world.flags.experience_platform.read_after_write_delay_ms;
    if delay_ms > 0 {
        let from = world.now_ms().saturating_add(delay_ms);
        world.visible_from.insert(id.clone(), from);
    }
    expression::relink(world, None, Some(&audience));
    world.store.set(KIND, Key::Text(id), Some(audience));
}

pub(super) fn store(world: &mut World, audience: &Object) {
    if let Some(id) = text_of(audience, "id") {
        let key = Key::Text(id.to_owned());
        world.store.set(KIND, key, Some(audience.clone()));
    }
}

fn writable(world: &mut World, ask: &Ask<'_>) -> Result<Object> {
    let id = ask.parameter(0);
    let Some(audience) = find_audience(world, ask, id).cloned() else {
        return Err(errors::no_audience(world, id));
    };
    if is_hidden(world, &audience) {
        return Err(errors::access_denied(world, &ask.caller, Some(id), "WRITE"));
    }
    check_origin(world, &ask.caller, &audience)?;
    Ok(audience)
}

/// JSON Patch; `op` is always `add` (§3.5).
pub(crate) fn patch(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let before = writable(world, ask)?;
    let Some(operations) = ask.body.as_array() else {
        return Err(errors::unreadable(
            world,
            &["The request body must be a JSON array"],
        ));
    };
    let mut audience = Value::Object(before.clone());
    for operation in operations {
        if let Err(what) = json_patch::apply(
            operation,
            &mut audience,
            world.flags.experience_platform.json_patch_all_operations,
        ) {
            return Err(errors::validation(world, &what));
        }
    }
    let Value::Object(audience) = audience else {
        return Err(errors::validation(world, "The audience must be an object."));
    };
    let changed = change(world, ask, &before, audience)?;
    Ok(updated(world, changed))
}

fn updated(world: &World, changed: Value) -> Answer {
    Answer::json(
        world.flags.experience_platform.audience_update_status,
        changed,
    )
}

/// The whole object again; what it leaves out is gone (a switch) but for what the server owns.
pub(crate) fn replace(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let before = writable(world, ask)?;
    if world.flags.experience_platform.permission_errors_as_500 {
        return Err(errors::refusal(
            world,
            500,
            "UPAPI-113751-500",
            "Field level access control could not be validated: {\"type\":\"https://ns.adobe.com/aep/errors/PDP-4041-403\",\"status\":403}",
        ));
    }
    let Some(body) = ask.body.as_object() else {
        return Err(errors::unreadable(
            world,
            &["The request body must be a JSON object"],
        ));
    };
    let mut audience = if world.flags.experience_platform.audience_put_keeps_missing {
        before.clone()
    } else {
        let kept = |field: &str| {
            IMMUTABLE.contains(&field) || ["profileInstanceId", "lifecycleState"].contains(&field)
        };
        let mut rest = before.clone();
        rest.retain(|field, _| kept(field));
        rest
    };
    audience.extend(body.clone());
    if text_of(&audience, "name")
        .unwrap_or_default()
        .trim()
        .is_empty()
    {
        return Err(errors::unreadable(world, &["No usable value for name"]));
    }
    let mut changed = change(world, ask, &before, audience)?;
    let external = text_of(&before, "type") == Some("ExternalSegment");
    if external && !world.flags.experience_platform.audience_put_shows_labels {
        leave_out(&mut changed, &["labels"]);
    }
    Ok(updated(world, changed))
}

/// Ends a PATCH or a PUT: what may not change is checked, what the server works out is put in.
fn change(
    world: &mut World,
    ask: &Ask<'_>,
    before: &Object,
    mut audience: Object,
) -> Result<Value> {
    check_types(world, ask, &audience)?;
    check_change(world, before, &audience)?;
    check_labels(world, &mut audience)?;
    keep_computed(before, &mut audience);
    if text_of(&audience, "type") == Some("SegmentDefinition") {
        expression::settle(world, ask, &mut audience)?;
        expression::relink(world, Some(before), Some(&audience));
    }
    touch(world, &mut audience);
    store(world, &audience);
    Ok(render(&audience, false))
}

pub(crate) fn delete(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = writable(world, ask)?;
    remove(world, &audience)?;
    Ok(Answer::empty(204))
}

pub(crate) fn remove(world: &mut World, audience: &Object) -> Result<()> {
    let Some(id) = text_of(audience, "id").map(str::to_owned) else {
        return Ok(());
    };
    if has_dependents(audience) {
        return Err(errors::bad_request(
            world,
            "UPAPI-113631-403",
            &format!("Audience {id} cannot be deleted because it has dependents."),
        ));
    }
    let readable_ms = world.flags.experience_platform.deleted_readable_ms;
    if readable_ms > 0 {
        let until = world.now_ms().saturating_add(readable_ms);
        world
            .tombstones
            .insert(id.clone(), (until, audience.clone()));
    }
    expression::relink(world, Some(audience), None);
    world.store.set(KIND, Key::Text(id), None);
    Ok(())
}
