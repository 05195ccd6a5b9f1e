//! The lists of Flow Service: filters `property=path==value`, `orderby`, pages by a token that remembers the query
//! (experience-platform.md §5.7). Another operator than `==` is refused, which is a guess, and so is a page of more
//! than 100. Knows no flow.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::errors;
use crate::exchange::{Answer, Query};
use crate::service::Ask;
use crate::store::{Object, compare};

/// A page where the request does not say; a guess.
const USUAL: usize = 20;
const MOST: usize = 100;

/// All that the filters let through: specifications have no pages.
pub(super) fn whole(ask: &Ask<'_>, mut objects: Vec<Object>) -> Result<Answer, Answer> {
    select(&ask.query, &mut objects)?;
    if ask.empty_list {
        objects.clear();
    }
    Ok(Answer::json(200, json!({"items": objects})))
}

/// A page, newest first. `collection` is the last element of the path; `left_out` is in no item.
pub(super) fn page(
    ask: &Ask<'_>,
    collection: &str,
    mut objects: Vec<Object>,
    left_out: Option<&str>,
) -> Result<Answer, Answer> {
    let (offset, raw_query) = match ask.query.get("continuationToken") {
        None => (0, ask.incoming.raw_query.clone()),
        Some(token) => read_token(token)
            .ok_or_else(|| errors::refusal(400, "The continuationToken is not known"))?,
    };
    let query = Query::parse(&raw_query);
    select(&query, &mut objects)?;
    let limit = match query.get("limit").map(str::parse) {
        None => USUAL,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => return Err(errors::refusal(400, "limit must be a number from 1 to 100")),
    };
    sort(query.get("orderby").unwrap_or("-createdAt"), &mut objects);
    if ask.empty_list {
        objects.clear();
    }
    let total = objects.len();
    let mut items: Vec<Object> = objects.into_iter().skip(offset).take(limit).collect();
    for item in &mut items {
        item.retain(|member, _| Some(member.as_str()) != left_out);
    }
    let end = offset.saturating_add(items.len());
    let mut body = json!({"items": items, "_links": {}});
    if end < total {
        let token = URL_SAFE_NO_PAD.encode(format!("{end} {raw_query}"));
        let href = format!("/{collection}?continuationToken={token}");
        body["_links"]["next"] = json!({"href": href});
    }
    if query.is_true("count") {
        body["count"] = json!(total);
    }
    Ok(Answer::json(200, body))
}

fn read_token(token: &str) -> Option<(usize, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (offset, raw_query) = text.split_once(' ')?;
    Some((offset.parse().ok()?, raw_query.to_owned()))
}

fn select(query: &Query, objects: &mut Vec<Object>) -> Result<(), Answer> {
    for filter in query.all("property") {
        let (path, wanted) = filter
            .split_once("==")
            .ok_or_else(|| errors::refusal(400, &format!("The filter {filter} is not known")))?;
        let wanted: Vec<&str> = wanted.split(',').map(|one| one.trim_matches('"')).collect();
        objects.retain(|object| {
            let mut values = Vec::new();
            collect(&Value::Object(object.clone()), path, &mut values);
            values.iter().any(|value| wanted.contains(&value.as_str()))
        });
    }
    Ok(())
}

/// The texts at a path; `[]` after a member means each of its items.
fn collect(value: &Value, path: &str, values: &mut Vec<String>) {
    let (member, rest) = match path.split_once('.') {
        Some((member, rest)) => (member, Some(rest)),
        None => (path, None),
    };
    let (name, each) = match member.strip_suffix("[]") {
        Some(name) => (name, true),
        None => (member, false),
    };
    let Some(found) = value.get(name) else {
        return;
    };
    let items = match (each, found) {
        (true, Value::Array(items)) => items.iter().collect(),
        (true, _) => Vec::new(),
        (false, found) => vec![found],
    };
    for item in items {
        match (rest, item) {
            (Some(rest), item) => collect(item, rest, values),
            (None, Value::String(text)) => values.push(text.clone()),
            (None, item) => values.push(item.to_string()),
        }
    }
}

fn sort(order: &str, objects: &mut [Object]) {
    let (member, descending) = match order.strip_prefix('-') {
        Some(member) => (member, true),
        None => (order, false),
    };
    objects.sort_by(|left, right| {
        let ordering = compare(left.get(member), right.get(member), str::to_owned);
        if descending {
            ordering.reverse()
        } else {
            ordering
        }
    });
}
