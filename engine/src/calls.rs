//! A call on its way to Adobe, and its answer.

use std::time::Duration;

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{self, At, Failure, Response};
use audience_sharing_core::inventory::Sequence;
use futures::future::BoxFuture;

use super::audit::audit;
use super::execute;
use super::in_flight_calls::{CallOwner, Completion};
use super::request::Problem;
use super::worker::Worker;
use adobe_client::gateway::CallContext;
use adobe_client::lease_guard::{FreshnessCheck, LeaseGuard};
use adobe_client::{Effect, Error, Kind};

impl Worker {
    /// Hands one call to the gateway. A write is sent only if it is `wanted` when its turn has come.
    pub(super) fn send(
        &mut self,
        owner: CallOwner,
        call: Call,
        context: CallContext,
        wanted: FreshnessCheck,
    ) -> Result<(), Problem> {
        let is_write = call.is_write();
        let in_flight_call = self.in_flight_call(owner, call, context, wanted)?;
        self.in_flight_calls.start(is_write, in_flight_call);
        Ok(())
    }

    /// A call on its way. A write without a lease is not sent.
    fn in_flight_call(
        &mut self,
        owner: CallOwner,
        call: Call,
        context: CallContext,
        wanted: FreshnessCheck,
    ) -> Result<BoxFuture<'static, Completion>, Problem> {
        if call.is_write() && self.lease.borrow().is_none() {
            return Err(Problem::lease_not_held(&call));
        }
        let lease_guard = LeaseGuard::of(self.lease.clone(), wanted);
        let sent = self.next_sequence();
        let systems = self.systems.clone();
        let owner = Box::new(owner);
        let of_shared_object = matches!(*owner, CallOwner::SharedObjects(_) | CallOwner::Sweep(_));
        if of_shared_object && call.is_write() {
            let (shared_lock, seen) = (self.shared_lock.clone(), self.shared_writes_seen);
            let stop = self.stop.clone();
            return Ok(Box::pin(async move {
                let taken = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(seen),
                    taken = shared_lock.take(seen) => taken,
                };
                let taken = match taken {
                    Ok(taken) => taken,
                    Err(seen) => return Completion::Outdated(owner, seen),
                };
                let result = execute::send(&systems, &context, lease_guard, &call).await;
                Completion::SharedAnswer(owner, sent, result, taken.written())
            }));
        }
        Ok(Box::pin(async move {
            let result = execute::send(&systems, &context, lease_guard, &call).await;
            match (*owner, result) {
                (CallOwner::Share(share, _), Err(error)) if error.kind() == Kind::NotWanted => {
                    Completion::Superseded(share)
                }
                (owner, result) => Completion::Answer(Box::new(owner), sent, result),
            }
        }))
    }

    pub(super) fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Resync(completed) => self.complete_resync(completed),
            Completion::Answer(owner, sent, result) => self.complete_errand(*owner, sent, result),
            Completion::SharedAnswer(owner, sent, result, seen) => {
                self.shared_writes_seen = seen;
                self.complete_errand(*owner, sent, result);
            }
            Completion::Superseded(share) => {
                if let Some(job) = self.jobs.get_mut(&share) {
                    job.in_flight = job.in_flight.saturating_sub(1);
                    job.superseded = true;
                }
                self.advance(&share);
            }
            Completion::Outdated(owner, seen) => {
                self.shared_writes_seen = seen;
                self.complete_outdated(*owner);
            }
        }
    }

    fn complete_errand(
        &mut self,
        owner: CallOwner,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        match owner {
            CallOwner::Share(share, call) => self.complete_share(&share, call, sent, result),
            CallOwner::SharedObjects(call) => self.complete_shared_objects(call, sent, result),
            CallOwner::Sweep(call) => self.complete_sweep(&call, sent, result),
        }
    }

    /// Applies an answer and wakes whom it touches; the problem if the call failed for good.
    pub(super) fn apply(
        &mut self,
        call: &Call,
        for_whom: &str,
        sent: Sequence,
        result: Result<Response, Error>,
        own: Option<&ShareName>,
    ) -> Option<Problem> {
        audit(call, for_whom, &result);
        let answered = self.next_sequence();
        let now = self.now();
        let job = own.and_then(|share| self.jobs.get(share));
        let at = At {
            sent,
            answered,
            now,
            recorded: match job {
                Some(job) => job.has_recorded(call),
                None => self.state.has_recorded(call),
            },
        };
        match result {
            Ok(response) => {
                let undone = self.state.undone(call, &response);
                let Ok(touched) = facts::apply(&mut self.state.inventory, call, response, at)
                else {
                    return Some(not_shown_yet(call));
                };
                self.wake_touched(&touched, own);
                undone
            }
            Err(error) => {
                let failure = failure(&error);
                let applied = facts::apply_failure(&mut self.state.inventory, call, at, failure);
                let Ok(answered) = applied else {
                    return Some(not_shown_yet(call));
                };
                let mut problem = self.state.problem(call, &error);
                let blocked = self.gateway.blocked(error.system()).is_some();
                // One call that was one too many concerns no other audience; only a long pause does.
                let throttled_alone = is_throttled(&error) && error.status().is_some();
                problem.of_connection =
                    blocked || (is_credential_failure(problem.reason) && !throttled_alone);
                if problem.of_connection {
                    self.fail_connection(problem.clone(), error.retry_after());
                }
                // A missing object is an answer; a taken key or an unknown outcome is tried once and then looked up.
                (!(answered && error.is_not_found())).then_some(problem)
            }
        }
    }

    /// The whole connection waits; one probe decides when it goes on.
    fn fail_connection(&mut self, problem: Problem, retry_after: Option<Duration>) {
        if self.state.failure.is_none() {
            tracing::warn!(reason = %problem.reason, "{}", problem.message);
            self.state.failure = Some(problem);
            self.retry_resync(retry_after);
            self.publish_report();
        }
    }
}

/// What a failed call says about its object.
fn failure(error: &Error) -> Failure {
    if error.reason() == Reason::RuleInvalid {
        Failure::RuleRefused
    } else if error.is_not_found() {
        let proven = error.is_proven();
        Failure::NotFound { proven }
    } else if error.effect() == Effect::Unknown {
        Failure::OutcomeUnknown
    } else if error.is_conflict() {
        Failure::Conflict
    } else {
        Failure::Other
    }
}

fn not_shown_yet(call: &Call) -> Problem {
    Problem::new(
        Reason::UnexpectedAnswer,
        format!(
            "Could not {}: {} does not find it. It may have been written less than a minute ago, and not show yet: nothing \
             was made in its place, and nothing else was changed.",
            call.label(),
            call.system()
        ),
    )
}

pub(super) fn is_throttled(error: &Error) -> bool {
    error.reason() == Reason::Throttled
}

/// Failures that every call with this credential would meet.
fn is_credential_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsRefused
            | Reason::IdentityServiceUnavailable
            | Reason::Throttled
            | Reason::LeaseNotHeld
    )
}
