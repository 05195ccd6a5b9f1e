//! The shared objects of a connection: created when the first managed audience needs them, deleted when the connection is
//! deleted and its policy says so. One write at a time; every audience that needs them waits.

use audience_sharing_core::call::Call;
use audience_sharing_core::domain::audience_manager::{SegmentFolder, TraitFolder};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{At, Known};
use audience_sharing_core::kinds::folder::NewFolder;
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::shared_objects::{ObservedSharedObjects, deletion};
use tokio::sync::oneshot;

use super::job::{Next, Progress, Scope, Work};
use super::request::Problem;
use super::state::{EngineState, SharedFailure};
use super::worker::Worker;

/// For the bound of a job's calls: a data source, two folders, and for each of eight sets of export controls a data source
/// with its contents.
const KEPT_OBJECTS: usize = 19;

/// The same for their deletion.
const DELETED_OBJECTS: usize = 15;

impl EngineState {
    /// All reads that are ready together, or one write. A set of export controls whose first call failed waits for the next
    /// resync; the others go on.
    pub(super) fn keep_shared_objects(&mut self, progress: &mut Progress) -> Next<()> {
        if self.failure.is_some() {
            return Next::Finish(());
        }
        for plan in self.shared_objects_plans(self.shared_objects_mode()) {
            let ready = plan.steps.into_iter().filter(|step| step.ready);
            let mut ready = ready.map(|step| step.call);
            let Some(first) = ready.next() else {
                continue;
            };
            if !progress.may_send(&first, KEPT_OBJECTS) {
                continue;
            }
            let is_write = first.is_write();
            let mut calls = vec![first];
            if !is_write {
                let reads = ready.filter(|call| !call.is_write());
                calls.extend(reads.filter(|call| progress.may_send(call, KEPT_OBJECTS)));
            }
            progress.count(calls.len());
            return Next::Send(calls);
        }
        Next::Finish(())
    }

    /// The next call that deletes a duplicate of ours.
    pub(super) fn tidy_shared_objects(&self, progress: &mut Progress) -> Option<Call> {
        let observed = self.shared_objects_plan(self.shared_objects_mode()).state;
        let steps = deletion::duplicate_data_sources(&self.settings, &observed, &self.inventory);
        let call = steps.into_iter().next()?.call;
        let may_send = self.failure.is_none() && progress.may_send(&call, KEPT_OBJECTS);
        progress.count(usize::from(may_send));
        may_send.then_some(call)
    }

    /// One call at a time, planned again after every answer; what failed is reported.
    pub(super) fn delete_shared_objects(&self, progress: &mut Progress) -> Next<Vec<Problem>> {
        let observed = self.shared_objects_plan(self.shared_objects_mode()).state;
        let steps = deletion::delete_shared_objects(&self.settings, &observed, &self.inventory);
        let mut calls = steps.into_iter().map(|step| step.call);
        match calls.find(|call| progress.may_send(call, DELETED_OBJECTS)) {
            Some(call) => {
                progress.count(1);
                Next::Send(vec![call])
            }
            None => {
                let failed = progress.failed().iter();
                Next::Finish(failed.map(|(_, problem)| problem.clone()).collect())
            }
        }
    }

    /// Whether the shared objects need this call.
    pub(super) fn is_due_for_shared_objects(&self, call: &Call) -> bool {
        is_due(&self.shared_objects_plans(self.shared_objects_mode()), call)
    }

    /// What failed is known to the audiences that need it.
    pub(super) fn note_shared_failures(&mut self, failed: &[(Call, Problem)]) {
        for (call, problem) in failed {
            let failures = &mut self.shared_objects_failures;
            failures.retain(|known| known.call != *call);
            failures.push(SharedFailure {
                call: call.clone(),
                problem: problem.clone(),
                retried: false,
            });
        }
    }
}

fn is_due(plans: &[Plan<ObservedSharedObjects>], call: &Call) -> bool {
    let mut steps = plans.iter().flat_map(|plan| &plan.steps);
    steps.any(|step| step.call == *call)
}

impl Worker {
    /// An audience needs the shared objects. What failed since the last resync is not tried again before the next.
    pub(super) fn keep_shared_objects(&mut self) {
        if self.jobs.contains_key(&Scope::SharedObjects) {
            return self.queue.push(Scope::SharedObjects);
        }
        self.begin(
            Scope::SharedObjects,
            Work::KeepSharedObjects { tidies: false },
        );
        let failures = self.state.shared_objects_failures.iter();
        let failed: Vec<_> = failures
            .filter(|failure| !failure.retried)
            .map(|failure| (failure.call.clone(), failure.problem.clone()))
            .collect();
        if let Some(job) = self.jobs.get_mut(&Scope::SharedObjects) {
            for (call, problem) in failed {
                job.progress.fail(call, problem);
            }
        }
    }

