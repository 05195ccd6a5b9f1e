//! The expression of a segment definition: its shape, how it makes the definition evaluated, which audiences it refers
//! to, and the `dependents` and `dependencies` that follow (experience-platform.md §2.1, §2.2, §3.3, §3.5, §5.4). The
//! language itself is not read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::common::{AUDIENCE_MANAGER_ORIGIN, find_audience, find_by_audience_id, find_by_key};
use super::errors;
use crate::exchange::Answer;
use crate::flags::AudienceReference;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, text_of};
use crate::world::World;

/// What an expression may be (§2.2); samples write the type in either case.
const TYPES: [&str; 2] = ["PQL", "ARL"];
const FORMATS: [&str; 2] = ["pql/text", "pql/json"];

/// An expression is written whole: its type and format are known, its value is a string, and JSON where it says so.
pub(crate) fn is_well_formed(expression: Option<&Value>) -> bool {
    let text = |field: &str| {
        let value = expression.and_then(|expression| expression.get(field));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let value = text("value");
    let is_read = text("format") != "pql/json" || serde_json::from_str::<Value>(value).is_ok();
    TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(text("type")))
        && FORMATS.contains(&text("format"))
        && !value.is_empty()
        && is_read
}

/// `expression` and `schema` are required and the expression's value is a string.
pub(crate) fn check(world: &mut World, body: &Object) -> Result<(), Answer> {
    let well_formed = is_well_formed(body.get("expression"));
    let schema = body.get("schema").and_then(Value::as_object);
    let named =
        schema.is_some_and(|schema| schema.contains_key("name") || schema.contains_key("id"));
    if !well_formed {
        return Err(errors::unreadable(
            world,
            &["No usable value for expression"],
        ));
    }
    if !named {
        return Err(errors::unreadable(world, &["No usable value for schema"]));
    }
    Ok(())
}

/// What a definition's expression brings with it: dependencies, and how it is evaluated.
pub(crate) fn settle(
    world: &mut World,
    ask: &Ask<'_>,
    audience: &mut Object,
) -> Result<(), Answer> {
    let from_audience_manager = settle_dependencies(world, ask, audience)?;
    settle_evaluation(audience, from_audience_manager);
    Ok(())
}

/// Batch where nothing is said, and batch where the expression refers to AAM segments or traits: those are never
/// evaluated in a stream, whatever was asked for (§0.1, §2.1).
pub(crate) fn settle_evaluation(audience: &mut Object, from_audience_manager: bool) {
    let named = audience
        .get("expression")
        .and_then(|expression| expression.get("value"))
        .and_then(Value::as_str)
        .map(str::to_lowercase)
        .is_some_and(|value| value.contains("aamsegments") || value.contains("aamtraits"));
    let refers = named || from_audience_manager;
    if refers || !audience.get("evaluationInfo").is_some_and(Value::is_object) {
        audience.insert(
            "evaluationInfo".to_owned(),
            json!({
                "batch": {"enabled": true},
                "continuous": {"enabled": false},
                "synchronous": {"enabled": false},
            }),
        );
    }
}

/// What an expression says about another audience.
#[derive(Debug, PartialEq, Eq)]
enum Reference {
    /// `inSegment("…")`
    InSegment(String),
    /// `segmentMembership.get("namespace").get("audienceId")`
    Membership(String, String),
}

/// Reads an expression's value, which is text in both formats.
fn references(expression: &Object) -> Vec<Reference> {
    let text = text_of(expression, "value").unwrap_or_default();
    let mut found = Vec::new();
    if text_of(expression, "format") == Some("pql/json") {
        if let Ok(tree) = serde_json::from_str(text) {
            in_tree(&tree, &mut found);
        }
        return found;
    }
    for (at, name) in text.match_indices("inSegment") {
        if let [only] = arguments(&text[at + name.len()..]).as_slice() {
            found.push(Reference::InSegment(only.clone()));
        }
    }
    for (at, name) in text.match_indices("segmentMembership.get") {
        let rest = &text[at + name.len()..];
        if let [namespace] = arguments(rest).as_slice()
            && let Some((_, rest)) = rest.split_once(").get")
            && let [id] = arguments(rest).as_slice()
        {
            found.push(Reference::Membership(namespace.clone(), id.clone()));
        }
    }
    found
}

/// The quoted arguments between the parentheses that the text starts with.
fn arguments(text: &str) -> Vec<String> {
    let inside = text
        .trim_start()
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    let Some((inside, _)) = inside else {
        return Vec::new();
    };
    // Odd pieces between quotation marks are the quoted ones.
    let quoted = inside.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// `pql/json`: a node `fnApply` named `inSegment` with a literal parameter (§5.4).
fn in_tree(tree: &Value, found: &mut Vec<Reference>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| in_tree(item, found)),
        Value::Object(members) => {
            if members.values().any(|value| value == "inSegment") {
                let parameters = members.get("params").and_then(Value::as_array);
                let literals = parameters
                    .into_iter()
                    .flatten()
                    .filter_map(|parameter| parameter.get("value").and_then(Value::as_str));
                found.extend(literals.map(|id| Reference::InSegment(id.to_owned())));
            }
            members.values().for_each(|value| in_tree(value, found));
        }
        _ => {}
    }
}

