//! Kubernetes Events: what happened to an object, for whoever asks `kubectl describe`.
//!
//! An Event is told on a transition, never on every pass, and nothing depends on it: a failure to publish is logged and
//! forgotten.

#[cfg(test)]
mod tests;

use audience_sharing_core::domain::reason::Reason;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder};

/// The bound that the API server sets on a note, in bytes (events.k8s.io/v1).
pub const NOTE_BYTES_MAX: usize = 1_024;

/// What was being done; one word, since `reason` tells the rest.
const ACTION: &str = "Reconcile";

/// Publishes an Event on `object`, whose namespace it is made in. `note` is cut at [`NOTE_BYTES_MAX`].
///
/// The recorder counts a repeat of the same type, reason and object within six minutes and keeps the first note.
pub async fn publish(
    recorder: &Recorder,
    object: &ObjectReference,
    type_: EventType,
    reason: Reason,
    note: impl Into<String>,
) {
    let event = Event {
        type_,
        reason: reason.as_str().into(),
        note: Some(bounded(note.into())),
        action: ACTION.into(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, object).await {
        let code = match &error {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        };
        tracing::warn!(
            kind = object.kind,
            namespace = object.namespace,
            name = object.name,
            reason = reason.as_str(),
            code,
            "an Event could not be published"
        );
    }
}

fn bounded(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(NOTE_BYTES_MAX));
    note
}
