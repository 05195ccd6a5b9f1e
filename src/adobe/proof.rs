//! What a write must bring: the promise that nobody else writes for this organisation (design.md §4, L11), and that what it
//! is for is still wanted (L3).
//!
//! Audience Manager cannot fence a late write, so none may start that could outlive the lease.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

/// Whether what a write is for is still wanted. It may ask somebody, and so take a moment.
pub type StillWanted = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Made by whoever holds the organisation's lease; asked again at the moment the request would start, which may be
/// long after it got in line, and many renewals later.
#[derive(Clone)]
pub struct WriteProof {
    lease: watch::Receiver<Option<Instant>>,
    still_wanted: Option<StillWanted>,
}

impl WriteProof {
    /// `lease` tells the moment from which another process may hold it, as it is renewed; `None` while another does.
    pub fn of(lease: watch::Receiver<Option<Instant>>) -> Self {
        Self {
            lease,
            still_wanted: None,
        }
    }

    /// Asked when the rate limiter has let the write through.
    #[must_use]
    pub fn while_wanted(self, still_wanted: StillWanted) -> Self {
        Self {
            still_wanted: Some(still_wanted),
            ..self
        }
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

    pub(super) async fn is_wanted(&self) -> bool {
        match &self.still_wanted {
            Some(still_wanted) => still_wanted().await,
            None => true,
        }
    }
}

impl fmt::Debug for WriteProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WriteProof")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
