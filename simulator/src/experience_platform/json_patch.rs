//! JSON Patch (RFC 6902) as the audiences take it, `add` only by default (experience-platform.md §3.5), and the flows
//! (§5.7). Knows neither.

use serde_json::Value;

/// Plays one operation on the object; the error says what is wrong with it. `all`: `replace`, `remove` and `test`
/// besides `add`.
pub(crate) fn apply(operation: &Value, object: &mut Value, all: bool) -> Result<(), String> {
    let name = operation
        .get("op")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let path = operation
        .get("path")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let value = operation.get("value").cloned();
    let known = name == "add" || (all && ["replace", "remove", "test"].contains(&name));
    if !known {
        return Err(format!("Operation {name} is not supported."));
    }
    let Some(tokens) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
        return Err("path must start with / and name a member.".to_owned());
    };
    let tokens: Vec<String> = tokens
        .split('/')
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some((last, above)) = tokens.split_last() else {
        return Err("path names nothing.".to_owned());
    };
    let mut at = object;
    for token in above {
        at = match at {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => token
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .ok_or_else(|| format!("path {path} does not exist."))?;
    }
    change(at, name, last, value).map_err(|what| format!("path {path}: {what}."))
}

fn change(
    at: &mut Value,
    operation: &str,
    last: &str,
    value: Option<Value>,
) -> Result<(), &'static str> {
    match (at, operation) {
        (Value::Object(members), "remove") => {
            members.remove(last).map(|_| ()).ok_or("does not exist")
        }
        (Value::Object(members), "test") => (members.get(last) == value.as_ref())
            .then_some(())
            .ok_or("is another value"),
        (Value::Object(members), _) => {
            members.insert(last.to_owned(), value.ok_or("a value is required")?);
            Ok(())
        }
        (Value::Array(items), "add") => {
            let index = match last {
                "-" => items.len(),
                _ => last.parse().map_err(|_| "is no index")?,
            };
            if index > items.len() {
                return Err("is out of range");
            }
            items.insert(index, value.ok_or("a value is required")?);
            Ok(())
        }
        (Value::Array(items), "remove") => {
            let index = index(items, last)?;
            items.remove(index);
            Ok(())
        }
        (Value::Array(items), "replace") => {
            let index = index(items, last)?;
            items[index] = value.ok_or("a value is required")?;
            Ok(())
        }
        _ => Err("cannot be changed"),
    }
}

fn index(items: &[Value], last: &str) -> Result<usize, &'static str> {
    let index = last.parse().map_err(|_| "is no index")?;
    (index < items.len())
        .then_some(index)
        .ok_or("is out of range")
}
