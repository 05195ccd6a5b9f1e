//! A `SharingConnection`, from an event to its status: the Secret, the lease, the engine, what the engine reports.
//!
//! It starts, changes and stops the engine of the connection, and decides nothing about remote objects.

mod recorded;
mod secret;
mod start;
mod status;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::Problem;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use tokio::time::Instant;

use super::context::Context;
use super::definition::{self, Definition};
use super::deletion_wait::Patience;
use super::engines::{Running, connection_of, key};
use super::publish::{full_name, has_finalizer, with_finalizer};
use super::quarantine::{self, Panicked};
use super::{events, freshness, publish, requested};
use crate::api::{SharedAudience, SharingConnection};
use crate::declaration::organization;
use status::Finding;

pub(super) async fn reconcile(
    connection: Arc<SharingConnection>,
    context: Arc<Context>,
) -> Result<Action, Infallible> {
    if !context
        .replicas
        .is_for_us(organization(&connection).as_str())
    {
        // Another replica reconciles it. Once it is for us, we are woken.
        context.engines.stop(&key(&connection));
        return Ok(Action::await_change());
    }
    let connection = context.sent_connections.latest(connection);
    if context.quarantine.contains(&*connection) {
        return Ok(Action::await_change());
    }
    let work = async {
        match connection.metadata.deletion_timestamp {
            Some(_) => delete(&connection, &context).await,
            None => keep(&connection, &context).await,
        }
    };
    Ok(match quarantine::guarded(work).await {
        Ok(action) => action,
        Err(Panicked) => set_aside(&connection, &context).await,
    })
}

/// A panic while the connection was reconciled: reported in its status, and not tried again until it changes. Its engine
/// goes on as it was configured last.
async fn set_aside(connection: &SharingConnection, context: &Context) -> Action {
    tracing::error!(connection = %full_name(connection), "panicked at this connection; it is set aside until it changes");
    context.quarantine.add(connection);
    let finding = Finding::without_report(quarantine::problem().of_connection());
    // A second panic leaves what the status said before.
    let _ = quarantine::guarded(conclude(connection, context, &finding, None)).await;
    Action::await_change()
}

/// Where nothing watches the cause, it is checked again this often: a Secret whose watch is refused, for one.
const CHECK_AGAIN: Duration = Duration::from_secs(600);
/// For a Secret that is missing and not watched: one read, of the API server alone.
const CHECK_SECRET: Duration = Duration::from_secs(30);

async fn keep(connection: &Arc<SharingConnection>, context: &Context) -> Action {
    let finalized = with_finalizer(&context.client, &context.sent_connections, connection).await;
    let connection = match finalized {
        Ok((connection, _)) => connection,
        Err(error) => return failed(connection, &error),
    };
    let connection = &*connection;
    let declared = context.declared(connection);
    let invalid = declared.invalid.clone();
    let credential = match secret::read(connection, &declared.secret, context).await {
        Ok(credential) => credential,
        Err(secret::Unusable::Kubernetes(error)) => return failed(connection, &error),
        Err(secret::Unusable::Missing(problem)) => {
            note_missing_credential(connection, &declared.secret, context);
            let finding = Finding::without_credential(problem);
            let next = conclude(connection, context, &finding, None).await;
            return match context.settings.watch_secrets {
                true => next,
                false => Action::requeue(CHECK_SECRET),
            };
        }
    };
    let running = match start::ensure(connection, declared, context, credential).await {
        start::Ensured::Running(running) => running,
        start::Ensured::Elsewhere(problem) => {
            return reconciled_elsewhere(connection, context, problem).await;
        }
        start::Ensured::Resting(left) => {
            if context.engines.early_ends.are_many(&key(connection)) {
                let finding = Finding::without_report(engine_ends());
                conclude(connection, context, &finding, None).await;
            }
            return Action::requeue(left);
        }
    };
    if let Some(problem) = invalid {
        return conclude(connection, context, &Finding::without_report(problem), None).await;
    }
    if let Some(requested) = open_request(connection, context) {
        if running.engine.resync().await.is_err() {
            return Action::requeue(Duration::from_secs(1));
        }
        context.requests.done(connection, requested);
    }
    let report = running.engine.report().borrow().clone();
    if report.ready {
        context.engines.early_ends.forget(&key(connection));
    }
    if report.failure.is_none() && !report.ready && is_judged(connection) {
        // A restart: the last verdict holds until the first resync has found something else.
        return Action::requeue(CHECK_AGAIN);
    }
    if !running.holds_lease() {
        // The holder writes the status; once the lease is ours again, we are woken.
        return Action::await_change();
    }
    let requested = requested::value(connection);
    conclude(connection, context, &Finding::of_report(report), requested).await
}

