//! Lists that many audiences ask for at once: one call under way serves them all.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::ShareName;
use audience_sharing_core::facts::Response;
use audience_sharing_core::inventory::Sequence;

use super::calls::is_throttled;
use super::worker::Worker;
use adobe_client::Error;

/// Calls under way, each with the audiences that wait for its answer beside the one that sent it.
pub(super) type SharedLists = Vec<(Call, Vec<ShareName>)>;

impl Worker {
    /// Whether such a call is under way already, so that its answer serves `share` too.
    pub(super) fn joins(&mut self, share: &ShareName, call: &Call) -> bool {
        if !call.is_shared() {
            return false;
        }
        let under_way = self
            .shared_lists
            .iter_mut()
            .find(|(known, _)| known == call);
        match under_way {
            Some((_, waiting)) => {
                waiting.push(share.clone());
                true
            }
            None => {
                self.shared_lists.push((call.clone(), Vec::new()));
                false
            }
        }
    }

    pub(super) fn complete_share(
        &mut self,
        share: &ShareName,
        call: Call,
        sent: Sequence,
        result: Result<Response, Error>,
    ) {
        let throttled = result.as_ref().err().is_some_and(is_throttled);
        let done = call.is_write() && result.as_ref().is_ok_and(Response::is_written);
        let problem = self.apply(&call, share.to_string().as_str(), sent, result, Some(share));
        let under_way = self
            .shared_lists
            .iter()
            .position(|(known, _)| *known == call);
        let waiting = under_way.map(|at| self.shared_lists.swap_remove(at).1);
        let waiting = waiting.unwrap_or_default();
        for share in std::iter::once(share.clone()).chain(waiting) {
            if let Some(job) = self.jobs.get_mut(&share) {
                job.in_flight = job.in_flight.saturating_sub(1);
                match problem.clone() {
                    Some(problem) => {
                        let goes_back = throttled && !problem.of_connection && job.is_throttled();
                        if !goes_back {
                            job.fail(call.clone(), problem);
                        }
                    }
                    None if done => job.note_done(call.clone()),
                    None => {}
                }
            }
            self.advance(&share);
        }
    }
}
