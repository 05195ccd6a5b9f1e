//! Audiences, `/data/core/ups/audiences` (experience-platform.md §3). Segment definitions are the same objects.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{
    audiences_of, bulk_answer, bulk_ids, errors, find_audience, find_tombstone, is_hidden,
    merge_policies, query_number, sandbox_view, sort,
};
use crate::exchange::{Answer, Query};
use crate::flags::{
    AudiencePaging, DuplicateAudience, ExternalAudienceIds, InactiveListed, NextSpelling,
};
use crate::gateway::Caller;
use crate::store::{Key, Kind, Object, text_of};
use crate::world::{Ask, World};

const KIND: Kind = Kind::Audiences;

/// What no write changes (§3.5).
const IMMUTABLE: [&str; 10] = [
    "id",
    "audienceId",
    "namespace",
    "type",
    "createdBy",
    "creationTime",
    "createEpoch",
    "imsOrgId",
    "sandbox",
    "originName",
];

/// Members that are kept beside the audience and are not part of every answer.
const ON_REQUEST: [&str; 2] = ["metrics", "recordMetrics"];

type Result<T> = std::result::Result<T, Answer>;

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    if !world.flags.external_segments_enabled {
        return Err(not_enabled(world));
    }
    let limit = query_number(world, ask, "limit")?
        .unwrap_or(world.flags.audience_default_limit)
        .clamp(1, world.flags.audience_max_limit.max(1));
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
    let skip = match world.flags.audience_paging {
        AudiencePaging::PageIndex => start.saturating_mul(limit),
        AudiencePaging::ItemOffset => start,
    };
    let metrics = wants_metrics(&ask.query);
    let children: Vec<Value> = found
        .into_iter()
        .skip(skip)
        .take(limit)
        .map(|audience| render(audience, metrics))
        .collect();
    let mut page = json!({"totalCount": total, "pageSize": children.len()});
    let mut links = json!({});
    if skip.saturating_add(children.len()) < total && !children.is_empty() {
        let next = match world.flags.audience_paging {
            AudiencePaging::PageIndex => start + 1,
            AudiencePaging::ItemOffset => start + limit,
        };
        page["next"] = match world.flags.next_spelling {
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
    let asked = match world.flags.inactive_listed {
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

fn wants_metrics(query: &Query) -> bool {
    query
        .all("property")
        .any(|filter| filter.eq_ignore_ascii_case("withmetrics==true"))
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
        Some(value) => value.to_string() == wanted,
        None => false,
    }
}

fn render(audience: &Object, metrics: bool) -> Value {
    let mut rendered = audience.clone();
    if !metrics {
        rendered.retain(|field, _| !ON_REQUEST.contains(&field.as_str()));
    }
    Value::Object(rendered)
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
        render(audience, wants_metrics(&ask.query)),
    ))
}

