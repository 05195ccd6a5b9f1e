//! A `SharedAudience`, from an event to its status: dereference, validate, settle, write down.
//!
//! Turns the spec into `core`'s types, hands them to the engine, writes down what came of it. It never talks to Adobe
//! and decides nothing about remote objects.

mod delete;
mod dereference;
mod status;
mod validate;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use audience_sharing_core::compose::Share;
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::plan::claims::CreatedAt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;

use super::conditions::{is_ready, ready_reason};
use super::context::{Context, share_name};
use super::quarantine::{self, Panicked};
use super::{events, freshness, publish, requested};
use crate::api::annotations::FINALIZER;
use crate::api::{DeletionWaitStatus, SharedAudience};
use audience_sharing_engine::{
    Freshness, NotReconciled, Problem, ReconcileOutcome, ReconcileRequest,
};
use status::Verdict;

pub(super) use delete::declaration;
pub(super) use validate::adoption_policy;

/// What one look at an audience found.
enum Outcome {
    ReconcileOutcome {
        reconciled: Box<ReconcileOutcome>,
        /// The version of the object that our finalizer made.
        version: Option<String>,
        looked_for_users: Option<String>,
    },
    Suspended {
        /// The version of the object that our finalizer made, as above.
        version: Option<String>,
    },
    /// The spec says what cannot be done.
    Invalid {
        problem: Problem,
        version: Option<String>,
    },
    /// Something in Kubernetes is missing or wrong; nothing remote was judged.
    Unresolved(Problem),
    /// It leaves, and its remote objects cannot be deleted; for how long that has lasted.
    CannotDelete(Problem, DeletionWaitStatus),
    /// The API server failed; tried again soon, with nothing to write down.
    Kubernetes(kube::Error),
    /// The object has changed since it was read from the cache, or the API server did not say.
    Superseded,
    /// Another process reconciles this organisation, or may by now, or the engine is just being replaced: whoever starts
    /// it wakes us.
    NotOurs,
    /// The engine panicked while it planned for this audience.
    Panicked,
    /// The object is gone.
    Released,
}

pub(super) async fn reconcile(
    audience: Arc<SharedAudience>,
    context: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    let called = context.admission.claim(&audience);
    context.wait_for_connections().await;
    if context.quarantine.blockers(&*audience) {
        return Ok(Action::await_change());
    }
    if context.written.is_ahead_of(&*audience) {
        return Ok(Action::requeue(CACHE_IS_BEHIND));
    }
    let place = match is_edited_or_leaves(&audience) {
        true => None,
        false => match called.or_else(|| context.admission.enter(&audience)) {
            None => return Ok(Action::await_change()),
            place => place,
        },
    };
    let look = async {
        let outcome = match audience.metadata.deletion_timestamp {
            Some(_) => delete::delete(&audience, &context).await,
            None => keep(&audience, &context).await,
        };
        conclude(&audience, &context, outcome).await
    };
    let action = match quarantine::guarded(look).await {
        Ok(action) => action,
        Err(Panicked) => set_aside(&audience, &context).await,
    };
    drop(place);
    Ok(action)
}

/// Whether the audience goes before all that is created or only looked at; what does not is called when it is its turn.
pub(super) fn goes_first(audience: &SharedAudience, context: &Context) -> bool {
    let goes_first = is_edited_or_leaves(audience);
    if !goes_first {
        context.admission.line_up(audience);
    }
    goes_first
}

/// What is neither created nor only looked at: a person waits for it, and it goes before all that.
fn is_edited_or_leaves(audience: &SharedAudience) -> bool {
    audience.metadata.deletion_timestamp.is_some()
        || !is_known_to_stand(audience) && status::has_objects(audience)
}

/// A panic while the audience was looked at: said in its status, and not looked for again until it changes.
async fn set_aside(audience: &SharedAudience, context: &Context) -> Action {
    tracing::error!(audience = %name(audience), "panicked at this audience; it is set aside until it changes");
    context.quarantine.add(audience);
    let told = conclude(
        audience,
        context,
        Outcome::Unresolved(quarantine::problem()),
    );
    // A second panic leaves what the status said before.
    let _ = quarantine::guarded(told).await;
    Action::await_change()
}

/// The younger version that we made comes by the watch.
const CACHE_IS_BEHIND: Duration = Duration::from_secs(1);

