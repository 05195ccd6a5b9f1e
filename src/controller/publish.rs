//! Writes to the API server: status, finalizers. Nothing is sent that would change nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{ApiResource, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::api::annotations::FINALIZER;

/// A request to the API server that has no answer by then is given up; whoever sent it looks again. The client's own
/// limit is made for watches and five minutes long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One request to the API server, bounded in time.
pub(super) async fn bounded<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, kube::Error> {
    match tokio::time::timeout(ANSWER_WITHIN, request).await {
        Ok(answer) => answer,
        Err(late) => Err(kube::Error::Service(Box::new(late))),
    }
}

/// The one field manager of every status (measured: another would co-own its fields).
const FIELD_MANAGER: &str = "audience-sharing";

/// What this process wrote last of each object, by uid, as a resource version. A cache may be behind it for a while: a
/// status that is compared with what the cache holds then, or ids that are read there, are those of the past.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<BTreeMap<String, u64>>);

impl Written {
    /// The object as it was read is older than what we wrote ourselves: it is looked at once the cache has caught up.
    pub(super) fn is_ahead_of(&self, object: &impl Resource) -> bool {
        let written = self.lock();
        let known = written.get(&object.uid().unwrap_or_default());
        match (known, version(object.resource_version())) {
            (Some(written), Some(read)) => read < *written,
            _ => false,
        }
    }

    fn note(&self, object: &impl Resource, made: Option<String>) {
        // Every API server that Kubernetes supports counts its versions up (its documentation of `resourceVersion`).
        if let Some(made) = version(made) {
            self.lock().insert(object.uid().unwrap_or_default(), made);
        }
    }

    /// The object is gone.
    pub(super) fn forget(&self, object: &impl Resource) {
        self.lock().remove(&object.uid().unwrap_or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

/// Writes the whole status if it differs from the cached one, and only over the version that was judged: `version` if we
/// made a younger one than the cached. What a dead or a paused process sent late is refused so.
pub(super) async fn status<K, S>(
    client: &Client,
    writes: &Written,
    object: &K,
    version: Option<String>,
    known: Option<&S>,
    wanted: &S,
) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize + PartialEq,
{
    if known == Some(wanted) {
        return Ok(());
    }
    let api: Api<K> = api_of(client, object);
    let version = version.or_else(|| object.resource_version());
    let resource = ApiResource::erase::<K>(&());
    match raw_status(&api, &resource, &object.name_any(), version, wanted).await {
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(made) => {
            writes.note(object, made);
            Ok(())
        }
    }
}

/// Sends a whole status over one version of the object; the version that this made.
pub(super) async fn raw_status<K>(
    api: &Api<K>,
    resource: &ApiResource,
    name: &str,
    version: Option<String>,
    wanted: &impl Serialize,
) -> Result<Option<String>, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "resourceVersion": version},
        "status": wanted,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    bounded(api.patch_status(name, &parameters, &Patch::Apply(&body)))
        .await
        .map(|written| written.resource_version())
}

/// Sets our finalizer, before the first remote object stands; the version that this made, if any.
pub(super) async fn add_finalizer<K>(
    client: &Client,
    object: &K,
) -> Result<Option<String>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    if object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        return Ok(None);
    }
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    patch_finalizers(client, object, finalizers).await
}

/// Lets the object go. One that is gone already is as wanted.
pub(super) async fn remove_finalizer<K>(client: &Client, object: &K) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    if !object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        return Ok(());
    }
    let left = object
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != FINALIZER)
        .cloned()
        .collect();
    match patch_finalizers(client, object, left).await {
        Err(error) if is_gone(&error) => Ok(()),
        result => result.map(drop),
    }
}

/// A merge patch under the resource version that was seen: somebody else's finalizer is never overwritten.
async fn patch_finalizers<K>(
    client: &Client,
    object: &K,
    finalizers: Vec<String>,
) -> Result<Option<String>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = api_of(client, object);
    let body = json!({
        "metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version(), "uid": object.uid()},
    });
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let (name, patch) = (object.name_any(), Patch::Merge(&body));
    bounded(api.patch_metadata(&name, &parameters, &patch))
        .await
        .map(|patched| patched.resource_version())
}

fn api_of<K>(client: &Client, object: &K) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), &object.namespace().unwrap_or_default())
}

pub(super) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// The object has changed since it was read: whoever wrote looks at it again.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// An error of the API server as a person may read it: kube's own texts repeat themselves and may hold a body.
pub(super) fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => {
            format!("the API server answered {} {}", status.code, status.reason)
        }
        _ => "the API server could not be reached".into(),
    }
}