fn resolve<'a>(world: &'a World, ask: &'a Ask<'_>, reference: &Reference) -> Option<&'a Object> {
    match reference {
        Reference::InSegment(id) => match world.flags.experience_platform.in_segment_names {
            AudienceReference::Id => find_audience(world, ask, id),
            AudienceReference::AudienceId => find_by_audience_id(world, ask, id).next(),
        },
        Reference::Membership(namespace, id) => {
            // Platform audiences have another namespace on the profile (§3.3).
            let namespace = match namespace.as_str() {
                "ups" => "AEPSegments",
                other => other,
            };
            find_by_key(world, ask, namespace, id)
        }
    }
}

/// Works out what a definition depends on, and whether it may: an audience that is not published has no published
/// child (§3.5). Says whether one of them is Audience Manager's.
fn settle_dependencies(
    world: &mut World,
    ask: &Ask<'_>,
    audience: &mut Object,
) -> Result<bool, Answer> {
    let expression = audience.get("expression").and_then(Value::as_object);
    let found = expression.map(references).unwrap_or_default();
    let own = text_of(audience, "id").unwrap_or_default().to_owned();
    let mut dependencies = BTreeSet::new();
    let mut problem = None;
    let mut from_audience_manager = false;
    let published = text_of(audience, "lifecycleState") == Some("published");
    for reference in &found {
        let Some(parent) = resolve(world, ask, reference) else {
            if world.flags.experience_platform.unknown_audience_refused {
                problem = Some(format!("The audience of {reference:?} does not exist."));
            }
            continue;
        };
        let state = text_of(parent, "lifecycleState");
        let id = text_of(parent, "id").unwrap_or_default();
        from_audience_manager |= text_of(parent, "originName") == Some(AUDIENCE_MANAGER_ORIGIN);
        let counts = matches!(reference, Reference::InSegment(_))
            || world.flags.experience_platform.membership_is_dependency;
        if id == own || !counts {
            continue;
        }
        if published && matches!(state, Some("draft" | "inactive")) {
            problem = Some(format!("Audience {id} must be published first."));
        }
        dependencies.insert(id.to_owned());
    }
    if let Some(problem) = problem {
        return Err(errors::validation(world, &problem));
    }
    audience.insert("dependencies".to_owned(), json!(dependencies));
    Ok(from_audience_manager)
}

/// Enters the definition with its parents, and takes it from those it left. `after` is `None` where it is deleted.
pub(crate) fn relink(world: &mut World, before: Option<&Object>, after: Option<&Object>) {
    let (Some(child), old, new) = (
        before
            .or(after)
            .and_then(|audience| text_of(audience, "id")),
        ids(before),
        ids(after),
    ) else {
        return;
    };
    let child = child.to_owned();
    for parent in old.symmetric_difference(&new) {
        let Some(mut audience) = world.store.text(Kind::Audiences, parent).cloned() else {
            continue;
        };
        let mut dependents = members(&audience, "dependents");
        if new.contains(parent) {
            dependents.insert(child.clone());
        } else {
            dependents.remove(&child);
        }
        audience.insert("dependents".to_owned(), json!(dependents));
        let key = Key::Text(parent.clone());
        world
            .store
            .set_by_service(Kind::Audiences, key, Some(audience));
    }
}

fn ids(audience: Option<&Object>) -> BTreeSet<String> {
    audience
        .map(|audience| members(audience, "dependencies"))
        .unwrap_or_default()
}

fn members(audience: &Object, field: &str) -> BTreeSet<String> {
    let items = audience.get(field).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, value: &str) -> Vec<Reference> {
        let expression = json!({"type": "PQL", "format": format, "value": value});
        references(expression.as_object().unwrap_or(&Object::new()))
    }

    #[test]
    fn both_ways_to_refer_to_an_audience_are_read_in_both_formats() {
        let in_segment = |id: &str| Reference::InSegment(id.to_owned());
        assert_eq!(
            read("pql/text", "inSegment(\"a\") and not inSegment ( \"b\" )"),
            [in_segment("a"), in_segment("b")]
        );
        assert_eq!(
            read(
                "pql/text",
                "segmentMembership.get(\"AAMSegments\").get(\"12\").status = \"realized\""
            ),
            [Reference::Membership(
                "AAMSegments".to_owned(),
                "12".to_owned()
            )]
        );
        let tree = r#"{"nodeType":"fnApply","fnName":"inSegment","params":[{"nodeType":"literal","value":"a"}]}"#;
        assert_eq!(read("pql/json", tree), [in_segment("a")]);
        assert_eq!(read("pql/text", "inSegment("), []);
        assert_eq!(read("pql/json", "{"), []);
    }
}
