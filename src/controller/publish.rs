//! Writes to the API server: status, finalizers. Nothing is sent that would change nothing.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{ApiResource, Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::sent::Sent;
use crate::api::annotations::FINALIZER;
use crate::api::common::Condition;
use crate::api::{SharedAudience, SharingConnection};

/// The one field manager of every status (measured: another would co-own its fields).
const FIELD_MANAGER: &str = "audience-sharing";

/// A custom resource of this operator.
pub(super) trait Managed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: Clone + PartialEq + Serialize + Send>
    + Clone
    + DeserializeOwned
    + Debug
    + Send
    + Sync
    + 'static
{
    fn conditions(status: &Self::Status) -> &[Condition];
}

impl Managed for SharedAudience {
    fn conditions(status: &Self::Status) -> &[Condition] {
        &status.conditions
    }
}

impl Managed for SharingConnection {
    fn conditions(status: &Self::Status) -> &[Condition] {
        &status.conditions
    }
}

/// Writes the whole status if it differs from the known one, and only over the version that was judged. What a dead or a
/// paused process sent late is refused so.
pub(super) async fn status<K: Managed>(
    client: &Client,
    sent: &Sent<K>,
    object: &K,
    wanted: &K::Status,
) -> Result<(), kube::Error> {
    if object.status() == Some(wanted) {
        return Ok(());
    }
    let api: Api<K> = api_of(client, object);
    let resource = ApiResource::erase::<K>(&());
    let version = object.resource_version();
    match raw_status(&api, &resource, &object.name_any(), version, wanted).await {
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(made) => {
            let mut written = object.clone();
            written.meta_mut().resource_version = made;
            *written.status_mut() = Some(wanted.clone());
            sent.note(&written);
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
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "resourceVersion": version},
        "status": wanted,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let written = api.patch_status(name, &parameters, &patch).await?;
    Ok(written.resource_version())
}

pub(super) fn full_name(object: &impl Resource) -> String {
    format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

pub(super) fn has_finalizer(object: &impl Resource) -> bool {
    object.finalizers().iter().any(|known| known == FINALIZER)
}

/// The object with our finalizer, and whether it was set just now.
pub(super) async fn with_finalizer<K: Managed>(
    client: &Client,
    sent: &Sent<K>,
    object: &Arc<K>,
) -> Result<(Arc<K>, bool), kube::Error> {
    if has_finalizer(&**object) {
        return Ok((object.clone(), false));
    }
    let mut finalized = K::clone(object);
    finalized.finalizers_mut().push(FINALIZER.to_owned());
    let made = patch_finalizers(&api_of(client, &**object), &finalized).await?;
    finalized.meta_mut().resource_version = made;
    sent.note(&finalized);
    Ok((Arc::new(finalized), true))
}

/// Lets the object go. One that is gone already is as wanted.
pub(super) async fn remove_finalizer<K: Managed>(
    client: &Client,
    object: &K,
) -> Result<(), kube::Error> {
    if !has_finalizer(object) {
        return Ok(());
    }
    let mut released = object.clone();
    released.finalizers_mut().retain(|known| known != FINALIZER);
    match patch_finalizers(&api_of(client, object), &released).await {
        Err(error) if is_gone(&error) => Ok(()),
        result => result.map(drop),
    }
}

/// A merge patch under the resource version that was seen: another controller's finalizer is never overwritten.
pub(super) async fn patch_finalizers<K>(
    api: &Api<K>,
    wanted: &K,
) -> Result<Option<String>, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let body = json!({
        "metadata": {"finalizers": wanted.finalizers(), "resourceVersion": wanted.resource_version(), "uid": wanted.uid()},
    });
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let (name, patch) = (wanted.name_any(), Patch::Merge(&body));
    let patched = api.patch_metadata(&name, &parameters, &patch).await?;
    Ok(patched.resource_version())
}

fn api_of<K: Managed>(client: &Client, object: &K) -> Api<K> {
    Api::namespaced(client.clone(), &object.namespace().unwrap_or_default())
}

pub(super) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// The object has changed since it was read: the caller reads it again.
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
