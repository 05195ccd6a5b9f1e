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
pub type StillWanted = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The same answer whenever it is asked: for what is no resource's.
pub fn always(answer: bool) -> StillWanted {
    Arc::new(move || std::future::ready(answer).boxed())
}

/// Made by the holder of the organization's lease; asked again at the moment the request would start, which may be
/// long after it got in line, and many renewals later.
#[derive(Clone)]
pub struct WriteProof {
    lease: watch::Receiver<Option<Instant>>,
    still_wanted: StillWanted,
}

impl WriteProof {
    /// `lease` tells the moment from which another process may hold it, as it is renewed; `None` while another does.
    /// `still_wanted` is asked when the rate limiter has let the write through.
    pub fn of(lease: watch::Receiver<Option<Instant>>, still_wanted: StillWanted) -> Self {
        Self {
            lease,
            still_wanted,
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
        (self.still_wanted)().await
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
