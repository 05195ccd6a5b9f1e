//! One operation of a document: which calls it is, and what it says of a request and of an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::document::{Document, MAY_BE_EMPTY};
use crate::exchange::{Answer, Request};
use crate::violation::{Finding, findings};

/// What OpenAPI 3.0 says elsewhere than in a header parameter of that name; Adobe's files name them all the same.
const NOT_PARAMETERS: [&str; 2] = ["accept", "content-type"];

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// As the document writes it, without the base path.
    key: String,
    /// In small letters, as the document writes it.
    verb: String,
    path: Vec<Element>,
    parts: OnceLock<Parts>,
}

#[derive(Debug)]
enum Element {
    Literal(String),
    Parameter,
}

/// What is only worked out for operations that are called.
#[derive(Debug)]
struct Parts {
    headers: Vec<String>,
    query: BTreeMap<String, Parameter>,
    request: Option<Payload>,
    request_required: bool,
    /// By status, `4XX` or `default`.
    answers: BTreeMap<String, Option<Payload>>,
}

#[derive(Debug)]
struct Parameter {
    kind: String,
    required: bool,
}

#[derive(Debug)]
struct Payload {
    media_types: BTreeSet<String>,
    /// The members that the schema names at its head; `None`: any.
    members: Option<BTreeSet<String>>,
    may_be_empty: bool,
    schema: Value,
    validator: Validator,
}

impl Operation {
    pub(crate) fn all(document: &Document) -> Vec<Self> {
        let base = document.base_path();
        let paths = document.root["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let item = item.as_object().into_iter().flatten();
            item.filter(|(_, operation)| operation["responses"].is_object())
                .map(move |(verb, operation)| Self {
                    id: operation["operationId"].as_str().unwrap_or(path).to_owned(),
                    key: path.clone(),
                    verb: verb.clone(),
                    path: pattern(&format!("{base}{path}")),
                    parts: OnceLock::new(),
                })
        });
        let mut operations: Vec<Self> = operations.collect();
        // A literal element is nearer than a parameter: `/audiences/bulk-get` is no audience.
        operations.sort_by_key(|operation| {
            let parameters = operation.path.iter();
            parameters
                .map(|element| matches!(element, Element::Parameter))
                .collect::<Vec<_>>()
        });
        operations
    }

    /// A path ends with or without a slash.
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        if !self.verb.eq_ignore_ascii_case(method) {
            return false;
        }
        let mut elements = elements(path);
        let fits = self.path.iter().all(|wanted| {
            elements.next().is_some_and(|element| match wanted {
                Element::Parameter => true,
                Element::Literal(text) => {
                    percent_decode_str(element).decode_utf8_lossy() == text.as_str()
                }
            })
        });
        fits && elements.next().is_none()
    }

    pub(crate) fn judge_request(
        &self,
        document: &Document,
        query: &str,
        request: &Request<'_>,
    ) -> Vec<Finding> {
        let parts = self.parts(document);
        let mut found = Vec::new();
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            headers
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        for name in &parts.headers {
            if header(name).is_none_or(|value| value.trim().is_empty()) {
                found.push((format!("header {name}"), "it is required".to_owned()));
            }
        }
        let given: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        for (name, value) in &given {
            match parts.query.get(name) {
                None => found.push((
                    format!("query {name}"),
                    "there is no such parameter".to_owned(),
                )),
                Some(parameter) if !parameter.takes(value) => found.push((
                    format!("query {name}"),
                    format!("{value:?} is no {}", parameter.kind),
                )),
                Some(_) => {}
            }
        }
        for (name, parameter) in &parts.query {
            if parameter.required && !given.iter().any(|(known, _)| known == name) {
                found.push((format!("query {name}"), "it is required".to_owned()));
            }
        }
        match (&parts.request, request.body) {
            (Some(payload), Some(body)) => {
                let media_type = header("content-type")
                    .map(String::as_str)
                    .unwrap_or_default();
                if !payload.takes(media_type) {
                    let wanted = &payload.media_types;
                    found.push((
                        "header content-type".to_owned(),
                        format!("{media_type:?} is none of {wanted:?}"),
                    ));
                }
                found.extend(payload.unknown_members(body));
                found.extend(payload.judge(body));
            }
            (Some(_), None) if parts.request_required => {
                found.push(("body".to_owned(), "it is required".to_owned()));
            }
            (None, Some(_)) => found.push(("body".to_owned(), "there is none".to_owned())),
            (Some(_) | None, None) => {}
        }
        found
    }

    pub(crate) fn judge_answer(&self, document: &Document, answer: &Answer<'_>) -> Vec<Finding> {
        let answers = &self.parts(document).answers;
        let Answer { status, body } = answer;
        let range = format!("{}XX", status / 100);
        let declared = [status.to_string(), range, "default".to_owned()];
        let Some(payload) = declared.iter().find_map(|status| answers.get(status)) else {
            let known: Vec<&String> = answers.keys().collect();
            return vec![("status".to_owned(), format!("it is none of {known:?}"))];
        };
        match (payload, body) {
            (None, None) => Vec::new(),
            (Some(payload), None) if payload.may_be_empty => Vec::new(),
            (None, Some(_)) => vec![("body".to_owned(), "none is described".to_owned())],
            (Some(_), None) => vec![("body".to_owned(), "one is described, none came".to_owned())],
            (Some(payload), Some(body)) => payload.judge(body),
        }
    }

    fn parts(&self, document: &Document) -> &Parts {
        self.parts
            .get_or_init(|| Parts::of(document, &document.root["paths"][&self.key][&self.verb]))
    }
}

