//! Why something is not done: what, which object, and how to mend it. Who tries again follows from the reason.

use crate::domain::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    pub reason: Reason,
    /// For the status: no times, no counts.
    pub message: String,
}

impl Blocker {
    pub(crate) fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }
}
