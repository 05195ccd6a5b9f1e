//! What a write must bring: the promise that no other process writes for this organization (design.md §4, L11), and that what it
//! is for is still wanted (L3).
//!
//! Audience Manager cannot fence a late write, so none may start that could outlive the lease.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

/// Whether what a write is for is still wanted. It may ask somebody, and so take a moment.
pub type FreshnessCheck = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The same answer whenever it is asked: for what is no resource's.
pub fn always(answer: bool) -> FreshnessCheck {
    Arc::new(move || std::future::ready(answer).boxed())
}

/// Made by the holder of the organization's lease; asked again at the moment the request would start, which may be
/// long after it began to wait, and many renewals later.
#[derive(Clone)]
pub struct LeaseGuard {
    lease: watch::Receiver<Option<Instant>>,
    freshness_check: FreshnessCheck,
}

impl LeaseGuard {
    /// `lease` holds the moment from which another process may hold it, as it is renewed; `None` while another does.
    /// `freshness_check` is asked when the rate limiter has let the write through.
    pub fn of(lease: watch::Receiver<Option<Instant>>, freshness_check: FreshnessCheck) -> Self {
        Self {
            lease,
            freshness_check,
        }
    }

    /// Lets no write through: for what only reads.
    pub fn withheld() -> Self {
        Self::of(watch::channel(None).1, always(false))
    }

    /// Whether a request that starts `now` and ends within `timeout` ends inside the lease.
    pub(super) fn covers(&self, now: Instant, timeout: Duration) -> bool {
        let not_after = *self.lease.borrow();
        not_after.is_some_and(|not_after| now + timeout <= not_after)
    }

    pub(super) async fn is_wanted(&self) -> bool {
        (self.freshness_check)().await
    }
}

impl fmt::Debug for LeaseGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LeaseGuard")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
