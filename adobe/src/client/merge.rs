//! What is sent in place of what was read, and what an answer to it shows. A PUT replaces the whole object
//! (audience-manager.md §2.4). Nothing is decided here.

use audience_sharing_core::domain::text::resolve_entities;
use serde_json::{Map, Value, json};

use crate::resource::Field;

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
pub(super) fn apply(object: &mut Value, changed: Vec<Field>, server_owned: fn(&str) -> bool) {
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

/// Whether the texts of an object came HTML-escaped although every request asks for plain ones (audience-manager.md
/// §1.4). Only a rule can tell: no rule holds an `&` of its own outside of quotation marks, while in a name `&amp;` may
/// be what a person wrote.
pub(crate) fn is_escaped(rule: &str) -> bool {
    let entities = ["&quot;", "&lt;", "&gt;", "&amp;", "&#"];
    !rule.contains(['"', '<', '>']) && entities.iter().any(|entity| rule.contains(entity))
}

/// The changed fields alone. `op` is `add` always, also where a value is replaced (experience-platform.md §3.5).
pub(super) fn patch(changed: &[Field]) -> Value {
    let operation =
        |(field, value): &Field| json!({"op": "add", "path": format!("/{field}"), "value": value});
    changed.iter().map(operation).collect()
}

/// The object as the answer to a write shows it. What the answer leaves out is as it was sent; an empty answer leaves
/// out everything. `None` for a body that is no object.
pub(super) fn answered(sent: Value, body: &[u8]) -> Option<Value> {
    let answer: Map<String, Value> = if body.trim_ascii().is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body).ok()?
    };
    let Value::Object(mut object) = sent else {
        return None;
    };
    object.extend(answer.into_iter().filter(|(_, value)| !value.is_null()));
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{answered, apply};

    fn server_owned(field: &str) -> bool {
        matches!(field, "pid" | "upUID")
    }

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
        assert_eq!(answered(sent.clone(), b""), Some(sent.clone()));
        assert_eq!(
            answered(sent.clone(), br#"{"sid":1,"ttl":null,"name":"m"}"#),
            Some(json!({"sid": 1, "name": "m", "ttl": 120})),
        );
        assert_eq!(answered(sent, b"<html>"), None);
    }
}
