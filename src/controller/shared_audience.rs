//! A `SharedAudience`, from an event to its status: declaration, finalizer, engine, status.
//!
//! It never talks to Adobe and decides nothing about remote objects.

mod activation;
mod delete;
mod models;
mod outcome;
pub(super) mod recorded;
mod status;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::{Problem, ReconcileRequest};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use tokio::time::Instant;

use super::conditions::is_ready;
use super::context::Context;
use super::engines::{ConnectionState, Running, connection_of};
use super::publish::{full_name, has_finalizer, with_finalizer};
use super::quarantine::{self, Panicked};
use super::{events, freshness, publish, requested};
use crate::api::{SharedAudience, SharingConnection};
use crate::declaration::{AudienceDeclaration, connection_name};
use outcome::{Outcome, dependency_not_ready};
use recorded::recorded;
use status::Verdict;

pub(super) async fn reconcile(
    audience: Arc<SharedAudience>,
    context: Arc<Context>,
) -> Result<Action, Infallible> {
    let called = context.admission.claim(&audience);
    context.wait_for_connections().await;
    let audience = context.sent_audiences.latest(audience);
    if context.quarantine.contains(&*audience) {
        return Ok(Action::await_change());
    }
    let place = match is_edited_or_deleted(&audience) {
        true => None,
        false => match called.or_else(|| context.admission.enter(&audience)) {
            None => return Ok(Action::await_change()),
            place => place,
        },
    };
    let work = async {
        let (audience, outcome) = match audience.metadata.deletion_timestamp {
            Some(_) => (audience.clone(), delete::delete(&audience, &context).await),
            None => keep(&audience, &context).await,
        };
        conclude(&audience, &context, outcome).await
    };
    let action = match quarantine::guarded(work).await {
        Ok(action) => action,
        Err(Panicked) => set_aside(&audience, &context).await,
    };
    drop(place);
    Ok(action)
}

/// Whether the audience goes before all that is created or only reconciled again; what does not is called when it is its
/// turn.
pub(super) fn goes_first(audience: &SharedAudience, context: &Context) -> bool {
    let goes_first = is_edited_or_deleted(audience);
    if !goes_first {
        context.admission.line_up(audience);
    }
    goes_first
}

/// What is neither created nor only reconciled again: a person waits for it, and it goes before all that.
fn is_edited_or_deleted(audience: &SharedAudience) -> bool {
    audience.metadata.deletion_timestamp.is_some()
        || !is_as_declared(audience) && recorded::has_objects(audience)
}

/// A panic while the audience was reconciled: reported in its status, and not tried again until it changes.
async fn set_aside(audience: &SharedAudience, context: &Context) -> Action {
    tracing::error!(audience = %full_name(audience), "panicked at this audience; it is set aside until it changes");
    context.quarantine.add(audience);
    let problem = Outcome::Unresolved(quarantine::problem());
    // A second panic leaves what the status said before.
    let _ = quarantine::guarded(conclude(audience, context, problem)).await;
    Action::await_change()
}

/// Brings the audience to its declared state. With it comes the object as our finalizer left it.
async fn keep(audience: &Arc<SharedAudience>, context: &Context) -> (Arc<SharedAudience>, Outcome) {
    let resolved = engine(audience, context);
    if matches!(resolved, Err(Outcome::NotOurs)) {
        return (audience.clone(), Outcome::NotOurs);
    }
    // Before anything else, valid or not: a resource that objects are handed over to must not go unnoticed (L5).
    let finalized = with_finalizer(&context.client, &context.sent_audiences, audience).await;
    let (audience, is_new) = match finalized {
        Ok(finalized) => finalized,
        Err(error) => return (audience.clone(), Outcome::Kubernetes(error)),
    };
    let declared = AudienceDeclaration::of(&audience);
    let outcome = match resolved {
        _ if declared.suspended => Outcome::Suspended,
        Err(outcome) => outcome,
        Ok(running) => reconcile_declared(&audience, declared, &running, is_new, context).await,
    };
    (audience, outcome)
}

