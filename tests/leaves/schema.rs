//! The leaves of the custom resources, read from their definitions: what may be written into `spec`, with its bounds, and
//! the annotations that the operator obeys.

use audience_sharing_operator::api::crd::definitions;
use serde_json::{Map, Value, json};

use crate::harness::root;

/// What a manifest may say at one place.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// `SharedAudience` or `SharingConnection`.
    pub(crate) kind: String,
    /// Such as `spec.target.audienceManager.destinations[].key`.
    pub(crate) path: String,
    pub(crate) schema: Value,
    pub(crate) required: bool,
    /// A rule of it or of what it stands in keeps it as it was.
    pub(crate) immutable: bool,
}

impl Leaf {
    /// How the table names it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.kind, self.path)
    }

    pub(crate) fn kind_of_value(&self) -> &str {
        self.schema["type"].as_str().unwrap()
    }

    /// The last word of the path: what a message must speak of.
    pub(crate) fn word(&self) -> &str {
        let last = self.path.trim_end_matches("[]");
        last.rsplit(['.', '/']).next().unwrap()
    }

    pub(crate) fn bound(&self, bound: &str) -> Option<u64> {
        self.schema[bound].as_u64()
    }

    /// It is a member of a list.
    pub(crate) fn is_item(&self) -> bool {
        self.path.ends_with("[]")
    }
}

/// Every leaf, and every object and list that holds one.
pub(crate) fn leaves() -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for definition in definitions().unwrap() {
        let value = definition.as_value();
        let kind = value["spec"]["names"]["kind"].as_str().unwrap();
        let schema = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let spec = Leaf {
            kind: kind.to_owned(),
            path: "spec".to_owned(),
            schema: schema["properties"]["spec"].clone(),
            required: true,
            immutable: false,
        };
        walk(spec, &[], &mut leaves);
    }
    leaves.extend(annotations());
    leaves
}

/// `above`: the rules on changes that stand further up, each with the path of what it is a rule of.
fn walk(leaf: Leaf, above: &[(String, String)], leaves: &mut Vec<Leaf>) {
    let schema = leaf.schema.clone();
    let own = on_changes(&schema).map(|rule| (leaf.path.clone(), rule.to_owned()));
    let above: Vec<(String, String)> = above.iter().cloned().chain(own).collect();
    let child = |path: String, schema: &Value, required: bool| {
        let immutable = leaf.immutable || is_kept(&path, schema, &above);
        Leaf {
            kind: leaf.kind.clone(),
            path,
            schema: schema.clone(),
            required,
            immutable,
        }
    };
    let named = properties(&schema).filter(|(_, found)| !is_former_name(found));
    let named = named.map(|(name, found)| {
        let required = schema["required"].as_array();
        let required = required.is_some_and(|required| required.contains(&json!(name)));
        child(format!("{}.{name}", leaf.path), found, required)
    });
    let items = schema.get("items");
    let items = items.map(|found| child(format!("{}[]", leaf.path), found, true));
    let children: Vec<Leaf> = named.chain(items).collect();
    leaves.push(leaf);
    for child in children {
        walk(child, &above, leaves);
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema["properties"].as_object();
    properties.into_iter().flat_map(Map::iter)
}

/// The schema has it only to say what it is called now.
fn is_former_name(schema: &Value) -> bool {
    schema["x-kubernetes-validations"][0]["rule"] == "false"
}

fn on_changes(schema: &Value) -> impl Iterator<Item = &str> {
    let rules = schema["x-kubernetes-validations"].as_array();
    let rules = rules.into_iter().flatten();
    rules
        .filter_map(|rule| rule["rule"].as_str())
        .filter(|rule| rule.contains("oldSelf"))
}

/// By its own rule, or by one further up that compares it with what it was.
fn is_kept(path: &str, schema: &Value, above: &[(String, String)]) -> bool {
    let is_value = schema.get("properties").is_none();
    let compares = |(of, rule): &(String, String)| {
        let place = path.strip_prefix(of.as_str()).unwrap_or(path);
        is_value && rule.contains(&format!("oldSelf{place} "))
    };
    on_changes(schema).any(|rule| rule == "self == oldSelf") || above.iter().any(compares)
}

/// As they stand in the source, so that a new one is found; the finalizer there is none.
fn annotations() -> Vec<Leaf> {
    let text = std::fs::read_to_string(root().join("src/api/annotations.rs")).unwrap();
    let constants = text.lines().filter(|line| line.starts_with("pub const"));
    let names = constants.filter_map(|line| line.split('"').nth(1));
    let names: Vec<&str> = names
        .filter(|name| *name != "audience-sharing.dev/remote-objects")
        .collect();
    assert!(names.len() >= 2, "the annotations are found: {names:?}");
    let of_both = ["SharingConnection", "SharedAudience"].into_iter();
    of_both
        .flat_map(|kind| names.iter().map(move |name| (kind, *name)))
        .map(|(kind, name)| Leaf {
            kind: kind.to_owned(),
            path: format!("metadata.annotations.{name}"),
            schema: json!({"type": "string", "annotation": true}),
            required: false,
            immutable: false,
        })
        .collect()
}

/// The steps of a path into a manifest; a list means its first member.
fn steps(path: &str) -> Vec<String> {
    if let Some(annotation) = path.strip_prefix("metadata.annotations.") {
        return vec![
            "metadata".to_owned(),
            "annotations".to_owned(),
            annotation.to_owned(),
        ];
    }
    let parts = path.split('.');
    parts
        .flat_map(|part| {
            let name = part.trim_end_matches("[]").to_owned();
            let item = part.ends_with("[]").then(|| "0".to_owned());
            [Some(name), item].into_iter().flatten()
        })
        .collect()
}

/// `/spec/…`, for what stands there.
pub(crate) fn pointer(path: &str) -> String {
    let steps = steps(path);
    steps
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// The manifest with this value there, or with nothing there. What it stands in must be there.
pub(crate) fn with(manifest: &Value, path: &str, value: Option<&Value>) -> Value {
    let mut changed = manifest.clone();
    let pointer = pointer(path);
    let (parent, _) = pointer.rsplit_once('/').unwrap();
    let last = steps(path).pop().unwrap();
    let parent = changed.pointer_mut(parent);
    let parent = parent.unwrap_or_else(|| panic!("nothing holds {path} in {manifest}"));
    match (parent, value) {
        (Value::Array(items), Some(value)) => items[0] = value.clone(),
        (Value::Array(items), None) => drop(items.remove(0)),
        (parent, Some(value)) => parent[last] = value.clone(),
        (parent, None) => drop(parent.as_object_mut().unwrap().remove(&last)),
    }
    changed
}