/// Brings the audience to where it shall be.
async fn keep(audience: &SharedAudience, context: &Context) -> Outcome {
    let running = match dereference::engine(audience, context) {
        Ok(running) => running,
        Err(outcome) => return outcome,
    };
    // Before anything else, valid or not: a resource that objects are handed over to must not go unnoticed.
    let version = match publish::add_finalizer(&context.client, audience).await {
        Ok(version) => version,
        Err(error) => return Outcome::Kubernetes(error),
    };
    let finalized_at = Instant::now();
    if audience.spec.suspend {
        return Outcome::Suspended { version };
    }
    let share = match validate::share(audience, &running.settings) {
        Ok(share) => share,
        Err(problem) => return Outcome::Invalid { problem, version },
    };
    let handled = audience
        .status
        .as_ref()
        .and_then(|status| status.last_handled_reconcile_at.as_ref());
    if let Some(requested) = context.served.open(audience, handled) {
        if running.engine.resync().await.is_err() {
            return Outcome::NotOurs;
        }
        context.served.done(audience, requested);
    }
    // A finalizer goes onto the version that was read or nowhere: at that moment it is as good as another look.
    let freshness = freshness::of(audience, &context.client);
    let freshness = match version {
        Some(_) => freshness.known_at(finalized_at),
        None => freshness,
    };
    let request = request(audience, share, freshness);
    match running.engine.reconcile(request).await {
        Ok(mut reconciled) if running.holds_lease() => {
            let wish = wish_for_users(audience);
            if wish.is_some()
                && let Some(observed_state) = &reconciled.observed_state
            {
                let looked = running.engine.look_for_users(observed_state).await;
                reconciled.used_by = reconciled.used_by.updated(looked);
            }
            Outcome::ReconcileOutcome {
                reconciled: Box::new(reconciled),
                version,
                looked_for_users: wish,
            }
        }
        Ok(_) => Outcome::NotOurs,
        Err(unsettled) => unsettled.into(),
    }
}

/// The request to look for users that nobody has handled yet.
fn wish_for_users(audience: &SharedAudience) -> Option<String> {
    let status = audience.status.as_ref();
    let known = status.and_then(|status| status.used_by.as_ref());
    let handled = known.and_then(|known| known.last_handled_request_at.as_ref());
    requested::users(audience).filter(|requested| Some(requested) != handled)
}

impl From<NotReconciled> for Outcome {
    fn from(unsettled: NotReconciled) -> Self {
        match unsettled {
            NotReconciled::Superseded => Self::Superseded,
            NotReconciled::Panicked => Self::Panicked,
            NotReconciled::Ended(_) => Self::NotOurs,
        }
    }
}

fn request(audience: &SharedAudience, share: Share, freshness: Freshness) -> ReconcileRequest {
    let recorded = status::recorded(audience);
    ReconcileRequest {
        share,
        created: created(audience),
        pinned: recorded.source,
        recorded: recorded.objects,
        recorded_audience: recorded.audience,
        recorded_tenant: recorded.tenant,
        is_change: !is_known_to_stand(audience),
        freshness,
    }
}

/// A change that has just been seen, and is in the cache: a look at the audience that is under way makes way for it, and
/// a connection that leaves need not wait for an audience that has no finalizer of ours any more.
pub(super) fn seen(audience: &SharedAudience, context: &Context) {
    if !audience.finalizers().iter().any(|known| known == FINALIZER) {
        wake_leaving_connection(audience, context);
    }
    let leaves = audience.metadata.deletion_timestamp.is_some();
    if !leaves && is_known_to_stand(audience) {
        return;
    }
    let namespace = audience.namespace().unwrap_or_default();
    let running = context
        .engines
        .get(&namespace, &audience.spec.connection_ref.name);
    if let (Some(running), Some(share)) = (running, share_name(audience)) {
        running.engine.prioritize(share, leaves);
    }
}

fn wake_leaving_connection(audience: &SharedAudience, context: &Context) {
    let namespace = audience.namespace().unwrap_or_default();
    let name = &audience.spec.connection_ref.name;
    let connection = context
        .connections
        .get(&ObjectRef::new(name).within(&namespace));
    if connection.is_some_and(|connection| connection.metadata.deletion_timestamp.is_some()) {
        context.engines.wake_connection(&namespace, name);
    }
}

/// As it is declared now, as far as the last look found.
fn is_known_to_stand(audience: &SharedAudience) -> bool {
    let status = audience.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation == audience.metadata.generation && is_ready(&status.conditions)
    })
}

pub(super) fn created(audience: &SharedAudience) -> CreatedAt {
    CreatedAt(
        audience
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(i64::MAX, |time| time.0.as_second()),
    )
}

