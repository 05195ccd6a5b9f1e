//! What goes first: an edit or a deletion before a look at what stands, even where that look is under way.

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::plan::Call;

use super::job::Work;
use super::worker::Worker;
use crate::adobe::gateway::Priority;

/// A change goes before a look at what stands; that a look has to write was a change elsewhere.
pub(super) fn priority(call: &Call, is_change: bool) -> Priority {
    match (call.is_deletion(), call.is_write() || is_change) {
        (true, _) => Priority::Deletion,
        (false, true) => Priority::Change,
        (false, false) => Priority::Resync,
    }
}

impl Work {
    fn is_change(&self) -> bool {
        match self {
            Self::Settle(request, _) => request.is_change,
            Self::Retire(..) => true,
        }
    }
}

impl Worker {
    /// What a look judges has changed: its read waits no longer behind those of all others, and it ends with it, so that
    /// the change can begin.
    pub(super) fn hurry(&mut self, share: &ShareName) {
        let Some(job) = self.jobs.get_mut(share) else {
            return;
        };
        if job.work.as_ref().is_some_and(Work::is_change) {
            return;
        }
        job.superseded = true;
        self.gateway.hurry(&share.to_string());
        if self.parked.remove(share) {
            self.advance(share);
        }
    }
}
