//! What the resources of Audience Manager share: what a body must be, which objects a company sees, unique codes, bulk
//! calls, narrowed lists. Source: audience-manager.md §1.5, §2.

use serde_json::Value;

use super::errors;
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::flags::{DataSourceChange, RepeatedDataSourceId};
use crate::service::Ask;
use crate::store::{Kind, Object, number, number_of, text_of};
use crate::world::World;

/// The user that the technical account of every credential is (the sample's `upUID`).
pub(crate) const USER_ID: u64 = 15_910;

/// Whether the caller's company owns the object, or subscribes to its data source.
pub(crate) fn sees(world: &World, caller: &Caller, kind: Kind, object: &Object) -> bool {
    let shared = matches!(kind, Kind::DataSources | Kind::Traits | Kind::Segments);
    let subscribed = |source| {
        let account = world.accounts.get(&caller.pid).filter(|_| shared);
        account.is_some_and(|account| account.subscribed_data_source_ids.contains(&source))
    };
    owns(caller, object) || number_of(object, "dataSourceId").is_some_and(subscribed)
}

pub(crate) fn owns(caller: &Caller, object: &Object) -> bool {
    number_of(object, "pid").is_none_or(|pid| pid == caller.pid)
}

pub(crate) fn body_object<'a>(ask: &'a Ask<'_>) -> Result<&'a Object, Answer> {
    ask.body
        .as_object()
        .ok_or_else(|| errors::invalid("The request body must be a JSON object"))
}

/// The ids of a bulk call: a JSON array of numbers or strings.
fn body_ids(ask: &Ask<'_>) -> Result<Vec<u64>, Answer> {
    ask.body
        .as_array()
        .and_then(|items| items.iter().map(number).collect())
        .ok_or_else(|| errors::invalid("The request body must be a JSON array of ids"))
}

/// A required text of at most 255 characters.
pub(crate) fn required_name(body: &Object) -> Result<String, Answer> {
    let name = text_of(body, "name").unwrap_or_default();
    if name.trim().is_empty() {
        return Err(errors::invalid("name is required"));
    }
    if name.chars().count() > 255 {
        return Err(errors::invalid(
            "name must not be longer than 255 characters",
        ));
    }
    Ok(name.to_owned())
}

/// A member that is absent, null or a text.
pub(crate) fn optional_text(body: &Object, field: &str) -> Result<Option<Value>, Answer> {
    match body.get(field) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Value::Null)),
        Some(Value::String(text)) => Ok(Some(Value::from(text.clone()))),
        Some(_) => Err(errors::invalid(&format!("{field} must be a string"))),
    }
}

/// An empty integration code is none.
pub(crate) fn optional_code(body: &Object) -> Result<Option<Value>, Answer> {
    let code = optional_text(body, "integrationCode")?;
    Ok(code.map(|code| match code.as_str() {
        Some("") => Value::Null,
        _ => code,
    }))
}

/// `before`: the object that a PUT replaces. Its own status is taken back, whatever it says: a client that reads, merges
/// and writes does not know which statuses the service has.
pub(crate) fn status_of(body: &Object, before: Option<&Object>) -> Result<Option<Value>, Answer> {
    let known = before.and_then(|before| text_of(before, "status"));
    let given = text_of(body, "status");
    if let (Some(known), Some(given)) = (known, given)
        && known.eq_ignore_ascii_case(given)
    {
        return Ok(Some(Value::from(known)));
    }
    let wanted = match body.get("status") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.to_ascii_uppercase(),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(1) => "ACTIVE".to_owned(),
            _ => "INACTIVE".to_owned(),
        },
        Some(_) => String::new(),
    };
    match wanted.as_str() {
        "ACTIVE" | "INACTIVE" => Ok(Some(Value::from(wanted))),
        _ => Err(errors::invalid("status must be ACTIVE or INACTIVE")),
    }
}

/// The data source that a trait or segment names: it exists and the company may use it.
pub(crate) fn usable_source(world: &World, caller: &Caller, body: &Object) -> Result<u64, Answer> {
    let id = number_of(body, "dataSourceId")
        .ok_or_else(|| errors::invalid("dataSourceId is required"))?;
    world
        .store
        .number(Kind::DataSources, id)
        .filter(|source| owns(caller, source))
        .map(|_| id)
        .ok_or_else(|| errors::invalid(&format!("dataSourceId {id} does not exist")))
}

/// The data source that a create or a PUT names. Whether one that stands can be changed is not known for sure: the user
/// interface's lists of writable fields name it (§4.1, §5.2).
pub(crate) fn source_of(
    world: &World,
    caller: &Caller,
    body: &Object,
    before: Option<&Object>,
) -> Result<u64, Answer> {
    let named = usable_source(world, caller, body)?;
    let had = before.and_then(|before| number_of(before, "dataSourceId"));
    match had.filter(|had| *had != named) {
        None => Ok(named),
        Some(had) => match world.flags.audience_manager.data_source_change {
            DataSourceChange::Follows => Ok(named),
            DataSourceChange::Ignored => Ok(had),
            DataSourceChange::Refused => Err(errors::invalid("dataSourceId cannot be changed")),
        },
    }
}

pub(crate) fn existing_folder(
    world: &World,
    caller: &Caller,
    kind: Kind,
    body: &Object,
    field: &str,
) -> Result<u64, Answer> {
    let id =
        number_of(body, field).ok_or_else(|| errors::invalid(&format!("{field} is required")))?;
    let exists = id == 0
        || world
            .store
            .number(kind, id)
            .is_some_and(|folder| owns(caller, folder));
    exists
        .then_some(id)
        .ok_or_else(|| errors::invalid(&format!("{field} {id} does not exist")))
}

