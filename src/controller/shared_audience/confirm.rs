//! Before the first remote write of a look: the object is still as the cache had it. One read of its metadata, which the
//! API server answers from the present, so that a cache that is behind writes and deletes nothing.

use kube::{Api, Client, ResourceExt};

use crate::api::SharedAudience;
use crate::controller::publish;
use crate::engine::Confirmation;

/// Same object, same spec, and leaving or not as before.
pub(super) fn of(audience: &SharedAudience, client: &Client) -> Confirmation {
    let api: Api<SharedAudience> =
        Api::namespaced(client.clone(), &audience.namespace().unwrap_or_default());
    let name = audience.name_any();
    let (uid, generation) = (audience.uid(), audience.metadata.generation);
    let leaves = audience.metadata.deletion_timestamp.is_some();
    Confirmation::new(move || {
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
                        audience = name,
                        "not written, since it was not confirmed: {}",
                        publish::describe(&error)
                    );
                    false
                }
            }
        })
    })
}
