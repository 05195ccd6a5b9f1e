//! What a turn gives.

use std::sync::Arc;

use tokio::time::Instant;

use super::Shared;

/// The right to send one request, or some that belong together. What is dropped unspent goes back.
#[derive(Debug)]
pub(in crate::gateway) struct Permit {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Arc<str>,
    pub(super) resync: bool,
    /// Requests that may still be sent.
    pub(super) left: u32,
}

impl Permit {
    /// One request is sent now.
    pub(in crate::gateway) fn spend(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut state = self.shared.state();
        state.refill(Instant::now());
        state.buckets.all.held -= 1;
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            connection.buckets.all.held -= 1;
        }
    }

    /// Another request may be sent at once: one is left, and the client was not asked to wait meanwhile.
    pub(in crate::gateway) fn is_valid(&self) -> bool {
        self.left > 0 && Instant::now() >= self.shared.state().paused_until
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.left == 0 {
            return;
        }
        let mut state = self.shared.state();
        state.buckets.give_back(self.resync, self.left);
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            connection.buckets.give_back(self.resync, self.left);
        }
        drop(state);
        self.shared.changed.notify_one();
    }
}
