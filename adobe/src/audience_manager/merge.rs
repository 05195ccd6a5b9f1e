//! What is sent instead of what was read: the whole object, since PUT replaces it (audience-manager.md §2.4).

use audience_sharing_core::domain::text::resolve_entities;
use serde_json::{Map, Value};

use super::wire::is_escaped;

/// The texts that a person wrote. Where they came escaped they are resolved: sent back as they came they would be escaped
/// twice. Where they did not, an entity is what the person wrote.
const TEXTS: &[&str] = &[
    "name",
    "description",
    "comments",
    "traitRule",
    "segmentRule",
    "integrationCode",
    "url",
    "secureUrl",
    "tagCode",
    "secureTagCode",
    "traitAlias",
    "valueAlias",
];

/// Makes of the object that was read the one to be sent: without what the server owns, with the changed fields.
pub(super) fn apply(
    object: &mut Value,
    changed: Vec<(&'static str, Value)>,
    server_owned: fn(&str) -> bool,
) {
    let Value::Object(object) = object else {
        return;
    };
    object.retain(|field, _| !server_owned(field));
    let mut rules = ["traitRule", "segmentRule"].into_iter();
    let escaped = rules.any(|rule| {
        object
            .get(rule)
            .and_then(Value::as_str)
            .is_some_and(is_escaped)
    });
    for field in TEXTS.iter().filter(|_| escaped) {
        if let Some(Value::String(text)) = object.get_mut(*field) {
            *text = resolve_entities(text).into_owned();
        }
    }
    for (field, value) in changed {
        object.insert(field.into(), value);
    }
}

/// The object as the answer to a write shows it. What the answer leaves out is as it was sent; an empty answer leaves
/// out everything. `None` for a body that is no object.
pub(crate) fn answered<T>(sent: Value, body: &[u8], decode: fn(Value) -> Option<T>) -> Option<T> {
    let answer: Map<String, Value> = if body.trim_ascii().is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body).ok()?
    };
    let Value::Object(mut object) = sent else {
        return None;
    };
    object.extend(answer.into_iter().filter(|(_, value)| !value.is_null()));
    decode(Value::Object(object))
}

/// What the server owns on every kind of object (§2.4).
pub(super) fn server_owned(field: &str) -> bool {
    matches!(
        field,
        "pid" | "crUID" | "upUID" | "createTime" | "updateTime" | "permissions"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{answered, apply, server_owned};

    #[test]
    fn what_was_read_is_sent_with_the_change_and_without_what_the_server_owns() {
        let mut object = json!({"sid": 7, "pid": 1, "upUID": 2, "name": "old", "comments": "a &amp; b", "later": [1, null]});
        apply(&mut object, vec![("name", json!("new"))], server_owned);
        assert_eq!(
            object,
            json!({"sid": 7, "name": "new", "comments": "a &amp; b", "later": [1, null]}),
            "nothing says that the answer is escaped: a person may have written it so"
        );
    }

    #[test]
    fn what_came_escaped_is_not_escaped_twice() {
        let mut object = json!({"comments": "a &amp; b", "traitRule": "segid == &quot;x&quot;"});
        apply(&mut object, Vec::new(), server_owned);
        assert_eq!(
            object,
            json!({"comments": "a & b", "traitRule": "segid == \"x\""})
        );
        let mut object = json!({"comments": "a &amp; b", "traitRule": "segid == \"x&amp;y\""});
        let before = object.clone();
        apply(&mut object, Vec::new(), server_owned);
        assert_eq!(object, before);
    }

    #[test]
    fn an_answer_completes_what_was_sent() {
        let sent = json!({"name": "n", "ttl": 120});
        let decode = Some;
        assert_eq!(answered(sent.clone(), b"", decode), Some(sent.clone()));
        assert_eq!(
            answered(sent.clone(), br#"{"sid":1,"ttl":null,"name":"m"}"#, decode),
            Some(json!({"sid": 1, "name": "m", "ttl": 120})),
        );
        assert_eq!(answered(sent, b"<html>", decode), None);
    }
}
