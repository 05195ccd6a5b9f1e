//! Who tries again after a failure, and when: part of every error's type.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It may pass on its own: backoff with jitter, per object.
    Retry,
    /// The server named a time: the whole credential waits.
    RetryAfter(Duration),
    /// It ends with something that is watched; no retry is needed.
    Wait,
    /// A person is needed; checked again slowly.
    Stalled,
}