fn open_request(connection: &SharingConnection, context: &Context) -> Option<String> {
    let status = connection.status.as_ref();
    let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
    context.requests.open(connection, handled)
}

fn engine_ends() -> Problem {
    let reason = Reason::InternalError;
    let message = format!(
        "The operator panicked more than once while it applied the answers of the two systems, which is a defect of the \
         operator. It discards what it knew and reads both again, after longer and longer pauses. {}",
        reason.remedy()
    );
    Problem::new(reason, message).of_connection()
}

/// Whoever holds the Lease reconciles the connection and writes its status; where that is another installation, nobody
/// else would report it.
async fn reconciled_elsewhere(
    connection: &SharingConnection,
    context: &Context,
    problem: Option<Problem>,
) -> Action {
    let Some(problem) = problem else {
        return Action::await_change();
    };
    conclude(connection, context, &Finding::without_report(problem), None).await
}

/// From now on its audiences know, and it is reconciled again when the Secret comes.
fn note_missing_credential(connection: &SharingConnection, secret: &str, context: &Context) {
    secret::watch(connection, secret, context);
    let key = key(connection);
    if context.engines.set_without_credential(&key) {
        context.wake_audiences_of(&key);
    }
}

/// Asked once more before an audience of the connection goes without its remote objects: whether it still cannot be
/// deleted. While that is not known, `false`.
pub(super) async fn lacks_credential(audience: &SharedAudience, context: &Context) -> bool {
    let key = connection_of(audience);
    let Some(known) = context.connection(&key) else {
        return true;
    };
    if let Some(running) = context.engines.get(&key) {
        let is_read = running.engine.resync().await.is_ok();
        return is_read && bars_deletion(&running);
    }
    match secret::read(&known, &context.declared(&known).secret, context).await {
        Err(secret::Unusable::Missing(_)) => true,
        Err(secret::Unusable::Kubernetes(_)) => false,
        Ok(_) => {
            context.engines.wake_connection(&key);
            false
        }
    }
}

/// Nothing can be deleted through it, by more than an outage.
fn bars_deletion(running: &Running) -> bool {
    let report = running.engine.report().borrow().clone();
    let failure = report.failure;
    failure.is_some_and(|failure| failure.reason.bars_deletion())
}

/// A verdict on this generation of the spec was written.
fn is_judged(connection: &SharingConnection) -> bool {
    let status = connection.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation.is_some()
            && status.observed_generation == connection.metadata.generation
    })
}

/// The one place that writes a connection's status.
async fn conclude(
    connection: &SharingConnection,
    context: &Context,
    finding: &Finding,
    handled: Option<String>,
) -> Action {
    if finding.deletion_wait.is_none() {
        context.deletion_waits.waits_no_longer(connection);
    }
    let wanted = status::after(connection, finding, handled, context.now());
    match events::report(context, &context.sent_connections, connection, &wanted).await {
        Ok(()) => Action::requeue(CHECK_AGAIN),
        // A younger version is on its way to the cache.
        Err(error) if publish::is_conflict(&error) => Action::requeue(Duration::from_secs(1)),
        Err(error) => failed(connection, &error),
    }
}

