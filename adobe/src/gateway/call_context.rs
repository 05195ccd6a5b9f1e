//! In whose name a call is made, and how urgent it is.

use std::sync::Arc;

/// Which calls go first when the rate limit is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// A manifest or a source changed.
    Change,
    /// An object is to go.
    Deletion,
    /// A new manifest. However many there are, edits and deletions go before them.
    Creation,
    /// A look at what is there. A fifth of the rate limit is kept back from these.
    Resync,
}

/// A place in line: calls of one priority are served round robin over their keys.
#[derive(Clone, Debug)]
pub struct CallContext {
    pub priority: Priority,
    /// Whom the call serves: an audience, or the connection's foundation.
    pub key: Arc<str>,
}

/// How many requests one connection makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitOptions {
    /// At least 1.
    pub requests_per_minute: u32,
    /// How many may follow each other without a pause; at least 1.
    pub burst: u32,
}
