//! The check that the Kubernetes object is current. A request comes from a cache, which may be behind: an older spec must
//! not be written over a younger one, and a deleted object must not come back. A write may also wait for the rate limiter
//! for minutes. So the check runs when the limiter lets a write through: once in a job, and again if a later write had to
//! wait (design.md §4, L3).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use adobe_client::lease_guard::FreshnessCheck;

type Check = dyn Fn() -> BoxFuture<'static, bool> + Send + Sync;

/// An answer holds for so long.
const HOLDS_FOR: Duration = Duration::from_secs(5);

/// Checks; `false` if the request is outdated or that is unknown.
#[derive(Clone)]
pub struct Freshness {
    look: Arc<Check>,
    /// When it was last known to be asked for.
    known_at: Option<Instant>,
}

impl Freshness {
    pub fn new(look: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Self {
        Self {
            look: Arc::new(look),
            known_at: None,
        }
    }

    /// For requests that come from no cache.
    pub fn given() -> Self {
        Self::new(|| Box::pin(std::future::ready(true)))
    }

    /// It was asked for a moment ago, as an answer to something else showed.
    #[must_use]
    pub fn known_at(self, at: Instant) -> Self {
        Self {
            known_at: Some(at),
            ..self
        }
    }

    /// For the writes of one job, which share the answers.
    pub(super) fn of_job(&self) -> FreshnessCheck {
        let look = self.look.clone();
        let known_at = Arc::new(Mutex::new(self.known_at));
        Arc::new(move || {
            let (look, known_at) = (look.clone(), known_at.clone());
            async move {
                let mut known_at = known_at.lock().await;
                if known_at.is_some_and(|at| at.elapsed() < HOLDS_FOR) {
                    return true;
                }
                let is_asked_for = look().await;
                *known_at = is_asked_for.then(Instant::now);
                is_asked_for
            }
            .boxed()
        })
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Freshness")
    }
}
