//! Mappings of segments to destinations (audience-manager.md §6.2): what each kind of destination asks for, the date
//! that comes back shifted, the id with two names. A deleted mapping is kept and shown on request.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::common::{USER_ID, body_object, by_id, named, optional_text, owns};
use super::mapped::{COOKIE, SERVER_TO_SERVER, URL, is_live, is_serial, live_in};
use super::{errors, export_controls, lists};
use crate::exchange::Answer;
use crate::flags::{MappingDestinationId, MappingIdNames, MappingList};
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of, value_of};
use crate::world::World;

const KIND: Kind = Kind::Mappings;

/// Writable texts besides the dates.
const TEXTS: [&str; 6] = [
    "url",
    "secureUrl",
    "tagCode",
    "secureTagCode",
    "traitAlias",
    "valueAlias",
];

pub(crate) fn rendered(world: &World, destination: &Object) -> Vec<Value> {
    let id = number_of(destination, "destinationId").unwrap_or(0);
    live_in(world, id)
        .map(|mapping| render(world, destination, mapping))
        .collect()
}

fn render(world: &World, destination: &Object, mapping: &Object) -> Value {
    let mut rendered = mapping.clone();
    rendered.remove("pid");
    let id = rendered.remove("destinationMappingId").unwrap_or_default();
    let web = matches!(text_of(destination, "destinationType"), Some(URL | COOKIE));
    let names: &[&str] = match world.flags.audience_manager.mapping_id_names {
        MappingIdNames::Both => &["mappingId", "destinationMappingId"],
        MappingIdNames::ByKind if web => &["mappingId"],
        MappingIdNames::MappingId => &["mappingId"],
        MappingIdNames::ByKind | MappingIdNames::DestinationMappingId => &["destinationMappingId"],
    };
    for name in names {
        rendered.insert((*name).to_owned(), id.clone());
    }
    let sid = number_of(mapping, "sid").unwrap_or(0);
    let segment = world.store.number(Kind::Segments, sid);
    for (field, from) in [
        ("elementName", "name"),
        ("elementDescription", "description"),
    ] {
        let value = segment.and_then(|segment| segment.get(from)).cloned();
        rendered.insert(field.to_owned(), value.unwrap_or_default());
    }
    Value::Object(rendered)
}

/// An empty list is 404, as a published client saw it (§2.1).
pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let destination = named(world, ask, Kind::Destinations)?;
    let id = number_of(destination, "destinationId").unwrap_or(0);
    let deleted = ask.query.is_true("includeDeletedEntities");
    let found: Vec<&Object> = world
        .store
        .in_folder(KIND, id)
        .into_iter()
        .filter(|mapping| !ask.empty_list && (deleted || is_live(mapping)))
        .collect();
    if found.is_empty() && world.flags.audience_manager.empty_mappings_not_found {
        return Err(errors::not_found(Kind::Mappings));
    }
    let render = |mapping: &Object| render(world, destination, mapping);
    let asked = ask.query.has("page") || ask.query.has("pageSize");
    match world.flags.audience_manager.mapping_list {
        MappingList::Pages if !asked => lists::page(&world.flags, &ask.query, &found, render),
        MappingList::Envelope if !asked => {
            let list: Vec<Value> = found.iter().map(|mapping| render(mapping)).collect();
            let total = list.len();
            Ok(Answer::json(
                200,
                json!({"total": total, "page": 0, "pageSize": total, "list": list}),
            ))
        }
        _ => lists::answer(&world.flags, ask, found, render),
    }
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let (destination, mapping) = find(world, ask)?;
    Ok(Answer::json(200, render(world, &destination, &mapping)))
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let made = add(world, ask, body_object(ask)?)?;
    Ok(Answer::json(201, made))
}

/// An array of mappings; not atomic, as the other bulk calls (§2.5).
pub(crate) fn bulk_create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let Some(bodies) = ask.body.as_array() else {
        return Err(errors::invalid(
            "The request body must be a JSON array of mappings",
        ));
    };
    let mut made = Vec::new();
    let mut refusals = Vec::new();
    for body in bodies {
        let none = Object::new();
        let body = body.as_object().unwrap_or(&none);
        match add(world, ask, body) {
            Ok(mapping) => made.push(mapping),
            Err(refusal) => refusals.push((number_of(body, "sid").unwrap_or(0), refusal)),
        }
    }
    match refusals.first() {
        None => Ok(Answer::json(201, json!(made))),
        Some((_, first)) => Err(errors::several(first, &refusals)),
    }
}

