//! What a write must bring: the promise that nobody else writes for this organisation (design.md §4.14).
//!
//! Audience Manager cannot fence a late write, so none may start that could outlive the lease.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Made by whoever holds the organisation's lease; asked again at the moment the request would start, which may be
/// long after it got in line, and many renewals later.
#[derive(Clone, Debug)]
pub struct WriteProof {
    lease: watch::Receiver<Option<Instant>>,
}

impl WriteProof {
    /// `lease` tells the moment from which another process may hold it, as it is renewed; `None` while another does.
    pub fn of(lease: watch::Receiver<Option<Instant>>) -> Self {
        Self { lease }
    }

    /// Lets no write through: for what only reads.
    pub fn withheld() -> Self {
        Self::of(watch::channel(None).1)
    }

    /// Whether a request that starts `now` and ends within `timeout` ends inside the lease.
    pub(super) fn covers(&self, now: Instant, timeout: Duration) -> bool {
        let not_after = *self.lease.borrow();
        not_after.is_some_and(|not_after| now + timeout <= not_after)
    }
}
