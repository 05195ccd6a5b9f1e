//! The shared objects of a connection: made when the first managed audience needs them, removed when the connection
//! leaves and its policy says so. One write at a time; every audience that needs them waits.

use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::Response;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::shared_objects;
use tokio::sync::oneshot;

use super::due::Scope;
use super::flights::Errand;
use super::job::{does_not_converge, not_stored};
use super::request::Obstacle;
use super::worker::{Retiring, Worker};
use super::world::SharedFailure;
use adobe_client::gateway::{Priority, Turn};
use adobe_client::{Error, Kind};

/// One round of work on the shared objects: from one pass to the next, or until all of them stand.
#[derive(Debug, Default)]
pub(super) struct Round {
    calls: u32,
    /// Calls that failed in this round; they are not tried again in it.
    failed: Vec<Call>,
    /// Writes that were answered as done in this round. One that is planned again was not stored.
    done: Vec<Call>,
}

/// Of one round. A data source and two folders take two lists, a read, a create, another list and a mark each, and each set
/// of export controls takes as much for its data source and two lists of its contents: 8 × (3 + 7), and as much again.
const CALLS_MAX: u32 = 160;

/// Of one removal: a read, four lists and a deletion for each of eight data sources, two folders, and as much again.
const RETIRING_CALLS_MAX: u32 = 128;

/// Deletions of duplicates between two passes, each with a read and four lists.
const SWEEP_CALLS_MAX: u32 = 32;

impl Worker {
    pub(super) fn advance_foundation(&mut self, mode: Mode) {
        if mode == Mode::Manage {
            self.foundation_mode = mode;
        }
        self.due.push(Scope::SharedObjects);
    }

    /// Sends what is due for the shared objects: all reads together, or one write. Where nothing is due, whoever waits for
    /// them is planned again.
    pub(super) fn plan_shared_objects(&mut self) {
        if self.foundation_in_flight > 0 || self.retiring.is_some() {
            return;
        }
        loop {
            let calls = self.next_shared_object_calls();
            if calls.is_empty() {
                return self.end_round();
            }
            for call in calls {
                // The reads too: all audiences that need the shared objects wait for them.
                let priority = match self.foundation_mode {
                    Mode::Manage => Priority::Change,
                    Mode::Observe => Priority::Resync,
                };
                let turn = Turn {
                    priority,
                    key: "foundation".into(),
                };
                self.foundation_round.calls += 1;
                let wanted = self.confirmation.of_job();
                match self.send(Errand::Foundation(call.clone()), call.clone(), turn, wanted) {
                    Ok(()) => {
                        self.foundation_in_flight += 1;
                        let mut failures = self.world.foundation_failures.iter_mut();
                        if let Some(failure) = failures.find(|failure| failure.call == call) {
                            failure.retried = true;
                        }
                    }
                    Err(obstacle) => self.foundation_call_failed(call, obstacle),
                }
            }
            if self.foundation_in_flight > 0 {
                return;
            }
        }
    }

    /// The calls that are due and did not fail in this round. A set of export controls whose first call failed waits for the
    /// next round; the others go on.
    fn next_shared_object_calls(&mut self) -> Vec<Call> {
        if self.world.failure.is_some() {
            return Vec::new();
        }
        for plan in self.world.foundation_plans(self.foundation_mode) {
            let mut steps = plan.steps.into_iter().filter(|step| step.ready);
            let Some(first) = steps.next() else {
                continue;
            };
            let call = first.call;
            if self.foundation_round.failed.contains(&call) {
                continue;
            }
            if self.foundation_round.done.contains(&call) {
                self.foundation_call_failed(call.clone(), not_stored(&call));
            } else if self.foundation_round.calls >= CALLS_MAX {
                self.foundation_call_failed(call.clone(), does_not_converge(&call));
            } else if call.is_write() {
                return vec![call];
            } else {
                let others = steps.map(|step| step.call);
                let reads = others.filter(|other| !other.is_write());
                let failed = &self.foundation_round.failed;
                let reads = reads.filter(|read| !failed.contains(read));
                return std::iter::once(call).chain(reads).collect();
            }
        }
        Vec::new()
    }

    fn foundation_call_failed(&mut self, call: Call, obstacle: Obstacle) {
        let failures = &mut self.world.foundation_failures;
        failures.retain(|known| known.call != call);
        failures.push(SharedFailure {
            call: call.clone(),
            obstacle,
            retried: false,
        });
        self.foundation_round.failed.push(call);
    }

    /// Nothing more can be done in this round.
    fn end_round(&mut self) {
        let plans = self.world.foundation_plans(self.foundation_mode);
        let is_due = |call: &Call| {
            let mut steps = plans.iter().flat_map(|plan| &plan.steps);
            steps.any(|step| step.call == *call)
        };
        let failed = self.world.foundation_failures.len();
        self.world
            .foundation_failures
            .retain(|failure| is_due(&failure.call));
        if self.world.foundation_failures.len() < failed && self.world.failure.is_none() {
            self.wake_waiting();
        }
        if self.world.foundation_failures.is_empty() {
            self.foundation_round = Round::default();
        }
        self.publish_report();
        self.release_parked();
    }

    /// A pass ended: what failed is tried again.
    pub(super) fn begin_round(&mut self) {
        self.foundation_round = Round::default();
        self.advance_foundation(Mode::Manage);
    }

