//! A `SharingConnection`, from an event to its status: the Secret, the lease, the engine, what the engine reports.
//!
//! It starts, changes and stops the engine of the connection, and decides nothing about remote objects.

mod secret;
mod start;
mod status;

use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;

use super::conditions::ready_reason;
use super::context::{Context, audiences_of};
use super::engines::{ConnectionKey, Engines, Running};
use super::{events, publish, requested};
use crate::api::annotations::FINALIZER;
use crate::api::{DeletionPolicy, SharedAudience, SharingConnection};
use status::Findings;

pub(super) async fn reconcile(
    connection: Arc<SharingConnection>,
    context: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    if !context.replicas.is_for_us(&connection.spec.organization_id) {
        // Another replica sees to it. Once it is for us, it is looked at again.
        let key = key(&connection);
        context.engines.stop(&key);
        context.engines.set_without_credential(&key, false);
        return Ok(Action::await_change());
    }
    Ok(match connection.metadata.deletion_timestamp {
        Some(_) => leave(&connection, &context).await,
        None => keep(&connection, &context).await,
    })
}

/// Where nothing watches the cause, it is looked at again this often: a Secret whose watch is refused, for one.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// For a Secret that is missing and not watched: one read, of the API server alone.
const LOOK_FOR_SECRET: Duration = Duration::from_secs(30);

async fn keep(connection: &SharingConnection, context: &Context) -> Action {
    let made = match publish::add_finalizer(&context.client, connection).await {
        Ok(made) => made,
        Err(error) => return failed(connection, &error),
    };
    let key = key(connection);
    let credential = match secret::read(connection, context).await {
        Ok(credential) => credential,
        Err(secret::Unusable::Kubernetes(error)) => return failed(connection, &error),
        Err(secret::Unusable::Missing(obstacle)) => {
            secret::watch(connection, context);
            if context.engines.set_without_credential(&key, true) {
                start::wake_audiences(connection, context);
            }
            let findings = Findings::without_credential(obstacle);
            let next = conclude(connection, context, &findings, None, made).await;
            return match context.settings.watch_secrets {
                true => next,
                false => Action::requeue(LOOK_FOR_SECRET),
            };
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
    if let Some(requested) = context.served.open(connection, handled) {
        if running.engine.refresh().await.is_err() {
            return Action::requeue(Duration::from_secs(1));
        }
        context.served.done(connection, requested);
    }
    let report = running.engine.report().borrow().clone();
    if report.failure.is_none() && !report.ready && is_judged(connection) {
        // A restart: what was found last stands until the first pass has found something else.
        return Action::requeue(LOOK_AGAIN);
    }
    if !running.holds_lease() {
        // Whoever holds it writes the status; once it is ours again, the connection is looked at again.
        return Action::await_change();
    }
    let requested = requested::value(connection);
    let findings = Findings::of_report(report);
    conclude(connection, context, &findings, requested, made).await
}

/// A look at this generation of the spec was written down.
fn is_judged(connection: &SharingConnection) -> bool {
    let status = connection.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation.is_some()
            && status.observed_generation == connection.metadata.generation
    })
}

/// The one place that writes a connection's status. `made`: the version of the object that our finalizer made.
async fn conclude(
    connection: &SharingConnection,
    context: &Context,
    findings: &Findings,
    handled: Option<String>,
    made: Option<String>,
) -> Action {
    let wanted = status::after(connection, findings, handled, context.now());
    let known = connection.status.as_ref();
    match publish::status(&context.client, connection, made, known, &wanted).await {
        Ok(()) => {}
        // A younger version is on its way to the cache.
        Err(error) if publish::is_conflict(&error) => {
            return Action::requeue(Duration::from_secs(1));
        }
        Err(error) => return failed(connection, &error),
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
    let deletes = connection.spec.deletion_policy == DeletionPolicy::Delete;
    let running = match !waiting.is_empty() || deletes {
        true => engine(connection, context).await,
        false => Ok(None),
    };
    let running = match running {
        Ok(running) => running,
        Err(action) => return action,
    };
    if !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|user| user.name_any()).collect();
        return conclude(connection, context, &Findings::leaving(&names), None, None).await;
    }
    if deletes && !context.leaving.is_done(connection) {
        if let Some(left) = context.leaving.pause_left(connection, Instant::now()) {
            return Action::requeue(left);
        }
        if let Err(action) = retire_shared_objects(connection, context, running).await {
            return action;
        }
        context.leaving.set_done(connection);
    }
    context.engines.stop(&key(connection));
    context
        .engines
        .set_without_credential(&key(connection), false);
    match publish::remove_finalizer(&context.client, connection).await {
        Ok(()) => {
            context.served.forget(connection);
            context.leaving.forget(connection);
            Action::await_change()
        }
        Err(error) => failed(connection, &error),
    }
}

