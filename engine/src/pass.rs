//! Full passes over both systems: begun by the clock or on request, folded list by list, told when they end.

use std::time::Duration;

use audience_sharing_core::compose::Mode;

use super::flights::Landing;
use super::refresh::{Landed, Lists, Progress};
use super::request::Obstacle;
use super::worker::Worker;

impl Worker {
    pub(super) fn start_pass_soon(&mut self) {
        match self.refresh.is_running() {
            true => self.refresh.again(),
            false => self.start_pass(),
        }
    }

    pub(super) fn start_pass(&mut self) {
        self.shared_writes_listed = self.shared_turn.answered();
        // An open circuit takes one probe: of several lists at once the others would fail, and with them the pass.
        let probes = self.gateway.next_probe_after().is_some();
        let identity_first = probes || self.world.is_identity_in_doubt();
        let lists = self.refresh.start(identity_first);
        self.send_lists(lists);
    }

    pub(super) fn send_lists(&mut self, lists: Vec<Lists>) {
        for list in lists {
            let sent = self.next_sequence();
            let systems = self.systems.clone();
            self.flights.start(false, async move {
                Landing::Pass(list.read(&systems, sent).await)
            });
        }
    }

    pub(super) fn land_pass(&mut self, landed: Landed) {
        let now = self.now();
        let answered = self.next_sequence();
        match self.refresh.land(&mut self.world, landed, answered, now) {
            Progress::Waiting(touched) => self.wake_touched(&touched, None),
            Progress::More(touched, lists) => {
                self.wake_touched(&touched, None);
                self.send_lists(lists);
            }
            Progress::Ended(touched, failure) => {
                self.wake_touched(&touched, None);
                self.end_pass(failure);
            }
        }
    }

    /// Not before a probe may be made: a pass that comes too early finds out nothing, and the next one comes late.
    pub(super) fn retry_pass(&mut self, retry_after: Option<Duration>) {
        let next_probe = self.gateway.next_probe_after();
        self.refresh.retry(retry_after.max(next_probe));
    }

    pub(super) fn end_pass(&mut self, failure: Option<(Obstacle, Option<Duration>)>) {
        self.world
            .observer
            .on_refresh(failure.is_none(), self.refresh.seconds());
        match failure {
            Some((obstacle, retry_after)) => {
                tracing::warn!(reason = %obstacle.reason, "{}", obstacle.message);
                self.world.failure = Some(obstacle);
                self.retry_pass(retry_after);
            }
            None => {
                let listed = self.shared_writes_listed.take();
                self.shared_writes_seen = self.shared_writes_seen.max(listed.unwrap_or_default());
                self.world.failure = None;
                self.world.ready = true;
                self.sweep_calls = 0;
                self.refresh.rest();
            }
        }
        let standing = self.world.foundation_plan(Mode::Observe).standing;
        if self.world.failure.is_none() {
            self.world.remember_shared_objects(&standing);
            match self.world.foundation_needed {
                true => {
                    self.begin_round();
                    self.sweep();
                }
                false => self.world.foundation_failures.clear(),
            }
        }
        self.publish_report();
        self.release_parked();
        if self.world.failure.is_none() {
            self.wake_waiting();
        }
        for waiter in self.refresh.served() {
            let _ = waiter.send(());
        }
        if self.refresh.is_due_again() {
            self.start_pass();
        }
    }
}