fn add(world: &mut World, ask: &Ask<'_>, body: &Object) -> Result<Value, Answer> {
    let destination = named(world, ask, Kind::Destinations)?.clone();
    check_kind(world, &destination)?;
    if text_of(body, "traitType") != Some("SEGMENT") {
        return Err(errors::invalid("traitType must be SEGMENT"));
    }
    let sid = number_of(body, "sid").ok_or_else(|| errors::invalid("sid is required"))?;
    let segment = world
        .store
        .number(Kind::Segments, sid)
        .filter(|segment| owns(&ask.caller, segment))
        .ok_or_else(|| errors::invalid(&format!("Segment {sid} does not exist")))?;
    if segment.get("isDestinationMappable") == Some(&Value::Bool(false)) {
        return Err(errors::invalid(
            "The segment cannot be mapped to a destination",
        ));
    }
    export_controls::check_mapping(world, segment, &destination)?;
    let id = world.store.new_id(KIND);
    let mut mapping = blank(world, ask.caller.pid, id);
    mapping.insert("sid".to_owned(), json!(sid));
    let owner = value_of(&destination, "destinationId");
    mapping.insert("destinationId".to_owned(), owner);
    fill_alias(&destination, segment, &mut mapping);
    merge(world, &mut mapping, body)?;
    check(&destination, &mapping)?;
    let rendered = render(world, &destination, &mapping);
    world.store.set(KIND, Key::Number(id), Some(mapping));
    Ok(rendered)
}

/// Which destinations take mappings from a client at all: the pages contradict each other about server-to-server, and
/// say of the others that they belong to the user interface (§6.1, §6.2).
fn check_kind(world: &World, destination: &Object) -> Result<(), Answer> {
    let allowed = match text_of(destination, "destinationType") {
        Some(URL | COOKIE) => true,
        Some(SERVER_TO_SERVER) => world.flags.audience_manager.server_to_server_mappings,
        _ => world.flags.audience_manager.ui_only_mappings,
    };
    allowed.then_some(()).ok_or_else(|| {
        errors::invalid("Segments are mapped to this destination in the user interface only")
    })
}

/// `mappingAutoFiller`: the alias by itself (§6.1).
fn fill_alias(destination: &Object, segment: &Object, mapping: &mut Object) {
    let alias = match text_of(destination, "mappingAutoFiller") {
        Some("SID") => number_of(segment, "sid").map(|sid| json!(sid.to_string())),
        Some("IC") => segment.get("integrationCode").cloned(),
        _ => None,
    };
    if let Some(alias) = alias {
        mapping.insert("traitAlias".to_owned(), alias);
    }
}

/// A mapping with nothing but defaults.
pub(crate) fn blank(world: &World, pid: u64, id: u64) -> Object {
    let now = world.now_ms();
    let mut mapping = object_of([
        ("destinationMappingId", json!(id)),
        ("pid", json!(pid)),
        ("traitType", json!("SEGMENT")),
        ("traitValue", json!(0)),
        ("elementStatus", json!("active")),
        ("startDate", json!(date_of(now))),
        ("endDate", Value::Null),
        ("priority", Value::Null),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
    ]);
    for field in TEXTS {
        mapping.insert(field.to_owned(), Value::Null);
    }
    mapping
}

/// The day of a moment.
pub(crate) fn date_of(now_ms: u64) -> String {
    let now = i64::try_from(now_ms)
        .ok()
        .and_then(|now_ms| Timestamp::from_millisecond(now_ms).ok())
        .unwrap_or_default();
    now.to_zoned(TimeZone::UTC).date().to_string()
}

/// Takes over what the body names; what it does not name stays. Unknown members are ignored.
fn merge(world: &World, mapping: &mut Object, body: &Object) -> Result<(), Answer> {
    for field in TEXTS {
        if let Some(text) = optional_text(body, field)? {
            mapping.insert(field.to_owned(), text);
        }
    }
    for field in ["startDate", "endDate"] {
        let date = match optional_text(body, field)? {
            None => continue,
            Some(Value::String(text)) => text,
            Some(_) => {
                mapping.insert(field.to_owned(), Value::Null);
                continue;
            }
        };
        let date: Date = date
            .parse()
            .map_err(|_| errors::invalid(&format!("{field} must be a date such as 2012-07-04")))?;
        // Every sample comes back a day early (§6.2): one that was read and sent again moves once more.
        let shifted =
            field == "startDate" && world.flags.audience_manager.mapping_start_date_shifted;
        let kept = match shifted {
            true => date.yesterday().unwrap_or(date),
            false => date,
        };
        mapping.insert(field.to_owned(), json!(kept.to_string()));
    }
    Ok(())
}

