//! The external audiences service, `/data/core/ais` (experience-platform.md §3.8): imports from files, which take time,
//! and audiences of which there is metadata only. What it makes is read at `/data/core/ups/audiences`.

use serde_json::{Value, json};

use super::audience::IMPORT;
use super::common::{find_audience, find_by_audience_id, find_by_key};
use super::{audience, audiences, errors, expression};
use crate::exchange::Answer;
use crate::flags::AudienceReference;
use crate::schedule::DUE;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number, number_of, object_of, text_of, value_of};
use crate::world::World;

/// What an import has and an audience does not.
const IMPORT_FIELDS: [&str; 5] = [
    "fields",
    "sourceSpec",
    "ttlInDays",
    "audienceType",
    "customAudienceId",
];

/// Asked for by the call that makes metadata only.
const METADATA_VERSION: &str = "application/vnd.adobe.external.audiences+json; version=2";

const FIELD_TYPES: [&str; 7] = [
    "string", "number", "long", "integer", "date", "datetime", "boolean",
];

/// Each with whether it needs a `baseConnectionId`.
const CLOUDS: [(&str, bool); 5] = [
    ("S3", true),
    ("DLZ", false),
    ("GCS", true),
    ("Azure", false),
    ("SFTP", true),
];

type Result<T> = std::result::Result<T, Answer>;

fn invalid(world: &World, detail: &str) -> Answer {
    errors::external(world, "100910", 400, detail)
}

/// `what` with its id.
pub(super) fn missing(world: &World, what: &str) -> Answer {
    errors::external(world, "100940", 404, &format!("{what} was not found."))
}

/// The organisation bought the product that the service belongs to.
fn check_entitled(world: &World) -> Result<()> {
    if world.flags.external_audiences.entitled {
        return Ok(());
    }
    Err(errors::external(
        world,
        "100922",
        401,
        "The organization is not authorized for external audiences.",
    ))
}

fn body_object(world: &World, ask: &Ask<'_>) -> Result<Object> {
    check_entitled(world)?;
    let body = ask.body.as_object().cloned();
    body.ok_or_else(|| invalid(world, "The request body must be a JSON object."))
}

fn required(world: &World, body: &Object, field: &str) -> Result<String> {
    text_of(body, field)
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned)
        .ok_or_else(|| invalid(world, &format!("{field} is required.")))
}

/// Answers at once and works on (§3.8): there is no audience yet, so no id of one.
pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let mut body = body_object(world, ask)?;
    required(world, &body, "name")?;
    required(world, &body, "originName")?;
    let namespace = text_of(&body, "namespace").unwrap_or("CustomerAudienceUpload");
    let namespace = namespace.to_owned();
    check_import(world, &mut body)?;
    let custom_id = text_of(&body, "customAudienceId").map(str::to_owned);
    let audience_id = match custom_id {
        Some(id) => id,
        None => world.uuid(),
    };
    check_new(world, ask, &namespace, &audience_id)?;
    let mut import = Object::new();
    for field in IMPORT_FIELDS {
        import.insert(field.to_owned(), value_of(&body, field));
    }
    let mut made = new_audience(world, ask, &body, &namespace, &audience_id);
    made.insert(IMPORT.to_owned(), Value::Object(import));
    let operation_id = world.uuid();
    let due_ms = world
        .now_ms()
        .saturating_add(world.flags.external_audiences.operation_ms);
    let seconds = world.now_ms() / 1000;
    let operation = object_of([
        ("operationId", json!(operation_id)),
        ("status", json!("PROCESSING")),
        ("operationDetails", json!(body)),
        ("audienceName", value_of(&body, "name")),
        ("createdBy", value_of(&made, "createdBy")),
        ("createdAt", json!(seconds)),
        ("updatedBy", value_of(&made, "createdBy")),
        ("updatedAt", json!(seconds)),
        // From here on what no answer shows.
        ("imsOrgId", value_of(&made, "imsOrgId")),
        ("sandbox", value_of(&made, "sandbox")),
        ("audience", Value::Object(made)),
        (DUE, json!(due_ms)),
    ]);
    begin(world, Kind::ExternalAudienceOperations, operation);
    Ok(Answer::json(
        202,
        json!({"operationId": operation_id, "operationDetails": body}),
    ))
}

