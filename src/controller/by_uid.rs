//! What this process keeps of objects, by their uids. It goes with its object, also if no deletion was seen
//! (design.md §4, L10). It knows nothing of what is kept.

use std::collections::{HashMap, HashSet};

use kube::{Resource, ResourceExt};

use super::locked::Locked;

#[derive(Debug)]
pub(super) struct ByUid<T>(Locked<HashMap<String, T>>);

impl<T> Default for ByUid<T> {
    fn default() -> Self {
        Self(Locked::default())
    }
}

impl<T> ByUid<T> {
    /// Reads or changes what is kept of one object; `None` keeps nothing.
    pub(super) fn with<R>(
        &self,
        object: &impl Resource,
        change: impl FnOnce(&mut Option<T>) -> R,
    ) -> R {
        let uid = object.uid().unwrap_or_default();
        let mut kept = self.0.lock();
        let mut of_object = kept.remove(&uid);
        let result = change(&mut of_object);
        if let Some(of_object) = of_object {
            kept.insert(uid, of_object);
        }
        result
    }

    pub(super) fn keep_only(&self, existing: &HashSet<&str>) {
        let mut kept = self.0.lock();
        kept.retain(|uid, _| existing.contains(uid.as_str()));
        if kept.is_empty() {
            kept.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use k8s_openapi::api::coordination::v1::Lease;

    use super::ByUid;

    fn object(uid: usize) -> Lease {
        let mut object = Lease::default();
        object.metadata.uid = Some(uid.to_string());
        object
    }

    #[test]
    fn what_is_kept_of_objects_that_are_gone_goes() {
        let kept = ByUid::default();
        for uid in 0..10_000 {
            kept.with(&object(uid), |value| *value = Some(uid));
        }
        kept.keep_only(&HashSet::from(["7", "10000"]));
        assert_eq!(kept.0.lock().len(), 1);
        assert_eq!(kept.with(&object(7), |value| *value), Some(7));
        kept.with(&object(7), |value| *value = None);
        assert!(kept.0.lock().is_empty());
    }
}
