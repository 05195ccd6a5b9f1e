//! Lists: search, order, pages, bare array or envelope (audience-manager.md §2.2). Only the objects of the page are
//! rendered.

use serde_json::{Value, json};

use super::errors;
use crate::exchange::{Answer, Query};
use crate::flags::{Flags, RepeatedDataSourceId};
use crate::service::Ask;
use crate::store::{Object, compare, number, number_of};

/// Orders, cuts and renders what the filters left.
pub(crate) fn answer(
    flags: &Flags,
    ask: &Ask<'_>,
    mut found: Vec<&Object>,
    render: impl Fn(&Object) -> Value,
) -> Result<Answer, Answer> {
    let query = &ask.query;
    if query.has("containsTraitFromDataSource") {
        // Seen with a published client: an unsupported parameter is 404 (§2.1).
        return Err(errors::plain(404, "Not found"));
    }
    let repeated = query.all("dataSourceId").count() > 1;
    let refused = RepeatedDataSourceId::NotFound;
    if repeated && flags.audience_manager.repeated_data_source_id == refused {
        return Err(errors::plain(404, "Not found"));
    }
    if ask.empty_list {
        found.clear();
    }
    if let Some(property) = query.get("sortBy") {
        found.sort_by(|left, right| {
            compare(left.get(property), right.get(property), str::to_lowercase)
        });
        if query.is_true("descending") {
            found.reverse();
        }
    }
    if !query.has("page") && !query.has("pageSize") {
        return Ok(Answer::json(200, found.into_iter().map(render).collect()));
    }
    page(flags, query, &found, render)
}

/// One page in its envelope.
pub(crate) fn page(
    flags: &Flags,
    query: &Query,
    found: &[&Object],
    render: impl Fn(&Object) -> Value,
) -> Result<Answer, Answer> {
    let page = page_number(query, "page", 0)?;
    let size = page_number(query, "pageSize", 10)?;
    if size == 0 {
        return Err(errors::invalid("pageSize must be greater than 0"));
    }
    let size = size.min(flags.audience_manager.max_page_size);
    let list: Vec<Value> = found
        .iter()
        .skip(page.saturating_mul(size))
        .take(size)
        .map(|object| render(object))
        .collect();
    Ok(Answer::json(
        200,
        json!({"total": found.len(), "page": page, "pageSize": size, "list": list}),
    ))
}

fn page_number(query: &Query, name: &str, default: usize) -> Result<usize, Answer> {
    match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| errors::invalid(&format!("{name} must be a number"))),
    }
}

/// Whether one of the fields contains the search text, without regard to case.
pub(crate) fn matches_search(query: &Query, object: &Object, fields: &[&str]) -> bool {
    let Some(wanted) = query.get("search").map(str::to_lowercase) else {
        return true;
    };
    fields.iter().any(|field| match object.get(*field) {
        Some(Value::String(text)) => text.to_lowercase().contains(&wanted),
        Some(Value::Number(number)) => number.to_string().contains(&wanted),
        _ => false,
    })
}

/// Whether a numeric field is one of the values that the query names (repeatable); true where it names none.
pub(crate) fn matches_number(query: &Query, object: &Object, field: &str) -> bool {
    let mut wanted = query.all(field).peekable();
    wanted.peek().is_none()
        || wanted.any(|text| {
            number(&Value::from(text)).is_some()
                && text.trim().parse().ok() == number_of(object, field)
        })
}

/// Whether a text field equals what the query names; true where it names nothing.
pub(crate) fn matches_text(query: &Query, object: &Object, parameter: &str, field: &str) -> bool {
    query
        .get(parameter)
        .is_none_or(|wanted| object.get(field).and_then(Value::as_str) == Some(wanted))
}

/// Whether the caller has all permissions that the query asks for (`permissions`, by some clients `permission`).
pub(crate) fn matches_permissions(ask: &Ask<'_>, own: bool) -> bool {
    let has = permissions_of(ask, own);
    ask.query
        .all("permissions")
        .chain(ask.query.all("permission"))
        .all(|wanted| has.contains(&wanted))
}

pub(crate) fn permissions_of(ask: &Ask<'_>, own: bool) -> &'static [&'static str] {
    if own && ask.caller.aam_access == crate::state::Access::Full {
        &[
            "READ",
            "WRITE",
            "CREATE",
            "DELETE",
            "MAP_TO_SEGMENTS",
            "MAP_TO_MODELS",
            "MAP_TO_DESTINATION",
        ]
    } else {
        &["READ"]
    }
}

pub(crate) fn add_permissions(ask: &Ask<'_>, own: bool, rendered: &mut Object) {
    if ask.query.is_true("includePermissions") {
        rendered.insert("permissions".to_owned(), json!(permissions_of(ask, own)));
    }
}
