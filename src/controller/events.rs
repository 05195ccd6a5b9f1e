//! Kubernetes Events: on a change of `Ready` alone, and never a reason to fail.

#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Resource, ResourceExt};

use audience_sharing_core::domain::reason::{Reason, Severity};

use super::conditions::ready_reason;
use super::context::Context;
use super::publish::{self, Managed};
use super::sent::Sent;
use crate::api::common::Condition;

/// The bound of an Event's note.
const NOTE_BYTES_MAX: usize = 1_024;

/// Writes a status if it differs from the known one, counts it, and records a change of `Ready`.
pub(super) async fn report<K: Managed>(
    context: &Context,
    sent: &Sent<K>,
    object: &K,
    wanted: &K::Status,
) -> Result<(), kube::Error> {
    publish::status(&context.client, sent, object, wanted).await?;
    let known = object.status().map_or(&[][..], K::conditions);
    let now = K::conditions(wanted);
    let metrics = &context.settings.metrics;
    metrics.reconciled(&K::kind(&()), ready_reason(now));
    on_transition(&context.recorder, &object.object_ref(&()), known, now).await;
    Ok(())
}

/// Records a new status or reason of `Ready`.
pub(super) async fn on_transition(
    recorder: &Recorder,
    object: &ObjectReference,
    known: &[Condition],
    now: &[Condition],
) {
    let Some(ready) = now.iter().find(|condition| condition.type_ == "Ready") else {
        return;
    };
    let before = known.iter().find(|condition| condition.type_ == "Ready");
    if before.is_some_and(|before| before.status == ready.status && before.reason == ready.reason) {
        return;
    }
    let kind = match ready.status.as_str() {
        "True" => EventType::Normal,
        _ => kind_of(&ready.reason),
    };
    let event = event(kind, &ready.reason, "Reconcile".into(), &ready.message);
    record(recorder, object, &event).await;
}

/// Records that a resource was released while remote objects of it stay, on the operator's own Pod: a namespace that
/// is being removed takes no new objects (L7).
///
/// The uid of the resource is part of the action: of two Events on one object with the same action and reason the
/// recorder keeps the first note alone, and each resource that went has a note of its own.
pub(super) async fn on_release(context: &Context, resource: &impl Resource, message: &str) {
    if let Some(pod) = &context.settings.pod {
        let action = format!("Release {}", resource.uid().unwrap_or_default());
        record(&context.recorder, pod, &released(action, message)).await;
    }
}

/// The same on the resource itself.
pub(super) async fn on_left(recorder: &Recorder, object: &ObjectReference, message: &str) {
    record(recorder, object, &released("Release".into(), message)).await;
}

fn released(action: String, message: &str) -> Event {
    let reason = Reason::ReleasedWithoutDeletion.as_str();
    event(kind_of(reason), reason, action, message)
}

fn event(kind: EventType, reason: &str, action: String, message: &str) -> Event {
    let mut note = message.to_owned();
    note.truncate(note.floor_char_boundary(NOTE_BYTES_MAX));
    Event {
        type_: kind,
        reason: reason.to_owned(),
        note: Some(note),
        action,
        secondary: None,
    }
}

async fn record(recorder: &Recorder, object: &ObjectReference, event: &Event) {
    if let Err(error) = recorder.publish(event, object).await {
        tracing::debug!("the event was not recorded: {}", publish::describe(&error));
    }
}

/// A word that another version wrote is recorded as a failure.
fn kind_of(reason: &str) -> EventType {
    match Reason::parse(reason).map(Reason::severity) {
        Some(Severity::Normal) => EventType::Normal,
        Some(Severity::Warning) | None => EventType::Warning,
    }
}
