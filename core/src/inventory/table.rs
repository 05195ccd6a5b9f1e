//! One kind of record, indexed by id and by natural key, with what is known of its absence.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::{Moment, Sequence};
use super::key::{Coverage, Key};
use super::record::Record;
use super::sent::{SentText, SentTexts};
use crate::domain::field::Field;

/// A list that differs from what we wrote is not believed this long after the write; the object is read by itself
/// (design.md §4.2).
const LIST_LAG_MS: u64 = 60_000;

/// Where a service has no filter for a key, so many lists must lack it before it is free (design.md §4, L2).
const LISTS_FOR_ABSENCE: u8 = 2;

/// A collection that was listed as empty is empty only if another list says so, at least this much later.
const EMPTY_AGAIN_AFTER_MS: u64 = 10_000;

/// A record and how far it may be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<R> {
    pub record: R,
    /// The call that the record comes from.
    pub seen: Sequence,
    /// When we last wrote it.
    pub written: Option<Moment>,
    /// A list contradicts or lacks it: it must be read by its id before anything is decided on it.
    pub stale: bool,
}

/// Whether a read that is answered now may lack what was written then.
pub fn may_be_behind(written: Moment, now: Moment) -> bool {
    now.since(written) < LIST_LAG_MS
}

impl<R> Entry<R> {
    /// What does not show it yet, or not as it was written, may be behind.
    pub fn was_written_lately(&self, now: Moment) -> bool {
        self.written.is_some_and(|at| may_be_behind(at, now))
    }
}

#[derive(Debug)]
pub struct Table<R: Record> {
    /// Boxed: a tree that grows at its end, as one of sids does, leaves nearly half of each of its nodes empty.
    entries: BTreeMap<R::Id, Box<Entry<R>>>,
    /// In the order of their ids; nearly always one.
    by_key: BTreeMap<R::NaturalKey, Vec<R::Id>>,
    /// Ids that answered 404, one by one.
    gone: BTreeSet<R::Id>,
    /// Complete lists, by what they were narrowed to.
    listed: BTreeMap<Coverage, Listed>,
    /// When a natural key was last looked up by itself.
    looked_up: BTreeMap<R::NaturalKey, Sequence>,
    /// Creates whose outcome is not known yet.
    unresolved: BTreeSet<R::NaturalKey>,
    sent: SentTexts<R::Id>,
    /// For a collection without a filter: what its lists prove.
    absence: Absence<R::Id>,
}

/// How far the lists of a whole collection prove that something is not in it.
#[derive(Debug)]
struct Absence<Id> {
    /// The credible lists since an object was last found to be gone, renamed or perhaps created.
    lists: u8,
    /// When the collection was first listed as empty while nothing was known of it.
    empty_since: Option<Moment>,
    /// The last list held an object that could not be read; its id, where that could be read.
    unreadable: Option<Option<Id>>,
}

impl<Id> Default for Absence<Id> {
    fn default() -> Self {
        Self {
            lists: 0,
            empty_since: None,
            unreadable: None,
        }
    }
}

