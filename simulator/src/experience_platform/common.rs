//! What the resources of Experience Platform share: which audiences and sandboxes a caller sees, how `sort` reads, bulk
//! reads. Source: experience-platform.md §3.2, §3.5, §4.2.

use serde_json::{Value, json};

use super::errors;
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Kind, Object, compare, text_of};
use crate::world::World;

/// Whose audiences nobody else may write to: the source connector's.
pub(crate) const AUDIENCE_MANAGER_ORIGIN: &str = "AUDIENCE_MANAGER";

/// The audiences of the caller's organisation and sandbox that can be read by now.
pub(crate) fn audiences_of<'a>(
    world: &'a World,
    ask: &'a Ask<'_>,
) -> impl Iterator<Item = &'a Object> {
    let now_ms = world.now_ms();
    world
        .store
        .all(Kind::Audiences)
        .filter(move |audience| in_sandbox(audience, &ask.caller))
        .filter(move |audience| is_visible(world, audience, now_ms))
}

fn is_visible(world: &World, audience: &Object, now_ms: u64) -> bool {
    text_of(audience, "id")
        .and_then(|id| world.visible_from.get(id))
        .is_none_or(|from| *from <= now_ms)
}

pub(crate) fn in_sandbox(object: &Object, caller: &Caller) -> bool {
    let sandbox = object.get("sandbox").and_then(Value::as_object);
    let id = sandbox.and_then(|sandbox| text_of(sandbox, "sandboxId"));
    let name = sandbox.and_then(|sandbox| text_of(sandbox, "sandboxName"));
    let same = match (id, name) {
        (Some(id), _) => Some(id) == text_of(&caller.sandbox, "id"),
        (None, Some(name)) => Some(name) == text_of(&caller.sandbox, "name"),
        (None, None) => true,
    };
    same && text_of(object, "imsOrgId").is_none_or(|owner| owner == caller.organization)
}

pub(crate) fn find_audience<'a>(world: &'a World, ask: &Ask<'_>, id: &str) -> Option<&'a Object> {
    world
        .store
        .text(Kind::Audiences, id)
        .filter(|audience| in_sandbox(audience, &ask.caller))
        .filter(|audience| is_visible(world, audience, world.now_ms()))
}

/// The audiences of the sandbox with this `audienceId`: one, or one in each of several namespaces.
pub(crate) fn find_by_audience_id<'a>(
    world: &'a World,
    ask: &'a Ask<'_>,
    audience_id: &str,
) -> impl Iterator<Item = &'a Object> {
    let now_ms = world.now_ms();
    world
        .store
        .with_code(Kind::Audiences, audience_id)
        .into_iter()
        .filter(move |audience| in_sandbox(audience, &ask.caller))
        .filter(move |audience| is_visible(world, audience, now_ms))
}

/// The audience of the sandbox with this key; namespaces are compared without regard to case.
pub(crate) fn find_by_key<'a>(
    world: &'a World,
    ask: &'a Ask<'_>,
    namespace: &str,
    audience_id: &str,
) -> Option<&'a Object> {
    find_by_audience_id(world, ask, audience_id).find(|audience| {
        text_of(audience, "namespace").is_some_and(|known| known.eq_ignore_ascii_case(namespace))
    })
}

/// A deleted audience that can still be read.
pub(crate) fn find_tombstone<'a>(world: &'a World, ask: &Ask<'_>, id: &str) -> Option<&'a Object> {
    world
        .tombstones
        .get(id)
        .filter(|(until_ms, _)| world.now_ms() < *until_ms)
        .map(|(_, audience)| audience)
        .filter(|audience| in_sandbox(audience, &ask.caller))
}

pub(crate) fn sandbox_view(sandbox: &Object) -> Value {
    json!({
        "sandboxId": sandbox.get("id"),
        "sandboxName": sandbox.get("name"),
        "type": sandbox.get("type"),
        "default": sandbox.get("isDefault").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// Whether access control hides the audience for its labels (experience-platform.md §4.4).
pub(crate) fn is_hidden(world: &World, audience: &Object) -> bool {
    audience
        .get("labels")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|label| {
            world
                .flags
                .experience_platform
                .hidden_labels
                .iter()
                .any(|hidden| hidden == label)
        })
}

/// `sort=attribute:asc|desc[,…]`.
pub(crate) fn sort(found: &mut [&Object], order: &str) {
    for part in order.split(',').rev() {
        let (attribute, direction) = part.split_once(':').unwrap_or((part, "asc"));
        found.sort_by(|left, right| {
            let ordering = compare(left.get(attribute), right.get(attribute), str::to_owned);
            if direction.eq_ignore_ascii_case("desc") {
                ordering.reverse()
            } else {
                ordering
            }
        });
    }
}

/// A query number; what is no number is an error, and so is a page of nothing.
pub(crate) fn query_number(
    world: &mut World,
    ask: &Ask<'_>,
    name: &str,
) -> Result<Option<usize>, Answer> {
    match ask.query.get(name) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) if number > 0 || name != "limit" => Ok(Some(number)),
            _ => Err(errors::bad_request(
                world,
                "UPAPI-113000-400",
                &format!("{name} must be a number, and limit at least 1"),
            )),
        },
    }
}

/// The ids of a bulk-get: 1 to 100 (experience-platform.md §3.5).
pub(crate) fn bulk_ids(world: &mut World, ask: &Ask<'_>) -> Result<Vec<String>, Answer> {
    let ids: Vec<String> = ask
        .body
        .get("ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("id").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    if ids.is_empty() || ids.len() > 100 {
        return Err(errors::bad_request(
            world,
            "UPAPI-113015-400",
            "The number of ids must be between 1 and 100",
        ));
    }
    Ok(ids)
}

/// 207 with what was found; a missing id has an error of its own; nothing found is 404.
pub(crate) fn bulk_answer(
    world: &mut World,
    ids: &[String],
    found: impl Fn(&World, &str) -> Option<Value>,
) -> Result<Answer, Answer> {
    let mut results = Object::new();
    let mut hits = 0;
    for id in ids {
        let result = match found(world, id) {
            Some(value) => {
                hits += 1;
                value
            }
            None => json!({
                "requestId": world.uuid(),
                "errors": {"404": [{"code": 404, "message": "Not found."}]},
            }),
        };
        results.insert(id.clone(), result);
    }
    if hits == 0 {
        let message = format!("Entity {{{}}} not found.", ids.join(","));
        return Err(errors::not_found(world, "UPAPI-113000-404", &message));
    }
    Ok(Answer::json(207, json!({"results": results})))
}

/// The sandboxes of the caller's organisation that its role names.
pub(crate) fn sandboxes_of<'a>(
    world: &'a World,
    caller: &'a Caller,
) -> impl Iterator<Item = &'a Object> {
    world.store.all(Kind::Sandboxes).filter(|sandbox| {
        let name = text_of(sandbox, "name").unwrap_or_default();
        text_of(sandbox, "imsOrgId").is_none_or(|owner| owner == caller.organization)
            && (caller.sandboxes.is_empty() || caller.sandboxes.iter().any(|one| one == name))
    })
}
