//! Full passes over both systems: begun by the clock or on request, folded list by list, told when they end.

use std::time::Duration;

use audience_sharing_core::compose::Mode;

use super::in_flight_calls::Completion;
use super::request::Problem;
use super::resync::{Lists, ResyncCompletion, ResyncStep};
use super::worker::Worker;

impl Worker {
    pub(super) fn start_resync_soon(&mut self) {
        match self.resync.is_running() {
            true => self.resync.again(),
            false => self.start_resync(),
        }
    }

    pub(super) fn start_resync(&mut self) {
        self.shared_writes_listed = self.shared_lock.answered();
        // An open circuit takes one probe: of several lists at once the others would fail, and with them the pass.
        let probes = self.gateway.next_probe_after().is_some();
        let identity_first = probes || self.state.is_identity_in_doubt();
        let lists = self.resync.start(identity_first);
        self.send_lists(lists);
    }

    pub(super) fn send_lists(&mut self, lists: Vec<Lists>) {
        for list in lists {
            let sent = self.next_sequence();
            let systems = self.systems.clone();
            self.in_flight_calls.start(false, async move {
                Completion::Resync(list.read(&systems, sent).await)
            });
        }
    }

    pub(super) fn complete_resync(&mut self, completed: ResyncCompletion) {
        let now = self.now();
        let answered = self.next_sequence();
        match self
            .resync
            .complete(&mut self.state, completed, answered, now)
        {
            ResyncStep::Waiting(touched) => self.wake_touched(&touched, None),
            ResyncStep::More(touched, lists) => {
                self.wake_touched(&touched, None);
                self.send_lists(lists);
            }
            ResyncStep::Ended(touched, failure) => {
                self.wake_touched(&touched, None);
                self.end_resync(failure);
            }
        }
    }

    /// Not before a probe may be made: a pass that comes too early finds out nothing, and the next one comes late.
    pub(super) fn retry_resync(&mut self, retry_after: Option<Duration>) {
        let next_probe = self.gateway.next_probe_after();
        self.resync.retry(retry_after.max(next_probe));
    }

    pub(super) fn end_resync(&mut self, failure: Option<(Problem, Option<Duration>)>) {
        self.state
            .observer
            .on_resync(failure.is_none(), self.resync.seconds());
        match failure {
            Some((problem, retry_after)) => {
                tracing::warn!(reason = %problem.reason, "{}", problem.message);
                self.state.failure = Some(problem);
                self.retry_resync(retry_after);
            }
            None => {
                let listed = self.shared_writes_listed.take();
                self.shared_writes_seen = self.shared_writes_seen.max(listed.unwrap_or_default());
                self.state.failure = None;
                self.state.ready = true;
                self.resync.rest();
            }
        }
        let observed_state = self.state.shared_objects_plan(Mode::Observe).state;
        if self.state.failure.is_none() {
            self.state.remember_shared_objects(&observed_state);
            match self.state.shared_objects_needed {
                true => self.keep_shared_objects_again(),
                false => self.state.shared_objects_failures.clear(),
            }
        }
        self.publish_report();
        self.release_parked();
        if self.state.failure.is_none() {
            self.wake_waiting();
        }
        for waiter in self.resync.served() {
            let _ = waiter.send(());
        }
        if self.resync.is_due_again() {
            self.start_resync();
        }
    }
}
