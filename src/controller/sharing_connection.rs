//! A `SharingConnection`, from an event to its status: the Secret, the lease, the engine, what the engine reports.
//!
//! It starts, changes and stops the engine of the connection, and decides nothing about remote objects.

mod secret;
mod start;
mod status;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::conditions::ready_reason;
use super::context::{Context, audiences_of};
use super::engines::{ConnectionKey, Engines};
use super::{events, publish, requested};
use crate::api::annotations::FINALIZER;
use crate::api::{DeletionPolicy, SharedAudience, SharingConnection};
use status::Findings;

pub(super) async fn reconcile(
    connection: Arc<SharingConnection>,
    context: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    Ok(match connection.metadata.deletion_timestamp {
        Some(_) => leave(&connection, &context).await,
        None => keep(&connection, &context).await,
    })
}

/// Where nothing watches the cause, it is looked at again this often: a Secret whose watch is refused, for one.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

async fn keep(connection: &SharingConnection, context: &Context) -> Action {
    if let Err(error) = publish::add_finalizer(&context.client, connection).await {
        return failed(connection, &error);
    }
    let key = key(connection);
    let credential = match secret::read(connection, context).await {
        Ok(credential) => credential,
        Err(secret::Unusable::Kubernetes(error)) => return failed(connection, &error),
        Err(secret::Unusable::Missing(obstacle)) => {
            secret::watch(connection, context);
            if context.engines.set_without_credential(&key, true) {
                start::wake_audiences(connection, context);
            }
            return conclude(
                connection,
                context,
                &Findings::without_credential(obstacle),
                None,
            )
            .await;
        }
    };
    let running = match start::ensure(connection, context, credential).await {
        start::Ensured::Running(running) => running,
        // Another replica holds the lease and writes the status.
        start::Ensured::HeldElsewhere => return Action::await_change(),
    };
    let handled = connection
        .status
        .as_ref()
        .and_then(|status| status.last_handled_reconcile_at.as_ref());
    if requested::is_open(connection, handled) && running.engine.refresh().await.is_err() {
        return Action::requeue(Duration::from_secs(1));
    }
    let report = running.engine.report().borrow().clone();
    if report.failure.is_none() && !report.ready && is_judged(connection) {
        // A restart: what was found last stands until the first pass has found something else.
        return Action::requeue(LOOK_AGAIN);
    }
    let requested = requested::value(connection);
    conclude(connection, context, &Findings::of_report(report), requested).await
}

/// A look at this generation of the spec was written down.
fn is_judged(connection: &SharingConnection) -> bool {
    let status = connection.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation.is_some()
            && status.observed_generation == connection.metadata.generation
    })
}

async fn conclude(
    connection: &SharingConnection,
    context: &Context,
    findings: &Findings,
    handled: Option<String>,
) -> Action {
    let wanted = status::after(connection, findings, handled, context.now());
    if let Err(error) = publish::status(
        &context.client,
        connection,
        connection.status.as_ref(),
        &wanted,
    )
    .await
    {
        return failed(connection, &error);
    }
    let known = connection
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    context
        .settings
        .metrics
        .reconciled("SharingConnection", ready_reason(&wanted.conditions));
    events::on_transition(
        &context.recorder,
        &connection.object_ref(&()),
        known,
        &wanted.conditions,
    )
    .await;
    Action::requeue(LOOK_AGAIN)
}

/// The connection outlives the audiences that still need it (design.md §4.8).
async fn leave(connection: &SharingConnection, context: &Context) -> Action {
    if !connection
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        context.engines.stop(&key(connection));
        return Action::await_change();
    }
    let namespace = connection.namespace().unwrap_or_default();
    let users = audiences_of(&context.audiences, &namespace, &connection.name_any());
    let waiting: Vec<_> = users
        .iter()
        .filter(|user| {
            user.finalizers()
                .iter()
                .any(|finalizer| finalizer == FINALIZER)
        })
        .collect();
    let running = context.engines.get(&namespace, &connection.name_any());
    if !waiting.is_empty() {
        if running.is_none() {
            // A restart in the middle of a deletion: the engine that the audiences wait for must run.
            if let Ok(credential) = secret::read(connection, context).await {
                start::ensure(connection, context, credential).await;
            }
        }
        let names: Vec<String> = waiting.iter().map(|user| user.name_any()).collect();
        return conclude(connection, context, &Findings::leaving(&names), None).await;
    }
    if connection.spec.deletion_policy == DeletionPolicy::Delete
        && let Some(running) = running
        && running.engine.refresh().await.is_ok()
        && let Ok(left) = running.engine.retire_foundation().await
    {
        for what in left {
            tracing::warn!(target: "audit", connection = %name(connection), "left behind: {what}");
        }
    }
    context.engines.stop(&key(connection));
    context
        .engines
        .set_without_credential(&key(connection), false);
    match publish::remove_finalizer(&context.client, connection).await {
        Ok(()) => Action::await_change(),
        Err(error) => failed(connection, &error),
    }
}

fn failed(connection: &SharingConnection, error: &kube::Error) -> Action {
    tracing::warn!(connection = %name(connection), "{}; tried again soon", publish::describe(error));
    Action::requeue(Duration::from_secs(5))
}

pub(super) fn key(connection: &SharingConnection) -> ConnectionKey {
    (
        connection.namespace().unwrap_or_default(),
        connection.name_any(),
    )
}

fn name(connection: &SharingConnection) -> String {
    format!(
        "{}/{}",
        connection.namespace().unwrap_or_default(),
        connection.name_any()
    )
}

impl Engines {
    pub(super) fn wake_connection(&self, namespace: &str, name: &str) {
        // The other end is gone only when the process ends.
        let _ = self
            .wake_connection
            .send(ObjectRef::<SharingConnection>::new(name).within(namespace));
    }

    pub(super) fn wake_audience(&self, audience: &SharedAudience) {
        let _ = self.wake_audience.send(ObjectRef::from_obj(audience));
    }
}
