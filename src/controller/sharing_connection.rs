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
use super::context::{Context, audiences_of, organization};
use super::definition::{self, Definition};
use super::engines::{ConnectionKey, Engines, Running};
use super::leaving::Patience;
use super::quarantine::{self, Panicked};
use super::{events, freshness, publish, requested};
use crate::api::annotations::FINALIZER;
use crate::api::{DeletionPolicy, SharedAudience, SharingConnection};
use audience_sharing_engine::Problem;
use status::Findings;

pub(super) async fn reconcile(
    connection: Arc<SharingConnection>,
    context: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    if !context
        .replicas
        .is_for_us(organization(&connection).as_str())
    {
        // Another replica sees to it. Once it is for us, it is looked at again.
        let key = key(&connection);
        context.engines.stop(&key);
        context.engines.set_without_credential(&key, false);
        context.engines.set_held_elsewhere(&key, false);
        context.engines.await_lease(&key, None);
        return Ok(Action::await_change());
    }
    if context.quarantine.blockers(&*connection) {
        return Ok(Action::await_change());
    }
    if context.written.is_ahead_of(&*connection) {
        return Ok(Action::requeue(CACHE_IS_BEHIND));
    }
    let look = async {
        match connection.metadata.deletion_timestamp {
            Some(_) => leave(&connection, &context).await,
            None => keep(&connection, &context).await,
        }
    };
    Ok(match quarantine::guarded(look).await {
        Ok(action) => action,
        Err(Panicked) => set_aside(&connection, &context).await,
    })
}

/// A panic while the connection was looked at: said in its status, and not looked for again until it changes. Its engine
/// goes on as it was told last.
async fn set_aside(connection: &SharingConnection, context: &Context) -> Action {
    tracing::error!(connection = %name(connection), "panicked at this connection; it is set aside until it changes");
    context.quarantine.add(connection);
    let findings = Findings::without_report(quarantine::problem().of_connection());
    let told = conclude(connection, context, &findings, None, None);
    // A second panic leaves what the status said before.
    let _ = quarantine::guarded(told).await;
    Action::await_change()
}

/// The younger version that we made comes by the watch.
const CACHE_IS_BEHIND: Duration = Duration::from_secs(1);

/// Where nothing watches the cause, it is looked at again this often: a Secret whose watch is refused, for one.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// For a Secret that is missing and not watched: one read, of the API server alone.
const LOOK_FOR_SECRET: Duration = Duration::from_secs(30);

