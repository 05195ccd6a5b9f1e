//! Destinations (audience-manager.md §6.1). The API makes two kinds, URL (`PUSH`) and cookie (`ADS`); all others, such
//! as server-to-server (`S2S`), are made by hand and can only be read here. Their mappings are next door.

use serde_json::{Value, json};

use super::common::{
    USER_ID, body_object, by_id, named, object_answer, optional_text, owns, required_name,
    status_of,
};
use super::mapped::{COOKIE, URL, is_serial, live_in, live_of};
use super::{errors, lists, mappings};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of, value_of};
use crate::world::World;

const KIND: Kind = Kind::Destinations;

/// Writable texts.
const TEXTS: [&str; 15] = [
    "description",
    "urlFormatString",
    "secureUrlFormatString",
    "delimiter",
    "cookieName",
    "cnameDomain",
    "domainRestrictions",
    "formatType",
    "singleKey",
    "keySeparator",
    "valueSeparator",
    "serializationSeparator",
    "mappingAutoFiller",
    "devicePlatform",
    "endDate",
];

const NUMBERS: [&str; 4] = ["adServerTypeID", "maxSize", "ttl", "dataSourceId"];

/// Writable members that are taken over as they are.
const OTHERS: [&str; 4] = [
    "serializationEnabled",
    "siteIDs",
    "mapAllSegments",
    "dataExportLabels",
];

/// What an item of the list shows (§2.9).
const LISTED: [&str; 11] = [
    "destinationId",
    "pid",
    "name",
    "description",
    "status",
    "destinationType",
    "createTime",
    "updateTime",
    "crUID",
    "upUID",
    "domainRestrictions",
];

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let query = &ask.query;
    let segment: Option<u64> = query
        .get("containsSegment")
        .and_then(|sid| sid.trim().parse().ok());
    let found: Vec<&Object> = world
        .store
        .all(KIND)
        .filter(|destination| owns(&ask.caller, destination))
        .filter(|destination| {
            lists::matches_number(query, destination, "pid")
                && lists::matches_text(query, destination, "restrictType", "destinationType")
                && lists::matches_search(
                    query,
                    destination,
                    &["destinationId", "name", "description"],
                )
        })
        .filter(|destination| {
            let id = number_of(destination, "destinationId").unwrap_or(0);
            segment.is_none_or(|sid| {
                live_of(world, sid).any(|mapping| number_of(mapping, "destinationId") == Some(id))
            })
        })
        .filter(|_| lists::matches_permissions(ask, true))
        .collect();
    lists::answer(&world.flags, ask, found, |destination| {
        // Asked by segment, the list shows the mappings (§6.1).
        let asked = world.flags.audience_manager.destination_list_tells_mappings
            && query.is_true("includeMappings");
        let with_mappings = segment.is_some() || asked;
        let mut rendered = render(world, destination, with_mappings);
        if world.flags.audience_manager.destination_list_compact {
            rendered.retain(|field, value| match &**field {
                "mappings" => with_mappings,
                // Missing from one of the two items in the sample.
                "description" => !value.is_null(),
                _ => LISTED.contains(&&**field),
            });
        }
        lists::add_permissions(ask, true, &mut rendered);
        Value::Object(rendered)
    })
}

fn render(world: &World, destination: &Object, with_mappings: bool) -> Object {
    let mut rendered = destination.clone();
    let mappings = with_mappings.then(|| mappings::rendered(world, destination));
    rendered.insert("mappings".to_owned(), json!(mappings));
    rendered
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let destination = named(world, ask, KIND)?;
    let mut rendered = render(world, destination, ask.query.is_true("includeMappings"));
    lists::add_permissions(ask, true, &mut rendered);
    Ok(object_answer(world, 200, rendered))
}

pub(crate) fn platforms(_: &mut World, _: &Ask<'_>) -> Result<Answer, Answer> {
    Ok(Answer::json(
        200,
        json!(["BROWSER", "ANDROID", "iOS", "ALL"]),
    ))
}

/// The keys are a guess, as for traits.
pub(crate) fn limits(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let limits = world.flags.audience_manager.item_limits;
    let of_type = |kind: &str, limit: usize| json!({"used": count(world, &ask.caller, Some(kind)), "limit": limit});
    Ok(Answer::json(
        200,
        json!({
            "total": {"used": count(world, &ask.caller, None), "limit": limits.destinations},
            URL: of_type(URL, limits.url_destinations),
            COOKIE: of_type(COOKIE, limits.cookie_destinations),
        }),
    ))
}

fn count(world: &World, caller: &Caller, kind: Option<&str>) -> usize {
    world
        .store
        .all(KIND)
        .filter(|destination| owns(caller, destination))
        .filter(|destination| {
            kind.is_none_or(|kind| text_of(destination, "destinationType") == Some(kind))
        })
        .count()
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let kind = text_of(body, "destinationType").unwrap_or_default();
    let limits = world.flags.audience_manager.item_limits;
    let limit = match kind {
        URL => limits.url_destinations,
        COOKIE => limits.cookie_destinations,
        _ => {
            return Err(errors::invalid(
                "destinationType must be PUSH or ADS: other destinations are created in the user interface",
            ));
        }
    };
    let full = count(world, &ask.caller, None) >= limits.destinations
        || count(world, &ask.caller, Some(kind)) >= limit;
    if full {
        return Err(errors::limit_reached(
            world,
            "The limit of destinations is reached",
        ));
    }
    let id = world.store.new_id(KIND);
    let mut destination = blank(world, &ask.caller, id);
    destination.insert("destinationType".to_owned(), json!(kind));
    merge(&mut destination, body, None)?;
    check(&destination)?;
    world
        .store
        .set(KIND, Key::Number(id), Some(destination.clone()));
    Ok(object_answer(
        world,
        201,
        render(world, &destination, false),
    ))
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let before = named(world, ask, KIND)?.clone();
    let id = number_of(&before, "destinationId").unwrap_or(0);
    check_made_here(&before)?;
    let named = body.get("destinationType");
    if named.is_some_and(|named| Some(named) != before.get("destinationType")) {
        return Err(errors::invalid("destinationType cannot be changed"));
    }
    let mut destination = before.clone();
    if !world.flags.audience_manager.put_lenient {
        required_name(body)?;
        let blank = blank(world, &ask.caller, id);
        for field in TEXTS.into_iter().chain(NUMBERS).chain(OTHERS) {
            let default = value_of(&blank, field);
            destination.insert(field.to_owned(), default);
        }
    }
    merge(&mut destination, body, Some(&before))?;
    check(&destination)?;
    touch(world, &mut destination);
    world
        .store
        .set(KIND, Key::Number(id), Some(destination.clone()));
    Ok(object_answer(
        world,
        200,
        render(world, &destination, false),
    ))
}

