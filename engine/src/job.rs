//! One piece of work on one scope: what was asked, how far it is, and where the outcome goes. The same type serves an
//! audience, its deletion, and the shared objects of the connection. It sends nothing.

use std::fmt;

use adobe_client::gateway::{CallContext, Priority};
use adobe_client::lease_guard::FreshnessCheck;
use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::{Mode, ShareName};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use tokio::sync::oneshot;

use super::problems::{does_not_converge, not_stored};
use super::request::{
    DeletionOutcome, DeletionRequest, NotReconciled, Problem, ReconcileOutcome, ReconcileRequest,
};

/// What a job is about: one audience, or the objects that all audiences of the connection share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    SharedObjects,
    Audience(ShareName),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedObjects => formatter.write_str("shared objects"),
            Self::Audience(share) => share.fmt(formatter),
        }
    }
}

pub(super) type Reply<Outcome> = oneshot::Sender<Result<Outcome, NotReconciled>>;

pub(super) enum Work {
    Reconcile(Box<ReconcileRequest>, Option<Reply<ReconcileOutcome>>),
    Delete(Box<DeletionRequest>, Option<Reply<DeletionOutcome>>),
    /// Creates and corrects what the audiences of the connection share. `tidies`: it also deletes duplicates of ours, for
    /// which nobody waits.
    KeepSharedObjects {
        tidies: bool,
    },
    /// Answers what could not be deleted, and why.
    DeleteSharedObjects(Option<oneshot::Sender<Vec<Problem>>>),
}

/// How far a job is, and what it found out on the way.
#[derive(Default)]
pub(super) struct Progress {
    /// The call with which the job began: only younger look-ups count.
    pub(super) since: Sequence,
    /// Beside so many others that one list for all is cheaper than a look-up for each.
    pub(super) among_many: bool,
    /// Calls that failed in this job; they are not tried again in it.
    failed: Vec<(Call, Problem)>,
    /// Writes that were answered as done. One that is planned again was not stored.
    done: Vec<Call>,
    calls: usize,
    throttled: u32,
    /// How often it waited for the shared objects.
    waits: u32,
}

pub(super) struct Job {
    pub(super) work: Work,
    pub(super) progress: Progress,
    /// Calls under way; planning waits for all of them.
    pub(super) in_flight: usize,
    /// Whether what was asked is still asked for.
    pub(super) freshness_check: FreshnessCheck,
    /// It is not: nothing more is sent.
    pub(super) superseded: bool,
}

/// What a job does next.
pub(super) enum Next<Outcome> {
    Send(Vec<Call>),
    /// Nothing can be judged before the next resync has ended.
    WaitForResync,
    WaitForSharedObjects,
    Finish(Outcome),
}

impl<Outcome> Next<Outcome> {
    /// Sends the outcome to the caller. If the caller is gone, the next job finds what was done.
    pub(super) fn answer<Sent>(
        self,
        reply: &mut Option<oneshot::Sender<Sent>>,
        sent: impl FnOnce(Outcome) -> Sent,
    ) -> Next<()> {
        match self {
            Self::Send(calls) => Next::Send(calls),
            Self::WaitForResync => Next::WaitForResync,
            Self::WaitForSharedObjects => Next::WaitForSharedObjects,
            Self::Finish(outcome) => {
                if let Some(reply) = reply.take() {
                    drop(reply.send(sent(outcome)));
                }
                Next::Finish(())
            }
        }
    }
}

/// What a plan leaves to do.
pub(super) enum Choice {
    /// All that can be done now: of one plan no two calls are about the same object.
    Send(Vec<Call>),
    /// Nothing more in this job; the worst of what is in the way.
    Finish(Option<Problem>),
}

impl Choice {
    pub(super) fn next<Outcome>(
        self,
        outcome: impl FnOnce(Option<Problem>) -> Outcome,
    ) -> Next<Outcome> {
        match self {
            Self::Send(calls) => Next::Send(calls),
            Self::Finish(problem) => Next::Finish(outcome(problem)),
        }
    }
}

