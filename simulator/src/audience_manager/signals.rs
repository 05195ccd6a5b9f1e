//! Derived signals (audience-manager.md §6.4): one key and value in place of another. No trait is filled by them.

use serde_json::json;

use super::common::{USER_ID, body_object, named, object_answer, optional_code, owns};
use super::{errors, lists};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

const KIND: Kind = Kind::DerivedSignals;
const ID: &str = "derivedSignalId";

/// What tells one from another, each a text of at most this many characters (§4.5).
const MAPPING: [&str; 4] = ["sourceKey", "sourceValue", "targetKey", "targetValue"];
const CHARACTERS_MAX: usize = 228;

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let all = world.store.all(KIND);
    let found: Vec<&Object> = all.filter(|signal| owns(&ask.caller, signal)).collect();
    lists::answer(&world.flags, ask, found, |signal| signal.clone().into())
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let signal = named(world, ask, KIND)?.clone();
    Ok(object_answer(world, 200, signal))
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let id = world.store.new_id(KIND);
    let now = json!(world.now_ms());
    let signal = object_of([
        (ID, json!(id)),
        ("pid", json!(ask.caller.pid)),
        ("version", json!(0)),
        ("crUID", json!(USER_ID)),
        ("createTime", now),
    ]);
    store(world, ask, id, signal, 201)
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let mut signal = named(world, ask, KIND)?.clone();
    let version = number_of(&signal, "version").unwrap_or(0) + 1;
    signal.insert("version".to_owned(), json!(version));
    let id = number_of(&signal, ID).unwrap_or(0);
    store(world, ask, id, signal, 200)
}

pub(crate) fn remove(world: &mut World, _: &Caller, id: u64) -> Result<(), Answer> {
    world.store.set(KIND, Key::Number(id), None);
    Ok(())
}

fn store(
    world: &mut World,
    ask: &Ask<'_>,
    id: u64,
    mut signal: Object,
    status: u16,
) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    for field in MAPPING {
        let text = text_of(body, field).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| errors::invalid(&format!("{field} is required")))?;
        if text.chars().count() > CHARACTERS_MAX {
            return Err(errors::invalid(&format!("{field} is too long")));
        }
        signal.insert(field.to_owned(), json!(text));
    }
    if let Some(code) = optional_code(body)? {
        signal.insert("integrationCode".to_owned(), code);
    }
    let of = |signal: &Object| MAPPING.map(|field| text_of(signal, field).map(str::to_owned));
    let is_taken = world.store.all(KIND).any(|other| {
        owns(&ask.caller, other) && number_of(other, ID) != Some(id) && of(other) == of(&signal)
    });
    if is_taken {
        return Err(errors::plain(409, "The mapping exists already"));
    }
    world.store.set(KIND, Key::Number(id), Some(signal.clone()));
    Ok(object_answer(world, status, signal))
}