async fn keep(connection: &SharingConnection, context: &Context) -> Action {
    let made = match publish::add_finalizer(&context.client, connection).await {
        Ok(made) => made,
        Err(error) => return failed(connection, &error),
    };
    let credential = match secret::read(connection, context).await {
        Ok(credential) => credential,
        Err(secret::Unusable::Kubernetes(error)) => return failed(connection, &error),
        Err(secret::Unusable::Missing(problem)) => {
            note_missing_credential(connection, context);
            let findings = Findings::without_credential(problem);
            let next = conclude(connection, context, &findings, None, made).await;
            return match context.settings.watch_secrets {
                true => next,
                false => Action::requeue(LOOK_FOR_SECRET),
            };
        }
    };
    let running = match start::ensure(connection, context, credential).await {
        start::Ensured::Running(running) => running,
        start::Ensured::HeldElsewhere(problem) => {
            return held_elsewhere(connection, context, problem, made).await;
        }
        start::Ensured::Resting(left) => {
            if context.engines.early_ends.are_many(&key(connection)) {
                let findings = Findings::without_report(engine_ends());
                conclude(connection, context, &findings, None, made).await;
            }
            return Action::requeue(left);
        }
    };
    let handled = connection
        .status
        .as_ref()
        .and_then(|status| status.last_handled_reconcile_at.as_ref());
    if let Some(requested) = context.served.open(connection, handled) {
        if running.engine.resync().await.is_err() {
            return Action::requeue(Duration::from_secs(1));
        }
        context.served.done(connection, requested);
    }
    let report = running.engine.report().borrow().clone();
    if report.ready {
        context.engines.early_ends.forget(&key(connection));
    }
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

fn engine_ends() -> Problem {
    let reason = Reason::InternalError;
    let message = format!(
        "The operator panicked more than once while it took in what the two systems answered, which is a defect of the \
         operator. It forgets what it knew and reads both anew, later and later. {}",
        reason.remedy()
    );
    Problem::new(reason, message).of_connection()
}

/// Whoever holds the Lease sees to the connection and writes its status; where that is another installation, nobody else
/// would say so.
async fn held_elsewhere(
    connection: &SharingConnection,
    context: &Context,
    problem: Option<Problem>,
    made: Option<String>,
) -> Action {
    match problem {
        None => Action::await_change(),
        Some(problem) => {
            let findings = Findings::without_report(problem);
            conclude(connection, context, &findings, None, made).await
        }
    }
}

/// From now on its audiences know, and it is looked at again when the Secret comes.
fn note_missing_credential(connection: &SharingConnection, context: &Context) {
    secret::watch(connection, context);
    if context
        .engines
        .set_without_credential(&key(connection), true)
    {
        start::wake_audiences(connection, context);
    }
}

/// Asked once more before an audience of the connection goes without its remote objects: whether it still cannot be
/// deleted. While nobody can tell, `false`.
pub(super) async fn lacks_credential(
    audience: &SharedAudience,
    connection: &str,
    context: &Context,
) -> bool {
    let namespace = audience.namespace().unwrap_or_default();
    let reference = ObjectRef::new(connection).within(&namespace);
    let Some(known) = context.connections.get(&reference) else {
        return true;
    };
    if let Some(running) = context.engines.get(&namespace, connection) {
        let is_read = running.engine.resync().await.is_ok();
        return is_read && bars_deletion(&running);
    }
    match secret::read(&known, context).await {
        Err(secret::Unusable::Missing(_)) => true,
        Err(secret::Unusable::Kubernetes(_)) => false,
        Ok(_) => {
            context.engines.wake_connection(&namespace, connection);
            false
        }
    }
}

/// Nothing can be deleted through it, by more than an outage.
fn bars_deletion(running: &Running) -> bool {
    let report = running.engine.report();
    let failure = report
        .borrow()
        .failure
        .as_ref()
        .map(|failure| failure.reason);
    failure.is_some_and(Reason::bars_deletion)
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
    if findings.deletion_wait.is_none() {
        context.leaving.waits_no_longer(connection);
    }
    let wanted = status::after(connection, findings, handled, context.now());
    let known = connection.status.as_ref();
    match publish::status(
        &context.client,
        &context.written,
        connection,
        made,
        known,
        &wanted,
    )
    .await
    {
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

/// The connection outlives the audiences that still need it (L7).
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
    let waiting = users.iter().filter(|user| {
        let mut finalizers = user.finalizers().iter();
        finalizers.any(|finalizer| finalizer == FINALIZER)
    });
    let waiting: Vec<String> = waiting.map(|user| user.name_any()).collect();
    if !waiting.is_empty() {
        return match means(connection, context).await {
            Ok(means) => wait_for_audiences(connection, context, &waiting, &means).await,
            Err(action) => action,
        };
    }
    let deletes = connection.spec.deletion_policy == DeletionPolicy::Delete;
    if deletes && !context.leaving.is_done(connection) {
        if let Some(left) = context.leaving.pause_left(connection, Instant::now()) {
            return Action::requeue(left);
        }
        if let Err(action) = delete_shared_objects(connection, context).await {
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
            context.written.forget(connection);
            context.quarantine.forget(connection);
            Action::await_change()
        }
        Err(error) => failed(connection, &error),
    }
}

/// What deletes the remote objects of a connection that leaves, and of its audiences.
enum Means {
    Engine(Box<Running>),
    /// There is no credential; the Secret's obstacle.
    Lacking(Problem),
}

impl Means {
    /// What is in the way of every deletion.
    fn problem(&self) -> Option<Problem> {
        match self {
            Self::Engine(running) => running.engine.report().borrow().failure.clone(),
            Self::Lacking(problem) => Some(problem.clone()),
        }
    }
}

/// The engine of a connection that leaves, started where a restart came in between.
async fn means(connection: &SharingConnection, context: &Context) -> Result<Means, Action> {
    let namespace = connection.namespace().unwrap_or_default();
    if let Some(running) = context.engines.get(&namespace, &connection.name_any()) {
        return Ok(Means::Engine(Box::new(running)));
    }
    match secret::read(connection, context).await {
        Ok(credential) => match start::ensure(connection, context, credential).await {
            start::Ensured::Running(running) => Ok(Means::Engine(running)),
            start::Ensured::HeldElsewhere(problem) => {
                Err(held_elsewhere(connection, context, problem, None).await)
            }
            start::Ensured::Resting(left) => Err(Action::requeue(left)),
        },
        Err(secret::Unusable::Missing(problem)) => {
            note_missing_credential(connection, context);
            Ok(Means::Lacking(problem))
        }
        Err(secret::Unusable::Kubernetes(error)) => Err(failed(connection, &error)),
    }
}

/// Says for whom it waits, and why they cannot go where that is known. It is woken by the last of them; the pause is for
/// what no event tells.
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
    let findings = Findings::leaving(waiting, problem, of_secret).waiting(so_far);
    conclude(connection, context, &findings, None, None).await;
    Action::requeue(LOOK_FOR_AUDIENCES)
}

const LOOK_FOR_AUDIENCES: Duration = Duration::from_secs(30);

fn patience(connection: &SharingConnection, context: &Context) -> Patience {
    let status = connection.status.as_ref();
    let recorded = status.and_then(|status| status.deletion_wait.as_ref());
    let now = context.both_clocks();
    context.leaving.patience(connection, recorded, now)
}

/// Deletes what is ours and empty. What is in use stays and is told, as is what could not be deleted in time; whatever
/// else stands in the way is waited for, and told in the status.
async fn delete_shared_objects(
    connection: &SharingConnection,
    context: &Context,
) -> Result<(), Action> {
    match definition::of::<SharingConnection>(&context.client).await {
        Definition::Stays => {}
        Definition::Leaves => return Ok(()),
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
            tell_left_behind(connection, context, &problem.message).await;
        }
        return Ok(());
    };
    if problem.reason.bars_deletion() {
        return wait_or_leave_behind(connection, context, problem, false, why).await;
    }
    let pause = match problem.disposition() {
        Disposition::Stalled => LOOK_AGAIN,
        Disposition::RetryAfter(pause) => pause.max(RETIRE_AGAIN),
        Disposition::Retry | Disposition::Wait => RETIRE_AGAIN,
    };
    context.leaving.failed(connection, pause, Instant::now());
    let findings = Findings::held_back(problem, false);
    conclude(connection, context, &findings, None, None).await;
    Err(Action::requeue(pause))
}

