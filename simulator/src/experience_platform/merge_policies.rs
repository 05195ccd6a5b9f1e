//! Merge policies, read only (experience-platform.md §4.1).

use serde_json::{Value, json};

use super::common::{bulk_answer, bulk_ids, in_sandbox, query_number};
use super::errors;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Kind, Object, text_of};
use crate::world::World;

/// `start` is opaque to clients: here it is the position, in a wrapping that nobody computes with by accident.
const START: &str = "mp-";

/// Whether a definition may name it.
pub(crate) fn exists(world: &World, ask: &Ask<'_>, id: &str) -> bool {
    let policy = world.store.text(Kind::MergePolicies, id);
    policy.is_some_and(|policy| in_sandbox(policy, &ask.caller))
}

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let limit = query_number(world, ask, "limit")?.unwrap_or(100).max(1);
    let start = match ask.query.get("start") {
        None => 0,
        Some(text) => match text.strip_prefix(START).and_then(|at| at.parse().ok()) {
            Some(at) => at,
            None => {
                return Err(errors::bad_request(
                    world,
                    "UPAPI-113000-400",
                    "start is not valid",
                ));
            }
        },
    };
    let query = &ask.query;
    let mut found: Vec<&Object> = world
        .store
        .all(Kind::MergePolicies)
        .filter(|policy| in_sandbox(policy, &ask.caller))
        .filter(|policy| {
            query
                .get("schema.name")
                .is_none_or(|name| schema_name(policy) == Some(name))
        })
        .filter(|policy| !query.is_true("default") || is_default(policy))
        .collect();
    if let Some(order) = query.get("orderby") {
        super::common::sort(&mut found, order);
    }
    if ask.empty_list {
        found.clear();
    }
    let total = found.len();
    let children: Vec<Value> = found
        .into_iter()
        .skip(start)
        .take(limit)
        .map(render)
        .collect();
    let mut page = json!({"count": children.len()});
    if start + children.len() < total {
        page["next"] = json!(format!("{START}{}", start + limit));
    }
    Ok(Answer::json(
        200,
        json!({"_page": page, "children": children}),
    ))
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let id = ask.parameter(0);
    match find(world, ask, id).map(render) {
        Some(policy) => Ok(Answer::json(200, policy)),
        None => Err(errors::not_found(
            world,
            "UPAPI-113000-404",
            &format!("Merge policy {id} not found."),
        )),
    }
}

pub(crate) fn bulk_get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let ids = bulk_ids(world, ask)?;
    bulk_answer(world, &ids, |world, id| find(world, ask, id).map(render))
}

fn find<'a>(world: &'a World, ask: &Ask<'_>, id: &str) -> Option<&'a Object> {
    world
        .store
        .text(Kind::MergePolicies, id)
        .filter(|policy| in_sandbox(policy, &ask.caller))
}

fn render(policy: &Object) -> Value {
    Value::Object(policy.clone())
}

fn schema_name(policy: &Object) -> Option<&str> {
    policy.get("schema")?.get("name")?.as_str()
}

fn is_default(policy: &Object) -> bool {
    policy.get("default") == Some(&Value::Bool(true))
}

/// What a definition gets that names no merge policy: the sandbox's default, else none.
pub(crate) fn default_id(world: &World, ask: &Ask<'_>) -> Value {
    world
        .store
        .all(Kind::MergePolicies)
        .find(|policy| in_sandbox(policy, &ask.caller) && is_default(policy))
        .and_then(|policy| text_of(policy, "id"))
        .map_or(Value::Null, Value::from)
}