/// The connection outlives the audiences that still need it (L7).
async fn delete(connection: &SharingConnection, context: &Context) -> Action {
    if !has_finalizer(connection) {
        context.engines.stop(&key(connection));
        return Action::await_change();
    }
    let users = context.audiences_of(&key(connection));
    let waiting = users.iter().filter(|user| has_finalizer(&***user));
    let waiting: Vec<String> = waiting.map(|user| user.name_any()).collect();
    if !waiting.is_empty() {
        return match means(connection, context).await {
            Ok(means) => wait_for_audiences(connection, context, &waiting, &means).await,
            Err(action) => action,
        };
    }
    let deletes = context.declared(connection).deletes_shared_objects;
    if deletes && !context.deletion_waits.is_done(connection) {
        let requested = open_request(connection, context);
        if let Some(left) = context
            .deletion_waits
            .pause_left(connection, Instant::now())
            && requested.is_none()
        {
            return Action::requeue(left);
        }
        if let Some(requested) = requested {
            context.requests.done(connection, requested);
        }
        if let Err(action) = delete_shared_objects(connection, context).await {
            return action;
        }
        context.deletion_waits.set_done(connection);
    }
    context.engines.stop(&key(connection));
    match publish::remove_finalizer(&context.client, connection).await {
        Ok(()) => Action::await_change(),
        Err(error) => failed(connection, &error),
    }
}

/// What deletes the remote objects of a connection and of its audiences.
enum Means {
    Engine(Box<Running>),
    /// There is no credential; why.
    Lacking(Problem),
}

impl Means {
    /// What blocks every deletion.
    fn problem(&self) -> Option<Problem> {
        match self {
            Self::Engine(running) => running.engine.report().borrow().failure.clone(),
            Self::Lacking(problem) => Some(problem.clone()),
        }
    }
}

/// The engine of a connection that is being deleted, started where a restart came in between.
async fn means(connection: &SharingConnection, context: &Context) -> Result<Means, Action> {
    if let Some(running) = context.engines.get(&key(connection)) {
        return Ok(Means::Engine(Box::new(running)));
    }
    let declared = context.declared(connection);
    match secret::read(connection, &declared.secret, context).await {
        Ok(credential) => match start::ensure(connection, declared, context, credential).await {
            start::Ensured::Running(running) => Ok(Means::Engine(running)),
            start::Ensured::Elsewhere(problem) => {
                Err(reconciled_elsewhere(connection, context, problem).await)
            }
            start::Ensured::Resting(left) => Err(Action::requeue(left)),
        },
        Err(secret::Unusable::Missing(problem)) => {
            note_missing_credential(connection, &declared.secret, context);
            Ok(Means::Lacking(problem))
        }
        Err(secret::Unusable::Kubernetes(error)) => Err(failed(connection, &error)),
    }
}

/// Reports for whom it waits, and why they cannot be deleted where that is known. It is woken by the last of them; the
/// pause is for what no event shows.
async fn wait_for_audiences(
    connection: &SharingConnection,
    context: &Context,
    waiting: &[String],
    means: &Means,
) -> Action {
    let problem = means.problem();
    let lacks = match means {
        Means::Lacking(_) => true,
        Means::Engine(running) => bars_deletion(running),
    };
    // The ten minutes of the connection itself pass at the same time as theirs.
    let so_far = match lacks.then(|| patience(connection, context)) {
        Some(Patience::Wait { so_far, .. }) => Some(so_far),
        Some(Patience::Over) => connection
            .status
            .as_ref()
            .and_then(|status| status.deletion_wait.clone()),
        None => None,
    };
    let of_secret = matches!(means, Means::Lacking(_));
    let finding = Finding::waits_for_audiences(waiting, problem, of_secret).waiting(so_far);
    conclude(connection, context, &finding, None).await;
    Action::requeue(CHECK_AUDIENCES)
}

const CHECK_AUDIENCES: Duration = Duration::from_secs(30);

fn patience(connection: &SharingConnection, context: &Context) -> Patience {
    let status = connection.status.as_ref();
    let recorded = status.and_then(|status| status.deletion_wait.as_ref());
    let now = context.both_clocks();
    context.deletion_waits.patience(connection, recorded, now)
}

