//! Calls: sent, answered, applied to the inventory, and logged. Decides nothing.

use std::time::Duration;

use adobe_client::gateway::CallContext;
use adobe_client::lease_guard::{FreshnessCheck, LeaseGuard};
use adobe_client::{Effect, Error, Kind};
use audience_sharing_core::call::Call;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{self, At, Failure, Response};
use audience_sharing_core::inventory::Sequence;

use super::execute;
use super::in_flight_calls::{Answered, Completion};
use super::job::{Job, Scope};
use super::problems::not_shown_yet;
use super::request::Problem;
use super::worker::Worker;

impl Worker {
    /// Hands one call to the gateway. A write is sent only with the lease, and if what was asked is still asked for when
    /// its turn has come; one of a shared object only while no other engine of the organization writes any.
    pub(super) fn send(
        &mut self,
        owner: Scope,
        call: Call,
        context: CallContext,
        freshness_check: FreshnessCheck,
    ) -> Result<(), Problem> {
        let is_write = call.is_write();
        if is_write && self.lease.borrow().is_none() {
            return Err(Problem::lease_not_held(&call));
        }
        let guard = LeaseGuard::of(self.lease.clone(), freshness_check);
        let sent = self.next_sequence();
        let systems = self.systems.clone();
        let shared = (is_write && owner == Scope::SharedObjects)
            .then(|| (self.shared_lock.clone(), self.shared_writes_seen));
        let stop = self.stop.clone();
        self.in_flight_calls.start(is_write, sent, async move {
            let mut taken = None;
            if let Some((lock, seen)) = shared {
                let lock = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(seen),
                    lock = lock.take(seen) => lock,
                };
                match lock {
                    Ok(lock) => taken = Some(lock),
                    Err(seen) => return Completion::Outdated(owner, Box::new(call), seen),
                }
            }
            let result = execute::send(&systems, &context, guard, &call).await;
            Completion::Answer(Box::new(Answered {
                owner,
                call,
                sent,
                result,
                seen: taken.map(|taken| taken.written()),
            }))
        });
        Ok(())
    }

    pub(super) fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Resync(completed) => self.complete_resync(completed),
            Completion::Answer(answered) => {
                let Answered {
                    owner,
                    call,
                    sent,
                    result,
                    seen,
                } = *answered;
                self.shared_writes_seen = seen.unwrap_or(self.shared_writes_seen);
                self.complete_call(owner, call, sent, result);
            }
            Completion::Outdated(owner, call, seen) => {
                self.shared_writes_seen = seen;
                self.shared_objects_outdated(&call);
                self.end_call(&owner, |_| {});
            }
        }
    }

    fn complete_call(
        &mut self,
        owner: Scope,
        call: Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        let kind = result.as_ref().err().map(Error::kind);
        let throttled = result.as_ref().err().is_some_and(is_throttled);
        let done = call.is_write() && result.as_ref().is_ok_and(Response::is_written);
        if kind == Some(Kind::NotWanted) && self.is_superseded(&owner, sent) {
            return self.end_call(&owner, |job| job.superseded = true);
        }
        let is_needed = owner == Scope::SharedObjects
            && self.keeps_shared_objects()
            && self.state.is_due_for_shared_objects(&call);
        let problem = self.apply(&call, &owner, sent, result);
        if is_needed {
            self.shared_object_call_completed(&call, problem.as_ref());
        }
        for scope in std::iter::once(owner).chain(self.joined(&call)) {
            self.end_call(&scope, |job| match &problem {
                // A call that was one too many goes back in line.
                Some(problem)
                    if throttled && !problem.of_connection && job.progress.is_throttled() => {}
                Some(problem) => job.progress.fail(call.clone(), problem.clone()),
                None if done => job.progress.note_done(call.clone()),
                None => {}
            });
        }
    }

    /// What an audience asks has changed: its job ends. Of the shared objects only a younger spec of the connection says
    /// so, and what it needs is planned anew.
    fn is_superseded(&self, owner: &Scope, sent: Sequence) -> bool {
        *owner != Scope::SharedObjects || sent < self.configured
    }

    /// A call of the job has ended: it is planned again.
    fn end_call(&mut self, scope: &Scope, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(scope) {
            job.in_flight = job.in_flight.saturating_sub(1);
            change(job);
        }
        self.queue.push(scope.clone());
    }

    /// Applies an answer and wakes whom it touches; the problem if the call failed for good.
    fn apply(
        &mut self,
        call: &Call,
        owner: &Scope,
        sent: Sequence,
        result: Result<Response, Error>,
    ) -> Option<Problem> {
        audit(call, owner, &result);
        let answered = self.next_sequence();
        let now = self.now();
        let job = self.jobs.get(owner);
        let at = At {
            sent,
            answered,
            now,
            recorded: job.is_some_and(|job| job.has_recorded(call)),
        };
        match result {
            Ok(response) => {
                let undone = self.state.undone(call, &response);
                let Ok(touched) = facts::apply(&mut self.state.inventory, call, response, at)
                else {
                    return Some(not_shown_yet(call));
                };
                self.wake_touched(&touched, Some(owner));
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

/// The audit trail: every write, done or failed, is logged once; reads are logged for debugging.
fn audit(call: &Call, owner: &Scope, result: &Result<Response, Error>) {
    let (operation, object) = (call.operation(), call.object());
    match result {
        Ok(response) if response.is_changed() => {
            tracing::info!(
                operation,
                object,
                scope = %owner,
                "not written: the object changed meanwhile"
            );
        }
        Ok(_) if call.is_write() => {
            tracing::info!(target: "audit", operation, object, scope = %owner, "written")
        }
        Ok(_) => tracing::debug!(operation, object, scope = %owner, "read"),
        Err(error) => tracing::info!(operation, object, scope = %owner, %error, "failed"),
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
    } else if error.kind() == Kind::RequestRefused && error.status() == Some(400) {
        Failure::Refused
    } else {
        Failure::Other
    }
}

fn is_throttled(error: &Error) -> bool {
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
