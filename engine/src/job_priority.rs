//! What goes first: an edit or a deletion before a look at what stands, even where that look is under way.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;

use super::job::Work;
use super::request::ReconcileRequest;
use super::worker::Worker;
use adobe_client::gateway::Priority;

/// Why an audience is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobPriority {
    /// Its manifest changed, or it leaves: a person waits.
    Change,
    /// It is new. There may be thousands.
    Creation,
    /// It is only looked at again.
    Resync,
}

/// A change goes before a creation, and that before a look at what exists; that a look has to write was a change elsewhere.
pub(super) fn priority(call: &Call, job_priority: JobPriority) -> Priority {
    match job_priority {
        _ if call.is_deletion() => Priority::Deletion,
        JobPriority::Creation => Priority::Creation,
        JobPriority::Change => Priority::Change,
        JobPriority::Resync if call.is_write() => Priority::Change,
        JobPriority::Resync => Priority::Resync,
    }
}

impl ReconcileRequest {
    pub(super) fn job_priority(&self) -> JobPriority {
        let Self {
            is_change,
            recorded,
            recorded_audience,
            ..
        } = self;
        let exists = recorded.trait_sid.is_some()
            || recorded.segment_sid.is_some()
            || recorded_audience.audience.is_some();
        match (is_change, exists) {
            (true, true) => JobPriority::Change,
            (true, false) => JobPriority::Creation,
            (false, _) => JobPriority::Resync,
        }
    }
}

impl Worker {
    /// What a look judges has changed, or what is created shall go: what it waits for goes before all others, and it ends
    /// with that, so that the change can begin.
    pub(super) fn prioritize(&mut self, share: &ShareName, leaves: bool) {
        let Some(job) = self.jobs.get_mut(share) else {
            return;
        };
        let gives_way = match &job.work {
            Some(Work::Reconcile(request, _)) => {
                leaves || request.job_priority() == JobPriority::Resync
            }
            Some(Work::Delete(..)) | None => false,
        };
        if !gives_way {
            return;
        }
        job.superseded = true;
        self.gateway.prioritize(&share.to_string());
        if self.parked.remove(share) {
            self.advance(share);
        }
    }
}
