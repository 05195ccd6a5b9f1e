//! What becomes of a text: services store some otherwise than they were sent, and answer expressions in other forms.
//! No reference says which service does what; the switches say it.

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Map, Value, json};

use crate::flags::{DefinitionExpressions, Flags, StoredTexts};

/// The texts that people write.
const TEXTS: [&str; 8] = [
    "name",
    "description",
    "comments",
    "url",
    "secureUrl",
    "traitAlias",
    "valueAlias",
    "customAudienceId",
];

/// The body of a write, with its texts as they are stored.
pub(crate) fn store(flags: &Flags, body: &mut Value) {
    match body {
        Value::Object(members) => {
            for field in TEXTS {
                if let Some(Value::String(text)) = members.get_mut(field) {
                    *text = stored(flags, field, text);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| {
            // An operation of a JSON Patch, or an object of a bulk call.
            let field = item["path"].as_str().map(|path| path.replace('/', ""));
            match (field, item.get_mut("value")) {
                (Some(field), Some(Value::String(text))) if TEXTS.contains(&field.as_str()) => {
                    *text = stored(flags, &field, text);
                }
                _ => store(flags, item),
            }
        }),
        _ => {}
    }
}

fn stored(flags: &Flags, field: &str, text: &str) -> String {
    let text = match flags.shared.stored_texts {
        StoredTexts::AsSent => text.to_owned(),
        StoredTexts::SpacesCollapsed => text.split_whitespace().collect::<Vec<_>>().join(" "),
        StoredTexts::Composed => ComposingNormalizerBorrowed::new_nfc()
            .normalize(text)
            .into_owned(),
    };
    match flags.shared.description_characters_max {
        Some(length) if field == "description" => text.chars().take(length).collect(),
        _ => text,
    }
}

/// Rewrites every expression of an answer.
pub(crate) fn answer_expressions(form: DefinitionExpressions, body: &mut Value) {
    if form == DefinitionExpressions::AsSent {
        return;
    }
    match body {
        Value::Array(items) => {
            for item in items {
                answer_expressions(form, item);
            }
        }
        Value::Object(members) => {
            if let Some(expression @ Value::Object(_)) = members.get_mut("expression") {
                rewrite(form, expression);
            }
            for value in members.values_mut() {
                answer_expressions(form, value);
            }
        }
        _ => {}
    }
}

fn rewrite(form: DefinitionExpressions, expression: &mut Value) {
    let text = expression["value"].as_str().unwrap_or_default().to_owned();
    match form {
        DefinitionExpressions::AsSent => {}
        DefinitionExpressions::Json => {
            if let Some(tree) = membership_tree(&text) {
                expression["format"] = json!("pql/json");
                expression["value"] = json!(tree.to_string());
            }
        }
        DefinitionExpressions::Reformatted => {
            let spaced = text
                .replace('(', "( ")
                .replace(')', " )")
                .replace('=', " == ");
            expression["value"] = json!(format!("({spaced})"));
        }
        DefinitionExpressions::Unknown => {
            expression["format"] = json!("pql/later");
            expression["value"] = json!(format!("later:{text}"));
        }
    }
}

/// `segmentMembership.get("namespace").get("id").status = "state"`, or `in (["state", "state"])`, in the nodes that the specification's samples show
/// (segmentation.yaml, `pql/json`).
fn membership_tree(text: &str) -> Option<Value> {
    let quoted: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    let (namespace, id, states) = match quoted[..] {
        [namespace, id, ref states @ ..] if !states.is_empty() => (namespace, id, states),
        _ => return None,
    };
    // Nothing more than that: what else it says must not get lost.
    text.trim_start().strip_prefix("segmentMembership")?;
    let (_, test) = text.split_once(".status")?;
    let test: String = test.split_whitespace().collect();
    let (operator, wanted) = match (states, &*test) {
        ([state], test) if test == format!("=\"{state}\"") => ("=", json!(state)),
        (states, test) if test == format!("in([\"{}\"])", states.join("\",\"")) => {
            ("in", json!(states))
        }
        _ => return None,
    };
    let literal =
        |value: Value| json!({"nodeType": "literal", "literalType": "XString", "value": value});
    let field = |object: Value, name: &str| json!({"nodeType": "fieldLookup", "fieldName": name, "object": object});
    let call = |name: &str, params: [Value; 2]| json!({"nodeType": "fnApply", "fnName": name, "params": params});
    let profile = json!({"nodeType": "parameterReference", "position": 1});
    let all = field(profile, "segmentMembership");
    let of_namespace = call("get", [all, literal(json!(namespace))]);
    let membership = call("get", [of_namespace, literal(json!(id))]);
    Some(call(
        operator,
        [field(membership, "status"), literal(wanted)],
    ))
}

/// Members that no reference names, where the switch says so.
pub(crate) fn add_unknown_fields(flags: &Flags, body: &mut Value) {
    if flags.shared.unknown_fields {
        add_news(body);
    }
}

fn add_news(body: &mut Value) {
    match body {
        Value::Array(items) => items.iter_mut().for_each(add_news),
        Value::Object(members) => {
            for field in ["list", "children", "segments", "sandboxes", "runs"] {
                if let Some(items) = members.get_mut(field) {
                    add_news(items);
                }
            }
            let news = Map::from_iter([(
                "xAddedLater".to_owned(),
                json!({"since": "2026.1", "values": [1, "two", null]}),
            )]);
            members.extend(news);
        }
        _ => {}
    }
}