/// A write that a server refused since it was one too many may have been taken all the same: the job is planned again,
/// with a read first. After so many it fails, so that a server that refuses each write and answers each read ends it.
const THROTTLED_MAX: u32 = 3;

/// The calls of one job: per object at most a read, a look-up, a create or update, once again after a conflict, and
/// one more read; a plan that wants more goes in circles.
const CALLS_PER_OBJECT_MAX: usize = 8;

/// A job waits for the shared objects once; again, where the labels of its source change meanwhile or a resync ends.
const WAITS_MAX: u32 = 16;

impl Job {
    /// `connection`: what is checked where the work names no resource of its own.
    pub(super) fn new(work: Work, since: Sequence, connection: &FreshnessCheck) -> Self {
        let freshness_check = match &work {
            Work::Reconcile(request, _) => request.freshness.of_job(),
            Work::Delete(request, _) => request.freshness.of_job(),
            Work::KeepSharedObjects { .. } | Work::DeleteSharedObjects(_) => connection.clone(),
        };
        Self {
            work,
            progress: Progress {
                since,
                among_many: false,
                ..Progress::default()
            },
            in_flight: 0,
            freshness_check,
            superseded: false,
        }
    }

    /// In whose name a call is sent, and its priority.
    pub(super) fn context(&self, scope: &Scope, call: &Call, mode: Mode) -> CallContext {
        let priority = match (&self.work, call.is_deletion(), mode) {
            // All audiences that need the shared objects wait for them, for their reads too, but not for the deletion of
            // duplicates.
            (Work::KeepSharedObjects { .. }, false, Mode::Manage) => Priority::Change,
            (Work::KeepSharedObjects { .. }, ..) => Priority::Resync,
            (Work::DeleteSharedObjects(_), ..) | (_, true, _) => Priority::Deletion,
            (Work::Delete(..), ..) => Priority::Change,
            (Work::Reconcile(request, _), ..) => match request.priority() {
                // Something changed outside of Kubernetes.
                Priority::Resync if call.is_write() => Priority::Change,
                asked => asked,
            },
        };
        CallContext {
            priority,
            key: scope.to_string().into(),
        }
    }

    /// The status named the call's object as ours before this job began, and reads of its service may be behind what the
    /// process before us wrote: those of Experience Platform.
    pub(super) fn has_recorded(&self, call: &Call) -> bool {
        let recorded = match &self.work {
            Work::Reconcile(request, _) => Some(&request.recorded_audience),
            Work::Delete(request, _) => request.recorded_audience.as_ref(),
            Work::KeepSharedObjects { .. } | Work::DeleteSharedObjects(_) => None,
        };
        let ours = recorded.filter(|recorded| !recorded.observed);
        let audience = ours.and_then(|recorded| recorded.audience.as_ref());
        matches!(call, Call::Audience(call) if call.id().as_ref() == audience && audience.is_some())
    }

    /// Whether the job only looks again at what exists, or creates what a resource that `leaves` does not want any more.
    pub(super) fn gives_way(&self, leaves: bool) -> bool {
        match &self.work {
            Work::Reconcile(request, _) => leaves || request.priority() == Priority::Resync,
            Work::Delete(..) | Work::KeepSharedObjects { .. } | Work::DeleteSharedObjects(_) => {
                false
            }
        }
    }

    /// Answers that nothing more is done, if the caller still waits.
    pub(super) fn give_up(self, why: NotReconciled) {
        match self.work {
            Work::Reconcile(_, Some(reply)) => drop(reply.send(Err(why))),
            Work::Delete(_, Some(reply)) => drop(reply.send(Err(why))),
            Work::Reconcile(_, None)
            | Work::Delete(_, None)
            | Work::KeepSharedObjects { .. }
            | Work::DeleteSharedObjects(_) => {}
        }
    }
}

impl Progress {
    /// What becomes of a plan that is one call.
    pub(super) fn ask(&mut self, call: Call) -> Choice {
        self.choose(vec![Step::ready(call)], Vec::new(), 1)
    }

