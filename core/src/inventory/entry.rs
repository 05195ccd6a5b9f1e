//! One known object, and how far what is known of it may be trusted. What it means for a plan is decided elsewhere.

use super::clock::{Moment, Sequence};
use crate::domain::rights::Rights;

/// What an answer lacks, or a list shows otherwise, is not believed this long after our own write of it (design.md §4, L2).
const LAG_MS: u64 = 60_000;

/// A record and how far it may be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<R> {
    pub record: R,
    /// The call that the record comes from.
    pub seen: Sequence,
    /// When we last wrote it.
    pub written: Option<Moment>,
    /// A list contradicts or lacks it, or a write of it has an unknown outcome: it must be read by its id before anything
    /// is decided on it.
    pub stale: bool,
    /// The rights that a list showed, where one that is needed may be missing. Where Audience Manager shows none,
    /// everything is allowed: without role-based access everybody may.
    pub lacking: Option<Rights>,
    /// The youngest call that made it stale; only what was seen later ends that.
    pub(super) stale_since: Sequence,
}

/// The service does not find an object that was written less than a minute ago: it may not show it yet, so nothing follows
/// from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotShownYet;

/// Whether a read that is answered now may lack what was written then.
pub(super) fn may_be_behind(written: Moment, now: Moment) -> bool {
    now.since(written) < LAG_MS
}

impl<R> Entry<R> {
    /// What does not show it yet, or not as it was written, may be behind.
    pub(super) fn was_written_lately(&self, now: Moment) -> bool {
        self.written.is_some_and(|at| may_be_behind(at, now))
    }

    /// It must be read before it is used. `true`: it need not have been before.
    pub(super) fn make_stale(&mut self, at: Sequence) -> bool {
        self.stale_since = self.stale_since.max(at);
        at >= self.seen && !std::mem::replace(&mut self.stale, true)
    }

    /// It was seen as it is known. `true`: it was stale until now.
    pub(super) fn confirm(&mut self, at: Sequence) -> bool {
        self.seen = at;
        self.stale_since <= at && std::mem::take(&mut self.stale)
    }
}