/// What the service itself writes when a destination changes.
pub(crate) fn touch(world: &World, destination: &mut Object) {
    destination.insert("updateTime".to_owned(), json!(world.now_ms()));
    destination.insert("upUID".to_owned(), json!(USER_ID));
}

fn check_made_here(destination: &Object) -> Result<(), Answer> {
    match text_of(destination, "destinationType") {
        Some(URL | COOKIE) => Ok(()),
        _ => Err(errors::invalid(
            "This destination is changed in the user interface only",
        )),
    }
}

pub(crate) fn remove(world: &mut World, caller: &Caller, id: u64) -> Result<(), Answer> {
    let destination = by_id(world, caller, KIND, Some(id))?;
    check_made_here(destination)?;
    if live_in(world, id).next().is_some() {
        return Err(errors::refusal(
            world.flags.audience_manager.mapped_destination_status,
            "CANNOT_DELETE_ENTITY_WITH_MAPPINGS",
            "The mappings of the destination must be deleted first",
        ));
    }
    let deleted: Vec<u64> = world
        .store
        .in_folder(Kind::Mappings, id)
        .into_iter()
        .filter_map(|mapping| number_of(mapping, "destinationMappingId"))
        .collect();
    for mapping in deleted {
        world
            .store
            .set_by_service(Kind::Mappings, Key::Number(mapping), None);
    }
    world.store.set(KIND, Key::Number(id), None);
    Ok(())
}

/// A destination with nothing but defaults.
pub(crate) fn blank(world: &World, caller: &Caller, id: u64) -> Object {
    let now = world.now_ms();
    let mut destination = object_of([
        ("destinationId", json!(id)),
        ("pid", json!(caller.pid)),
        ("name", Value::Null),
        ("destinationType", json!(URL)),
        ("startDate", json!(mappings::date_of(now))),
        ("status", json!("ACTIVE")),
        ("tagType", Value::Null),
        ("transferMethod", Value::Null),
        ("uparamEnabled", json!(false)),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
    ]);
    for field in TEXTS.into_iter().chain(NUMBERS) {
        destination.insert(field.to_owned(), Value::Null);
    }
    destination.extend(object_of([
        ("domainRestrictions", json!("all_domains")),
        ("mappingAutoFiller", json!("NONE")),
        ("devicePlatform", json!("BROWSER")),
        ("serializationEnabled", json!(false)),
        ("siteIDs", json!([])),
        ("mapAllSegments", json!(false)),
        ("dataExportLabels", json!([])),
    ]));
    destination
}

/// Takes over what the body names; what it does not name stays. Unknown members are ignored.
fn merge(destination: &mut Object, body: &Object, before: Option<&Object>) -> Result<(), Answer> {
    if body.contains_key("name") {
        destination.insert("name".to_owned(), required_name(body)?.into());
    }
    for field in TEXTS {
        if let Some(text) = optional_text(body, field)? {
            destination.insert(field.to_owned(), text);
        }
    }
    for field in NUMBERS {
        if body.get(field).is_some_and(|value| !value.is_null()) {
            // Sent as texts in Adobe's samples, and answered as numbers (§6.1).
            let value = number_of(body, field)
                .ok_or_else(|| errors::invalid(&format!("{field} must be a number")))?;
            destination.insert(field.to_owned(), json!(value));
        }
    }
    for field in OTHERS {
        if let Some(value) = body.get(field) {
            destination.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(status) = status_of(body, before)? {
        destination.insert("status".to_owned(), status);
    }
    Ok(())
}

fn check(destination: &Object) -> Result<(), Answer> {
    required_name(destination)?;
    let text = |field: &str| text_of(destination, field).unwrap_or_default();
    let labels = destination
        .get("dataExportLabels")
        .and_then(Value::as_array);
    if !labels.is_none_or(|labels| labels.iter().all(Value::is_string)) {
        return Err(errors::invalid(
            "dataExportLabels must be an array of strings",
        ));
    }
    let serial_url = text("destinationType") == URL && is_serial(destination);
    if serial_url && (!text("urlFormatString").contains("%ALIAS%") || text("delimiter").is_empty())
    {
        return Err(errors::invalid(
            "a serialized URL destination needs delimiter, and urlFormatString with %ALIAS%",
        ));
    }
    let cookie = text("destinationType") == COOKIE;
    if cookie && text("cookieName").is_empty() {
        return Err(errors::invalid("cookieName is required"));
    }
    if cookie && !["single_key", "key_value"].contains(&text("formatType")) {
        return Err(errors::invalid(
            "formatType must be single_key or key_value",
        ));
    }
    Ok(())
}
