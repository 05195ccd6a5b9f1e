//! One kind of record, indexed by id, by mark and by natural key, with what is known of its absence.

mod partial;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::absence::{AbsenceProof, LastList};
use super::clock::{Moment, Sequence};
use super::entry::{Entry, NotShownYet, may_be_behind};
use super::index::Index;
use super::key::{Coverage, Key};
use super::record::Record;
use super::sent::{SentText, SentTexts};
use crate::domain::field::Field;
use crate::domain::mark::Mark;
use crate::domain::rights::Rights;

/// Where a service has no filter for a key, so many lists must lack it before it is free (design.md §4, L2).
const LISTS_FOR_ABSENCE: u8 = 2;

/// A collection that was listed as empty is empty only if another list says so, at least this much later.
const EMPTY_AGAIN_AFTER_MS: u64 = 10_000;

/// What a list means that contradicts or lacks what we wrote less than a minute ago.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lagging {
    /// The object must be read by its id.
    Ask,
    /// Nothing: it may be behind.
    Excuse,
}

/// A mark takes ten times the memory of its hash, for each of thousands of objects.
fn hash(mark: &Mark) -> u64 {
    let mut hasher = DefaultHasher::new();
    mark.hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug)]
pub struct Table<R: Record> {
    /// Boxed: a tree that grows at its end, as one of sids does, leaves nearly half of each of its nodes empty.
    entries: BTreeMap<R::Id, Box<Entry<R>>>,
    by_key: Index<R::NaturalKey, R::Id>,
    /// By the hash of the mark in the description, of any uid: two marks may share one.
    by_mark: Index<u64, R::Id>,
    /// Ids that answered 404, one by one, or were deleted, with the youngest such call.
    gone: BTreeMap<R::Id, Sequence>,
    /// Complete lists, by what they were narrowed to.
    listed: BTreeMap<Coverage, LastList>,
    /// When a natural key was last looked up by itself.
    looked_up: BTreeMap<R::NaturalKey, Sequence>,
    /// Creates whose outcome is not known yet, with the youngest such answer.
    unresolved: BTreeMap<R::NaturalKey, Sequence>,
    /// Of those, when they were answered, where reads may lag behind writes.
    unresolved_since: BTreeMap<R::NaturalKey, Moment>,
    sent: SentTexts<R::Id>,
    /// For a collection without a filter: what its lists prove.
    absence: AbsenceProof<R::Id>,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_key: Index::default(),
            by_mark: Index::default(),
            gone: BTreeMap::new(),
            listed: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            unresolved: BTreeMap::new(),
            unresolved_since: BTreeMap::new(),
            sent: SentTexts::default(),
            absence: AbsenceProof::default(),
        }
    }
}

impl<R: Record> Table<R> {
    pub fn get(&self, id: &R::Id) -> Option<&Entry<R>> {
        self.entries.get(id).map(Box::as_ref)
    }