/// Refuses an integration code that another object of this kind has in a data source with the unique flag
/// (audience-manager.md §3.2, §8.1: traits and segments are counted apart).
pub(crate) fn check_code(
    world: &World,
    kind: Kind,
    source: u64,
    code: Option<&str>,
    except: Option<u64>,
) -> Result<(), Answer> {
    let flag = match kind {
        Kind::Traits => "uniqueTraitIntegrationCodes",
        _ => "uniqueSegmentIntegrationCodes",
    };
    let unique = world
        .store
        .number(Kind::DataSources, source)
        .and_then(|source| source.get(flag))
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let Some(code) = code.filter(|_| unique) else {
        return Ok(());
    };
    let taken = world.store.with_code(kind, code).into_iter().any(|other| {
        number_of(other, "dataSourceId") == Some(source) && number_of(other, "sid") != except
    });
    if taken {
        return Err(errors::refusal(
            world
                .flags
                .audience_manager
                .duplicate_integration_code_status,
            "DUPLICATE_INTEGRATION_CODE",
            "integrationCode must be unique within the data source",
        ));
    }
    Ok(())
}

/// The object with this id that the caller may see.
pub(crate) fn by_id<'a>(
    world: &'a World,
    caller: &Caller,
    kind: Kind,
    id: Option<u64>,
) -> Result<&'a Object, Answer> {
    id.and_then(|id| world.store.number(kind, id))
        .filter(|object| sees(world, caller, kind, object))
        .ok_or_else(|| errors::not_found(kind))
}

/// The object that the path names, by its id or by `ic:` and its code. Which one answers where several have the code is
/// not defined: the first.
pub(crate) fn named<'a>(world: &'a World, ask: &Ask<'_>, kind: Kind) -> Result<&'a Object, Answer> {
    let name = ask.parameter(0);
    let Some(code) = name.strip_prefix("ic:") else {
        return by_id(world, &ask.caller, kind, name.parse().ok());
    };
    let mut found = world.store.with_code(kind, code).into_iter();
    found
        .find(|object| sees(world, &ask.caller, kind, object))
        .ok_or_else(|| errors::not_found(kind))
}

/// Deletes an object of the caller's by its id, or says why not.
pub(crate) type Remove = fn(&mut World, &Caller, u64) -> Result<(), Answer>;

/// Deletes the object that the path names.
pub(crate) fn delete(
    world: &mut World,
    ask: &Ask<'_>,
    kind: Kind,
    remove: Remove,
) -> Result<Answer, Answer> {
    let object = named(world, ask, kind)?;
    check_etag(world, ask, object)?;
    let id = number_of(object, kind.id_field()).unwrap_or(0);
    remove(world, &ask.caller, id)?;
    Ok(Answer::empty(204))
}

/// Deletes what can be deleted and names the rest: not atomic (audience-manager.md §2.5).
pub(crate) fn bulk_delete(
    world: &mut World,
    ask: &Ask<'_>,
    remove: Remove,
) -> Result<Answer, Answer> {
    let mut refusals = Vec::new();
    for id in body_ids(ask)? {
        if let Err(refusal) = remove(world, &ask.caller, id) {
            refusals.push((id, refusal));
        }
    }
    if world.flags.audience_manager.bulk_delete_errors_after_effect {
        return Err(errors::plain(500, "Internal server error"));
    }
    match refusals.first() {
        None => Ok(Answer::empty(204)),
        Some((_, first)) => Err(errors::several(first, &refusals)),
    }
}

/// The ETag of an object: changes with every write (audience-manager.md §2.4, a switch).
fn etag(object: &Object) -> String {
    format!("\"{}\"", number_of(object, "updateTime").unwrap_or(0))
}

pub(crate) fn check_etag(world: &World, ask: &Ask<'_>, object: &Object) -> Result<(), Answer> {
    let stale = world.flags.audience_manager.etags
        && ask
            .incoming
            .header("if-match")
            .is_some_and(|wanted| wanted != "*" && wanted != etag(object));
    if stale {
        return Err(errors::plain(412, "Precondition Failed"));
    }
    Ok(())
}

pub(crate) fn object_answer(world: &World, status: u16, object: Object) -> Answer {
    let tag = etag(&object);
    let answer = Answer::json(status, Value::Object(object));
    if world.flags.audience_manager.etags {
        answer.with_header("etag", tag)
    } else {
        answer
    }
}

/// The smallest indexed set that holds everything the query can mean: by integration code, folder or data sources.
pub(crate) fn narrowed<'a>(world: &'a World, ask: &Ask<'_>, kind: Kind) -> Vec<&'a Object> {
    let query = &ask.query;
    if let Some(code) = query.get("integrationCode") {
        return world.store.with_code(kind, code);
    }
    if query.has("dataSourceId") {
        let mut sources: Vec<u64> = query
            .all("dataSourceId")
            .filter_map(|id| id.trim().parse().ok())
            .collect();
        if world.flags.audience_manager.repeated_data_source_id == RepeatedDataSourceId::Last {
            sources.drain(..sources.len().saturating_sub(1));
        }
        sources.sort_unstable();
        sources.dedup();
        let mut found: Vec<&Object> = sources
            .into_iter()
            .flat_map(|source| world.store.in_source(kind, source))
            .collect();
        found.sort_by_key(|object| number_of(object, "sid"));
        return found;
    }
    if let Some(folder) = query.get("folderId").and_then(|id| id.trim().parse().ok()) {
        return world.store.in_folder(kind, folder);
    }
    let contained = query
        .get("containsTrait")
        .filter(|_| kind == Kind::Segments);
    if let Some(sid) = contained.and_then(|id| id.trim().parse().ok()) {
        return world.store.segments_using(sid);
    }
    world.store.all(kind).collect()
}
