//! Stored objects that do not decode, since another definition of their kind let them through: which they are, and which
//! field it is. They are in no cache.

use std::collections::BTreeSet;
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

/// Kind, namespace and name of each.
#[derive(Clone, Debug, Default)]
pub(super) struct UndecodedSet(Arc<Locked<BTreeSet<(String, String, String)>>>);

impl UndecodedSet {
    pub(super) fn note<K: Resource<DynamicType = ()>>(&self, metadata: &ObjectMeta, decodes: bool) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let kind = K::kind(&()).into_owned();
        let key = (kind, text(&metadata.namespace), text(&metadata.name));
        match decodes {
            true => self.0.lock().remove(&key),
            false => self.0.lock().insert(key),
        };
    }

    pub(super) fn contains<K: Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        name: &str,
    ) -> bool {
        let kind = K::kind(&()).into_owned();
        self.0
            .lock()
            .contains(&(kind, namespace.into(), name.into()))
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