/// Between two tries to delete shared objects, each with a full pass before it.
const RETIRE_AGAIN: Duration = Duration::from_secs(60);

/// Nothing can be deleted: waited for, ten minutes in all; then the shared objects stay, and that is told.
async fn wait_or_leave_behind(
    connection: &SharingConnection,
    context: &Context,
    problem: Problem,
    of_secret: bool,
    why: &str,
) -> Result<(), Action> {
    match patience(connection, context) {
        Patience::Wait { look_again, so_far } => {
            let findings = Findings::held_back(problem, of_secret).waiting(Some(so_far));
            conclude(connection, context, &findings, None, None).await;
            Err(Action::requeue(look_again))
        }
        Patience::Over => {
            let left = status::shared_objects(connection);
            let what = format!("its shared objects stay, since {why}: {left}. Delete them there.");
            tell_left_behind(connection, context, &what).await;
            Ok(())
        }
    }
}

async fn tell_left_behind(connection: &SharingConnection, context: &Context, what: &str) {
    let name = name(connection);
    tracing::warn!(target: "audit", connection = %name, "left behind: {what}");
    let message = format!("SharingConnection {name} went: {what}");
    let (pod, uid) = (context.settings.pod.as_ref(), connection.uid());
    events::on_release(&context.recorder, pod, &uid.unwrap_or_default(), &message).await;
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