/// `?createAudienceMetaOnly=true` and the versioned `Accept` (the hidden page): an audience at once, without members.
pub(crate) fn create_metadata_only(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let body = body_object(world, ask)?;
    if !ask.query.is_true("createAudienceMetaOnly") {
        return Err(invalid(world, "createAudienceMetaOnly=true is required."));
    }
    let without_blanks = |text: &str| text.replace(' ', "");
    let accepted = ask.incoming.header("accept").map(without_blanks);
    if accepted != Some(without_blanks(METADATA_VERSION)) {
        return Err(invalid(world, "The Accept header names no known version."));
    }
    let name = required(world, &body, "name")?;
    let audience_id = required(world, &body, "audienceId")?;
    let namespace = required(world, &body, "namespace")?;
    required(world, &body, "originName")?;
    check_new(world, ask, &namespace, &audience_id)?;
    let made = new_audience(world, ask, &body, &namespace, &audience_id);
    let id = value_of(&made, "id");
    audiences::insert(world, made);
    Ok(Answer::json(
        200,
        json!({"id": id, "name": name, "audienceId": audience_id}),
    ))
}

fn new_audience(
    world: &mut World,
    ask: &Ask<'_>,
    body: &Object,
    namespace: &str,
    audience_id: &str,
) -> Object {
    let mut made = Object::new();
    for field in ["name", "description", "originName", "labels", "tags"] {
        if let Some(value) = body.get(field) {
            made.insert(field.to_owned(), value.clone());
        }
    }
    for (field, value) in [
        ("namespace", namespace),
        ("audienceId", audience_id),
        ("lifecycleState", "published"),
        ("type", "ExternalSegment"),
    ] {
        made.insert(field.to_owned(), json!(value));
    }
    let id = audience::external_id(world, ask, &made);
    audience::complete(world, ask, made, &id)
}

/// The key is free, its namespace enabled, its id one that the service takes (§3.8, §5.6 W2).
fn check_new(world: &World, ask: &Ask<'_>, namespace: &str, audience_id: &str) -> Result<()> {
    let enabled = &world.flags.external_audiences.enabled_namespaces;
    if !enabled.is_empty() && !enabled.iter().any(|one| one == namespace) {
        let detail = format!("The namespace {namespace} is not enabled for external audiences.");
        return Err(invalid(world, &detail));
    }
    let mut characters = audience_id.chars();
    let letter = |one: char| one.is_ascii_alphabetic() || one == '_' || one == '$';
    // Adobe's own sample has hyphens, unlike the form in the user interface.
    let well_formed = characters.next().is_some_and(letter)
        && characters.all(|one| letter(one) || one.is_ascii_digit() || one == '-');
    // One that the service made itself is a UUID.
    let chosen = ["customAudienceId", "audienceId"]
        .iter()
        .any(|field| ask.body.get(*field).is_some_and(Value::is_string));
    if chosen && world.flags.external_audiences.custom_audience_id_checked && !well_formed {
        let detail = format!("{audience_id} is not a valid audience id.");
        return Err(invalid(world, &detail));
    }
    if find_by_key(world, ask, namespace, audience_id).is_some() {
        let detail = format!("An audience {audience_id} exists already in {namespace}.");
        return Err(errors::external(world, "100950", 409, &detail));
    }
    Ok(())
}

