//! The shared objects of a connection: made when the first managed audience needs them, removed when the connection
//! leaves and its policy says so. One write at a time; every audience that needs them waits.

use audience_sharing_core::call::kinds::NewFolder;
use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::audience_manager::{SegmentFolder, TraitFolder};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{Known, Response};
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::shared_objects;
use tokio::sync::oneshot;

use super::due::Scope;
use super::in_flight_calls::CallOwner;
use super::job::{does_not_converge, not_stored};
use super::request::Problem;
use super::state::SharedFailure;
use super::worker::{SharedObjectsDeletion, Worker};
use adobe_client::gateway::{CallContext, Priority};
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
    pub(super) fn advance_shared_objects(&mut self, mode: Mode) {
        if mode == Mode::Manage {
            self.shared_objects_mode = mode;
        }
        self.due.push(Scope::SharedObjects);
    }

    /// Sends what is due for the shared objects: all reads together, or one write. Where nothing is due, whoever waits for
    /// them is planned again.
    pub(super) fn plan_shared_objects(&mut self) {
        if self.shared_objects_in_flight > 0 || self.deleting_shared_objects.is_some() {
            return;
        }
        loop {
            let calls = self.next_shared_object_calls();
            if calls.is_empty() {
                return self.end_round();
            }
            for call in calls {
                // The reads too: all audiences that need the shared objects wait for them.
                let priority = match self.shared_objects_mode {
                    Mode::Manage => Priority::Change,
                    Mode::Observe => Priority::Resync,
                };
                let context = CallContext {
                    priority,
                    key: "foundation".into(),
                };
                self.shared_objects_round.calls += 1;
                let wanted = self.freshness.of_job();
                match self.send(
                    CallOwner::SharedObjects(call.clone()),
                    call.clone(),
                    context,
                    wanted,
                ) {
                    Ok(()) => {
                        self.shared_objects_in_flight += 1;
                        let mut failures = self.state.shared_objects_failures.iter_mut();
                        if let Some(failure) = failures.find(|failure| failure.call == call) {
                            failure.retried = true;
                        }
                    }
                    Err(problem) => self.shared_objects_call_failed(call, problem),
                }
            }
            if self.shared_objects_in_flight > 0 {
                return;
            }
        }
    }

    /// The calls that are due and did not fail in this round. A set of export controls whose first call failed waits for the
    /// next round; the others go on.
    fn next_shared_object_calls(&mut self) -> Vec<Call> {
        if self.state.failure.is_some() {
            return Vec::new();
        }
        for plan in self.state.shared_objects_plans(self.shared_objects_mode) {
            let mut steps = plan.steps.into_iter().filter(|step| step.ready);
            let Some(first) = steps.next() else {
                continue;
            };
            let call = first.call;
            if self.shared_objects_round.failed.contains(&call) {
                continue;
            }
            if self.shared_objects_round.done.contains(&call) {
                self.shared_objects_call_failed(call.clone(), not_stored(&call));
            } else if self.shared_objects_round.calls >= CALLS_MAX {
                self.shared_objects_call_failed(call.clone(), does_not_converge(&call));
            } else if call.is_write() {
                return vec![call];
            } else {
                let others = steps.map(|step| step.call);
                let reads = others.filter(|other| !other.is_write());
                let failed = &self.shared_objects_round.failed;
                let reads = reads.filter(|read| !failed.contains(read));
                return std::iter::once(call).chain(reads).collect();
            }
        }
        Vec::new()
    }

    fn shared_objects_call_failed(&mut self, call: Call, problem: Problem) {
        let failures = &mut self.state.shared_objects_failures;
        failures.retain(|known| known.call != call);
        failures.push(SharedFailure {
            call: call.clone(),
            problem,
            retried: false,
        });
        self.shared_objects_round.failed.push(call);
    }

    /// Nothing more can be done in this round.
    fn end_round(&mut self) {
        let plans = self.state.shared_objects_plans(self.shared_objects_mode);
        let is_due = |call: &Call| {
            let mut steps = plans.iter().flat_map(|plan| &plan.steps);
            steps.any(|step| step.call == *call)
        };
        let failed = self.state.shared_objects_failures.len();
        self.state
            .shared_objects_failures
            .retain(|failure| is_due(&failure.call));
        if self.state.shared_objects_failures.len() < failed && self.state.failure.is_none() {
            self.wake_waiting();
        }
        if self.state.shared_objects_failures.is_empty() {
            self.shared_objects_round = Round::default();
        }
        self.publish_report();
        self.release_parked();
    }

    /// A pass ended: what failed is tried again.
    pub(super) fn begin_round(&mut self) {
        self.shared_objects_round = Round::default();
        self.advance_shared_objects(Mode::Manage);
    }

    pub(super) fn complete_shared_objects(
        &mut self,
        call: Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        self.shared_objects_in_flight = self.shared_objects_in_flight.saturating_sub(1);
        let done = call.is_write() && result.as_ref().is_ok_and(Response::is_written);
        let is_unwanted = matches!(&result, Err(error) if error.kind() == Kind::NotWanted);
        let problem = self.apply(&call, "foundation", sent, result, None);
        if is_unwanted && sent < self.configured && self.deleting_shared_objects.is_none() {
            // It was for an earlier spec; what the present one needs is planned anew.
            return self.due.push(Scope::SharedObjects);
        }
        if self.deleting_shared_objects.is_some() {
            if let Some(problem) = problem {
                self.delete_failed(call, problem);
            }
            return self.delete_shared_objects_next();
        }
        if let Some(problem) = problem {
            // What needs a person is tried again by the passes; they come anyway.
            let first_of_round = self.shared_objects_round.failed.is_empty();
            if first_of_round && problem.disposition() != Disposition::Stalled {
                self.shared_objects_failures_in_row =
                    self.shared_objects_failures_in_row.saturating_add(1);
                let failures = self.shared_objects_failures_in_row;
                self.resync
                    .retry_after_failures(failures, problem.look_again);
            }
            self.shared_objects_call_failed(call, problem);
            self.publish_report();
        } else {
            let failures = &mut self.state.shared_objects_failures;
            let failed = failures.len();
            failures.retain(|failure| failure.call != call);
            if failures.len() < failed {
                self.wake_waiting();
            }
            if call.is_write() {
                self.shared_objects_failures_in_row = 0;
            }
            if done {
                self.shared_objects_round.done.push(call);
            }
        }
        self.due.push(Scope::SharedObjects);
    }

    /// Another connection of the organisation wrote shared objects meanwhile: what is there is listed again.
    pub(super) fn complete_outdated(&mut self, owner: CallOwner) {
        let at = self.next_sequence();
        let settings = &self.state.settings;
        let inventory = &mut self.state.inventory;
        let data_source = settings.data_source.clone();
        inventory.data_sources.apply_unresolved(at, data_source);
        let named = |name: &str| NewFolder { name: name.into() };
        TraitFolder::unresolved(inventory, &named(&settings.trait_folder), at, false);
        SegmentFolder::unresolved(inventory, &named(&settings.segment_folder), at, false);
        match owner {
            CallOwner::SharedObjects(call) if self.deleting_shared_objects.is_some() => {
                self.shared_objects_in_flight = self.shared_objects_in_flight.saturating_sub(1);
                // What was judged empty may be in use by now; the next look judges again.
                let message = format!(
                    "Could not {}: another connection changed it meanwhile.",
                    call.label()
                );
                self.delete_failed(call, Problem::new(Reason::ChangedMeanwhile, message));
                self.delete_shared_objects_next();
            }
            CallOwner::SharedObjects(_) => {
                self.shared_objects_in_flight = self.shared_objects_in_flight.saturating_sub(1);
                self.advance_shared_objects(self.shared_objects_mode);
            }
            CallOwner::Sweep(_) | CallOwner::Share(..) => {}
        }
    }

    /// One call at a time; what is left waits for the next pass.
    pub(super) fn sweep(&mut self) {
        if self.sweep_calls >= SWEEP_CALLS_MAX {
            return;
        }
        let observed_state = self
            .state
            .shared_objects_plan(self.shared_objects_mode)
            .state;
        let steps = shared_objects::deletion::duplicates(
            &self.state.settings,
            &observed_state,
            &self.state.inventory,
        );
        let Some(step) = steps.into_iter().next() else {
            return;
        };
        let context = CallContext {
            priority: Priority::Resync,
            key: "foundation".into(),
        };
        self.sweep_calls += 1;
        let wanted = self.freshness.of_job();
        // Without the lease nothing is tidied up: its next holder does.
        let _ = self.send(
            CallOwner::Sweep(step.call.clone()),
            step.call,
            context,
            wanted,
        );
    }

    pub(super) fn complete_sweep(
        &mut self,
        call: &Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        let failed = result.is_err();
        self.apply(call, "foundation", sent, result, None);
        if !failed {
            self.sweep();
        }
    }

    pub(super) fn delete_shared_objects(&mut self, reply: oneshot::Sender<Vec<Problem>>) {
        // Whoever removes them needs them no more: the next pass must not make them again.
        self.state.shared_objects_needed = false;
        self.shared_objects_mode = Mode::Observe;
        self.deleting_shared_objects = Some(SharedObjectsDeletion {
            reply,
            failed: Vec::new(),
            calls: 0,
        });
        self.delete_shared_objects_next();
    }

    /// Planned again after every answer; what failed is not tried again before the next look.
    fn delete_shared_objects_next(&mut self) {
        if self.shared_objects_in_flight > 0 {
            return;
        }
        while let Some(mut deleting_shared_objects) = self.deleting_shared_objects.take() {
            let observed_state = self.state.shared_objects_plan(Mode::Observe).state;
            let steps = shared_objects::deletion::plan(
                &self.state.settings,
                &observed_state,
                &self.state.inventory,
            );
            let has_failed = |call: &Call| {
                deleting_shared_objects
                    .failed
                    .iter()
                    .any(|(failed, _)| failed == call)
            };
            let next = steps.into_iter().find(|step| !has_failed(&step.call));
            let Some(Step { call, .. }) = next else {
                let left = deleting_shared_objects
                    .failed
                    .into_iter()
                    .map(|(_, problem)| problem);
                // Whoever asked may be gone; what is left is found again.
                let _ = deleting_shared_objects.reply.send(left.collect());
                return;
            };
            deleting_shared_objects.calls += 1;
            let converges = deleting_shared_objects.calls <= RETIRING_CALLS_MAX;
            self.deleting_shared_objects = Some(deleting_shared_objects);
            let context = CallContext {
                priority: Priority::Deletion,
                key: "foundation".into(),
            };
            let wanted = self.freshness.of_job();
            let sent = match converges {
                true => self.send(
                    CallOwner::SharedObjects(call.clone()),
                    call.clone(),
                    context,
                    wanted,
                ),
                false => Err(does_not_converge(&call)),
            };
            match sent {
                Ok(()) => {
                    self.shared_objects_in_flight += 1;
                    return;
                }
                Err(problem) => self.delete_failed(call, problem),
            }
        }
    }

    fn delete_failed(&mut self, call: Call, problem: Problem) {
        if let Some(deleting_shared_objects) = &mut self.deleting_shared_objects {
            deleting_shared_objects.failed.push((call, problem));
        }
    }
}
