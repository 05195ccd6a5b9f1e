//! How the jobs of an engine run: plan, send what is ready, wait for all of it, plan again, until nothing is due, something
//! is in the way or the call bound is reached. A job that needs another scope waits for it.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;

use super::job::{Job, Next, Progress, Scope, Work};
use super::request::{DeletionOutcome, NotReconciled, Problem};
use super::worker::Worker;

/// Plans for one audience; `None` after a panic, which concerns that audience alone: a plan reads what is known of the
/// systems and changes none of it. What applies an answer is not caught, since half of it may be known then: the engine
/// ends, and another begins with a full resync.
fn caught<T>(plan: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(plan)).ok()
}

/// From so many jobs on.
const MANY: usize = 8;

impl Worker {
    /// Begins work on a scope in place of what was under way there: calls of that still complete in this job.
    pub(super) fn begin(&mut self, scope: Scope, work: Work) {
        let mut job = Job::new(work, self.next_sequence(), &self.freshness.of_job());
        job.in_flight = self.jobs.remove(&scope).map_or(0, |job| job.in_flight);
        self.jobs.insert(scope.clone(), job);
        self.queue.push(scope);
    }

    /// Ends, since a job is planned again only after a call of its own or a bounded number of waits.
    pub(super) fn plan_what_is_due(&mut self) {
        while let Some(scope) = self.queue.pop() {
            self.plan(scope);
        }
    }

    fn plan(&mut self, scope: Scope) {
        let Some(mut job) = self.jobs.remove(&scope) else {
            return;
        };
        if job.in_flight > 0 {
            self.jobs.insert(scope, job);
            return;
        }
        if job.superseded {
            return job.give_up(NotReconciled::Superseded);
        }
        let needed = self.state.shared_objects_needed;
        let next = self.next(&mut job);
        if needed != self.state.shared_objects_needed {
            // What is in the way of the shared objects is the connection's to report, from now on.
            self.publish_report();
        }
        match next {
            None => job.give_up(NotReconciled::Panicked),
            Some(Next::Finish(())) => {}
            Some(Next::Send(calls)) => self.send_all(scope, job, calls),
            Some(Next::WaitForResync) => self.park(scope, job),
            Some(Next::WaitForSharedObjects) => {
                self.park(scope, job);
                self.keep_shared_objects();
            }
        }
    }

    /// What the job does next; who waits for its outcome is answered. `None` after a panic.
    fn next(&mut self, job: &mut Job) -> Option<Next<()>> {
        let Job { work, progress, .. } = job;
        progress.among_many = self.jobs.len() >= MANY;
        match work {
            Work::Reconcile(request, reply) => {
                let next = caught(|| self.state.reconcile(progress, request))?;
                if let Next::Finish(outcome) = &next {
                    self.wait_for_connection(&request.share.name, outcome.problem.as_ref());
                }
                Some(next.answer(reply, Ok))
            }
            Work::Delete(request, reply) => {
                let next = caught(|| self.state.delete(progress, request))?;
                match &next {
                    Next::Finish(DeletionOutcome::Gone(_) | DeletionOutcome::HandedOver(_)) => {
                        self.forget(&request.share);
                    }
                    Next::Finish(DeletionOutcome::Blocked(problem)) => {
                        self.wait_for_connection(&request.share, Some(problem));
                    }
                    Next::Send(_) | Next::WaitForResync | Next::WaitForSharedObjects => {}
                }
                Some(next.answer(reply, Ok))
            }
            Work::KeepSharedObjects { tidies } => Some(self.keep_or_tidy(progress, *tidies)),
            Work::DeleteSharedObjects(reply) => {
                let next = self.state.delete_shared_objects(progress);
                if let Next::Finish(_) = next {
                    self.release_parked();
                }
                Some(next.answer(reply, |left| left))
            }
        }
    }

    /// Deletes duplicates of the shared objects once nothing else is due, since no audience waits for that.
    fn keep_or_tidy(&mut self, progress: &mut Progress, tidies: bool) -> Next<()> {
        let next = self.state.keep_shared_objects(progress);
        self.state.note_shared_failures(progress.failed());
        if !matches!(next, Next::Finish(())) {
            return next;
        }
        self.shared_objects_kept();
        let tidied = tidies.then(|| self.state.tidy_shared_objects(progress));
        match tidied.flatten() {
            Some(call) => Next::Send(vec![call]),
            None => Next::Finish(()),
        }
    }

    fn send_all(&mut self, scope: Scope, mut job: Job, calls: Vec<Call>) {
        let mode = self.state.shared_objects_mode();
        for call in calls {
            if self.joins(&scope, &call) {
                job.in_flight += 1;
                continue;
            }
            let context = job.context(&scope, &call, mode);
            let checked = job.freshness_check.clone();
            match self.send(scope.clone(), call.clone(), context, checked) {
                Ok(()) => job.in_flight += 1,
                Err(problem) => job.progress.fail(call, problem),
            }
        }
        if job.in_flight == 0 {
            // None was sent: what is left is planned without them.
            self.queue.push(scope.clone());
        }
        self.jobs.insert(scope, job);
    }

    fn park(&mut self, scope: Scope, job: Job) {
        self.parked.insert(scope.clone());
        self.jobs.insert(scope, job);
    }

    pub(super) fn release_parked(&mut self) {
        for scope in std::mem::take(&mut self.parked) {
            self.queue.push(scope);
        }
    }

    /// An audience that reports that its connection is not ready is woken when the connection is.
    fn wait_for_connection(&mut self, share: &ShareName, problem: Option<&Problem>) {
        if problem.is_some_and(|problem| problem.of_connection) {
            self.waiting.insert(share.clone());
        }
    }

    /// The audience changed while a job only checks it, or is deleted while a job creates its objects: the calls of that job
    /// get the highest priority, and it ends after them, so that the new job can begin.
    pub(super) fn prioritize(&mut self, share: &ShareName, leaves: bool) {
        let scope = Scope::Audience(share.clone());
        let Some(job) = self.jobs.get_mut(&scope) else {
            return;
        };
        if !job.gives_way(leaves) {
            return;
        }
        job.superseded = true;
        self.gateway.prioritize(&share.to_string());
        if self.parked.remove(&scope) {
            self.queue.push(scope);
        }
    }

    /// Whether a list that many scopes ask for is under way already, so that its answer serves `scope` too.
    fn joins(&mut self, scope: &Scope, call: &Call) -> bool {
        if !call.is_shared() {
            return false;
        }
        let mut under_way = self.shared_lists.iter_mut();
        match under_way.find(|(known, _)| known == call) {
            Some((_, waiting)) => {
                waiting.push(scope.clone());
                true
            }
            None => {
                self.shared_lists.push((call.clone(), Vec::new()));
                false
            }
        }
    }

    /// The scopes that wait for the answer of a shared list beside the one that sent it.
    pub(super) fn joined(&mut self, call: &Call) -> Vec<Scope> {
        let mut under_way = self.shared_lists.iter();
        match under_way.position(|(known, _)| known == call) {
            Some(place) => self.shared_lists.swap_remove(place).1,
            None => Vec::new(),
        }
    }

    pub(super) fn forget(&mut self, share: &ShareName) {
        self.state.dependency_index.remove(share);
        self.state.controls.remove(share);
        self.waiting.remove(share);
        for other in self.state.claims.release(share) {
            self.wake.wake(other);
        }
    }
}