    pub(super) fn land_foundation(
        &mut self,
        call: Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        self.foundation_in_flight = self.foundation_in_flight.saturating_sub(1);
        let done = call.is_write() && result.as_ref().is_ok_and(Response::is_written);
        let is_unwanted = matches!(&result, Err(error) if error.kind() == Kind::NotWanted);
        let obstacle = self.fold(&call, "foundation", sent, result, None);
        if is_unwanted && sent < self.configured && self.retiring.is_none() {
            // It was for an earlier spec; what the present one needs is planned anew.
            return self.due.push(Scope::SharedObjects);
        }
        if self.retiring.is_some() {
            if let Some(obstacle) = obstacle {
                self.retire_failed(call, obstacle);
            }
            return self.retire_foundation_next();
        }
        if let Some(obstacle) = obstacle {
            // What needs a person is tried again by the passes; they come anyway.
            let first_of_round = self.foundation_round.failed.is_empty();
            if first_of_round && obstacle.disposition() != Disposition::Stalled {
                self.foundation_failures_in_row = self.foundation_failures_in_row.saturating_add(1);
                let failures = self.foundation_failures_in_row;
                self.refresh
                    .retry_after_failures(failures, obstacle.look_again);
            }
            self.foundation_call_failed(call, obstacle);
            self.publish_report();
        } else {
            let failures = &mut self.world.foundation_failures;
            let failed = failures.len();
            failures.retain(|failure| failure.call != call);
            if failures.len() < failed {
                self.wake_waiting();
            }
            if call.is_write() {
                self.foundation_failures_in_row = 0;
            }
            if done {
                self.foundation_round.done.push(call);
            }
        }
        self.due.push(Scope::SharedObjects);
    }

    /// Another connection of the organisation wrote shared objects meanwhile: what is there is listed again.
    pub(super) fn land_outdated(&mut self, errand: Errand) {
        let settings = &self.world.settings;
        let inventory = &mut self.world.inventory;
        let data_source = settings.data_source.clone();
        inventory.data_sources.fold_unresolved(data_source);
        inventory.fold_trait_folder_unresolved(&settings.trait_folder, false);
        inventory.fold_segment_folder_unresolved(&settings.segment_folder, false);
        match errand {
            Errand::Foundation(call) if self.retiring.is_some() => {
                self.foundation_in_flight = self.foundation_in_flight.saturating_sub(1);
                // What was judged empty may be in use by now; the next look judges again.
                let message = format!(
                    "Could not {}: another connection changed it meanwhile.",
                    call.label()
                );
                self.retire_failed(call, Obstacle::new(Reason::ChangedMeanwhile, message));
                self.retire_foundation_next();
            }
            Errand::Foundation(_) => {
                self.foundation_in_flight = self.foundation_in_flight.saturating_sub(1);
                self.advance_foundation(self.foundation_mode);
            }
            Errand::Sweep(_) | Errand::Share(..) => {}
        }
    }

    /// One call at a time; what is left waits for the next pass.
    pub(super) fn sweep(&mut self) {
        if self.sweep_calls >= SWEEP_CALLS_MAX {
            return;
        }
        let standing = self.world.foundation_plan(self.foundation_mode).standing;
        let steps = shared_objects::deletion::duplicates(
            &self.world.settings,
            &standing,
            &self.world.inventory,
        );
        let Some(step) = steps.into_iter().next() else {
            return;
        };
        let turn = Turn {
            priority: Priority::Resync,
            key: "foundation".into(),
        };
        self.sweep_calls += 1;
        let wanted = self.confirmation.of_job();
        // Without the lease nothing is tidied up: its next holder does.
        let _ = self.send(Errand::Sweep(step.call.clone()), step.call, turn, wanted);
    }

    pub(super) fn land_sweep(
        &mut self,
        call: &Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        let failed = result.is_err();
        self.fold(call, "foundation", sent, result, None);
        if !failed {
            self.sweep();
        }
    }

    pub(super) fn retire_foundation(&mut self, reply: oneshot::Sender<Vec<Obstacle>>) {
        // Whoever removes them needs them no more: the next pass must not make them again.
        self.world.foundation_needed = false;
        self.foundation_mode = Mode::Observe;
        self.retiring = Some(Retiring {
            reply,
            failed: Vec::new(),
            calls: 0,
        });
        self.retire_foundation_next();
    }

    /// Planned again after every answer; what failed is not tried again before the next look.
    fn retire_foundation_next(&mut self) {
        if self.foundation_in_flight > 0 {
            return;
        }
        while let Some(mut retiring) = self.retiring.take() {
            let standing = self.world.foundation_plan(Mode::Observe).standing;
            let steps = shared_objects::deletion::plan(
                &self.world.settings,
                &standing,
                &self.world.inventory,
            );
            let has_failed = |call: &Call| retiring.failed.iter().any(|(failed, _)| failed == call);
            let next = steps.into_iter().find(|step| !has_failed(&step.call));
            let Some(Step { call, .. }) = next else {
                let left = retiring.failed.into_iter().map(|(_, obstacle)| obstacle);
                // Whoever asked may be gone; what is left is found again.
                let _ = retiring.reply.send(left.collect());
                return;
            };
            retiring.calls += 1;
            let converges = retiring.calls <= RETIRING_CALLS_MAX;
            self.retiring = Some(retiring);
            let turn = Turn {
                priority: Priority::Deletion,
                key: "foundation".into(),
            };
            let wanted = self.confirmation.of_job();
            let sent = match converges {
                true => self.send(Errand::Foundation(call.clone()), call.clone(), turn, wanted),
                false => Err(does_not_converge(&call)),
            };
            match sent {
                Ok(()) => {
                    self.foundation_in_flight += 1;
                    return;
                }
                Err(obstacle) => self.retire_failed(call, obstacle),
            }
        }
    }

    fn retire_failed(&mut self, call: Call, obstacle: Obstacle) {
        if let Some(retiring) = &mut self.retiring {
            retiring.failed.push((call, obstacle));
        }
    }
}