/// What the kind of destination asks for (§6.2).
fn check(destination: &Object, mapping: &Object) -> Result<(), Answer> {
    let kind = text_of(destination, "destinationType").unwrap_or_default();
    let key_value = text_of(destination, "formatType") == Some("key_value");
    let required: &[&str] = match kind {
        URL if is_serial(destination) => &["traitAlias"],
        URL => &["url"],
        COOKIE if key_value => &["traitAlias", "valueAlias"],
        COOKIE => &["valueAlias"],
        SERVER_TO_SERVER => &["traitAlias"],
        _ => &[],
    };
    for field in required {
        if text_of(mapping, field).is_none_or(str::is_empty) {
            return Err(errors::invalid(&format!("{field} is required")));
        }
    }
    Ok(())
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let (destination, before) = find(world, ask)?;
    put(world, ask, &destination, &before)
}

/// The older path, without the destination.
pub(crate) fn update_alone(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let before = find_mapping(world, ask.parameter(0))?.clone();
    let owner = number_of(&before, "destinationId").unwrap_or(0);
    let destination = by_id(world, &ask.caller, Kind::Destinations, Some(owner))?.clone();
    put(world, ask, &destination, &before)
}

fn put(
    world: &mut World,
    ask: &Ask<'_>,
    destination: &Object,
    before: &Object,
) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    check_kind(world, destination)?;
    for field in ["sid", "destinationId"] {
        if number_of(body, field).is_some_and(|named| Some(named) != number_of(before, field)) {
            return Err(errors::invalid(&format!("{field} cannot be changed")));
        }
    }
    let named = body.contains_key("destinationId");
    match world.flags.audience_manager.mapping_destination_id {
        MappingDestinationId::Required if !named => {
            return Err(errors::invalid("destinationId is required"));
        }
        MappingDestinationId::Refused if named => {
            return Err(errors::invalid(
                "destinationId is not a member of a mapping",
            ));
        }
        _ => {}
    }
    let mut mapping = before.clone();
    if !world.flags.audience_manager.put_lenient {
        for field in TEXTS.into_iter().chain(["endDate"]) {
            mapping.insert(field.to_owned(), Value::Null);
        }
    }
    merge(world, &mut mapping, body)?;
    match text_of(body, "elementStatus").map(str::to_ascii_lowercase) {
        None => {}
        Some(status) if ["active", "inactive"].contains(&status.as_str()) => {
            mapping.insert("elementStatus".to_owned(), json!(status));
        }
        Some(_) => return Err(errors::invalid("elementStatus must be active or inactive")),
    }
    check(destination, &mapping)?;
    let id = touch(world, &mut mapping);
    let rendered = render(world, destination, &mapping);
    world.store.set(KIND, Key::Number(id), Some(mapping));
    Ok(Answer::json(200, rendered))
}

/// What the service itself writes when a mapping changes; answers its id.
pub(crate) fn touch(world: &World, mapping: &mut Object) -> u64 {
    mapping.insert("updateTime".to_owned(), json!(world.now_ms()));
    mapping.insert("upUID".to_owned(), json!(USER_ID));
    number_of(mapping, "destinationMappingId").unwrap_or(0)
}

pub(crate) fn delete(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let (destination, mut mapping) = find(world, ask)?;
    check_kind(world, &destination)?;
    mapping.insert("elementStatus".to_owned(), json!("deleted"));
    let id = touch(world, &mut mapping);
    world.store.set(KIND, Key::Number(id), Some(mapping));
    Ok(Answer::empty(204))
}

fn find_mapping<'a>(world: &'a World, id: &str) -> Result<&'a Object, Answer> {
    id.parse()
        .ok()
        .and_then(|id| world.store.number(KIND, id))
        .filter(|mapping| is_live(mapping))
        .ok_or_else(|| errors::not_found(Kind::Mappings))
}

/// The destination that the path names and its mapping.
fn find(world: &World, ask: &Ask<'_>) -> Result<(Object, Object), Answer> {
    let destination = named(world, ask, Kind::Destinations)?;
    let mapping = find_mapping(world, ask.parameter(1))?;
    let own = number_of(mapping, "destinationId") == number_of(destination, "destinationId");
    own.then(|| (destination.clone(), mapping.clone()))
        .ok_or_else(|| errors::not_found(Kind::Mappings))
}
