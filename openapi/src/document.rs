//! An OpenAPI document as data: read, mended, its references resolved, its schemas turned into JSON Schema.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::exceptions::{Edit, Exception};
use crate::exchange::Error;

/// What the project knows by itself.
pub(crate) const FACTS: (&str, &str) = ("facts.yaml", include_str!("../facts.yaml"));

/// Adobe's files that describe what the simulator serves.
pub(crate) const ADOBES: [&str; 3] = ["segmentation.yaml", "sandbox.yaml", "profile.yaml"];

/// Our own word at a response whose body may be missing: OpenAPI has none.
pub(crate) const MAY_BE_EMPTY: &str = "x-may-be-empty";

/// Words that constrain nothing; an example may hold anything, references among it.
const COMMENTS: [&str; 5] = ["description", "title", "default", "example", "examples"];

#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) name: &'static str,
    pub(crate) root: Value,
}

impl Document {
    pub(crate) fn facts() -> Result<Self, Error> {
        let (name, text) = FACTS;
        Self::parse(name, text)
    }

    pub(crate) fn read(folder: &Path, name: &'static str) -> Result<Self, Error> {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::Unreadable {
            file: path.display().to_string(),
            why: error.to_string(),
        })?;
        Self::parse(name, &text)
    }

    pub(crate) fn parse(name: &'static str, text: &str) -> Result<Self, Error> {
        let root = serde_saphyr::from_str(text).map_err(|error| Error::Unreadable {
            file: name.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { name, root })
    }

    /// This document with the exceptions' edits.
    pub(crate) fn mended(
        &self,
        exceptions: impl Iterator<Item = &'static Exception>,
    ) -> Result<Self, Error> {
        let mut mended = self.clone();
        for exception in exceptions.filter(|exception| exception.file == self.name) {
            for edit in exception.edits {
                mended.apply(edit).map_err(|pointer| Error::Corrected {
                    file: self.name.to_owned(),
                    pointer,
                    exception: exception.name,
                })?;
            }
        }
        Ok(mended)
    }

    /// The error is the place that is not as the edit says.
    fn apply(&mut self, edit: &Edit) -> Result<(), String> {
        match edit {
            Edit::Replace { pointer, was, is } => {
                let changed = || (*pointer).to_owned();
                let place = self.root.pointer_mut(pointer).ok_or_else(changed)?;
                if *place != value(was) {
                    return Err(changed());
                }
                *place = value(is);
            }
            Edit::Remove { pointer, member } => {
                let holder = self
                    .root
                    .pointer_mut(pointer)
                    .and_then(Value::as_object_mut);
                let removed = holder.and_then(|holder| holder.remove(*member));
                removed.ok_or_else(|| format!("{pointer}/{member}"))?;
            }
            Edit::AlsoAnswers {
                pointer,
                status,
                like,
            } => {
                let responses = self
                    .root
                    .pointer_mut(pointer)
                    .and_then(Value::as_object_mut);
                let changed = || format!("{pointer}/{status}");
                let responses = responses.ok_or_else(changed)?;
                let known = responses.get(*like).cloned().ok_or_else(changed)?;
                if responses.insert((*status).to_owned(), known).is_some() {
                    return Err(changed());
                }
            }
            Edit::MayBeEmpty { pointer } => {
                let response = self.root.pointer_mut(pointer);
                let response = response.ok_or_else(|| (*pointer).to_owned())?;
                response[MAY_BE_EMPTY] = json!(true);
            }
            Edit::ErrorsWithoutBody { schema } => self.each_responses(|responses| {
                for (status, response) in responses {
                    if response["content"] == json!({}) && status.starts_with(['4', '5']) {
                        response["content"] = content(schema);
                    }
                }
            }),
            Edit::UndeclaredErrors { statuses, schema } => self.each_responses(|responses| {
                for status in *statuses {
                    let response = json!({"content": content(schema)});
                    responses.entry(*status).or_insert(response);
                }
            }),
        }
        Ok(())
    }

    /// Changes the responses of every operation; those that are references become what they refer to.
    fn each_responses(&mut self, change: impl Fn(&mut Map<String, Value>)) {
        let shared = self.root["components"]["responses"].clone();
        let whole = |response: &Value| {
            let reference = response["$ref"].as_str()?;
            let name = reference.strip_prefix("#/components/responses/")?;
            shared.get(name).cloned()
        };
        let paths = self.root["paths"].as_object_mut().into_iter();
        let items = paths.flat_map(|paths| paths.values_mut());
        let operations = items.filter_map(Value::as_object_mut);
        for operation in operations.flat_map(|item| item.values_mut()) {
            let responses = operation.get_mut("responses");
            let Some(responses) = responses.and_then(Value::as_object_mut) else {
                continue;
            };
            for response in responses.values_mut() {
                if let Some(found) = whole(response) {
                    *response = found;
                }
            }
            change(responses);
        }
    }

    /// The path that all of its paths stand under.
    pub(crate) fn base_path(&self) -> &str {
        let url = self.root["servers"][0]["url"].as_str().unwrap_or_default();
        let after_host = url
            .split_once("//")
            .map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        after_host.trim_end_matches('/')
    }

    /// What stands behind a reference, or the value itself.
    pub(crate) fn resolved<'a>(&'a self, found: &'a Value) -> &'a Value {
        match found["$ref"].as_str() {
            Some(reference) => self.referenced(reference),
            None => found,
        }
    }

    fn referenced(&self, reference: &str) -> &Value {
        let pointer = reference.strip_prefix('#').unwrap_or(reference);
        match self.root.pointer(pointer) {
            Some(found) => self.resolved(found),
            None => panic!("{}: nothing stands at {reference}", self.name),
        }
    }

    /// A schema as JSON Schema, with every reference resolved.
    pub(crate) fn schema(&self, schema: &Value) -> Value {
        self.inlined(schema, 0)
    }

    fn inlined(&self, schema: &Value, depth: usize) -> Value {
        assert!(depth < 64, "{}: a schema contains itself", self.name);
        let deeper = |schema: &Value| self.inlined(schema, depth + 1);
        match self.resolved(schema) {
            Value::Array(items) => Value::Array(items.iter().map(deeper).collect()),
            Value::Object(members) => {
                let kept = members
                    .iter()
                    .filter(|(word, _)| !COMMENTS.contains(&word.as_str()));
                let mut inlined: Map<String, Value> = kept
                    .map(|(word, value)| {
                        let value = match (word.as_str(), value) {
                            // Names of members, not words of the schema.
                            ("properties", Value::Object(named)) => {
                                let named = named.iter();
                                named
                                    .map(|(name, one)| (name.clone(), deeper(one)))
                                    .collect()
                            }
                            _ => deeper(value),
                        };
                        (word.clone(), value)
                    })
                    .collect();
                // OpenAPI 3.0 says in a word of its own what JSON Schema says with a type.
                if inlined.remove("nullable") == Some(Value::Bool(true))
                    && let Some(kind) = inlined.get_mut("type").filter(|kind| kind.is_string())
                {
                    *kind = json!([kind.take(), "null"]);
                }
                Value::Object(inlined)
            }
            other => other.clone(),
        }
    }
}

/// An edit's JSON, which is part of this program.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": value(schema)}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exceptions::EXCEPTIONS;

    #[test]
    fn an_exception_from_what_is_no_longer_wrong_is_an_error() {
        let text = "paths: {}\ncomponents: {schemas: {}}";
        let corrected = Document::parse("segmentation.yaml", text).expect("a document");
        let error = corrected
            .mended(EXCEPTIONS.iter())
            .expect_err("nothing is left to mend");
        let wanted = "is no longer what the exception audience-type mends";
        assert!(error.to_string().contains(wanted), "{error}");
    }

    #[test]
    fn a_schema_is_read_as_json_schema() {
        let text = r##"{
            "paths": {},
            "components": {"schemas": {"Id": {"type": "string", "nullable": true, "example": {"$ref": "x"}}}},
            "x": {"type": "object", "properties": {"example": {"$ref": "#/components/schemas/Id"}}}
        }"##;
        let document = Document::parse("one.yaml", text).expect("a document");
        let read = document.schema(&document.root["x"]);
        let wanted =
            json!({"type": "object", "properties": {"example": {"type": ["string", "null"]}}});
        assert_eq!(read, wanted);
    }
}
