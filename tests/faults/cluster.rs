//! A small, honest model of the API server: what the operator relies on, and no more. `laws.rs` shows on the real one
//! that it behaves the same.
//!
//! Versions move with every change and with nothing else, a deletion waits for the finalizers, a watch tells every
//! change after a version in order, and an old version is refused.

mod http;
mod laws;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use audience_sharing_operator::api::crd::{Definition, definitions};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

pub(crate) use http::{Service, answer, is_watch, refused};

/// `group/version`, the plural, the namespace and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) kind: ChangeKind,
    pub(crate) key: Key,
    /// Shared with whoever reads the log: a world has thousands of changes.
    pub(crate) object: Arc<Value>,
}

/// Why a request is refused, as a `Status` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
        }
    }

    fn not_found(key: &Key) -> Self {
        Self::new(404, "NotFound", format!("{} not found", key.name))
    }

    fn conflict(key: &Key) -> Self {
        let message = format!("{}: the object has been modified", key.name);
        Self::new(409, "Conflict", message)
    }
}

struct State {
    version: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    log: Vec<Change>,
    /// Changes up to this version are forgotten: a watch from before it is told 410.
    compacted: u64,
    /// By plural: the schema of the whole object.
    schemas: &'static BTreeMap<String, Value>,
    now: fn() -> Timestamp,
}

#[derive(Clone)]
pub(crate) struct Cluster {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl Cluster {
    /// An API server that serves our definitions; `now` is its clock.
    pub(crate) fn new(now: fn() -> Timestamp) -> Self {
        // The same for every world of a run.
        static DEFINITIONS: OnceLock<(Vec<Definition>, BTreeMap<String, Value>)> = OnceLock::new();
        let (definitions, schemas) = DEFINITIONS.get_or_init(|| {
            let definitions = definitions().unwrap();
            let schemas = definitions.iter().map(|definition| {
                let spec = &definition.as_value()["spec"];
                let plural = spec["names"]["plural"].as_str().unwrap().to_owned();
                (
                    plural,
                    spec["versions"][0]["schema"]["openAPIV3Schema"].clone(),
                )
            });
            let schemas = schemas.collect();
            (definitions, schemas)
        });
        let cluster = Self {
            state: Arc::new(Mutex::new(State {
                version: 1,
                objects: BTreeMap::new(),
                log: Vec::new(),
                compacted: 0,
                schemas,
                now,
            })),
            changed: watch::channel(1).0,
        };
        for definition in definitions {
            let key = Key {
                resource: "apiextensions.k8s.io/v1/customresourcedefinitions".into(),
                namespace: String::new(),
                name: definition.name().to_owned(),
            };
            cluster.create(&key, definition.as_value().clone()).unwrap();
        }
        cluster
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Runs `change`, and tells the watches if it changed something.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.lock();
        let result = change(&mut state);
        self.changed.send_replace(state.version);
        result
    }

    pub(crate) fn create(&self, key: &Key, object: Value) -> Result<Arc<Value>, Refusal> {
        self.write(|state| {
            if state.objects.contains_key(key) {
                let message = format!("{} already exists", key.name);
                return Err(Refusal::new(409, "AlreadyExists", message));
            }
            let mut object = object;
            let uid = format!("{:08x}-0000-4000-8000-000000000000", state.version + 1);
            let now = state.timestamp();
            let metadata = metadata(&mut object);
            metadata.insert("name".into(), json!(key.name));
            if !key.namespace.is_empty() {
                metadata.insert("namespace".into(), json!(key.namespace));
            }
            metadata.insert("uid".into(), json!(uid));
            metadata.insert("creationTimestamp".into(), json!(now));
            metadata.insert("generation".into(), json!(1));
            metadata.remove("deletionTimestamp");
            if state.has_status(key) {
                object.as_object_mut().unwrap().remove("status");
            }
            Ok(state.store(key, object, ChangeKind::Added))
        })
    }

    /// The whole object under its `resourceVersion`, which must be named.
    pub(crate) fn replace(&self, key: &Key, object: Value) -> Result<Arc<Value>, Refusal> {
        self.write(|state| {
            let known = state.get(key)?;
            let version = &object["metadata"]["resourceVersion"];
            if version.as_str().is_none_or(str::is_empty) {
                let message = "metadata.resourceVersion: must be specified for an update";
                return Err(Refusal::new(422, "Invalid", message));
            }
            if *version != known["metadata"]["resourceVersion"] {
                return Err(Refusal::conflict(key));
            }
            state.update(key, &known, object)
        })
    }