/// The running engine of the audience's connection.
fn engine(audience: &SharedAudience, context: &Context) -> Result<Running, Outcome> {
    let key = connection_of(audience);
    let (namespace, name) = &key;
    let not_ready = || Outcome::Unresolved(dependency_not_ready(name));
    let Some(connection) = context.connection(&key) else {
        let undecoded = &context.undecoded;
        return Err(
            match undecoded.contains::<SharingConnection>(namespace, name) {
                true => not_ready(),
                false => Outcome::Unresolved(Problem::new(
                    Reason::ConnectionNotFound,
                    format!(
                        "There is no SharingConnection {name} in namespace {namespace}. Nothing was changed. Create it, or \
                     correct spec.connectionRef.name in a new SharedAudience."
                    ),
                )),
            },
        );
    };
    match context.engines.state(&key) {
        _ if connection.metadata.deletion_timestamp.is_some() => Err(not_ready()),
        ConnectionState::Running(running) if running.is_invalid => Err(not_ready()),
        ConnectionState::Running(running) => Ok(running),
        ConnectionState::Starting => Err(Outcome::NotOurs),
        ConnectionState::WithoutCredential(_) | ConnectionState::ReconciledElsewhere => {
            Err(not_ready())
        }
    }
}

/// `is_new`: our finalizer was set just now.
async fn reconcile_declared(
    audience: &SharedAudience,
    declared: AudienceDeclaration,
    running: &Running,
    is_new: bool,
    context: &Context,
) -> Outcome {
    let finalized_at = Instant::now();
    let created = declared.created;
    let share = match declared.share(running.settings.adoption) {
        Ok(share) => share,
        Err(problem) => return Outcome::Unresolved(problem),
    };
    let handled = audience
        .status
        .as_ref()
        .and_then(|status| status.last_handled_reconcile_at.as_ref());
    if let Some(requested) = context.requests.open(audience, handled) {
        if running.engine.resync().await.is_err() {
            return Outcome::NotOurs;
        }
        context.requests.done(audience, requested);
    }
    // A finalizer is set on the version that was read or not at all: at that moment it is as good as a freshness check.
    let freshness = freshness::of(audience, &context.client);
    let freshness = match is_new {
        true => freshness.known_at(finalized_at),
        false => freshness,
    };
    let recorded = recorded(audience);
    let request = ReconcileRequest {
        share,
        created,
        pinned: recorded.source,
        recorded: recorded.objects,
        recorded_audience: recorded.audience,
        recorded_tenant: recorded.tenant,
        is_change: !is_as_declared(audience),
        freshness,
    };
    match running.engine.reconcile(request).await {
        Ok(mut reconciled) if running.holds_lease() => {
            let users_requested = users_requested(audience);
            if users_requested.is_some()
                && let Some(observed_state) = &reconciled.observed_state
            {
                let users = running.engine.look_for_users(observed_state).await;
                reconciled.used_by = reconciled.used_by.updated(users);
            }
            Outcome::Reconciled {
                reconciled: Box::new(reconciled),
                users_requested,
            }
        }
        Ok(_) => Outcome::NotOurs,
        Err(why) => why.into(),
    }
}

/// The request for the users of the audience, unless it was handled.
fn users_requested(audience: &SharedAudience) -> Option<String> {
    let status = audience.status.as_ref();
    let known = status.and_then(|status| status.used_by.as_ref());
    let handled = known.and_then(|known| known.last_handled_request_at.as_ref());
    requested::users(audience).filter(|requested| Some(requested) != handled)
}

