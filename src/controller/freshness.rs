//! Before a remote write: the object that it is for is still as the cache had it. One read of its metadata, which the
//! API server answers from the present, so that a cache that is behind writes and deletes nothing.

use std::fmt::Debug;

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::controller::publish;
use audience_sharing_engine::Freshness;

/// Same object, same spec, and leaving or not as before.
pub(super) fn of<K>(object: &K, client: &Client) -> Freshness
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let (uid, generation) = (object.uid(), object.meta().generation);
    let leaves = object.meta().deletion_timestamp.is_some();
    Freshness::new(move || {
        let (api, name, uid) = (api.clone(), name.clone(), uid.clone());
        Box::pin(async move {
            match publish::bounded(api.get_metadata_opt(&name)).await {
                Ok(Some(present)) => {
                    let present = present.metadata;
                    present.uid == uid
                        && present.generation == generation
                        && present.deletion_timestamp.is_some() == leaves
                }
                Ok(None) => false,
                Err(error) => {
                    tracing::warn!(
                        kind = &*K::kind(&()),
                        name,
                        "not written, since it was not confirmed: {}",
                        publish::describe(&error)
                    );
                    false
                }
            }
        })
    })
}
