//! A call on its way to Adobe, and its answer.

use std::time::Duration;

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{self, At, Failure, Response};
use audience_sharing_core::inventory::{Inventory, Moment, Sequence, may_be_behind};
use futures::future::BoxFuture;

use super::audit::audit;
use super::execute;
use super::flights::{Errand, Landing};
use super::job::Job;
use super::request::Obstacle;
use super::worker::Worker;
use adobe_client::gateway::Turn;
use adobe_client::proof::{StillWanted, WriteProof};
use adobe_client::{Effect, Error, Kind};

impl Worker {
    /// Hands one call to the gateway. A write is sent only if it is `wanted` when its turn has come.
    pub(super) fn send(
        &mut self,
        errand: Errand,
        call: Call,
        turn: Turn,
        wanted: StillWanted,
    ) -> Result<(), Obstacle> {
        let is_write = call.is_write();
        let flight = self.flight(errand, call, turn, wanted)?;
        self.flights.start(is_write, flight);
        Ok(())
    }

    /// A call on its way. A write without a lease is not sent.
    fn flight(
        &mut self,
        errand: Errand,
        call: Call,
        turn: Turn,
        wanted: StillWanted,
    ) -> Result<BoxFuture<'static, Landing>, Obstacle> {
        if call.is_write() && self.lease.borrow().is_none() {
            return Err(Obstacle::lease_not_held(&call));
        }
        let proof = WriteProof::of(self.lease.clone(), wanted);
        let sent = self.next_sequence();
        let systems = self.systems.clone();
        let errand = Box::new(errand);
        let of_shared_object = matches!(*errand, Errand::Foundation(_) | Errand::Sweep(_));
        if of_shared_object && call.is_write() {
            let (shared_turn, seen) = (self.shared_turn.clone(), self.shared_writes_seen);
            let stop = self.stop.clone();
            return Ok(Box::pin(async move {
                let taken = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(seen),
                    taken = shared_turn.take(seen) => taken,
                };
                let taken = match taken {
                    Ok(taken) => taken,
                    Err(seen) => return Landing::Outdated(errand, seen),
                };
                let result = execute::send(&systems, &turn, proof, &call).await;
                Landing::SharedAnswer(errand, sent, result, taken.written())
            }));
        }
        Ok(Box::pin(async move {
            let result = execute::send(&systems, &turn, proof, &call).await;
            match (*errand, result) {
                (Errand::Share(share, _), Err(error)) if error.kind() == Kind::NotWanted => {
                    Landing::Superseded(share)
                }
                (errand, result) => Landing::Answer(Box::new(errand), sent, result),
            }
        }))
    }

    pub(super) fn land(&mut self, landing: Landing) {
        match landing {
            Landing::Pass(landed) => self.land_pass(landed),
            Landing::Answer(errand, sent, result) => self.land_errand(*errand, sent, result),
            Landing::SharedAnswer(errand, sent, result, seen) => {
                self.shared_writes_seen = seen;
                self.land_errand(*errand, sent, result);
            }
            Landing::Superseded(share) => {
                if let Some(job) = self.jobs.get_mut(&share) {
                    job.in_flight = job.in_flight.saturating_sub(1);
                    job.superseded = true;
                }
                self.advance(&share);
            }
            Landing::Outdated(errand, seen) => {
                self.shared_writes_seen = seen;
                self.land_outdated(*errand);
            }
        }
    }

    fn land_errand(&mut self, errand: Errand, sent: Sequence, result: Result<Response, Error>) {
        match errand {
            Errand::Share(share, call) => self.land_share(&share, call, sent, result),
            Errand::Foundation(call) => self.land_foundation(call, sent, result),
            Errand::Sweep(call) => self.land_sweep(&call, sent, result),
        }
    }

    /// Folds an answer and wakes whom it touches; the obstacle if the call failed for good.
    pub(super) fn fold(
        &mut self,
        call: &Call,
        for_whom: &str,
        sent: Sequence,
        result: Result<Response, Error>,
        own: Option<&ShareName>,
    ) -> Option<Obstacle> {
        audit(call, for_whom, &result);
        let answered = self.next_sequence();
        let now = self.now();
        let is_missing = match &result {
            Ok(response) => response.is_missing(),
            Err(error) => error.is_not_found(),
        };
        let job = own.and_then(|share| self.jobs.get(share));
        let recorded = job.and_then(Job::recorded_audience);
        if is_missing && is_behind(&self.world.inventory, call, recorded, now) {
            return Some(not_shown_yet(call));
        }
        match result {
            Ok(response) => {
                let undone = self.world.undone(call, &response);
                let at = At {
                    sent,
                    answered,
                    now,
                };
                let touched = facts::apply(&mut self.world.inventory, call, response, at);
                self.wake_touched(&touched, own);
                undone
            }
            Err(error) => {
                let failure = failure(&error);
                let answered = facts::apply_failure(&mut self.world.inventory, call, sent, failure);
                let mut obstacle = self.world.obstacle(call, &error);
                let blocked = self.gateway.blocked(error.system()).is_some();
                // One call that was one too many concerns no other audience; only a long pause does.
                let throttled_alone = is_throttled(&error) && error.status().is_some();
                obstacle.of_connection =
                    blocked || (is_credential_failure(obstacle.reason) && !throttled_alone);
                if obstacle.of_connection {
                    self.fail_connection(obstacle.clone(), error.retry_after());
                }
                // A missing object is an answer; a taken key or an unknown outcome is tried once and then looked up.
                (!(answered && error.is_not_found())).then_some(obstacle)
            }
        }
    }

    /// The whole connection waits; one probe decides when it goes on.
    fn fail_connection(&mut self, obstacle: Obstacle, retry_after: Option<Duration>) {
        if self.world.failure.is_none() {
            tracing::warn!(reason = %obstacle.reason, "{}", obstacle.message);
            self.world.failure = Some(obstacle);
            self.retry_pass(retry_after);
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

/// What a call does not find may exist all the same: in Experience Platform reads may be behind a write of ours, or of the
/// process before us, which only the status shows: `recorded`.
fn is_behind(
    inventory: &Inventory,
    call: &Call,
    recorded: Option<&AudienceId>,
    now: Moment,
) -> bool {
    let Call::Audience(call) = call else {
        return false;
    };
    let Some(id) = call.id() else {
        return false;
    };
    match inventory.audiences.get(&id) {
        Some(entry) => entry.was_written_lately(now),
        None => recorded == Some(&id) && may_be_behind(Moment::default(), now),
    }
}

fn not_shown_yet(call: &Call) -> Obstacle {
    Obstacle::new(
        Reason::UnexpectedAnswer,
        format!(
            "Could not {}: Experience Platform does not find it. It may have been written less than a minute ago, and not \
             show yet: nothing was made in its place, and nothing else was changed.",
            call.label()
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
