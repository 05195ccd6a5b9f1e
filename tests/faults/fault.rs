//! The kinds of fault that may befall one call (F1 to F15 of peers.md §4.6), and to which calls each can happen.

use std::time::Duration;

use http::Method;

use crate::choke_point::{Call, System};

/// Longer than any side of the operator waits for an answer.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(300);
/// When a late effect takes place: after the successor has looked.
pub(crate) const LATE: Duration = Duration::from_secs(45);
/// How long the API server is out of reach, so that a lease of 90 s runs out and is taken and given back.
pub(crate) const PARTITION: Duration = Duration::from_secs(200);

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// F1: the process dies before it sends.
    CrashBefore,
    /// F2: it happens, and the process dies before the answer.
    CrashAfter,
    /// F3: it happens, no answer comes.
    NoAnswer,
    /// F4: nothing happens, no answer comes.
    Nothing,
    /// Nothing happens, and nothing comes, ever: a proxy swallowed the call, and the connection stays open. Only for calls to
    /// the API server, whose client has no limit of its own.
    Swallowed,
    /// F5: an error of the server, nothing happened.
    Error,
    /// F6: an error of the server, and it happened.
    ErrorAfterEffect,
    /// F7: 429, with a time to wait or without.
    Throttled { retry_after: bool },
    /// F8: 401.
    Unauthorized,
    /// F9: 403.
    Forbidden,
    /// F10: it happens; the answer is cut in half.
    Truncated,
    /// F10: a page of HTML, nothing happened.
    WrongType,
    /// F11: what is read is as it was one change ago; a watch lags.
    Stale,
    /// F11 of long ago: a list of the API server as it was that many changes of its kind ago.
    Older { changes: usize },
    /// F12: the API server says that the object has changed.
    Conflict,
    /// F13: it happens; the connection is closed without an answer.
    Reset,
    /// F14: from here on the API server cannot be reached, and another process takes the lease when it has run out.
    LeaseLost,
    /// F15: the process dies, its successor looks, and only then it happens.
    LateEffect,
    /// A watch tells everything twice and ends; a list is served as it stands.
    WatchRepeats,
    /// What a watch asks for is forgotten: 410.
    WatchExpires,
}

impl Fault {
    pub(crate) const ALL: [Self; 19] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::NoAnswer,
        Self::Nothing,
        Self::Error,
        Self::ErrorAfterEffect,
        Self::Throttled { retry_after: true },
        Self::Throttled { retry_after: false },
        Self::Unauthorized,
        Self::Forbidden,
        Self::Truncated,
        Self::WrongType,
        Self::Stale,
        Self::Conflict,
        Self::Reset,
        Self::LeaseLost,
        Self::LateEffect,
        Self::WatchRepeats,
        Self::WatchExpires,
    ];

    /// How long it goes on after its call.
    pub(crate) fn lasts(self) -> Duration {
        match self {
            Self::LeaseLost => PARTITION + Duration::from_secs(20),
            // What came late is found by the next full pass.
            Self::LateEffect => Duration::from_secs(720),
            Self::NoAnswer | Self::Nothing => FOR_EVER,
            _ => Duration::ZERO,
        }
    }

    /// What the engine knew and had not written down is lost: the process dies, or gives the organisation up.
    pub(crate) fn forgets(self) -> bool {
        matches!(
            self,
            Self::CrashBefore | Self::CrashAfter | Self::LateEffect | Self::LeaseLost
        )
    }

    /// Whether this can happen to such a call at all.
    pub(crate) fn fits(self, call: &Call) -> bool {
        let kubernetes = call.system == System::Kubernetes;
        let watch = call.path.contains("watch=true");
        match self {
            Self::Stale | Self::Older { .. } => call.method == Method::GET,
            Self::Conflict => kubernetes && call.is_write(),
            Self::WatchRepeats | Self::WatchExpires => watch,
            Self::Truncated | Self::ErrorAfterEffect => !watch,
            Self::LateEffect => call.is_write(),
            _ => true,
        }
    }
}
