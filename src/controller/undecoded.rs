//! Stored objects that do not decode, since another definition of their kind let them through: which they are, and which
//! field it is. They are in no cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Resource;
use kube::api::ApiResource;
use kube::core::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::locked::Locked;
use crate::api::{SharedAudience, SharingConnection};

/// Which object it is; what it says is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Undecoded {
    pub(super) resource: ApiResource,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Undecoded {
    pub(super) fn of<K>(metadata: &ObjectMeta) -> Self
    where
        K: Resource<DynamicType = ()>,
    {
        Self {
            resource: ApiResource::erase::<K>(&()),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }

    pub(super) fn is<K: Resource<DynamicType = ()>>(&self) -> bool {
        self.resource.kind == K::kind(&())
    }

    /// The field that does not decode and what it may hold.
    pub(super) fn explain(&self, object: &Value) -> String {
        match self.is::<SharingConnection>() {
            true => explain::<SharingConnection>(object),
            false => explain::<SharedAudience>(object),
        }
    }
}

/// What the decoder says of the value is left out: it quotes what a user wrote.
fn explain<K: DeserializeOwned>(object: &Value) -> String {
    let Err(error) = serde_path_to_error::deserialize::<_, K>(object) else {
        return "The stored object could not be read.".into();
    };
    let (path, inner) = (error.path().to_string(), error.inner().to_string());
    match inner.rsplit_once(", expected ") {
        Some((_, "i32" | "i64")) => format!("The field {path} must be a whole number."),
        Some((_, expected)) if expected.starts_with("struct ") => {
            format!("The field {path} must be an object.")
        }
        Some((_, expected)) => format!("The field {path} must be {expected}."),
        None if inner.starts_with("missing field") => format!("The field {path}: {inner}."),
        None => format!("The field {path} holds a value that this version does not know."),
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct UndecodedSet(Arc<Locked<BTreeMap<ObjectKey, Entry>>>);

/// Kind, namespace and name.
type ObjectKey = (String, String, String);

#[derive(Debug)]
struct Entry {
    uid: String,
    /// It is in the list that is under way, or was seen since.
    is_listed: bool,
}

impl UndecodedSet {
    pub(super) fn note<K: Resource<DynamicType = ()>>(&self, metadata: &ObjectMeta, decodes: bool) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let kind = K::kind(&()).into_owned();
        let key = (kind, text(&metadata.namespace), text(&metadata.name));
        let entry = Entry {
            uid: text(&metadata.uid),
            is_listed: true,
        };
        match decodes {
            true => self.0.lock().remove(&key),
            false => self.0.lock().insert(key, entry),
        };
    }

    pub(super) fn begin_list<K: Resource<DynamicType = ()>>(&self) {
        let mut known = self.0.lock();
        let of_kind = known.iter_mut().filter(|(key, _)| key.0 == K::kind(&()));
        of_kind.for_each(|(_, entry)| entry.is_listed = false);
    }

    /// The list is complete: what it lacks is gone.
    pub(super) fn end_list<K: Resource<DynamicType = ()>>(&self) {
        let mut known = self.0.lock();
        known.retain(|key, entry| key.0 != K::kind(&()) || entry.is_listed);
    }

    pub(super) fn uids(&self) -> Vec<String> {
        let known = self.0.lock();
        known.values().map(|entry| entry.uid.clone()).collect()
    }

    pub(super) fn contains<K: Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        name: &str,
    ) -> bool {
        let kind = K::kind(&()).into_owned();
        self.0
            .lock()
            .contains_key(&(kind, namespace.into(), name.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::explain;
    use crate::api::{SharedAudience, SharingConnection};

    fn audience(spec: Value) -> String {
        let mut object = json!({"metadata": {"name": "loyal"}, "spec": {"connectionRef": {"name": "acme"},
            "source": {"experiencePlatform": {"id": "a"}}}});
        object["spec"]
            .as_object_mut()
            .expect("a spec")
            .extend(spec.as_object().cloned().expect("fields"));
        explain::<SharedAudience>(&object)
    }

    #[test]
    fn the_field_is_named_and_its_value_is_not() {
        let explained = audience(json!({"adoptionPolicy": "Match, expected a secret"}));
        assert_eq!(
            explained,
            "The field spec.adoptionPolicy must be one of `IfEqual`, `Always`, `Never`."
        );
        let explained = audience(json!({"sourceGonePolicy": "Keep"}));
        assert_eq!(
            explained,
            "The field spec.sourceGonePolicy must be one of `Retain`, `Pause`, `Delete`."
        );
        let explained = audience(json!({"source": "secret"}));
        assert_eq!(explained, "The field spec.source must be an object.");
        let explained = explain::<SharingConnection>(&json!({"metadata": {}, "spec": {}}));
        assert_eq!(explained, "The field spec: missing field `organizationId`.");
    }
}