    /// A resync ended: what failed is tried again, and audiences that need it wait for that.
    pub(super) fn keep_shared_objects_again(&mut self) {
        let job = self.jobs.get(&Scope::SharedObjects);
        if job.is_some_and(|job| matches!(job.work, Work::DeleteSharedObjects(_))) {
            return;
        }
        for failure in &mut self.state.shared_objects_failures {
            failure.retried = true;
        }
        self.begin(
            Scope::SharedObjects,
            Work::KeepSharedObjects { tidies: true },
        );
    }

    /// The connection asks for other ones: what the job under way found out is of no use.
    pub(super) fn keep_shared_objects_anew(&mut self) {
        if self.keeps_shared_objects() {
            let tidies = false;
            self.begin(Scope::SharedObjects, Work::KeepSharedObjects { tidies });
        }
    }

    /// They are being kept, not deleted.
    pub(super) fn keeps_shared_objects(&self) -> bool {
        let job = self.jobs.get(&Scope::SharedObjects);
        job.is_some_and(|job| matches!(job.work, Work::KeepSharedObjects { .. }))
    }

    /// Nothing more can be done for them now.
    pub(super) fn shared_objects_kept(&mut self) {
        let state = &mut self.state;
        let failed = state.shared_objects_failures.len();
        if failed > 0 {
            let plans = state.shared_objects_plans(state.shared_objects_mode());
            let failures = &mut state.shared_objects_failures;
            failures.retain(|failure| is_due(&plans, &failure.call));
            if failures.len() < failed && state.failure.is_none() {
                self.wake_waiting();
            }
        }
        self.publish_report();
        self.release_parked();
    }

    pub(super) fn shared_object_call_completed(&mut self, call: &Call, problem: Option<&Problem>) {
        let Some(problem) = problem else {
            let failures = &mut self.state.shared_objects_failures;
            let failed = failures.len();
            failures.retain(|failure| failure.call != *call);
            if failures.len() < failed {
                self.wake_waiting();
            }
            if call.is_write() {
                self.shared_objects_failures_in_row = 0;
            }
            return;
        };
        // What needs a person is tried again by the resyncs; they come anyway.
        let job = self.jobs.get(&Scope::SharedObjects);
        let first_of_job = job.is_some_and(|job| job.progress.failed().is_empty());
        if first_of_job && problem.disposition() != Disposition::Stalled {
            self.shared_objects_failures_in_row =
                self.shared_objects_failures_in_row.saturating_add(1);
            let failures = self.shared_objects_failures_in_row;
            self.resync
                .retry_after_failures(failures, problem.look_again);
        }
        self.state
            .note_shared_failures(&[(call.clone(), problem.clone())]);
        self.publish_report();
    }

    /// Another connection of the organization wrote shared objects meanwhile: what is there is listed again.
    pub(super) fn shared_objects_outdated(&mut self, call: &Call) {
        let noticed = self.next_sequence();
        let at = At {
            sent: noticed,
            answered: noticed,
            now: self.now(),
            recorded: false,
        };
        let settings = &self.state.settings;
        let inventory = &mut self.state.inventory;
        let data_source = settings.data_source.clone();
        inventory
            .data_sources
            .apply_unresolved(noticed, data_source);
        let company = inventory.tenant.company;
        let named = |name: &str| NewFolder {
            name: name.into(),
            company,
        };
        TraitFolder::unresolved(inventory, &named(&settings.trait_folder), at, false);
        SegmentFolder::unresolved(inventory, &named(&settings.segment_folder), at, false);
        if let Some(job) = self.jobs.get_mut(&Scope::SharedObjects)
            && matches!(job.work, Work::DeleteSharedObjects(_))
        {
            // What was judged empty may be in use by now; the next attempt judges again.
            let message = format!(
                "Could not {}: another connection changed it meanwhile.",
                call.label()
            );
            let problem = Problem::new(Reason::ChangedMeanwhile, message);
            job.progress.fail(call.clone(), problem);
        }
    }

    pub(super) fn begin_deletion_of_shared_objects(
        &mut self,
        reply: oneshot::Sender<Vec<Problem>>,
    ) {
        // The next resync must not create again what is being deleted.
        self.state.shared_objects_needed = false;
        self.begin(Scope::SharedObjects, Work::DeleteSharedObjects(Some(reply)));
    }
}
