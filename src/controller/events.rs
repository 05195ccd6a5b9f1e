//! Kubernetes Events: on a change of `Ready` alone, and never a reason to fail.

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};

use super::publish;

/// The bound of an Event's note.
const NOTE_BYTES_MAX: usize = 1_024;

/// Tells a new status or reason of `Ready`.
pub(super) async fn on_transition<K>(
    recorder: &Recorder,
    object: &K,
    known: &[Condition],
    now: &[Condition],
) where
    K: Resource<DynamicType = ()>,
{
    let Some(ready) = now.iter().find(|condition| condition.type_ == "Ready") else {
        return;
    };
    let before = known.iter().find(|condition| condition.type_ == "Ready");
    if before.is_some_and(|before| before.status == ready.status && before.reason == ready.reason) {
        return;
    }
    let mut note = ready.message.clone();
    note.truncate(note.floor_char_boundary(NOTE_BYTES_MAX));
    let event = Event {
        type_: if ready.status == "True" || is_progress(ready) {
            EventType::Normal
        } else {
            EventType::Warning
        },
        reason: ready.reason.clone(),
        note: Some(note),
        action: "Reconcile".into(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, &object.object_ref(&())).await {
        tracing::debug!("the event was not recorded: {}", publish::describe(&error));
    }
}

fn is_progress(ready: &Condition) -> bool {
    matches!(
        ready.reason.as_str(),
        "Progressing" | "Suspended" | "Pending"
    )
}