/// A change that has just been seen, and is in the cache: a reconcile of the audience that is under way ends for it,
/// and a connection that is being deleted need not wait for an audience that has no finalizer of ours any more.
pub(super) fn seen(audience: &SharedAudience, context: &Context) {
    let key = connection_of(audience);
    let connection = context.connection(&key);
    if !has_finalizer(audience)
        && connection.is_some_and(|found| found.metadata.deletion_timestamp.is_some())
    {
        context.engines.wake_connection(&key);
    }
    let is_deleted = audience.metadata.deletion_timestamp.is_some();
    if !is_deleted && is_as_declared(audience) {
        return;
    }
    let share = AudienceDeclaration::of(audience).name;
    if let (Some(running), Some(share)) = (context.engines.get(&key), share) {
        running.engine.prioritize(share, is_deleted);
    }
}

/// As far as the last reconcile found.
fn is_as_declared(audience: &SharedAudience) -> bool {
    let status = audience.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation == audience.metadata.generation && is_ready(&status.conditions)
    })
}

/// The one place that writes an audience's status, after success and failure alike, and says when to reconcile again.
async fn conclude(audience: &SharedAudience, context: &Context, outcome: Outcome) -> Action {
    let key = audience.uid().unwrap_or_default();
    let mut goes_on = false;
    let verdict = match outcome {
        Outcome::Released => {
            context.backoff.lock().succeeded(&key);
            return Action::await_change();
        }
        Outcome::Panicked => return Box::pin(set_aside(audience, context)).await,
        Outcome::NotOurs => return Action::await_change(),
        Outcome::Superseded => return Action::requeue(SUPERSEDED),
        Outcome::Kubernetes(error) => {
            tracing::warn!(audience = %full_name(audience), "{}; tried again soon", publish::describe(&error));
            return requeue(context, &key, Some(Disposition::Retry));
        }
        Outcome::Reconciled {
            reconciled,
            users_requested,
        } => {
            goes_on = reconciled.records_source_first;
            Verdict::of_reconciled(*reconciled, connection_name(audience), users_requested)
        }
        Outcome::Suspended => Verdict::suspended(),
        Outcome::Unresolved(problem) => Verdict::unresolved(problem, None),
        Outcome::CannotDelete(problem, so_far) => Verdict::unresolved(problem, Some(so_far)),
    };
    if verdict.deletion_wait.is_none() {
        context.deletion_waits.waits_no_longer(audience);
    }
    let disposition = verdict.problem.as_ref().map(Problem::disposition);
    let pause = next_attempt(context, &key, disposition);
    // Shown only where the object itself fails: what waits for something else has no time of its own.
    let retries = matches!(
        disposition,
        Some(Disposition::Retry | Disposition::RetryAfter(_) | Disposition::Stalled)
    );
    let wanted = status::after(audience, &verdict, context.now(), pause.filter(|_| retries));
    match events::report(context, &context.sent_audiences, audience, &wanted).await {
        Ok(()) => {}
        // A younger version is on its way to the cache.
        Err(error) if publish::is_conflict(&error) => return Action::requeue(STATUS_RETRY),
        Err(error) => {
            tracing::warn!(audience = %full_name(audience), "status not written: {}", publish::describe(&error));
            return requeue(context, &key, Some(Disposition::Retry));
        }
    }
    let pause = if goes_on { Some(Duration::ZERO) } else { pause };
    pause.map_or_else(Action::await_change, Action::requeue)
}

/// The younger object comes by the watch; this is for an API server that did not answer.
const SUPERSEDED: Duration = Duration::from_secs(10);

const STATUS_RETRY: Duration = Duration::from_secs(1);

fn requeue(context: &Context, key: &str, disposition: Option<Disposition>) -> Action {
    let pause = next_attempt(context, key, disposition);
    pause.map_or_else(Action::await_change, Action::requeue)
}

fn next_attempt(
    context: &Context,
    key: &str,
    disposition: Option<Disposition>,
) -> Option<Duration> {
    let mut backoff = context.backoff.lock();
    let Some(disposition) = disposition else {
        backoff.succeeded(key);
        return None;
    };
    backoff.next(key, disposition, Instant::now())
}