    /// Independent objects go on when one fails; what depends on it waits. Where nothing is due any more, nothing has
    /// failed either: a taken key was looked up, an unknown outcome turned out well.
    pub(super) fn choose(
        &mut self,
        steps: Vec<Step>,
        blockers: Vec<Blocker>,
        objects: usize,
    ) -> Choice {
        if steps.is_empty() {
            return Choice::Finish(blockers.into_iter().next().map(Problem::from));
        }
        let mut calls: Vec<Call> = Vec::new();
        for step in steps {
            if step.ready && !calls.contains(&step.call) && self.may_send(&step.call, objects) {
                calls.push(step.call);
            }
        }
        if calls.is_empty() {
            return Choice::Finish(self.worst(blockers));
        }
        self.count(calls.len());
        Choice::Send(calls)
    }

    /// Whether a call may be made in this job, which works on so many `objects`: one that failed is not, one that was
    /// done and is wanted again fails, and so does one beyond the bound.
    pub(super) fn may_send(&mut self, call: &Call, objects: usize) -> bool {
        if self.failed.iter().any(|(failed, _)| failed == call) {
            return false;
        }
        let problem = if self.done.contains(call) {
            not_stored(call)
        } else if self.calls >= CALLS_PER_OBJECT_MAX.saturating_mul(objects.saturating_add(1)) {
            does_not_converge(call)
        } else {
            return true;
        };
        self.fail(call.clone(), problem);
        false
    }

    pub(super) fn count(&mut self, calls: usize) {
        self.calls += calls;
    }

    /// Counts a call that was one too many; `true` if the job goes on all the same.
    pub(super) fn is_throttled(&mut self) -> bool {
        self.throttled += 1;
        self.throttled <= THROTTLED_MAX
    }

    /// Counts one more wait for the shared objects.
    ///
    /// # Errors
    /// They never come to an end.
    pub(super) fn wait_for_shared_objects(&mut self) -> Result<(), Problem> {
        self.waits += 1;
        match self.waits > WAITS_MAX {
            false => Ok(()),
            true => Err(Problem::new(
                Reason::DoesNotConverge,
                "The shared objects of the connection never become complete; nothing was changed for this audience. \
                 Report it with the operator's log."
                    .into(),
            )),
        }
    }

    /// A write of this job was answered as done.
    pub(super) fn note_done(&mut self, call: Call) {
        self.done.push(call);
    }

    pub(super) fn fail(&mut self, call: Call, problem: Problem) {
        self.failed.push((call, problem));
    }

    pub(super) fn failed(&self) -> &[(Call, Problem)] {
        &self.failed
    }

    /// The problem is that a write of this job was denied.
    pub(super) fn was_denied(&self, problem: &Problem) -> bool {
        let first = self.failed.first();
        problem.reason == Reason::AccessDenied
            && first.is_some_and(|(call, failed)| call.is_write() && failed == problem)
    }

    /// A failure before a blocker: it may end automatically, and its text is more precise.
    fn worst(&self, blockers: Vec<Blocker>) -> Option<Problem> {
        let failures = self.failed.iter().map(|(_, problem)| problem.clone());
        failures
            .chain(blockers.into_iter().map(Problem::from))
            .next()
    }
}

#[cfg(test)]
mod tests {
    use audience_sharing_core::call::{Call, Step};
    use audience_sharing_core::domain::audience_manager::Trait;
    use audience_sharing_core::domain::identifier::TraitSid;
    use audience_sharing_core::domain::reason::Reason;

    use super::{CALLS_PER_OBJECT_MAX, Choice, Progress};

    /// Each answer asks for a call that was not made yet.
    #[test]
    fn a_plan_without_end_ends() {
        let mut progress = Progress::default();
        let (objects, mut sent) = (3, 0);
        let problem = loop {
            let read = Call::read::<Trait>(TraitSid(sent));
            match progress.choose(vec![Step::ready(read)], Vec::new(), objects) {
                Choice::Send(calls) => sent += calls.len() as u64,
                Choice::Finish(problem) => break problem,
            }
            assert!(sent < 1_000, "no end");
        };
        assert_eq!(sent as usize, CALLS_PER_OBJECT_MAX * (objects + 1));
        let reason = problem.map(|problem| problem.reason);
        assert_eq!(reason, Some(Reason::DoesNotConverge));
    }
}