/// The one place that writes an audience's status, after success and failure alike, and says when to look again.
async fn conclude(audience: &SharedAudience, context: &Context, outcome: Outcome) -> Action {
    let key = audience.uid().unwrap_or_default();
    let mut made = None;
    let mut goes_on = false;
    let verdict = match outcome {
        Outcome::Released => {
            context.backoff().succeeded(&key);
            context.served.forget(audience);
            context.leaving.forget(audience);
            context.written.forget(audience);
            context.quarantine.forget(audience);
            return Action::await_change();
        }
        Outcome::Panicked => return Box::pin(set_aside(audience, context)).await,
        Outcome::NotOurs => return Action::await_change(),
        Outcome::Superseded => return Action::requeue(SUPERSEDED),
        Outcome::Kubernetes(error) => {
            tracing::warn!(audience = %name(audience), "{}; tried again soon", publish::describe(&error));
            return requeue(context, &key, Some(Disposition::Retry));
        }
        Outcome::ReconcileOutcome {
            reconciled,
            version,
            looked_for_users,
        } => {
            made = version;
            goes_on = reconciled.records_source_first;
            let connection = &audience.spec.connection_ref.name;
            Verdict::of_reconciled(*reconciled, connection, looked_for_users)
        }
        Outcome::Suspended { version } => {
            made = version;
            Verdict::suspended()
        }
        Outcome::Invalid { problem, version } => {
            made = version;
            Verdict::unresolved(problem)
        }
        Outcome::Unresolved(problem) => Verdict::unresolved(problem),
        Outcome::CannotDelete(problem, so_far) => Verdict::cannot_delete(problem, so_far),
    };
    if verdict.deletion_wait.is_none() {
        context.leaving.waits_no_longer(audience);
    }
    let disposition = verdict.problem.as_ref().map(Problem::disposition);
    let pause = next_look(context, &key, disposition);
    // Told only where the object itself fails by itself: what waits for something else has no time of its own.
    let retries = matches!(
        disposition,
        Some(Disposition::Retry | Disposition::RetryAfter(_) | Disposition::Stalled)
    );
    let wanted = status::after(audience, &verdict, context.now(), pause.filter(|_| retries));
    let known = audience.status.as_ref();
    match publish::status(
        &context.client,
        &context.written,
        audience,
        made,
        known,
        &wanted,
    )
    .await
    {
        Ok(()) => {}
        // A younger version is on its way to the cache.
        Err(error) if publish::is_conflict(&error) => return Action::requeue(STATUS_RETRY),
        Err(error) => {
            tracing::warn!(audience = %name(audience), "status not written: {}", publish::describe(&error));
            return requeue(context, &key, Some(Disposition::Retry));
        }
    }
    context
        .settings
        .metrics
        .reconciled("SharedAudience", ready_reason(&wanted.conditions));
    events::on_transition(
        &context.recorder,
        &audience.object_ref(&()),
        conditions(audience),
        &wanted.conditions,
    )
    .await;
    match pause {
        _ if goes_on => Action::requeue(RECORDED),
        Some(pause) => Action::requeue(pause),
        None => Action::await_change(),
    }
}

/// Until the cache has a status that was just written.
const RECORDED: Duration = Duration::from_millis(50);

/// The younger object comes by the watch; this is for an API server that did not answer.
const SUPERSEDED: Duration = Duration::from_secs(10);

const STATUS_RETRY: Duration = Duration::from_secs(1);

fn requeue(context: &Context, key: &str, disposition: Option<Disposition>) -> Action {
    match next_look(context, key, disposition) {
        Some(pause) => Action::requeue(pause),
        None => Action::await_change(),
    }
}

fn next_look(context: &Context, key: &str, disposition: Option<Disposition>) -> Option<Duration> {
    let mut backoff = context.backoff();
    match disposition {
        None => {
            backoff.succeeded(key);
            None
        }
        Some(disposition) => backoff.next(key, disposition, Instant::now()),
    }
}

impl Context {
    fn backoff(&self) -> std::sync::MutexGuard<'_, super::backoff::Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn conditions(audience: &SharedAudience) -> &[crate::api::common::Condition] {
    audience
        .status
        .as_ref()
        .map_or(&[], |status| &status.conditions)
}

fn name(audience: &SharedAudience) -> String {
    format!(
        "{}/{}",
        audience.namespace().unwrap_or_default(),
        audience.name_any()
    )
}

/// What a connection that is not ready means for its audiences: told there, referred to here.
fn dependency_not_ready(connection: &str) -> Problem {
    let message = format!("SharingConnection {connection} is not ready; its status says why.");
    Problem::new(Reason::DependencyNotReady, message).of_connection()
}
