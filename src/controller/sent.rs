//! What this process wrote last of each object, until its cache shows it.
//!
//! A cache may be behind for a while: ids that are read there, and a status that is compared with what it holds, are
//! those of the past. Nothing is kept of what the cache has.

use std::sync::Arc;

use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt};

use super::by_uid::ByUid;

/// The version that our write made, the finalizers, and the status.
type Written<K> = (u64, Vec<String>, Option<<K as HasStatus>::Status>);

pub(super) struct Sent<K: HasStatus>(pub(super) Arc<ByUid<Written<K>>>);

impl<K: HasStatus> Default for Sent<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: HasStatus> Clone for Sent<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Sent<K>
where
    K: Resource + HasStatus + Clone,
    K::Status: Clone,
{
    /// The object as it was read, with what this process wrote since.
    pub(super) fn latest(&self, read: Arc<K>) -> Arc<K> {
        self.0.with(&*read, |written| {
            let written = written
                .as_ref()
                .filter(|written| is_behind(&*read, written));
            let Some((made, finalizers, status)) = written else {
                return read.clone();
            };
            let mut latest = K::clone(&read);
            let metadata = latest.meta_mut();
            metadata.resource_version = Some(made.to_string());
            metadata.finalizers = Some(finalizers.clone());
            *latest.status_mut() = status.clone();
            Arc::new(latest)
        })
    }

    /// The object as our write left it. A write is made over the version that was read, so that no other change lies in
    /// between.
    pub(super) fn note(&self, written: &K) {
        // Every API server that Kubernetes supports counts its versions up (its documentation of `resourceVersion`).
        if let Some(made) = version(written) {
            let (finalizers, status) = (written.finalizers().to_vec(), written.status().cloned());
            self.0
                .with(written, |known| *known = Some((made, finalizers, status)));
        }
    }

    /// The cache shows this version, or the object is gone.
    pub(super) fn seen(&self, object: &K, is_gone: bool) {
        self.0.with(object, |written| {
            written.take_if(|written| is_gone || !is_behind(object, written));
        });
    }
}

fn is_behind<K: Resource + HasStatus>(read: &K, (made, ..): &Written<K>) -> bool {
    version(read).is_some_and(|read| read < *made)
}

fn version(object: &impl Resource) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}
