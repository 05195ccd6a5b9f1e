//! What goes first: an edit or a deletion before a look at what stands, even where that look is under way.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;

use super::job::Work;
use super::request::SettleRequest;
use super::worker::Worker;
use adobe_client::gateway::Priority;

/// Why an audience is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Its manifest changed, or it leaves: a person waits.
    Change,
    /// It is new. There may be thousands.
    Creation,
    /// It is only looked at again.
    Look,
}

/// A change goes before a creation, and that before a look at what exists; that a look has to write was a change elsewhere.
pub(super) fn priority(call: &Call, urgency: Urgency) -> Priority {
    match urgency {
        _ if call.is_deletion() => Priority::Deletion,
        Urgency::Creation => Priority::Creation,
        Urgency::Change => Priority::Change,
        Urgency::Look if call.is_write() => Priority::Change,
        Urgency::Look => Priority::Resync,
    }
}

impl SettleRequest {
    pub(super) fn urgency(&self) -> Urgency {
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
            (true, true) => Urgency::Change,
            (true, false) => Urgency::Creation,
            (false, _) => Urgency::Look,
        }
    }
}

impl Worker {
    /// What a look judges has changed, or what is created shall go: what it waits for goes before all others, and it ends
    /// with that, so that the change can begin.
    pub(super) fn hurry(&mut self, share: &ShareName, leaves: bool) {
        let Some(job) = self.jobs.get_mut(share) else {
            return;
        };
        let gives_way = match &job.work {
            Some(Work::Settle(request, _)) => leaves || request.urgency() == Urgency::Look,
            Some(Work::Retire(..)) | None => false,
        };
        if !gives_way {
            return;
        }
        job.superseded = true;
        self.gateway.hurry(&share.to_string());
        if self.parked.remove(share) {
            self.advance(share);
        }
    }
}