    /// A JSON merge patch; `status` is another resource's.
    pub(crate) fn merge(&self, key: &Key, patch: &Value) -> Result<Arc<Value>, Refusal> {
        self.write(|state| {
            let known = state.get(key)?;
            let named = |field: &str| {
                let wanted = &patch["metadata"][field];
                wanted.is_string() && *wanted != known["metadata"][field]
            };
            if named("resourceVersion") {
                return Err(Refusal::conflict(key));
            }
            if named("uid") {
                let message = "metadata.uid: field is immutable";
                return Err(Refusal::new(422, "Invalid", message));
            }
            let mut object = Value::clone(&known);
            merge_into(&mut object, patch);
            if state.has_status(key) {
                object["status"] = known["status"].clone();
            }
            state.update(key, &known, object)
        })
    }

    /// A forced server-side apply of a whole status by its only manager: what is left out goes.
    pub(crate) fn apply_status(&self, key: &Key, applied: &Value) -> Result<Arc<Value>, Refusal> {
        self.write(|state| {
            let known = state.get(key)?;
            let version = &applied["metadata"]["resourceVersion"];
            if version.is_string() && *version != known["metadata"]["resourceVersion"] {
                return Err(Refusal::conflict(key));
            }
            let mut object = Value::clone(&known);
            object["status"] = applied["status"].clone();
            state.default(key, &mut object);
            match object == *known {
                true => Ok(known),
                false => Ok(state.store(key, object, ChangeKind::Modified)),
            }
        })
    }

    /// A deletion waits for the finalizers, and is made only of what it names: the uid and the version in `preconditions`.
    pub(crate) fn delete(&self, key: &Key, preconditions: &Value) -> Result<Arc<Value>, Refusal> {
        self.write(|state| {
            let known = state.get(key)?;
            let mut object = Value::clone(&known);
            let is_other = |field: &str| {
                preconditions[field].is_string()
                    && preconditions[field] != object["metadata"][field]
            };
            if is_other("uid") || is_other("resourceVersion") {
                return Err(Refusal::conflict(key));
            }
            if finalizers(&object).is_empty() {
                return Ok(state.remove(key, object));
            }
            if object["metadata"]["deletionTimestamp"].is_string() {
                return Ok(known);
            }
            object["metadata"]["deletionTimestamp"] = json!(state.timestamp());
            object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            state.next_generation(&mut object);
            Ok(state.store(key, object, ChangeKind::Modified))
        })
    }

    /// As it stood `changes_ago` changes of its own kind of resource ago.
    pub(crate) fn get(&self, key: &Key, changes_ago: usize) -> Result<Arc<Value>, Refusal> {
        if changes_ago == 0 {
            return self.lock().get(key);
        }
        let (objects, _) = self.list(&key.resource, None, None, changes_ago);
        let found = objects.into_iter().find(|object| {
            object["metadata"]["name"] == key.name.as_str()
                && object["metadata"]["namespace"].as_str().unwrap_or_default() == key.namespace
        });
        found.map(Arc::new).ok_or_else(|| Refusal::not_found(key))
    }

    /// All of a resource, and the version of the list.
    pub(crate) fn list(
        &self,
        resource: &str,
        namespace: Option<&str>,
        name: Option<&str>,
        changes_ago: usize,
    ) -> (Vec<Value>, u64) {
        let state = self.lock();
        let wanted = |key: &Key| {
            key.resource == resource
                && namespace.is_none_or(|namespace| key.namespace == namespace)
                && name.is_none_or(|name| key.name == name)
        };
        if changes_ago == 0 {
            let objects = state.objects.iter().filter(|(key, _)| wanted(key));
            return (
                objects.map(|(_, object)| Value::clone(object)).collect(),
                state.version,
            );
        }
        let own: Vec<_> = state
            .log
            .iter()
            .filter(|change| change.key.resource == resource)
            .collect();
        let kept = &own[..own.len().saturating_sub(changes_ago)];
        let mut then = BTreeMap::new();
        for change in kept {
            match change.kind {
                ChangeKind::Deleted => then.remove(&change.key),
                ChangeKind::Added | ChangeKind::Modified => {
                    then.insert(&change.key, &*change.object)
                }
            };
        }
        let version = kept.last().map_or(1, |change| change.version);
        let objects = then.into_iter().filter(|(key, _)| wanted(key));
        (objects.map(|(_, object)| object.clone()).collect(), version)
    }

