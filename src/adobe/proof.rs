//! What a write must bring: the promise that nobody else writes for this organisation (design.md §4.14).
//!
//! Audience Manager cannot fence a late write, so none may start that could outlive the lease.

use std::time::Duration;

use tokio::time::Instant;

/// Made by whoever holds the organisation's lease; asked again at the moment the request would start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteProof {
    not_after: Instant,
}

impl WriteProof {
    /// `not_after` is the moment from which another process may hold the lease.
    pub fn until(not_after: Instant) -> Self {
        Self { not_after }
    }

    /// Whether a request that starts `now` and ends within `timeout` ends inside the lease.
    pub(super) fn covers(&self, now: Instant, timeout: Duration) -> bool {
        now + timeout <= self.not_after
    }
}
