//! Answers that may show less than there is: of one object some members, or of a service whose reads lag behind its writes
//! not yet the object. What they lack is never taken for absent.

use super::Table;
use crate::inventory::clock::{Moment, Sequence};
use crate::inventory::entry::{NotShownYet, may_be_behind};
use crate::inventory::key::Key;
use crate::inventory::record::Record;

impl<R: Record> Table<R> {
    /// Whether an object of an answer about many, to which what is known of it is added, must be read by itself.
    pub(super) fn fill_in(&self, item: &mut R) -> bool {
        let known = self.entries.get(&item.id());
        let is_partial = item.fill_in(None);
        let may_differ = item.fill_in(known.map(|entry| &entry.record));
        may_differ || is_partial && known.is_some_and(|entry| entry.stale)
    }

    /// What an answer about many shows of an object, whose own answer is needed all the same.
    pub(super) fn insert_partial(&mut self, item: R, at: Sequence, touched: &mut Vec<Key>) {
        let id = item.id();
        let written = self.entries.get(&id).and_then(|entry| entry.written);
        let keys_before = touched.len();
        self.insert(item, at, written, touched);
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.make_stale(at)
            && touched.len() == keys_before
        {
            entry.record.keys(touched);
        }
    }

    /// The same of a service whose reads may lag behind its writes.
    ///
    /// # Errors
    /// The key was to be created so lately that the answer, which holds nothing new, may be behind: it resolves nothing.
    pub fn apply_lagging_look_up(
        &mut self,
        (at, now): (Sequence, Moment),
        key: R::NaturalKey,
        found: Vec<R>,
    ) -> Result<Vec<Key>, NotShownYet> {
        let created = self.unresolved_since.get(&key).copied();
        let is_known = |record: &R| self.entries.contains_key(&record.id());
        let lacks_it = found.iter().all(is_known);
        match created {
            Some(created) if lacks_it && may_be_behind(created, now) => Err(NotShownYet),
            _ => Ok(self.apply_look_up(at, key, found)),
        }
    }

    /// The same where reads may lag behind writes: for a minute no look-up that lacks it is believed.
    pub fn apply_unresolved_lagging(&mut self, (at, now): (Sequence, Moment), key: R::NaturalKey) {
        self.apply_unresolved(at, key.clone());
        if self.is_unresolved(&key) {
            self.unresolved_since.insert(key, now);
        }
    }
}