/// The last list of a coverage.
#[derive(Clone, Copy, Debug)]
struct Listed {
    /// So many lists in a row held nothing.
    empty_lists: u8,
    /// It held an object that could not be read.
    holds_unreadable: bool,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_key: BTreeMap::new(),
            gone: BTreeSet::new(),
            listed: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            sent: SentTexts::default(),
            absence: Absence::default(),
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
        self.by_key
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(move |id| self.get(id))
    }

    /// The records whose natural keys lie in the range, in the order of the keys.
    pub fn range(
        &self,
        keys: impl std::ops::RangeBounds<R::NaturalKey>,
    ) -> impl Iterator<Item = (&R::NaturalKey, &Entry<R>)> {
        self.by_key
            .range(keys)
            .flat_map(move |(key, ids)| ids.iter().filter_map(move |id| Some((key, self.get(id)?))))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry<R>> {
        self.entries.values().map(Box::as_ref)
    }

    /// The object answered 404 to a read by its id, and has not been seen since.
    pub fn is_gone(&self, id: &R::Id) -> bool {
        self.gone.contains(id)
    }

    /// `wanted` was sent for the field, and the service stored what the record shows: it is not sent again.
    pub fn is_stored_as(&self, record: &R, field: Field, wanted: &str) -> bool {
        self.sent.are_stored_as(record, field, wanted)
    }

    /// The texts of a write, once its answer is folded: what the service made of them is remembered.
    pub fn note_sent(&mut self, id: &R::Id, sent: &[SentText<'_>]) {
        if let Some(entry) = self.entries.get_mut(id)
            && self.sent.written(&entry.record, sent)
        {
            entry.stale = true;
        }
    }

    /// Another object of the collection was there when it was last read or listed.
    pub fn holds_another(&self, than: &R::Id) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(id, entry)| id != than && !entry.stale)
    }

    /// A complete list of this coverage has been folded.
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

    /// The last list of this coverage held an object of which not even the id could be read.
    pub fn note_unreadable(&mut self, coverage: Coverage) {
        if let Some(listed) = self.listed.get_mut(&coverage) {
            listed.holds_unreadable = true;
            listed.empty_lists = 0;
        }
    }

    /// Of a collection without a filter: no object has this key. Enough complete lists lacked it, and nothing that is
    /// known has it.
    pub fn is_free(&self, key: &R::NaturalKey) -> bool {
        self.absence.lists >= LISTS_FOR_ABSENCE
            && self.absence.unreadable.is_none()
            && !self.unresolved.contains(key)
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

    /// How many known objects a list of this coverage lacks, not counting what is younger than the list or in doubt.
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
        self.unresolved.contains(key)
    }

    /// The keys of all creates whose outcome is not known.
    pub fn unresolved(&self) -> impl Iterator<Item = &R::NaturalKey> {
        self.unresolved.iter()
    }

    /// The key was looked up by itself at or after this call.
    pub fn was_looked_up(&self, key: &R::NaturalKey, since: Sequence) -> bool {
        self.looked_up.get(key).is_some_and(|at| *at >= since)
    }

    /// A complete list. It replaces what is older than its own start; what it lacks becomes doubtful, never absent.
    ///
    /// `undecodable` are the ids of items that could not be read: they are neither changed nor missed.
    pub fn apply_list(
        &mut self,
        started: Sequence,
        now: Moment,
        coverage: Coverage,
        items: Vec<R>,
        undecodable: &[R::Id],
    ) -> Vec<Key> {
        let mut touched = Vec::new();
        let mut present: BTreeSet<R::Id> = undecodable.iter().cloned().collect();
        let is_empty = items.is_empty() && undecodable.is_empty();
        for item in items {
            present.insert(item.id());
            self.apply_listed(started, now, item, &mut touched);
        }
        for (id, entry) in &mut self.entries {
            let covered = coverage == Coverage::Whole || entry.record.coverage() == coverage;
            if covered && entry.seen < started && !entry.stale && !present.contains(id) {
                entry.stale = true;
                entry.record.keys(&mut touched);
            }
        }
        let before = self.listed.get(&coverage).copied();
        let empty_lists = match (is_empty, before) {
            (false, _) => 0,
            (true, None) => 1,
            (true, Some(before)) => before.empty_lists.saturating_add(1),
        };
        let listed = Listed {
            empty_lists,
            holds_unreadable: !undecodable.is_empty(),
        };
        self.listed.insert(coverage, listed);
        if before.is_none() {
            // Absence can be judged from now on.
            touched.push(Key::SharedObjects);
        }
        touched
    }

    /// A list of a whole collection that has no filter for keys. What it lacks becomes doubtful, unless it was written so
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
        let is_empty = items.is_empty() && undecodable.is_empty();
        if is_empty && self.entries.is_empty() {
            let since = *self.absence.empty_since.get_or_insert(now);
            if now.since(since) < EMPTY_AGAIN_AFTER_MS {
                return Vec::new();
            }
            self.absence.lists = LISTS_FOR_ABSENCE;
        } else if !is_empty {
            self.absence.empty_since = None;
            let is_known = |item: &R| self.entries.contains_key(&item.id());
            if self.entries.is_empty() || items.iter().any(is_known) {
                self.absence.lists = self.absence.lists.saturating_add(1);
            }
        }
        let ids: Vec<R::Id> = undecodable.iter().flatten().cloned().collect();
        if !is_empty {
            self.absence.unreadable = undecodable.into_iter().next();
        }
        let touched = self.apply_list(started, now, Coverage::Whole, items, &ids);
        for entry in self.entries.values_mut() {
            if entry.was_written_lately(now) {
                entry.stale = false;
            }
        }
        let proven = self.absence.lists >= LISTS_FOR_ABSENCE;
        let found = &self.by_key;
        self.unresolved
            .retain(|key| !proven && !found.contains_key(key));
        touched
    }

    fn apply_listed(&mut self, started: Sequence, now: Moment, item: R, touched: &mut Vec<Key>) {
        let id = item.id();
        if self
            .entries
            .get(&id)
            .is_some_and(|entry| entry.seen < started)
        {
            self.sent.seen(&item, false);
        }
        let Some(entry) = self.entries.get_mut(&item.id()) else {
            if !self.gone.contains(&item.id()) {
                self.insert(item, started, None, touched);
            } else {
                // It answered 404 by itself: a late list, or an object that came back. Its own read decides.
                let id = item.id();
                self.insert(item, started, None, touched);
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.stale = true;
                }
            }
            return;
        };
        if entry.seen >= started {
            return;
        }
        if entry.record == item {
            entry.seen = started;
            if std::mem::take(&mut entry.stale) {
                entry.record.keys(touched);
            }
            return;
        }
        if entry.was_written_lately(now) {
            if !std::mem::replace(&mut entry.stale, true) {
                entry.record.keys(touched);
            }
            return;
        }
        self.insert(item, started, None, touched);
    }

    /// The answer of a read of one object.
    pub fn apply_read(&mut self, at: Sequence, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        self.apply_single(at, record, &mut touched);
        touched
    }

    /// One object's own answer, unless something younger is known.
    fn apply_single(&mut self, at: Sequence, record: R, touched: &mut Vec<Key>) {
        let known = self.entries.get(&record.id());
        if known.is_some_and(|entry| entry.seen > at) {
            return;
        }
        let written = known.and_then(|entry| entry.written);
        self.gone.remove(&record.id());
        self.sent.seen(&record, true);
        self.insert(record, at, written, touched);
    }

    /// The answer of a create or an update.
    pub fn apply_written(&mut self, at: Sequence, now: Moment, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        for key in record.natural_keys() {
            self.unresolved.remove(&key);
        }
        self.gone.remove(&record.id());
        self.insert(record, at, Some(now), &mut touched);
        touched
    }

    /// A look-up of one natural key: all that carries it.
    pub fn apply_look_up(&mut self, at: Sequence, key: R::NaturalKey, found: Vec<R>) -> Vec<Key> {
        let mut touched = Vec::new();
        for record in found {
            self.apply_single(at, record, &mut touched);
        }
        self.unresolved.remove(&key);
        self.looked_up.insert(key, at);
        touched
    }

    /// A 404 to a read or a delete of one object, or a delete that was done.
    pub fn apply_gone(&mut self, id: &R::Id) -> Vec<Key> {
        let mut touched = Vec::new();
        if let Some(entry) = self.remove(id) {
            entry.record.keys(&mut touched);
        }
        self.sent.forget(id);
        self.gone.insert(id.clone());
        self.absence.lists = 0;
        touched
    }

    /// A write of one object whose outcome is unknown: it must be read before anything is decided on it.
    pub fn apply_doubt(&mut self, id: &R::Id) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.stale = true;
        }
    }

    /// What carries the key was just looked at: a list that contradicted it is behind.
    pub(super) fn trust(&mut self, key: &R::NaturalKey) {
        for id in self.by_key.get(key).into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.stale = false;
            }
        }
    }

    /// A create whose outcome is unknown, or that was refused since the key is taken.
    pub fn apply_unresolved(&mut self, key: R::NaturalKey) {
        self.looked_up.remove(&key);
        self.unresolved.insert(key);
        self.absence.lists = 0;
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
        let renamed = previous
            .as_ref()
            .is_some_and(|entry| !entry.record.natural_keys().eq(record.natural_keys()));
        if renamed {
            self.absence.lists = 0;
        }
        match &previous {
            Some(entry) if entry.record == record && !entry.stale => {}
            Some(entry) => {
                entry.record.keys(touched);
                record.keys(touched);
            }
            None => record.keys(touched),
        }
        for key in record.natural_keys() {
            let ids = self.by_key.entry(key).or_default();
            if let Err(place) = ids.binary_search(&id) {
                ids.reserve_exact(1);
                ids.insert(place, id.clone());
            }
        }
        self.entries.insert(
            id,
            Box::new(Entry {
                record,
                seen,
                written,
                stale: false,
            }),
        );
    }

    fn remove(&mut self, id: &R::Id) -> Option<Entry<R>> {
        let entry = *self.entries.remove(id)?;
        for key in entry.record.natural_keys() {
            let Some(ids) = self.by_key.get_mut(&key) else {
                continue;
            };
            ids.retain(|known| known != id);
            if ids.is_empty() {
                self.by_key.remove(&key);
            }
        }
        Some(entry)
    }
}
