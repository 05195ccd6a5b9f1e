//! One audience that is being worked on: what was asked, what failed, who waits for the outcome.

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::{Call, Hold, Step};
use tokio::sync::oneshot;

use super::Unsettled;
use super::request::{Departure, Obstacle, Retired, SettleRequest, Settled};

pub(super) type Reply<Outcome> = oneshot::Sender<Result<Outcome, Unsettled>>;

pub(super) enum Work {
    Settle(Box<SettleRequest>, Reply<Settled>),
    Retire(Box<Departure>, Reply<Retired>),
}

impl Work {
    pub(super) fn share(&self) -> &ShareName {
        match self {
            Self::Settle(request, _) => &request.share.name,
            Self::Retire(departure, _) => &departure.share,
        }
    }
}

pub(super) struct Job {
    /// Taken while it is looked at.
    pub(super) work: Option<Work>,
    /// The call with which the job began: only younger look-ups count.
    pub(super) since: Sequence,
    pub(super) in_flight: bool,
    /// What was asked is still asked for: seen before the first write.
    pub(super) confirmed: bool,
    /// Calls that failed in this job; they are not tried again in it.
    failed: Vec<(Call, Obstacle)>,
    calls: u32,
}

/// What a plan leaves to do.
pub(super) enum Choice {
    Send(Box<Call>),
    /// Nothing more in this job; the worst of what is in the way.
    Finish(Option<Obstacle>),
}

/// The calls of one job: per object at most a read, a look-up, a create or update, once again after a conflict, and
/// one more read; a plan that wants more goes in circles.
const CALLS_PER_OBJECT_MAX: u32 = 8;

impl Work {
    /// Answers that nothing was done.
    pub(super) fn give_up(self) {
        // Whoever asked may be gone.
        match self {
            Self::Settle(_, reply) => drop(reply.send(Err(Unsettled::Superseded))),
            Self::Retire(_, reply) => drop(reply.send(Err(Unsettled::Superseded))),
        }
    }
}

impl Job {
    pub(super) fn new(work: Work, since: Sequence) -> Self {
        Self {
            work: Some(work),
            since,
            in_flight: false,
            confirmed: false,
            failed: Vec::new(),
            calls: 0,
        }
    }

    /// Independent objects go on when one fails; what depends on it waits. Where nothing is due any more, nothing has
    /// failed either: a taken key was looked up, an unknown outcome turned out well.
    pub(super) fn choose(&mut self, steps: Vec<Step>, holds: Vec<Hold>, objects: u32) -> Choice {
        if steps.is_empty() {
            return Choice::Finish(holds.into_iter().next().map(Obstacle::from));
        }
        let next = steps
            .into_iter()
            .find(|step| step.ready && !self.has_failed(&step.call));
        let Some(step) = next else {
            return Choice::Finish(self.worst(holds));
        };
        self.calls += 1;
        if self.calls > CALLS_PER_OBJECT_MAX * (objects + 1) {
            return Choice::Finish(Some(Obstacle {
                reason: audience_sharing_core::domain::reason::Reason::DoesNotSettle,
                disposition: audience_sharing_core::domain::disposition::Disposition::Stalled,
                message: format!(
                    "Planning does not come to an end; the last call planned was to {}. This is a defect of the \
                     operator: please report it with the operator's log.",
                    step.call.operation()
                ),
                of_connection: false,
            }));
        }
        Choice::Send(Box::new(step.call))
    }

    pub(super) fn fail(&mut self, call: Call, obstacle: Obstacle) {
        self.failed.push((call, obstacle));
    }

    fn has_failed(&self, call: &Call) -> bool {
        self.failed.iter().any(|(failed, _)| failed == call)
    }

    /// A failure before a hold: it may pass by itself, and its text is the more precise.
    fn worst(&self, holds: Vec<Hold>) -> Option<Obstacle> {
        let failures = self.failed.iter().map(|(_, obstacle)| obstacle.clone());
        failures.chain(holds.into_iter().map(Obstacle::from)).next()
    }
}
