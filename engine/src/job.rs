//! One audience that is being worked on: what was asked, what failed, who waits for the outcome.

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use tokio::sync::oneshot;

use super::NotReconciled;
use super::request::{
    DeletionOutcome, DeletionRequest, Problem, ReconcileOutcome, ReconcileRequest,
};
use adobe_client::lease_guard::FreshnessCheck;

pub(super) type Reply<Outcome> = oneshot::Sender<Result<Outcome, NotReconciled>>;

pub(super) enum Work {
    Reconcile(Box<ReconcileRequest>, Reply<ReconcileOutcome>),
    Delete(Box<DeletionRequest>, Reply<DeletionOutcome>),
}

impl Work {
    pub(super) fn share(&self) -> &ShareName {
        match self {
            Self::Reconcile(request, _) => &request.share.name,
            Self::Delete(deletion, _) => &deletion.share,
        }
    }
}

/// Plans for one audience; `None` after a panic, which concerns that audience alone: a plan reads what is known of the
/// systems and changes none of it. What folds an answer in is not caught, since half of it may be known then: the engine
/// ends, and another begins with a full pass.
pub(super) fn caught<T>(plan: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(plan)).ok()
}

pub(super) struct Job {
    /// Taken while it is looked at.
    pub(super) work: Option<Work>,
    /// The call with which the job began: only younger look-ups count.
    pub(super) since: Sequence,
    /// Calls under way; planning waits for all of them.
    pub(super) in_flight: usize,
    /// Whether what was asked is still asked for.
    pub(super) freshness_check: FreshnessCheck,
    /// It is not: nothing more is sent.
    pub(super) superseded: bool,
    /// Calls that failed in this job; they are not tried again in it.
    failed: Vec<(Call, Problem)>,
    /// Writes that were answered as done. One that is planned again was not stored.
    done: Vec<Call>,
    calls: u32,
    throttled: u32,
    /// How often it waited for the shared objects.
    waits: u32,
}

/// A write that a server refused since it was one too many may have been taken all the same: the job is planned again,
/// with a look first. After so many it fails, so that a server that refuses each write and answers each look ends it.
const THROTTLED_MAX: u32 = 3;

/// What a plan leaves to do.
pub(super) enum Choice {
    /// All that can be done now: of one plan no two calls are about the same object.
    Send(Vec<Call>),
    /// Nothing more in this job; the worst of what is in the way.
    Finish(Option<Problem>),
}

/// The calls of one job: per object at most a read, a look-up, a create or update, once again after a conflict, and
/// one more read; a plan that wants more goes in circles.
const CALLS_PER_OBJECT_MAX: u32 = 8;

/// A job waits for the shared objects once; again, where the labels of its source change meanwhile or a pass ends.
const WAITS_MAX: u32 = 16;

/// A job that reached its bound.
pub(super) fn does_not_converge(call: &Call) -> Problem {
    Problem::new(
        Reason::DoesNotConverge,
        format!(
            "The operator keeps changing its plan; the next call would be to {}. It stopped, and tries again later. Report \
             it with the operator's log.",
            call.label()
        ),
    )
}

/// A write that was answered as done, and is planned again.
pub(super) fn not_stored(call: &Call) -> Problem {
    Problem::new(
        Reason::DoesNotConverge,
        format!(
            "The service answers as done, and does not store it: {call}. The operator does not repeat it at once, and tries \
             again later. Check whether another program changes the object back, or a proxy answers in the place of the \
             service."
        ),
    )
}

impl Work {
    /// Answers that nothing was done.
    pub(super) fn give_up(self) {
        // Whoever asked may be gone.
        match self {
            Self::Reconcile(_, reply) => drop(reply.send(Err(NotReconciled::Superseded))),
            Self::Delete(_, reply) => drop(reply.send(Err(NotReconciled::Superseded))),
        }
    }
}

impl Job {
    pub(super) fn new(work: Work, since: Sequence) -> Self {
        let freshness_check = match &work {
            Work::Reconcile(request, _) => request.freshness.of_job(),
            Work::Delete(deletion, _) => deletion.freshness.of_job(),
        };
        Self {
            work: Some(work),
            since,
            in_flight: 0,
            freshness_check,
            superseded: false,
            failed: Vec::new(),
            done: Vec::new(),
            calls: 0,
            throttled: 0,
            waits: 0,
        }
    }

    /// The status named the call's object as ours before this job began.
    pub(super) fn has_recorded(&self, call: &Call) -> bool {
        let (recorded, audience) = match &self.work {
            Some(Work::Reconcile(request, _)) => {
                (&request.recorded, Some(&request.recorded_audience))
            }
            Some(Work::Delete(deletion, _)) => {
                (&deletion.recorded, deletion.recorded_audience.as_ref())
            }
            None => return false,
        };
        match call {
            Call::Audience(call) => {
                let id = call.id();
                let ours = audience.filter(|recorded| !recorded.observed);
                id.is_some() && ours.is_some_and(|recorded| recorded.audience == id)
            }
            Call::Trait(call) => {
                let ours = recorded.trait_sid.filter(|_| !recorded.observed);
                ours.is_some() && ours == call.id()
            }
            Call::Segment(call) => call.id().is_some_and(|sid| {
                let mut additional = recorded.additional_segments.iter();
                recorded.segment_sid == Some(sid) && !recorded.observed
                    || additional.any(|(_, known)| *known == sid)
            }),
            Call::Mapping(call) => call.id().is_some_and(|id| {
                let mut mappings = recorded.mappings.iter();
                mappings.any(|known| known.mapping == Some(id))
            }),
            _ => false,
        }
    }

    /// Independent objects go on when one fails; what depends on it waits. Where nothing is due any more, nothing has
    /// failed either: a taken key was looked up, an unknown outcome turned out well.
    pub(super) fn choose(
        &mut self,
        steps: Vec<Step>,
        blockers: Vec<Blocker>,
        objects: u32,
    ) -> Choice {
        if steps.is_empty() {
            return Choice::Finish(blockers.into_iter().next().map(Problem::from));
        }
        let mut calls: Vec<Call> = Vec::new();
        for step in steps {
            if step.ready && !self.has_failed(&step.call) && !calls.contains(&step.call) {
                calls.push(step.call);
            }
        }
        for call in calls.extract_if(.., |call| self.done.contains(call)) {
            let problem = not_stored(&call);
            self.failed.push((call, problem));
        }
        let Some(first) = calls.first() else {
            return Choice::Finish(self.worst(blockers));
        };
        self.calls += u32::try_from(calls.len()).unwrap_or(u32::MAX >> 8);
        if self.calls > CALLS_PER_OBJECT_MAX * (objects + 1) {
            return Choice::Finish(Some(does_not_converge(first)));
        }
        Choice::Send(calls)
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

    fn has_failed(&self, call: &Call) -> bool {
        self.failed.iter().any(|(failed, _)| failed == call)
    }

    /// A failure before a hold: it may pass by itself, and its text is the more precise.
    fn worst(&self, blockers: Vec<Blocker>) -> Option<Problem> {
        let failures = self.failed.iter().map(|(_, problem)| problem.clone());
        failures
            .chain(blockers.into_iter().map(Problem::from))
            .next()
    }
}
