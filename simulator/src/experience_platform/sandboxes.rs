//! Sandbox management (experience-platform.md §4.2): the caller's own list, and the administrator's views.

use serde_json::{Value, json};

use super::common::{query_number, sandboxes_of};
use super::errors::problem;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Object, text_of};
use crate::world::World;

/// `GET /`: the active sandboxes that this token may use.
pub(crate) fn list_mine(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let items: Vec<Value> = sandboxes_of(world, &ask.caller)
        .filter(|sandbox| text_of(sandbox, "state") == Some("active"))
        .map(|sandbox| render(world, sandbox))
        .collect();
    page(world, ask, items)
}

/// `GET /sandboxes`: all of the organisation, for its administrators.
pub(crate) fn list_all(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    administrators_only(ask)?;
    let filters: Vec<(String, String)> = ask
        .query
        .all("property")
        .filter_map(|filter| filter.split_once("=="))
        .map(|(field, value)| (field.to_owned(), value.to_owned()))
        .collect();
    let items: Vec<Value> = sandboxes_of(world, &ask.caller)
        .filter(|sandbox| {
            filters
                .iter()
                .all(|(field, value)| text_of(sandbox, field) == Some(value.as_str()))
        })
        .map(|sandbox| render(world, sandbox))
        .collect();
    page(world, ask, items)
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    administrators_only(ask)?;
    sandboxes_of(world, &ask.caller)
        .find(|sandbox| text_of(sandbox, "name") == Some(ask.parameter(0)))
        .map(|sandbox| Answer::json(200, render(world, sandbox)))
        .ok_or_else(|| problem(404, "NotFoundError", "The sandbox does not exist"))
}

fn administrators_only(ask: &Ask<'_>) -> Result<(), Answer> {
    if ask.caller.sandbox_administration {
        return Ok(());
    }
    Err(problem(
        403,
        "ForbiddenError",
        "Sandbox Administration is required",
    ))
}

fn render(world: &World, sandbox: &Object) -> Value {
    let mut rendered = sandbox.clone();
    rendered.remove("imsOrgId");
    if !world.flags.experience_platform.sandbox_ids_listed {
        rendered.remove("id");
    }
    Value::Object(rendered)
}

fn page(world: &mut World, ask: &Ask<'_>, mut items: Vec<Value>) -> Result<Answer, Answer> {
    let (limit, offset) = (
        query_number(world, ask, "limit")?,
        query_number(world, ask, "offset")?,
    );
    if limit.is_some() != offset.is_some() {
        let detail = "limit and offset must be given together";
        return Err(problem(400, "BadRequestError", detail));
    }
    let (limit, offset) = (limit.unwrap_or(50).max(1), offset.unwrap_or(0));
    if ask.empty_list {
        items.clear();
    }
    let total = items.len();
    let items: Vec<Value> = items.into_iter().skip(offset).take(limit).collect();
    let mut links = json!({
        "page": {"href": format!("{}?limit={{limit}}&offset={{offset}}", ask.incoming.path), "templated": true},
    });
    if offset + items.len() < total {
        let next = format!(
            "{}?limit={limit}&offset={}",
            ask.incoming.path,
            offset + limit
        );
        links["next"] = json!({"href": next, "templated": false});
    }
    Ok(Answer::json(
        200,
        json!({"sandboxes": items, "_page": {"limit": limit, "count": items.len()}, "_links": links}),
    ))
}
