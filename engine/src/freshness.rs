//! Is what was asked still asked for? Whoever asked read it from a cache, and a cache may be behind: an older spec must not
//! be written over a younger one, nor an object come back that was deleted. And a write may wait for the rate limiter for
//! minutes. So it is asked when the limiter has let a write through: once in a job, and again where a later write had to
//! wait (design.md §4, L3).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use adobe_client::lease_guard::FreshnessCheck;

type Resync = dyn Fn() -> BoxFuture<'static, bool> + Send + Sync;

/// An answer holds for so long.
const HOLDS_FOR: Duration = Duration::from_secs(5);

/// Looks; `false` where it is not, or nobody can tell.
#[derive(Clone)]
pub struct Freshness {
    look: Arc<Resync>,
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

    /// For whoever asks from no cache.
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
        formatter.write_str("Confirmation")
    }
}
