//! HTML escapes in answers, the default without `AAM-Disable-Escaping-HTML: true` (audience-manager.md §1.4).

use serde_json::Value;

/// Escapes those of `& < > " '` that `characters` names, in every text of the answer.
pub(crate) fn escape(characters: &str, body: &mut Value) {
    match body {
        Value::String(text) if text.contains(|one| characters.contains(one)) => {
            *text = escaped(characters, text);
        }
        Value::Array(items) => {
            for item in items {
                escape(characters, item);
            }
        }
        Value::Object(members) => {
            for value in members.values_mut() {
                escape(characters, value);
            }
        }
        _ => {}
    }
}

fn escaped(characters: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for one in text.chars() {
        let entity = match one {
            _ if !characters.contains(one) => None,
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '"' => Some("&quot;"),
            '\'' => Some("&#39;"),
            _ => None,
        };
        match entity {
            Some(entity) => out.push_str(entity),
            None => out.push(one),
        }
    }
    out
}
