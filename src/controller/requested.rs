//! "Reconcile now": the annotation that asks, and its echo in status.

use kube::{Resource, ResourceExt};

use crate::api::annotations::{RECONCILE_REQUESTED_AT, RECONCILE_REQUESTED_AT_CHARS_MAX};

/// What the annotation asks, cut as status takes it.
pub(super) fn value(object: &impl Resource) -> Option<String> {
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT)?;
    Some(
        requested
            .chars()
            .take(RECONCILE_REQUESTED_AT_CHARS_MAX)
            .collect(),
    )
}

/// Whether it asks for something that was not handled yet.
pub(super) fn is_open(object: &impl Resource, handled: Option<&String>) -> bool {
    value(object).is_some_and(|requested| Some(&requested) != handled)
}