pub(crate) fn bulk_get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let ids = bulk_ids(world, ask)?;
    bulk_answer(world, &ids, |world, id| {
        find_audience(world, ask, id)
            .filter(|audience| !is_hidden(world, audience))
            .map(|audience| render(audience, true))
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
    let status = world.flags.audience_create_status;
    let rendered = render(&audience, false);
    insert(world, audience);
    Ok(Answer::json(status, rendered))
}

fn external_audience(world: &mut World, ask: &Ask<'_>, mut body: Object) -> Result<Object> {
    if !world.flags.external_segments_enabled {
        return Err(not_enabled(world));
    }
    if let Some(dataset) = text_of(&body, "datasetId").map(str::to_owned)
        && !world.flags.catalog_datasets.contains(&dataset)
    {
        let message = format!(
            "Dataset {dataset} cannot be retrieved from Catalog: {{\"type\":\"http://ns.adobe.com/aep/errors/CTLG-404\",\"status\":404}}"
        );
        return Err(errors::bad_request(world, "UPLIB-101554-503", &message));
    }
    for (field, default) in [
        ("namespace", "CustomerAudienceUpload"),
        ("originName", "CUSTOM_UPLOAD"),
        ("lifecycleState", "published"),
    ] {
        if !body.get(field).is_some_and(Value::is_string) {
            body.insert(field.to_owned(), json!(default));
        }
    }
    check_new_lifecycle(world, &body)?;
    if !body.get("audienceId").is_some_and(Value::is_string) {
        body.insert("audienceId".to_owned(), json!(world.uuid()));
    }
    check_duplicate(world, ask, &body)?;
    let id = external_id(world, ask, &body);
    body.insert("type".to_owned(), json!("ExternalSegment"));
    Ok(complete(world, ask, body, &id))
}

fn check_duplicate(world: &mut World, ask: &Ask<'_>, body: &Object) -> Result<()> {
    let status = match world.flags.duplicate_external_audience {
        DuplicateAudience::Allow => return Ok(()),
        DuplicateAudience::Conflict => 409,
        DuplicateAudience::BadRequest => 400,
    };
    let same = |audience: &&Object, field: &str| {
        let known = text_of(audience, field).unwrap_or_default();
        known.eq_ignore_ascii_case(text_of(body, field).unwrap_or_default())
    };
    let taken = audiences_of(world, ask).any(|audience| {
        same(&audience, "namespace") && audience.get("audienceId") == body.get("audienceId")
    });
    if taken {
        return Err(errors::refusal(
            world,
            status,
            &format!("UPAPI-113434-{status}"),
            "An audience with this namespace and audienceId already exists.",
        ));
    }
    Ok(())
}

fn external_id(world: &mut World, ask: &Ask<'_>, body: &Object) -> String {
    match world.flags.external_audience_ids {
        ExternalAudienceIds::Uuid => world.uuid(),
        ExternalAudienceIds::Composite => {
            let namespace = text_of(body, "namespace").unwrap_or_default();
            let audience_id = text_of(body, "audienceId").unwrap_or_default();
            let sandbox = text_of(&ask.caller.sandbox, "id").unwrap_or_default();
            let encoded = URL_SAFE_NO_PAD.encode(format!("{namespace}_{audience_id}"));
            format!("{encoded}_{sandbox}")
        }
    }
}

/// A new definition: expression and schema are there, the server's defaults filled in (§2.1, §2.2, §3.4).
pub(crate) fn segment_definition(
    world: &mut World,
    ask: &Ask<'_>,
    mut body: Object,
) -> Result<Object> {
    check_expression(world, &body)?;
    if !body.get("lifecycleState").is_some_and(Value::is_string) {
        body.insert("lifecycleState".to_owned(), json!("published"));
    }
    check_new_lifecycle(world, &body)?;
    let id = world.uuid();
    for (field, value) in [
        ("type", json!("SegmentDefinition")),
        ("audienceId", json!(id)),
        ("namespace", json!("AEPSegments")),
        ("originName", json!("REAL_TIME_CUSTOMER_PROFILE")),
        ("profileInstanceId", json!("ups")),
        ("dataGovernancePolicy", json!({"excludeOptOut": true})),
        ("dependents", json!([])),
        ("dependencies", json!([])),
    ] {
        body.insert(field.to_owned(), value);
    }
    if !body.get("mergePolicyId").is_some_and(Value::is_string) {
        body.insert(
            "mergePolicyId".to_owned(),
            merge_policies::default_id(world, ask),
        );
    }
    let mut audience = complete(world, ask, body, &id);
    settle_evaluation(&mut audience);
    Ok(audience)
}

/// `expression` and `schema` are required and the expression's value is a string.
pub(crate) fn check_expression(world: &mut World, body: &Object) -> Result<()> {
    let expression = body.get("expression").and_then(Value::as_object);
    let well_formed = expression.is_some_and(|expression| {
        ["type", "format", "value"]
            .iter()
            .all(|field| text_of(expression, field).is_some_and(|text| !text.is_empty()))
    });
    let schema = body.get("schema").and_then(Value::as_object);
    let named =
        schema.is_some_and(|schema| schema.contains_key("name") || schema.contains_key("id"));
    if !well_formed {
        return Err(errors::unreadable(
            world,
            &["No usable value for expression"],
        ));
    }
    if !named {
        return Err(errors::unreadable(world, &["No usable value for schema"]));
    }
    Ok(())
}

/// Batch where nothing is said, and batch where the expression refers to AAM segments or traits: those are never
/// evaluated in a stream, whatever was asked for (§0.1, §2.1).
pub(crate) fn settle_evaluation(audience: &mut Object) {
    let refers = audience
        .get("expression")
        .and_then(|expression| expression.get("value"))
        .and_then(Value::as_str)
        .map(str::to_lowercase)
        .is_some_and(|value| value.contains("aamsegments") || value.contains("aamtraits"));
    if refers || !audience.get("evaluationInfo").is_some_and(Value::is_object) {
        audience.insert(
            "evaluationInfo".to_owned(),
            json!({
                "batch": {"enabled": true},
                "continuous": {"enabled": false},
                "synchronous": {"enabled": false},
            }),
        );
    }
}

fn check_new_lifecycle(world: &mut World, body: &Object) -> Result<()> {
    let allowed = ["draft", "published", "inactive", "active"];
    let state = text_of(body, "lifecycleState").unwrap_or_default();
    if allowed.contains(&state) {
        return Ok(());
    }
    Err(errors::validation(
        world,
        &format!("lifecycleState cannot be set to {state}."),
    ))
}

/// What the server writes into every new audience.
fn complete(world: &mut World, ask: &Ask<'_>, mut body: Object, id: &str) -> Object {
    let now_ms = world.now_ms();
    for (field, value) in [
        ("id", json!(id)),
        ("imsOrgId", json!(ask.caller.organization)),
        ("sandbox", sandbox_view(&ask.caller.sandbox)),
        ("isSystem", json!(false)),
        (
            "createdBy",
            json!(format!("{}@techacct.adobe.com", ask.caller.client_id)),
        ),
        ("creationTime", json!(now_ms)),
        ("createEpoch", json!(now_ms / 1000)),
    ] {
        body.insert(field.to_owned(), value);
    }
    for (field, default) in [("description", json!("")), ("labels", json!([]))] {
        body.entry(field.to_owned()).or_insert(default);
    }
    touch(world, &mut body);
    body
}

/// What the server writes when an audience changes.
pub(crate) fn touch(world: &mut World, audience: &mut Object) {
    let now_ms = world.now_ms();
    audience.insert("updateTime".to_owned(), json!(now_ms));
    audience.insert("updateEpoch".to_owned(), json!(now_ms / 1000));
    let etag = world.uuid();
    audience.insert("_etag".to_owned(), json!(format!("\"{etag}\"")));
}

pub(crate) fn insert(world: &mut World, audience: Object) {
    let Some(id) = text_of(&audience, "id").map(str::to_owned) else {
        return;
    };
    let delay_ms = world.flags.read_after_write_delay_ms;
    if delay_ms > 0 {
        let from = world.now_ms().saturating_add(delay_ms);
        world.visible_from.insert(id.clone(), from);
    }
    world.store.set(KIND, Key::Text(id), Some(audience));
}

fn store(world: &mut World, audience: &Object) {
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
        if let Err(what) = apply(
            operation,
            &mut audience,
            world.flags.json_patch_all_operations,
        ) {
            return Err(errors::validation(world, &what));
        }
    }
    let Value::Object(mut audience) = audience else {
        return Err(errors::validation(world, "The audience must be an object."));
    };
    check_change(world, &before, &audience)?;
    settle_if_definition(&mut audience);
    touch(world, &mut audience);
    store(world, &audience);
    Ok(Answer::json(
        world.flags.audience_update_status,
        render(&audience, false),
    ))
}

