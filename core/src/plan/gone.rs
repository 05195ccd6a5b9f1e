//! The source is gone, deleted or deactivated, and what becomes of what was made of it: `sourceGonePolicy`.
//!
//! Only what its system says of the one object counts, never its absence from a list (design.md §4.3).

use crate::blocker::Blocker;
use crate::compose::SourceGonePolicy;
use crate::domain::reason::Reason;

/// Which source is gone, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    pub reason: Reason,
    what: String,
}

/// Where what was made of it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    AudienceManager,
    ExperiencePlatform,
}

impl Gone {
    /// `what`: a sentence without its stop.
    pub(super) fn deleted(what: String) -> Self {
        let reason = Reason::SourceNotFound;
        Self { reason, what }
    }

    pub(super) fn inactive(what: String) -> Self {
        let reason = Reason::SourceInactive;
        Self { reason, what }
    }

    /// What stands in the way, and what was done.
    pub fn told(&self, policy: SourceGonePolicy, receiver: Receiver) -> Blocker {
        let (here, there, paused) = match receiver {
            Receiver::AudienceManager => (
                "Audience Manager",
                "Experience Platform",
                "the segments that were made of it in Audience Manager are paused",
            ),
            Receiver::ExperiencePlatform => (
                "Experience Platform",
                "Audience Manager",
                "the audience that was made of it in Experience Platform is inactive",
            ),
        };
        let fate = match policy {
            SourceGonePolicy::Retain => format!("what stands in {here} was left as it is"),
            SourceGonePolicy::Pause => format!("{paused} until it is back"),
            SourceGonePolicy::Delete => {
                format!(
                    "what was made of it in {here} was deleted, and is made again when it is back"
                )
            }
        };
        let remedy = match self.reason {
            Reason::SourceInactive => {
                format!("Activate it in {there}, or delete this SharedAudience.")
            }
            _ => "Delete this SharedAudience, or share another source from a new one.".into(),
        };
        Blocker::new(self.reason, format!("{}; {fate}. {remedy}", self.what))
    }
}
