//! Is what was asked still asked for? Looked at once before the first write of a job, since whoever asked read it from a
//! cache, and a cache may be behind: an older spec must not be written over a younger one, nor an object come back that
//! was deleted (peers.md §4.6, T8, T9).

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

type Look = dyn Fn() -> BoxFuture<'static, bool> + Send + Sync;

/// Looks; `false` where it is not, or nobody can tell.
#[derive(Clone)]
pub struct Confirmation(Arc<Look>);

impl Confirmation {
    pub fn new(look: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// For whoever asks from no cache.
    pub fn given() -> Self {
        Self::new(|| Box::pin(std::future::ready(true)))
    }

    /// One look, for all that wait for it.
    pub(super) fn look(&self) -> Shared<BoxFuture<'static, bool>> {
        (self.0)().shared()
    }
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Confirmation")
    }
}
