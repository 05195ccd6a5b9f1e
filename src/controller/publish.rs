//! Writes to the API server: status, finalizers. Nothing is sent that would change nothing.

use kube::api::{ApiResource, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::api::annotations::FINALIZER;

/// The one field manager of every status (measured: another would co-own its fields).
const FIELD_MANAGER: &str = "audience-sharing";

/// Writes the whole status if it differs from the cached one; `true` if it was sent.
pub(super) async fn status<K, S>(
    client: &Client,
    object: &K,
    known: Option<&S>,
    wanted: &S,
) -> Result<bool, kube::Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize + PartialEq,
{
    if known == Some(wanted) {
        return Ok(false);
    }
    let api: Api<K> = api_of(client, object);
    match raw_status(
        &api,
        &ApiResource::erase::<K>(&()),
        &object.name_any(),
        wanted,
    )
    .await
    {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends a whole status.
pub(super) async fn raw_status<K>(
    api: &Api<K>,
    resource: &ApiResource,
    name: &str,
    wanted: &impl Serialize,
) -> Result<(), kube::Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name},
        "status": wanted,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_status(name, &parameters, &Patch::Apply(&body))
        .await
        .map(drop)
}

/// Sets our finalizer, before the first remote object stands.
pub(super) async fn add_finalizer<K>(client: &Client, object: &K) -> Result<(), kube::Error>
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
        return Ok(());
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
        result => result,
    }
}

/// A merge patch under the resource version that was seen: somebody else's finalizer is never overwritten.
async fn patch_finalizers<K>(
    client: &Client,
    object: &K,
    finalizers: Vec<String>,
) -> Result<(), kube::Error>
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
    api.patch_metadata(&object.name_any(), &parameters, &Patch::Merge(&body))
        .await
        .map(drop)
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

/// An error of the API server as a person may read it: kube's own texts repeat themselves and may hold a body.
pub(super) fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => {
            format!("the API server answered {} {}", status.code, status.reason)
        }
        _ => "the API server could not be reached".into(),
    }
}