    /// Every record with this natural key, in the order of their ids.
    pub fn find<'a>(
        &'a self,
        key: &R::NaturalKey,
    ) -> impl Iterator<Item = &'a Entry<R>> + use<'a, R> {
        let ids = self.by_key.get(key).iter();
        ids.filter_map(move |id| self.get(id))
    }

    /// Every record whose description ends in this mark, with any uid, in the order of their ids.
    pub fn marked<'a>(&'a self, mark: &Mark) -> impl Iterator<Item = &'a Entry<R>> + use<'a, R> {
        let mark = mark.of_any_uid();
        let ids = self.by_mark.get(&hash(&mark)).iter();
        let found = ids.filter_map(move |id| self.get(id));
        found.filter(move |entry| entry.record.mark().as_ref() == Some(&mark))
    }

    /// The records whose natural keys lie in the range, in the order of the keys.
    pub fn range(
        &self,
        keys: impl std::ops::RangeBounds<R::NaturalKey>,
    ) -> impl Iterator<Item = (&R::NaturalKey, &Entry<R>)> {
        let found = self.by_key.range(keys);
        found.filter_map(|(key, id)| Some((key, self.get(id)?)))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry<R>> {
        self.entries.values().map(Box::as_ref)
    }

    /// The object answered 404 to a read by its id, and has not been seen since.
    pub fn is_gone(&self, id: &R::Id) -> bool {
        self.gone.contains_key(id)
    }

    /// `wanted` was sent for the field, and the service stored what the record shows: it is not sent again.
    pub fn is_stored_as(&self, record: &R, field: Field, wanted: &str) -> bool {
        self.sent.are_stored_as(record, field, wanted)
    }

    /// The texts of a write, once its answer is applied: what the service made of them is remembered.
    pub fn note_sent(&mut self, id: &R::Id, sent: &[SentText<'_>]) {
        if let Some(entry) = self.entries.get_mut(id)
            && self.sent.written(&entry.record, sent)
        {
            entry.make_stale(entry.seen);
        }
    }

    /// Another object of the collection was there when it was last read or listed.
    pub fn holds_another(&self, than: &R::Id) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(id, entry)| id != than && !entry.stale)
    }

    /// When the last complete list of this coverage began.
    pub fn listed_at(&self, coverage: Coverage) -> Option<Sequence> {
        self.listed.get(&coverage).map(|list| list.started)
    }

    /// A complete list of this coverage has been applied.
    pub fn is_listed(&self, coverage: Coverage) -> bool {
        self.listed.contains_key(&coverage)
    }

    /// The last two lists of this coverage held nothing: one alone may be a fault of the service or of a proxy.
    pub fn is_listed_empty_twice(&self, coverage: Coverage) -> bool {
        let listed = self.listed.get(&coverage);
        listed.is_some_and(|listed| listed.empty_lists >= LISTS_FOR_ABSENCE)
    }

    /// The last list of this coverage held an object that could not be read.
    pub fn holds_unreadable(&self, coverage: Coverage) -> bool {
        let listed = self.listed.get(&coverage);
        listed.is_some_and(|listed| listed.holds_unreadable)
    }

    /// Of a collection without a filter: no object has this key. Enough complete lists lacked it, and nothing that is
    /// known has it.
    pub fn is_free(&self, key: &R::NaturalKey) -> bool {
        self.absence.lists >= LISTS_FOR_ABSENCE
            && self.absence.unreadable.is_none()
            && !self.is_unresolved(key)
            && self.find(key).next().is_none()
    }

    /// The last list of the whole collection held an object that could not be read, perhaps the one that is looked for;
    /// its id, where that could be read.
    pub fn unreadable(&self) -> Option<Option<&R::Id>> {
        self.absence.unreadable.as_ref().map(Option::as_ref)
    }

    /// What earlier lists lacked may exist by now: at least one more list must lack a key before it is free.
    pub fn expect_another_list(&mut self) {
        self.absence.lists = self.absence.lists.min(LISTS_FOR_ABSENCE - 1);
    }

    /// How many known objects a list of this coverage lacks, not counting what is younger than the list or already stale.
    pub fn count_missing<'a>(
        &self,
        started: Sequence,
        coverage: Coverage,
        present: impl Iterator<Item = &'a R>,
    ) -> usize
    where
        R: 'a,
    {
        let present: BTreeSet<R::Id> = present.map(Record::id).collect();
        let covered = |entry: &Entry<R>| {
            (coverage == Coverage::Whole || entry.record.coverage() == coverage)
                && entry.seen < started
                && !entry.stale
        };
        let known = self.entries.iter();
        known
            .filter(|(id, entry)| covered(entry) && !present.contains(id))
            .count()
    }

    /// The outcome of a create with this key is not known: look it up before anything else.
    pub fn is_unresolved(&self, key: &R::NaturalKey) -> bool {
        self.unresolved.contains_key(key)
    }

    /// The keys of all creates whose outcome is not known.
    pub fn unresolved(&self) -> impl Iterator<Item = &R::NaturalKey> {
        self.unresolved.keys()
    }

    /// The key was looked up by itself at or after this call.
    pub fn was_looked_up(&self, key: &R::NaturalKey, since: Sequence) -> bool {
        self.looked_up.get(key).is_some_and(|at| *at >= since)
    }

    /// Forgets what is older than `before` and would be asked for again before it is used: every job, every call under way
    /// and the last two full reads of the tenants are younger. An object that no list shows any more goes too, unless
    /// something depends on it (`is_needed`). It is not gone: a plan that needs it later reads it (L2).
    pub fn forget(&mut self, before: Sequence, is_needed: &dyn Fn(&Key) -> bool) {
        self.looked_up.retain(|_, at| *at >= before);
        self.unresolved.retain(|_, at| *at >= before);
        let open = &self.unresolved;
        self.unresolved_since
            .retain(|key, _| open.contains_key(key));
        self.listed.retain(|_, list| list.started >= before);
        self.gone
            .retain(|id, at| *at >= before || R::key_of(id).is_some_and(|key| is_needed(&key)));
        let mut keys = Vec::new();
        let mut is_old = |entry: &Entry<R>| {
            if entry.seen >= before
                || !entry.stale && self.listed.contains_key(&entry.record.coverage())
            {
                return false;
            }
            keys.clear();
            entry.record.keys(&mut keys);
            !keys
                .iter()
                .any(|key| *key != Key::SharedObjects && is_needed(key))
        };
        let old = self.entries.iter().filter(|(_, entry)| is_old(entry));
        let old: Vec<R::Id> = old.map(|(id, _)| id.clone()).collect();
        for id in old {
            self.remove(&id);
            self.sent.forget(&id);
        }
    }

    /// A complete list. It replaces what is older than its own start; what it lacks becomes stale, never absent.
    ///
    /// `undecodable`: one entry for each item that could not be read, with its id where that could. They are neither
    /// changed nor missed.
    pub fn apply_list(
        &mut self,
        started: Sequence,
        now: Moment,
        coverage: Coverage,
        items: Vec<R>,
        undecodable: &[Option<R::Id>],
    ) -> Vec<Key> {
        self.apply_items((started, now), coverage, items, undecodable, Lagging::Ask)
    }

    /// What a list showed of the rights to its objects; `lacking`: those that lack one. Once the list itself is applied.
    pub fn apply_rights(
        &mut self,
        started: Sequence,
        listed: impl IntoIterator<Item = R::Id>,
        lacking: Vec<(R::Id, Rights)>,
    ) -> Vec<Key> {
        let lacking: BTreeMap<R::Id, Rights> = lacking.into_iter().collect();
        let mut touched = Vec::new();
        for id in listed {
            let now = lacking.get(&id).copied();
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.seen <= started
                && entry.lacking != now
            {
                entry.lacking = now;
                entry.record.keys(&mut touched);
            }
        }
        touched
    }

    /// A list of a whole collection that has no filter for keys. What it lacks becomes stale, unless it was written so
    /// lately that the list may lag behind; only enough such lists prove that a key is free ([`Self::is_free`]).
    ///
    /// A list proves nothing if it holds nothing that was known before it: it may be empty or cut off by a fault. It then
    /// does not even count as a list ([`Self::is_listed`]) where nothing was known.
    ///
    /// `undecodable`: one entry for each object that could not be read.
    pub fn apply_whole_list(
        &mut self,
        started: Sequence,
        now: Moment,
        items: Vec<R>,
        undecodable: Vec<Option<R::Id>>,
    ) -> Vec<Key> {
        let is_empty = items.is_empty() && undecodable.is_empty() && !R::MAY_BE_EMPTY;
        let counts = self.absence.counts(started);
        if is_empty && self.entries.is_empty() {
            let since = *self.absence.empty_since.get_or_insert(now);
            if now.since(since) < EMPTY_AGAIN_AFTER_MS {
                return Vec::new();
            }
            self.absence.lists = match counts {
                true => LISTS_FOR_ABSENCE,
                false => self.absence.lists,
            };
        } else if !is_empty {
            self.absence.empty_since = None;
            let is_known = |item: &R| self.entries.contains_key(&item.id());
            if counts && (self.entries.is_empty() || items.iter().any(is_known)) {
                self.absence.lists = self.absence.lists.saturating_add(1);
            }
        }
        let whole = Coverage::Whole;
        let touched = self.apply_items((started, now), whole, items, &undecodable, Lagging::Excuse);
        let last = self.listed.get(&whole);
        if !is_empty && last.is_some_and(|last| last.started == started) {
            self.absence.unreadable = undecodable.into_iter().next();
        }
        let proven = self.absence.lists >= LISTS_FOR_ABSENCE;
        let found = &self.by_key;
        self.unresolved
            .retain(|key, at| *at > started || !proven && found.get(key).is_empty());
        touched
    }

    fn apply_items(
        &mut self,
        (started, now): (Sequence, Moment),
        coverage: Coverage,
        items: Vec<R>,
        undecodable: &[Option<R::Id>],
        lagging: Lagging,
    ) -> Vec<Key> {
        let mut touched = Vec::new();
        let mut present: BTreeSet<R::Id> = undecodable.iter().flatten().cloned().collect();
        let is_empty = items.is_empty() && undecodable.is_empty();
        for item in items {
            present.insert(item.id());
            self.apply_listed((started, now), item, lagging, &mut touched);
        }
        for (id, entry) in &mut self.entries {
            let covered = coverage == Coverage::Whole || entry.record.coverage() == coverage;
            let excused = lagging == Lagging::Excuse && entry.was_written_lately(now);
            let missing = covered && entry.seen < started && !present.contains(id);
            if missing && !excused && entry.make_stale(started) {
                entry.record.keys(&mut touched);
            }
        }
        let before = self.listed.get(&coverage).copied();
        if before.is_none() {
            // AbsenceProof can be judged from now on.
            touched.push(Key::SharedObjects);
        }
        if before.is_none_or(|before| before.started <= started) {
            let before = before.map_or(0, |before| before.empty_lists);
            let list = LastList {
                started,
                empty_lists: match is_empty {
                    true => before.saturating_add(1),
                    false => 0,
                },
                holds_unreadable: !undecodable.is_empty(),
            };
            self.listed.insert(coverage, list);
        }
        touched
    }

    fn apply_listed(
        &mut self,
        (started, now): (Sequence, Moment),
        mut item: R,
        lagging: Lagging,
        touched: &mut Vec<Key>,
    ) {
        let id = item.id();
        let is_partial = self.fill_in(&mut item);
        let Some(entry) = self.entries.get_mut(&id) else {
            let gone = self.gone.get(&id).copied();
            if gone.is_some_and(|gone| gone >= started) {
                return;
            }
            self.insert(item, started, None, touched);
            if let Some(entry) = self.entries.get_mut(&id)
                && (gone.is_some() || is_partial)
            {
                // It answered 404 by itself: this list is late, or the object came back. Its own read decides.
                entry.make_stale(started);
            }
            return;
        };
        if entry.seen >= started {
            return;
        }
        if is_partial {
            self.insert_partial(item, started, touched);
            return;
        }
        self.sent.seen(&item, false);
        if entry.record == item {
            if entry.confirm(started) {
                entry.record.keys(touched);
            }
        } else if !entry.was_written_lately(now) {
            self.insert(item, started, None, touched);
        } else if lagging == Lagging::Ask && entry.make_stale(started) {
            entry.record.keys(touched);
        }
    }

    /// The answer of a read of one object.
    pub fn apply_read(&mut self, at: Sequence, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        self.apply_single(at, record, &mut touched);
        touched
    }

    /// One object's own answer, unless something younger is known.
    fn apply_single(&mut self, at: Sequence, record: R, touched: &mut Vec<Key>) {
        let id = record.id();
        if self.is_known_since(at, &id) {
            return;
        }
        let written = self.entries.get(&id).and_then(|entry| entry.written);
        self.gone.remove(&id);
        self.sent.seen(&record, true);
        self.insert(record, at, written, touched);
    }

    /// Whether the object was seen, or seen to be gone, by a younger call.
    fn is_known_since(&self, at: Sequence, id: &R::Id) -> bool {
        let seen = self.entries.get(id).map(|entry| entry.seen);
        let gone = self.gone.get(id).copied();
        seen.max(gone).is_some_and(|known| known > at)
    }

    /// The answer of a create or an update.
    pub fn apply_written(&mut self, at: Sequence, now: Moment, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        for key in record.natural_keys() {
            self.resolve(&key, at);
        }
        if !self.is_known_since(at, &record.id()) {
            self.gone.remove(&record.id());
            self.insert(record, at, Some(now), &mut touched);
        }
        touched
    }

    /// A look-up of one natural key: all that carries it.
    pub fn apply_look_up(&mut self, at: Sequence, key: R::NaturalKey, found: Vec<R>) -> Vec<Key> {
        let mut touched = Vec::new();
        for mut record in found {
            let (id, is_partial) = (record.id(), self.fill_in(&mut record));
            match is_partial {
                true if self.is_known_since(at, &id) => {}
                true => self.insert_partial(record, at, &mut touched),
                false => self.apply_single(at, record, &mut touched),
            }
        }
        self.resolve(&key, at);
        if !self.is_unresolved(&key) {
            let known = self.looked_up.entry(key).or_insert(at);
            *known = (*known).max(at);
        }
        touched
    }

    fn resolve(&mut self, key: &R::NaturalKey, at: Sequence) {
        if self.unresolved.get(key).is_some_and(|open| *open <= at) {
            self.unresolved.remove(key);
            self.unresolved_since.remove(key);
        }
    }

    /// An object that was deleted, or is proven to be absent, unless it was seen since.
    pub fn apply_gone(&mut self, at: Sequence, id: &R::Id) -> Vec<Key> {
        let mut touched = Vec::new();
        if self.is_known_since(at, id) {
            return touched;
        }
        if let Some(entry) = self.remove(id) {
            entry.record.keys(&mut touched);
        }
        self.sent.forget(id);
        self.gone.insert(id.clone(), at);
        self.absence.begin_again(at);
        touched
    }

    /// A 404 to a call about one object. `recorded`: a status named it before this process began.
    ///
    /// # Errors
    /// It was written so lately that the answer may be behind: it changes nothing.
    pub fn apply_not_found(
        &mut self,
        (at, now): (Sequence, Moment),
        id: &R::Id,
        recorded: bool,
    ) -> Result<Vec<Key>, NotShownYet> {
        let may_be_behind = match self.entries.get(id) {
            Some(entry) => entry.seen <= at && entry.was_written_lately(now),
            // The process before may have written it up to the moment at which this one began.
            None => recorded && !self.is_gone(id) && may_be_behind(Moment::default(), now),
        };
        match may_be_behind {
            true => Err(NotShownYet),
            false => Ok(self.apply_gone(at, id)),
        }
    }

    /// A write of one object whose outcome is unknown: it must be read before anything is decided on it, unless it was
    /// seen since.
    pub fn apply_unknown_outcome(&mut self, at: Sequence, id: &R::Id) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.make_stale(at);
        }
    }

    /// A create whose outcome is unknown, or that was refused since the key is taken, unless the key was looked up since.
    pub fn apply_unresolved(&mut self, at: Sequence, key: R::NaturalKey) {
        if self.was_looked_up(&key, at) {
            return;
        }
        self.looked_up.remove(&key);
        let open = self.unresolved.entry(key).or_insert(at);
        *open = (*open).max(at);
        self.absence.begin_again(at);
    }

    fn insert(
        &mut self,
        record: R,
        seen: Sequence,
        written: Option<Moment>,
        touched: &mut Vec<Key>,
    ) {
        let id = record.id();
        let previous = self.remove(&id);
        let stale_since = previous
            .as_ref()
            .map_or(Sequence::default(), |entry| entry.stale_since);
        let renamed = previous
            .as_ref()
            .is_some_and(|entry| !entry.record.natural_keys().eq(record.natural_keys()));
        if renamed {
            self.absence.begin_again(seen);
        }
        let stale = stale_since > seen;
        match &previous {
            Some(entry) if entry.record == record && entry.stale == stale => {}
            Some(entry) => {
                entry.record.keys(touched);
                record.keys(touched);
            }
            None => record.keys(touched),
        }
        for key in record.natural_keys() {
            self.by_key.insert(key, id.clone());
        }
        if let Some(mark) = record.mark() {
            self.by_mark.insert(hash(&mark), id.clone());
        }
        self.entries.insert(
            id,
            Box::new(Entry {
                record,
                seen,
                written,
                stale,
                lacking: previous.and_then(|entry| entry.lacking),
                stale_since,
            }),
        );
    }

    fn remove(&mut self, id: &R::Id) -> Option<Entry<R>> {
        let entry = *self.entries.remove(id)?;
        for key in entry.record.natural_keys() {
            self.by_key.remove(&key, id);
        }
        if let Some(mark) = entry.record.mark() {
            self.by_mark.remove(&hash(&mark), id);
        }
        Some(entry)
    }
}
