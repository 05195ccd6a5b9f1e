//! Why something is not done: what, which object, and how to mend it.

use crate::domain::disposition::Disposition;
use crate::domain::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: Reason,
    pub disposition: Disposition,
    /// For the status: no times, no counts.
    pub message: String,
}

impl Hold {
    /// A person is needed.
    pub(crate) fn stalled(reason: Reason, message: String) -> Self {
        Self {
            reason,
            disposition: Disposition::Stalled,
            message,
        }
    }

    /// It ends with something that is watched or listed.
    pub(crate) fn wait(reason: Reason, message: String) -> Self {
        Self {
            reason,
            disposition: Disposition::Wait,
            message,
        }
    }
}