fn apply(operation: &Value, audience: &mut Value, all: bool) -> std::result::Result<(), String> {
    let name = operation
        .get("op")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let path = operation
        .get("path")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let value = operation.get("value").cloned();
    let known = name == "add" || (all && ["replace", "remove", "test"].contains(&name));
    if !known {
        return Err(format!("Operation {name} is not supported."));
    }
    let Some(tokens) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
        return Err("path must start with / and name a member.".to_owned());
    };
    let tokens: Vec<String> = tokens
        .split('/')
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some((last, above)) = tokens.split_last() else {
        return Err("path names nothing.".to_owned());
    };
    let mut at = audience;
    for token in above {
        at = match at {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => token
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .ok_or_else(|| format!("path {path} does not exist."))?;
    }
    change(at, name, last, value).map_err(|what| format!("path {path}: {what}."))
}

fn change(
    at: &mut Value,
    operation: &str,
    last: &str,
    value: Option<Value>,
) -> std::result::Result<(), &'static str> {
    match (at, operation) {
        (Value::Object(members), "remove") => {
            members.remove(last).map(|_| ()).ok_or("does not exist")
        }
        (Value::Object(members), "test") => (members.get(last) == value.as_ref())
            .then_some(())
            .ok_or("is another value"),
        (Value::Object(members), _) => {
            members.insert(last.to_owned(), value.ok_or("a value is required")?);
            Ok(())
        }
        (Value::Array(items), "add") => {
            let index = match last {
                "-" => items.len(),
                _ => last.parse().map_err(|_| "is no index")?,
            };
            if index > items.len() {
                return Err("is out of range");
            }
            items.insert(index, value.ok_or("a value is required")?);
            Ok(())
        }
        _ => Err("cannot be changed"),
    }
}