impl Parts {
    fn of(document: &Document, operation: &Value) -> Self {
        let mut headers = Vec::new();
        let mut query = BTreeMap::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = document.resolved(parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            let required = parameter["required"] == true;
            match parameter["in"].as_str() {
                Some("header") => {
                    let name = name.to_ascii_lowercase();
                    if required && !NOT_PARAMETERS.contains(&name.as_str()) {
                        headers.push(name);
                    }
                }
                Some("query") => {
                    let kind = parameter["schema"]["type"].as_str().unwrap_or("string");
                    let kind = kind.to_owned();
                    query.insert(name.to_owned(), Parameter { kind, required });
                }
                _ => {}
            }
        }
        let request = document.resolved(&operation["requestBody"]);
        let answers = operation["responses"].as_object().into_iter().flatten();
        Self {
            headers,
            query,
            request: Payload::of(document, request),
            request_required: request["required"] == true,
            answers: answers
                .map(|(status, response)| {
                    let payload = Payload::of(document, document.resolved(response));
                    (status.clone(), payload)
                })
                .collect(),
        }
    }
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        match self.kind.as_str() {
            "integer" => value.parse::<i64>().is_ok(),
            "number" => value.parse::<f64>().is_ok(),
            "boolean" => matches!(value, "true" | "false"),
            _ => true,
        }
    }
}

impl Payload {
    fn of(document: &Document, holder: &Value) -> Option<Self> {
        let content = holder["content"]
            .as_object()
            .filter(|all| !all.is_empty())?;
        let schema = content.values().find_map(|media| media.get("schema"))?;
        let schema = document.schema(schema);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .build(&schema)
            .unwrap_or_else(|error| panic!("{}: {schema}: {error}", document.name));
        Some(Self {
            media_types: content.keys().cloned().collect(),
            members: members(&schema),
            may_be_empty: holder[MAY_BE_EMPTY] == true,
            schema,
            validator,
        })
    }

    fn takes(&self, content_type: &str) -> bool {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        self.media_types.contains(media_type)
    }

    fn judge(&self, body: &Value) -> Vec<Finding> {
        if self.validator.is_valid(body) {
            return Vec::new();
        }
        let found: Vec<Finding> = self
            .validator
            .iter_errors(body)
            .flat_map(|e| findings(&e))
            .collect();
        match found.is_empty() {
            false => found,
            // Such as a body that fits several branches of a oneOf.
            true => vec![("body".to_owned(), "it does not fit".to_owned())],
        }
    }

    /// Adobe's schemas forbid no member; one that they do not name is a slip of the pen all the same.
    fn unknown_members(&self, body: &Value) -> Vec<Finding> {
        let (members, objects) = match (body, &self.members) {
            (Value::Object(_), Some(members)) => (Some(members.clone()), vec![("", body)]),
            (Value::Array(items), _) => {
                let named = self.schema.get("items").and_then(members);
                (named, items.iter().map(|item| ("/*", item)).collect())
            }
            _ => return Vec::new(),
        };
        let Some(members) = members else {
            return Vec::new();
        };
        let given = objects.iter().flat_map(|(place, object)| {
            let names = object
                .as_object()
                .into_iter()
                .flat_map(|object| object.keys());
            names.map(move |name| (place, name))
        });
        given
            .filter(|(_, name)| !members.contains(*name))
            .map(|(place, name)| {
                (
                    format!("body {place}/{name}"),
                    "there is no such member".to_owned(),
                )
            })
            .collect()
    }
}

/// The members that a schema names, all branches together; `None` where one of them takes any.
fn members(schema: &Value) -> Option<BTreeSet<String>> {
    if !matches!(
        schema.get("additionalProperties"),
        None | Some(Value::Bool(false))
    ) {
        return None;
    }
    let mut named: BTreeSet<String> = BTreeSet::new();
    let branches = ["oneOf", "anyOf", "allOf"]
        .iter()
        .filter_map(|word| schema.get(word));
    let mut any = false;
    for branch in branches.filter_map(Value::as_array).flatten() {
        named.extend(members(branch)?);
        any = true;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    named.extend(properties.into_iter().flat_map(|all| all.keys().cloned()));
    (any || properties.is_some()).then_some(named)
}

fn elements(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|element| !element.is_empty())
}

fn pattern(path: &str) -> Vec<Element> {
    let parameter = |element: &str| element.starts_with('{');
    elements(path)
        .map(|element| match parameter(element) {
            true => Element::Parameter,
            false => Element::Literal(element.to_owned()),
        })
        .collect()
}
