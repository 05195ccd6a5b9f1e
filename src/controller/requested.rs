//! "Reconcile now": the annotation that asks, and its echo in status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::{Resource, ResourceExt};

use crate::api::annotations::{RECONCILE_REQUESTED_AT, REQUEST_CHARS_MAX, USERS_REQUESTED_AT};

/// What the annotation asks, cut as status takes it.
pub(super) fn value(object: &impl Resource) -> Option<String> {
    asked(object, RECONCILE_REQUESTED_AT)
}

/// The same of the wish to know who uses the audience.
pub(super) fn users(object: &impl Resource) -> Option<String> {
    asked(object, USERS_REQUESTED_AT)
}

fn asked(object: &impl Resource, annotation: &str) -> Option<String> {
    let requested = object.annotations().get(annotation)?;
    Some(requested.chars().take(REQUEST_CHARS_MAX).collect())
}

/// Which requests were served by this process, by the object's uid, until the status says so: a status that cannot be
/// written must not cost a look at both systems every time it is tried.
#[derive(Debug, Default)]
pub(super) struct Served(Mutex<BTreeMap<String, String>>);

impl Served {
    /// What the annotation asks for and nobody has handled yet.
    pub(super) fn open(&self, object: &impl Resource, handled: Option<&String>) -> Option<String> {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = object.uid().unwrap_or_default();
        let requested = value(object).filter(|requested| Some(requested) != handled);
        match requested {
            Some(requested) => (served.get(&uid) != Some(&requested)).then_some(requested),
            None => {
                served.remove(&uid);
                None
            }
        }
    }

    pub(super) fn done(&self, object: &impl Resource, requested: String) {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        served.insert(object.uid().unwrap_or_default(), requested);
    }

    /// The object is gone.
    pub(super) fn forget(&self, object: &impl Resource) {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        served.remove(&object.uid().unwrap_or_default());
    }
}