/// The members of an import that a body may name; the days become a number.
fn check_import(world: &World, body: &mut Object) -> Result<()> {
    let days = match body.get("ttlInDays") {
        None | Some(Value::Null) => Some(30),
        Some(days) => number(days),
    };
    match days.filter(|days| (1..=90).contains(days)) {
        Some(days) => body.insert("ttlInDays".to_owned(), json!(days)),
        None => return Err(invalid(world, "ttlInDays must be between 1 and 90.")),
    };
    if text_of(body, "audienceType").is_some_and(|kind| kind != "people") {
        return Err(invalid(world, "audienceType must be people."));
    }
    check_fields(world, body.get("fields"))?;
    let parameters = body.get("sourceSpec").and_then(|spec| spec.get("params"));
    let text = |field: &str| {
        let value = parameters.and_then(|parameters| parameters.get(field));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    if text("path").is_empty() || text("path").contains(' ') {
        return Err(invalid(
            world,
            "sourceSpec.params.path must be a path without spaces.",
        ));
    }
    if !["file", "folder"].contains(&text("type")) {
        return Err(invalid(
            world,
            "sourceSpec.params.type must be file or folder.",
        ));
    }
    match CLOUDS.iter().find(|(name, _)| *name == text("cloudType")) {
        None => Err(invalid(world, "sourceSpec.params.cloudType is not known.")),
        Some((_, true)) if text("baseConnectionId").is_empty() => Err(invalid(
            world,
            "sourceSpec.params.baseConnectionId is required.",
        )),
        Some(_) => Ok(()),
    }
}

fn check_fields(world: &World, fields: Option<&Value>) -> Result<()> {
    let fields: Vec<&Value> = fields
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let has = |field: &Value, member: &str| field.get(member).and_then(Value::as_str).is_some();
    let typed = |field: &Value| {
        let kind = field.get("type").and_then(Value::as_str);
        has(field, "name") && kind.is_some_and(|kind| FIELD_TYPES.contains(&kind))
    };
    if !(1..=41).contains(&fields.len()) || !fields.iter().all(|field| typed(field)) {
        return Err(invalid(
            world,
            "fields must be 1 to 41 fields with name and type.",
        ));
    }
    if !fields.iter().any(|field| has(field, "identityNs")) {
        return Err(invalid(world, "One field must name its identityNs."));
    }
    Ok(())
}

/// The audience that the path names; it must be an import unless the switch says otherwise.
pub(super) fn find(world: &World, ask: &Ask<'_>) -> Result<Object> {
    check_entitled(world)?;
    let id = ask.parameter(0);
    let found = match world.flags.external_audiences.path {
        AudienceReference::Id => find_audience(world, ask, id),
        AudienceReference::AudienceId => find_by_audience_id(world, ask, id)
            .find(|audience| text_of(audience, "type") == Some("ExternalSegment")),
    };
    found
        .filter(|audience| {
            let metadata_only = text_of(audience, "type") == Some("ExternalSegment")
                && world.flags.external_audiences.metadata_only_changeable;
            audience.contains_key(IMPORT) || metadata_only
        })
        .cloned()
        .ok_or_else(|| missing(world, &format!("The audience {id}")))
}

/// A plain object; each member that it names is replaced, and nothing else may be named.
pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let body = body_object(world, ask)?;
    let mut audience = find(world, ask)?;
    let mut import = import_of(&audience);
    for (field, value) in &body {
        if field == "fields" {
            merge_fields(&mut import, value);
            continue;
        }
        let holder = match field.as_str() {
            "description" | "labels" => &mut audience,
            "ttlInDays" => &mut import,
            other => return Err(invalid(world, &format!("{other} cannot be changed."))),
        };
        holder.insert(field.clone(), value.clone());
    }
    if audience.contains_key(IMPORT) {
        check_import(world, &mut import)?;
        audience.insert(IMPORT.to_owned(), Value::Object(import));
    }
    audience::touch(world, &mut audience);
    let answer = Answer::json(200, view(&audience));
    audiences::store(world, &audience);
    Ok(answer)
}

/// Only the listed fields change (§3.8).
fn merge_fields(import: &mut Object, listed: &Value) {
    let fields = import.entry("fields").or_insert(json!([]));
    let (Some(fields), Some(listed)) = (fields.as_array_mut(), listed.as_array()) else {
        return;
    };
    for field in listed {
        match fields
            .iter_mut()
            .find(|known| known["name"] == field["name"])
        {
            Some(known) => *known = field.clone(),
            None => fields.push(field.clone()),
        }
    }
}

fn import_of(audience: &Object) -> Object {
    let import = audience.get(IMPORT).and_then(Value::as_object);
    import.cloned().unwrap_or_default()
}

/// As this service shows an audience; which members it answers is not documented beyond "the full object".
fn view(audience: &Object) -> Value {
    let mut shown = import_of(audience);
    for field in [
        "name",
        "description",
        "namespace",
        "originName",
        "labels",
        "tags",
        "createdBy",
    ] {
        if let Some(value) = audience.get(field) {
            shown.insert(field.to_owned(), value.clone());
        }
    }
    for (field, from) in [
        ("audienceId", "id"),
        ("createdAt", "createEpoch"),
        ("updatedAt", "updateEpoch"),
    ] {
        let value = value_of(audience, from);
        shown.insert(field.to_owned(), value);
    }
    Value::Object(shown)
}

/// Takes in the last good batch again, for the original number of days.
pub(crate) fn extend_ttl(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let mut audience = find(world, ask)?;
    audience::touch(world, &mut audience);
    audiences::store(world, &audience);
    Ok(Answer::json(
        200,
        json!({"audienceId": audience.get("id"), "name": audience.get("name")}),
    ))
}

pub(crate) fn delete(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask)?;
    if audience::has_dependents(&audience) {
        return Err(errors::external(
            world,
            "100960",
            422,
            "The audience is used by other audiences.",
        ));
    }
    if let Some(id) = text_of(&audience, "id") {
        let key = Key::Text(id.to_owned());
        expression::relink(world, Some(&audience), None);
        world.store.set(Kind::Audiences, key, None);
    }
    Ok(Answer::empty(world.flags.external_audiences.delete_status))
}

/// Keeps an operation or a run that ends by itself at the moment that it carries.
pub(super) fn begin(world: &mut World, kind: Kind, object: Object) {
    if let (Some(due_ms), Some(key)) = (number_of(&object, DUE), Key::of(kind, &object)) {
        world.schedule.add(due_ms, kind, key);
    }
    set(world, kind, object);
}

pub(super) fn set(world: &mut World, kind: Kind, object: Object) {
    if let Some(key) = Key::of(kind, &object) {
        world.store.set(kind, key, Some(object));
    }
}
