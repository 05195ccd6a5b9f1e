//! Segment definitions, `/data/core/ups/segment/definitions` (experience-platform.md §2): another view of the audiences
//! of type `SegmentDefinition`.

use serde_json::{Value, json};

use super::audience::SIZE;
use super::common::{
    audiences_of, bulk_answer, bulk_ids, find_audience, is_hidden, query_number, sort,
};
use super::{audience, audiences, errors, expression};
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, text_of};
use crate::world::World;

/// What only `/audiences` shows (§2.3).
const AUDIENCE_ONLY: [&str; 16] = [
    "audienceId",
    "namespace",
    "originName",
    "type",
    "isSystem",
    "lifecycleState",
    "labels",
    "createdBy",
    "createEpoch",
    "_etag",
    "dependents",
    "dependencies",
    "metrics",
    "recordMetrics",
    "definedOn",
    SIZE,
];

/// What a definition keeps when it is overwritten.
const SERVER_OWNED: [&str; 22] = [
    "id",
    "audienceId",
    "namespace",
    "originName",
    "type",
    "isSystem",
    "lifecycleState",
    "labels",
    "createdBy",
    "creationTime",
    "createEpoch",
    "dependents",
    "dependencies",
    "metrics",
    "recordMetrics",
    "definedOn",
    "imsOrgId",
    "sandbox",
    "profileInstanceId",
    "dataGovernancePolicy",
    "mergePolicyId",
    SIZE,
];

const LIMIT: usize = 100;

type Result<T> = std::result::Result<T, Answer>;

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let limit = query_number(world, ask, "limit")?
        .unwrap_or(LIMIT)
        .clamp(1, LIMIT);
    let start = query_number(world, ask, "start")?;
    let first = usize::try_from(world.flags.experience_platform.definition_first_page).unwrap_or(0);
    let page = query_number(world, ask, "page")?.unwrap_or(first);
    let order = ask.query.get("sort").unwrap_or("creationTime:desc");
    let mut found: Vec<&Object> = audiences_of(world, ask)
        .filter(|audience| is_definition(audience) && !is_hidden(world, audience))
        .filter(|audience| evaluated(ask, audience))
        .collect();
    sort(&mut found, order);
    if ask.empty_list {
        found.clear();
    }
    let total = found.len();
    let skip = start.unwrap_or_else(|| page.saturating_sub(first).saturating_mul(limit));
    let segments: Vec<Value> = found.into_iter().skip(skip).take(limit).map(view).collect();
    let (field, direction) = order.split_once(':').unwrap_or((order, "asc"));
    Ok(Answer::json(
        200,
        json!({
            "page": {
                "totalCount": total,
                "totalPages": total.div_ceil(limit),
                "sortField": field,
                "sort": direction,
                "pageSize": segments.len(),
                "limit": limit,
            },
            "segments": segments,
            "link": {},
        }),
    ))
}

fn is_definition(audience: &Object) -> bool {
    text_of(audience, "type") == Some("SegmentDefinition")
}

/// `evaluationInfo.continuous.enabled=true` and its siblings.
fn evaluated(ask: &Ask<'_>, audience: &Object) -> bool {
    ["batch", "continuous", "synchronous"].iter().all(|method| {
        let wanted = ask.query.get(&format!("evaluationInfo.{method}.enabled"));
        let enabled = audience
            .get("evaluationInfo")
            .and_then(|info| info.get(*method))
            .and_then(|method| method.get("enabled"))
            .and_then(Value::as_bool)
            .unwrap_or(false);
        wanted.is_none_or(|wanted| wanted == enabled.to_string())
    })
}

fn view(audience: &Object) -> Value {
    let mut definition = audience.clone();
    definition.retain(|field, _| !AUDIENCE_ONLY.contains(&field.as_str()));
    Value::Object(definition)
}

/// Every published answer to a create or an update shows the creation time 0 (§2.3).
fn written(audience: &Object, status: u16) -> Answer {
    let mut definition = view(audience);
    definition["creationTime"] = json!(0);
    let id = text_of(audience, "id").unwrap_or_default();
    Answer::json(status, definition).with_header(
        "x-location",
        format!("https://platform.adobe.io/data/core/ups/segment/definitions/{id}"),
    )
}

fn find(world: &mut World, ask: &Ask<'_>, action: &str) -> Result<Object> {
    let id = ask.parameter(0);
    let found = find_audience(world, ask, id)
        .filter(|audience| is_definition(audience))
        .cloned();
    match found {
        None => Err(errors::not_found(
            world,
            "UPAPI-113000-404",
            &format!("Segment definition {id} not found."),
        )),
        Some(audience) if is_hidden(world, &audience) => {
            Err(errors::access_denied(world, &ask.caller, Some(id), action))
        }
        Some(audience) => Ok(audience),
    }
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask, "READ")?;
    Ok(Answer::json(200, view(&audience)))
}

pub(crate) fn bulk_get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let ids = bulk_ids(world, ask)?;
    bulk_answer(world, &ids, |world, id| {
        find_audience(world, ask, id)
            .filter(|audience| is_definition(audience) && !is_hidden(world, audience))
            .map(view)
    })
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let body = readable(world, ask)?;
    check_name(world, ask, &body, None)?;
    let audience = audience::segment_definition(world, ask, body)?;
    let answer = written(
        &audience,
        world.flags.experience_platform.definition_create_status,
    );
    audiences::insert(world, audience);
    Ok(answer)
}

/// The whole definition again (§0.1, fact 2).
pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let before = find(world, ask, "WRITE")?;
    let body = readable(world, ask)?;
    expression::check(world, &body)?;
    audience::check_types(world, ask, &body)?;
    let id = text_of(&before, "id").unwrap_or_default().to_owned();
    check_name(world, ask, &body, Some(&id))?;
    let mut audience = before.clone();
    audience.retain(|field, _| SERVER_OWNED.contains(&field.as_str()));
    for (field, value) in body {
        let owned = SERVER_OWNED.contains(&field.as_str()) && field != "mergePolicyId";
        if !owned {
            audience.insert(field, value);
        }
    }
    audience.entry("description").or_insert(json!(""));
    expression::settle(world, ask, &mut audience)?;
    expression::relink(world, Some(&before), Some(&audience));
    audience::touch(world, &mut audience);
    let answer = written(&audience, 200);
    world
        .store
        .set(Kind::Audiences, Key::Text(id), Some(audience));
    Ok(answer)
}

pub(crate) fn delete(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask, "WRITE")?;
    audiences::remove(world, &audience)?;
    if world.flags.experience_platform.definition_delete_body {
        let body = json!({"status": true, "message": "Segment definition deleted"});
        Ok(Answer::json(200, body))
    } else {
        Ok(Answer::empty(200))
    }
}

fn readable(world: &mut World, ask: &Ask<'_>) -> Result<Object> {
    let body = ask.body.as_object().cloned().unwrap_or_default();
    if text_of(&body, "name").unwrap_or_default().trim().is_empty() {
        return Err(errors::unreadable(world, &["No usable value for name"]));
    }
    Ok(body)
}

fn check_name(world: &mut World, ask: &Ask<'_>, body: &Object, except: Option<&str>) -> Result<()> {
    let taken = world.flags.experience_platform.definition_name_unique
        && audiences_of(world, ask)
            .filter(|audience| is_definition(audience) && text_of(audience, "id") != except)
            .any(|audience| audience.get("name") == body.get("name"));
    if taken {
        return Err(errors::refusal(
            world,
            422,
            "UPAPI-113000-422",
            "A segment definition with this name already exists. Use PATCH to update it.",
        ));
    }
    Ok(())
}