/// The whole object again; what it leaves out is gone (a switch) but for what the server owns.
pub(crate) fn replace(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let before = writable(world, ask)?;
    if world.flags.permission_errors_as_500 {
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
    let mut audience = if world.flags.audience_put_keeps_missing {
        before.clone()
    } else {
        let kept = |field: &str| {
            IMMUTABLE.contains(&field)
                || ON_REQUEST.contains(&field)
                || [
                    "isSystem",
                    "dependents",
                    "dependencies",
                    "profileInstanceId",
                    "lifecycleState",
                ]
                .contains(&field)
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
    check_change(world, &before, &audience)?;
    settle_if_definition(&mut audience);
    touch(world, &mut audience);
    store(world, &audience);
    Ok(Answer::json(
        world.flags.audience_update_status,
        render(&audience, false),
    ))
}

fn settle_if_definition(audience: &mut Object) {
    if text_of(audience, "type") == Some("SegmentDefinition") {
        settle_evaluation(audience);
    }
}

/// Immutable members and the lifecycle's allowed steps (§3.5).
pub(crate) fn check_change(world: &mut World, before: &Object, after: &Object) -> Result<()> {
    for field in IMMUTABLE {
        if before.get(field) != after.get(field) {
            let name = match field {
                "namespace" => "Namespace",
                other => other,
            };
            return Err(errors::validation(
                world,
                &format!("{name} is immutable field."),
            ));
        }
    }
    let state = |audience: &Object| match text_of(audience, "lifecycleState") {
        Some("active") | None => "published".to_owned(),
        Some(other) => other.to_owned(),
    };
    let (from, to) = (state(before), state(after));
    let allowed = from == to
        || match (from.as_str(), to.as_str()) {
            ("draft" | "inactive", "published") => true,
            ("published", "inactive") => !has_dependents(before),
            _ => false,
        };
    if !allowed {
        return Err(errors::validation(
            world,
            &format!("lifecycleState cannot be set to {to} from {from}."),
        ));
    }
    Ok(())
}

fn has_dependents(audience: &Object) -> bool {
    audience
        .get("dependents")
        .and_then(Value::as_array)
        .is_some_and(|dependents| !dependents.is_empty())
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
    let readable_ms = world.flags.deleted_readable_ms;
    if readable_ms > 0 {
        let until = world.now_ms().saturating_add(readable_ms);
        world
            .tombstones
            .insert(id.clone(), (until, audience.clone()));
    }
    world.store.set(KIND, Key::Text(id), None);
    Ok(())
}

fn not_enabled(world: &mut World) -> Answer {
    errors::refusal(
        world,
        403,
        "UPAPI-113740-403",
        "IMS Org is not enabled for External Segment.",
    )
}

/// A segment definition as a person makes it in the Segment Builder, in the default sandbox.
pub(crate) fn by_hand(world: &mut World, caller: &Caller) -> Object {
    let sandbox = world
        .store
        .all(Kind::Sandboxes)
        .find(|sandbox| sandbox.get("isDefault") == Some(&Value::Bool(true)))
        .map_or(Value::Null, sandbox_view);
    let now_ms = world.now_ms();
    let id = world.uuid();
    let mut audience = Object::from_iter(
        [
            ("id", json!(id)),
            ("audienceId", json!(id)),
            ("name", json!("")),
            ("description", json!("")),
            ("type", json!("SegmentDefinition")),
            ("namespace", json!("AEPSegments")),
            ("originName", json!("REAL_TIME_CUSTOMER_PROFILE")),
            ("lifecycleState", json!("published")),
            ("imsOrgId", json!(caller.organization)),
            ("sandbox", sandbox),
            ("isSystem", json!(false)),
            ("labels", json!([])),
            ("schema", json!({"name": "_xdm.context.profile"})),
            (
                "expression",
                json!({"type": "PQL", "format": "pql/text", "value": "homeAddress.countryCode = \"US\""}),
            ),
            ("profileInstanceId", json!("ups")),
            ("dependents", json!([])),
            ("dependencies", json!([])),
            ("createdBy", json!("person@example.com")),
            ("creationTime", json!(now_ms)),
            ("createEpoch", json!(now_ms / 1000)),
        ]
        .map(|(field, value)| (field.to_owned(), value)),
    );
    settle_evaluation(&mut audience);
    touch(world, &mut audience);
    audience
}
