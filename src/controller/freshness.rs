//! Before a remote write: the object that it is for is still as the cache had it. One read of its metadata, which the
//! API server answers from the present, so that a cache that is behind writes and deletes nothing.

use audience_sharing_engine::Freshness;
use kube::{Api, Client, ResourceExt};

use super::publish::{self, Managed};

/// Same object, same spec, and being deleted or not as before.
pub(super) fn of<K: Managed>(object: &K, client: &Client) -> Freshness {
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let (uid, generation) = (object.uid(), object.meta().generation);
    let is_deleted = object.meta().deletion_timestamp.is_some();
    Freshness::new(move || {
        let (api, name, uid) = (api.clone(), name.clone(), uid.clone());
        Box::pin(async move {
            let present = api.get_metadata_opt(&name).await;
            if let Err(error) = &present {
                let (kind, error) = (&*K::kind(&()), publish::describe(error));
                tracing::warn!(
                    kind,
                    name,
                    "not written, since it was not confirmed: {error}"
                );
            }
            let present = present.ok().flatten().map(|present| present.metadata);
            present.is_some_and(|present| {
                present.uid == uid
                    && present.generation == generation
                    && present.deletion_timestamp.is_some() == is_deleted
            })
        })
    })
}
