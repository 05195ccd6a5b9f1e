//! The reference of the API as Markdown, generated from the definitions. It adds no fact of its own.

use std::fmt::{self, Write};

use serde_json::Value;

use super::crd::Definition;

const HEAD: &str = "\
# API reference

Generated from the types by `make generate`; do not edit.

The API server checks every bound and rule of this page when a manifest is applied. A duration is written as `10m` or
`1h30m`. A field without a default that is not required may be left out.
";

/// The page for all definitions.
///
/// # Errors
/// Never in practice: writing into a text does not fail.
pub fn markdown(definitions: &[Definition]) -> Result<String, fmt::Error> {
    let mut page = HEAD.to_owned();
    for definition in definitions {
        kind(&mut page, &definition.as_value()["spec"])?;
    }
    Ok(page)
}

fn kind(page: &mut String, spec: &Value) -> fmt::Result {
    let version = &spec["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let names = &spec["names"];
    write!(
        page,
        "\n## {}\n\n{}\n\n- API version: `{}/{}`\n- Names for `kubectl`: {}\n- Columns: {}\n- Field selectors: {}\n",
        text(&names["kind"]),
        described(schema),
        text(&spec["group"]),
        text(&version["name"]),
        listed(
            std::iter::once(&names["plural"])
                .chain(array(&names["shortNames"]))
                .chain(array(&names["categories"]))
        ),
        listed(array(&version["additionalPrinterColumns"]).map(|column| &column["name"])),
        listed(array(&version["selectableFields"]).map(|field| &field["jsonPath"])),
    )?;
    for part in ["spec", "status"] {
        write!(
            page,
            "\n### `{part}`\n\n| Field | Type | Description |\n|---|---|---|\n"
        )?;
        fields(page, "", &schema["properties"][part])?;
    }
    let mut rules = Vec::new();
    messages(schema, &mut rules);
    page.push_str("\n### Rules\n\n");
    rules.iter().try_for_each(|rule| writeln!(page, "- {rule}"))
}

/// One row per field, depth first, in the order of their names.
fn fields(page: &mut String, parent: &str, schema: &Value) -> fmt::Result {
    let Some(properties) = schema["properties"].as_object() else {
        return Ok(());
    };
    for (name, field) in properties {
        let path = format!("{parent}{name}");
        let required = array(&schema["required"]).any(|required| required == name);
        writeln!(
            page,
            "| `{path}` | {} | {} |",
            shape(field, required),
            described(field).replace('|', "\\|").replace('\n', " ")
        )?;
        fields(page, &format!("{path}."), field)?;
        fields(page, &format!("{path}[]."), &field["items"])?;
    }
    Ok(())
}

/// Type, whether it must be there, bounds and a simple default.
fn shape(field: &Value, required: bool) -> String {
    let mut parts = vec![match array(&field["enum"]).count() {
        0 => text(&field["type"]).to_owned(),
        _ => array(&field["enum"])
            .map(|choice| format!("`{}`", text(choice)))
            .collect::<Vec<_>>()
            .join(" or "),
    }];
    if required {
        parts.push("required".to_owned());
    }
    let unit = match field["type"].as_str() {
        Some("array") => " entries",
        Some("string") => " characters",
        _ => "",
    };
    let low = ["minimum", "minLength", "minItems"].map(|key| field[key].as_i64());
    let high = ["maximum", "maxLength", "maxItems"].map(|key| field[key].as_i64());
    // Of an id the highest number says nothing.
    let high = high
        .into_iter()
        .flatten()
        .find(|high| *high < super::common::ID_MAX);
    match (low.into_iter().flatten().next(), high) {
        (Some(low), Some(high)) => parts.push(format!("{low} to {high}{unit}")),
        (None, Some(high)) => parts.push(format!("at most {high}{unit}")),
        (Some(low @ 1..), None) => parts.push(format!("at least {low}{unit}")),
        (_, None) => {}
    }
    match &field["default"] {
        Value::Null | Value::Object(_) | Value::Array(_) => {}
        Value::String(default) => parts.push(format!("default `{default}`")),
        default @ (Value::Bool(_) | Value::Number(_)) => parts.push(format!("default `{default}`")),
    }
    parts.join(", ")
}

fn messages(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in array(&schema["x-kubernetes-validations"]) {
                into.push(text(&rule["message"]).to_owned());
            }
            fields
                .iter()
                .filter(|(key, _)| *key != "x-kubernetes-validations")
                .for_each(|(_, inner)| messages(inner, into));
        }
        Value::Array(items) => items.iter().for_each(|inner| messages(inner, into)),
        _ => {}
    }
}

fn listed<'a>(texts: impl Iterator<Item = &'a Value>) -> String {
    texts
        .map(|value| format!("`{}`", text(value)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn described(schema: &Value) -> &str {
    text(&schema["description"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