    /// The changes of a resource after `version`; an error where they are forgotten.
    pub(crate) fn changes_after(
        &self,
        resource: &str,
        version: u64,
    ) -> Result<Vec<Change>, Refusal> {
        let state = self.lock();
        if version < state.compacted {
            let message = format!("too old resource version: {version} ({})", state.compacted);
            return Err(Refusal::new(410, "Expired", message));
        }
        let from = state
            .log
            .partition_point(|change| change.version <= version);
        let after = state.log[from..].iter();
        Ok(after
            .filter(|change| change.key.resource == resource)
            .cloned()
            .collect())
    }

    /// Forgets what happened, as etcd's compaction does every few minutes.
    pub(crate) fn compact(&self) {
        let mut state = self.lock();
        state.compacted = state.version;
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Every change so far.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.lock().log.clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl State {
    fn timestamp(&self) -> String {
        let seconds = Timestamp::from_second((self.now)().as_second()).unwrap();
        seconds.to_string()
    }

    fn get(&self, key: &Key) -> Result<Arc<Value>, Refusal> {
        self.objects
            .get(key)
            .cloned()
            .ok_or_else(|| Refusal::not_found(key))
    }

    fn has_status(&self, key: &Key) -> bool {
        self.schemas.contains_key(plural(&key.resource))
    }

    fn next_generation(&self, object: &mut Value) {
        let generation = object["metadata"]["generation"]
            .as_i64()
            .unwrap_or_default();
        object["metadata"]["generation"] = json!(generation + 1);
    }

    /// What a user or a controller changed beside the status.
    fn update(
        &mut self,
        key: &Key,
        known: &Arc<Value>,
        mut object: Value,
    ) -> Result<Arc<Value>, Refusal> {
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "resourceVersion",
            "name",
            "namespace",
        ] {
            match known["metadata"].get(field) {
                Some(value) => object["metadata"][field] = value.clone(),
                None => drop(metadata(&mut object).remove(field)),
            }
        }
        if self.has_status(key) {
            object["status"] = known["status"].clone();
        }
        let leaving = known["metadata"]["deletionTimestamp"].is_string();
        if leaving
            && finalizers(&object)
                .iter()
                .any(|new| !finalizers(known).contains(new))
        {
            let message = "metadata.finalizers: no new finalizers can be added if the object is being deleted";
            return Err(Refusal::new(422, "Invalid", message));
        }
        self.default(key, &mut object);
        if object == **known {
            return Ok(known.clone());
        }
        if self.has_status(key) && object["spec"] != known["spec"] {
            self.next_generation(&mut object);
        }
        match leaving && finalizers(&object).is_empty() {
            true => Ok(self.remove(key, object)),
            false => Ok(self.store(key, object, ChangeKind::Modified)),
        }
    }

    fn default(&self, key: &Key, object: &mut Value) {
        if let Some(schema) = self.schemas.get(plural(&key.resource)) {
            apply_defaults(schema, object);
        }
    }

    fn store(&mut self, key: &Key, mut object: Value, kind: ChangeKind) -> Arc<Value> {
        self.default(key, &mut object);
        let object = self.log(key, object, kind);
        self.objects.insert(key.clone(), object.clone());
        object
    }

    fn remove(&mut self, key: &Key, object: Value) -> Arc<Value> {
        self.objects.remove(key);
        self.log(key, object, ChangeKind::Deleted)
    }

    fn log(&mut self, key: &Key, mut object: Value, kind: ChangeKind) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        self.log.push(Change {
            version: self.version,
            kind,
            key: key.clone(),
            object: object.clone(),
        });
        object
    }
}

fn plural(resource: &str) -> &str {
    resource.rsplit('/').next().unwrap_or_default()
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    object["metadata"]
        .as_object_mut()
        .expect("every object has metadata")
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// RFC 7396.
pub(crate) fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in changes {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(field)),
            value => merge_into(&mut target[field], value),
        }
    }
}

/// Structural defaulting: what is absent takes the schema's default, parents first.
fn apply_defaults(schema: &Value, value: &mut Value) {
    if let (Some(properties), Some(object)) =
        (schema["properties"].as_object(), value.as_object_mut())
    {
        for (name, property) in properties {
            if !object.contains_key(name)
                && let Some(default) = property.get("default")
            {
                object.insert(name.clone(), default.clone());
            }
            if let Some(member) = object.get_mut(name) {
                apply_defaults(property, member);
            }
        }
    }
    if let Some(items) = value.as_array_mut() {
        items
            .iter_mut()
            .for_each(|item| apply_defaults(&schema["items"], item));
    }
}
