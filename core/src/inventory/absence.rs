//! What lists have shown so far about what is not there. What follows from it is the table's to say.

use super::clock::{Moment, Sequence};

/// How far the lists of a whole collection prove that something is not in it.
#[derive(Debug)]
pub(super) struct AbsenceProof<Id> {
    /// The credible lists that began since then.
    pub(super) lists: u8,
    /// When an object was last found to be gone, renamed or perhaps created.
    pub(super) since: Option<Sequence>,
    /// When the collection was first listed as empty while nothing was known of it.
    pub(super) empty_since: Option<Moment>,
    /// The last list held an object that could not be read; its id, where that could be read.
    pub(super) unreadable: Option<Option<Id>>,
}

impl<Id> Default for AbsenceProof<Id> {
    fn default() -> Self {
        Self {
            lists: 0,
            since: None,
            empty_since: None,
            unreadable: None,
        }
    }
}

impl<Id> AbsenceProof<Id> {
    pub(super) fn begin_again(&mut self, at: Sequence) {
        self.lists = 0;
        self.since = self.since.max(Some(at));
    }

    /// A list shows what became of the last such object only if it began later.
    pub(super) fn counts(&self, started: Sequence) -> bool {
        self.since.is_none_or(|since| started > since)
    }
}

/// The youngest list of a coverage.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastList {
    pub(super) started: Sequence,
    /// So many lists in a row held nothing.
    pub(super) empty_lists: u8,
    /// It held an object that could not be read.
    pub(super) holds_unreadable: bool,
}