/// The engine of a connection that leaves, started where a restart came in between: its audiences wait for it, and the
/// shared objects. `None` without a credential.
async fn engine(
    connection: &SharingConnection,
    context: &Context,
) -> Result<Option<Box<Running>>, Action> {
    let namespace = connection.namespace().unwrap_or_default();
    if let Some(running) = context.engines.get(&namespace, &connection.name_any()) {
        return Ok(Some(Box::new(running)));
    }
    match secret::read(connection, context).await {
        Ok(credential) => match start::ensure(connection, context, credential).await {
            start::Ensured::Running(running) => Ok(Some(running)),
            // Another replica holds the lease, and sees to it.
            start::Ensured::HeldElsewhere => Err(Action::await_change()),
        },
        Err(secret::Unusable::Missing(_)) => Ok(None),
        Err(secret::Unusable::Kubernetes(error)) => Err(failed(connection, &error)),
    }
}

/// Deletes what is ours and empty. What is in use stays and is told, as is what no credential came for in time; whatever
/// else stands in the way is waited for, and told in the status.
async fn retire_shared_objects(
    connection: &SharingConnection,
    context: &Context,
    running: Option<Box<Running>>,
) -> Result<(), Action> {
    let Some(running) = running else {
        return without_credential(connection, context);
    };
    let retired = async {
        running.engine.refresh().await?;
        let failure = running.engine.report().borrow().failure.clone();
        match failure {
            Some(failure) => Ok(vec![failure]),
            None => running.engine.retire_foundation().await,
        }
    };
    let Ok(left) = retired.await else {
        // The engine ended: another one takes its place.
        return Err(Action::requeue(Duration::from_secs(1)));
    };
    let (stay, wait): (Vec<_>, Vec<_>) = left.into_iter().partition(|obstacle| {
        matches!(
            obstacle.reason,
            Reason::DeletionBlocked | Reason::RequestRefused
        )
    });
    let Some(obstacle) = wait.into_iter().next() else {
        stay.iter()
            .for_each(|obstacle| left_behind(connection, &obstacle.message));
        return Ok(());
    };
    if obstacle.reason.bars_deletion() {
        return without_credential(connection, context);
    }
    let pause = match obstacle.disposition() {
        Disposition::Stalled => LOOK_AGAIN,
        Disposition::RetryAfter(pause) => pause.max(RETIRE_AGAIN),
        Disposition::Retry | Disposition::Wait => RETIRE_AGAIN,
    };
    context.leaving.failed(connection, pause, Instant::now());
    conclude(
        connection,
        context,
        &Findings::held_back(obstacle),
        None,
        None,
    )
    .await;
    Err(Action::requeue(pause))
}

/// Between two tries to delete shared objects, each with a full pass before it.
const RETIRE_AGAIN: Duration = Duration::from_secs(60);

fn without_credential(connection: &SharingConnection, context: &Context) -> Result<(), Action> {
    match context.leaving.patience(connection, Instant::now()) {
        Some(look_again) => Err(Action::requeue(look_again)),
        None => {
            left_behind(
                connection,
                "no credential or no sandbox came to delete the shared objects with",
            );
            Ok(())
        }
    }
}

fn left_behind(connection: &SharingConnection, what: &str) {
    tracing::warn!(target: "audit", connection = %name(connection), "left behind: {what}");
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