/// Deletes what is ours and empty. What is in use stays and is reported, as is what could not be deleted in time; whatever
/// else blocks the deletion is waited for, and reported in the status.
async fn delete_shared_objects(
    connection: &SharingConnection,
    context: &Context,
) -> Result<(), Action> {
    match definition::of::<SharingConnection>(&context.client).await {
        Definition::Stays => {}
        Definition::BeingRemoved => return Ok(()),
        Definition::Unknown => {
            let problem =
                Problem::new(Reason::RemovalUnknown, definition::unknown("this resource"));
            let why = "for ten minutes the operator could not read whether the CustomResourceDefinition was being removed";
            return wait_or_leave_behind(connection, context, problem, false, why).await;
        }
    }
    let why = "there was no credential or no sandbox to delete them with for ten minutes";
    let running = match means(connection, context).await? {
        Means::Engine(running) => running,
        Means::Lacking(problem) => {
            return wait_or_leave_behind(connection, context, problem, true, why).await;
        }
    };
    let deleted = async {
        running.engine.resync().await?;
        let failure = running.engine.report().borrow().failure.clone();
        match failure {
            Some(failure) => Ok(vec![failure]),
            None => {
                let freshness = freshness::of(connection, &context.client);
                running.engine.delete_shared_objects(freshness).await
            }
        }
    };
    let Ok(left) = deleted.await else {
        // The engine ended: another one takes its place.
        return Err(Action::requeue(Duration::from_secs(1)));
    };
    let (stay, wait): (Vec<_>, Vec<_>) = left.into_iter().partition(|problem| {
        matches!(
            problem.reason,
            Reason::DeletionBlocked | Reason::RequestRefused
        )
    });
    let Some(problem) = wait.into_iter().next() else {
        for problem in &stay {
            report_left_behind(connection, context, &problem.message).await;
        }
        return Ok(());
    };
    if problem.reason.bars_deletion() {
        return wait_or_leave_behind(connection, context, problem, false, why).await;
    }
    let pause = match problem.disposition() {
        Disposition::Stalled => CHECK_AGAIN,
        Disposition::RetryAfter(pause) => pause.max(DELETE_AGAIN),
        Disposition::Retry | Disposition::Wait => DELETE_AGAIN,
    };
    context
        .deletion_waits
        .failed(connection, pause, Instant::now());
    let finding = Finding::held_back(problem, false);
    conclude(connection, context, &finding, None).await;
    Err(Action::requeue(pause))
}

/// Between two tries to delete shared objects, each with a resync before it.
const DELETE_AGAIN: Duration = Duration::from_secs(60);

/// Nothing can be deleted: waited for, ten minutes in all; then the shared objects stay, and that is reported.
async fn wait_or_leave_behind(
    connection: &SharingConnection,
    context: &Context,
    problem: Problem,
    of_secret: bool,
    why: &str,
) -> Result<(), Action> {
    match patience(connection, context) {
        Patience::Wait {
            retry_after,
            so_far,
        } => {
            let finding = Finding::held_back(problem, of_secret).waiting(Some(so_far));
            conclude(connection, context, &finding, None).await;
            Err(Action::requeue(retry_after))
        }
        Patience::Over => {
            let left = status::shared_objects(connection);
            let what = format!("its shared objects stay, since {why}: {left}. Delete them there.");
            report_left_behind(connection, context, &what).await;
            Ok(())
        }
    }
}

async fn report_left_behind(connection: &SharingConnection, context: &Context, what: &str) {
    let name = full_name(connection);
    tracing::warn!(target: "audit", connection = %name, "left behind: {what}");
    let message = format!("SharingConnection {name} went: {what}");
    events::on_release(context, connection, &message).await;
}

fn failed(connection: &SharingConnection, error: &kube::Error) -> Action {
    tracing::warn!(connection = %full_name(connection), "{}; tried again soon", publish::describe(error));
    Action::requeue(Duration::from_secs(5))
}
