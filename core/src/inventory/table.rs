//! One kind of record, indexed by id and by natural key, with what is known of its absence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::record::{Coverage, Key};
use super::sent::{SentText, SentTexts};
use super::{Moment, Sequence};
use crate::domain::field::Field;

/// A list that differs from what we wrote is not believed this long after the write; the object is read by itself
/// (design.md §4.2).
pub(super) const LIST_LAG_MS: u64 = 60_000;

pub trait Record: PartialEq + Debug {
    type Id: Ord + Clone + Debug;
    type NaturalKey: Ord + Clone + Debug;

    fn id(&self) -> Self::Id;
    /// All that the record can be found by, its id apart.
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey>;
    fn coverage(&self) -> Coverage;
    /// A text of ours as the service shows it; `None` where it has no such field, or the answer did not tell it.
    fn stored(&self, field: Field) -> Option<&str>;
    /// Appends what depends on this record.
    fn keys(&self, keys: &mut Vec<Key>);
}

/// A record and how far it may be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<R> {
    pub record: R,
    /// The call that the record comes from.
    pub seen: Sequence,
    /// When we last wrote it.
    pub written: Option<Moment>,
    /// A list contradicts or lacks it: it must be read by its id before anything is decided on it.
    pub doubtful: bool,
}

#[derive(Debug)]
pub struct Table<R: Record> {
    entries: BTreeMap<R::Id, Entry<R>>,
    /// In the order of their ids; nearly always one.
    by_key: BTreeMap<R::NaturalKey, Vec<R::Id>>,
    /// Ids that answered 404, one by one.
    gone: BTreeSet<R::Id>,
    /// Complete lists, by what they were narrowed to.
    listed: BTreeMap<Coverage, Sequence>,
    /// When a natural key was last looked up by itself.
    looked_up: BTreeMap<R::NaturalKey, Sequence>,
    /// Creates whose outcome is not known yet.
    unresolved: BTreeSet<R::NaturalKey>,
    sent: SentTexts<R::Id>,
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
        }
    }
}

impl<R: Record> Table<R> {
    pub fn get(&self, id: &R::Id) -> Option<&Entry<R>> {
        self.entries.get(id)
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
            .filter_map(|id| self.entries.get(id))
    }

    /// The records whose natural keys lie in the range, in the order of the keys.
    pub fn range(
        &self,
        keys: impl std::ops::RangeBounds<R::NaturalKey>,
    ) -> impl Iterator<Item = (&R::NaturalKey, &Entry<R>)> {
        let entries = &self.entries;
        self.by_key.range(keys).flat_map(move |(key, ids)| {
            ids.iter()
                .filter_map(move |id| Some((key, entries.get(id)?)))
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry<R>> {
        self.entries.values()
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
            entry.doubtful = true;
        }
    }

    /// Another object of the collection was there when it was last read or listed.
    pub fn holds_another(&self, than: &R::Id) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(id, entry)| id != than && !entry.doubtful)
    }

    /// A complete list of this coverage has been folded.
    pub fn is_listed(&self, coverage: Coverage) -> bool {
        self.listed.contains_key(&coverage)
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
    pub fn fold_list(
        &mut self,
        started: Sequence,
        now: Moment,
        coverage: Coverage,
        items: Vec<R>,
        undecodable: &[R::Id],
    ) -> Vec<Key> {
        let mut touched = Vec::new();
        let mut present: BTreeSet<R::Id> = undecodable.iter().cloned().collect();
        for item in items {
            present.insert(item.id());
            self.fold_listed(started, now, item, &mut touched);
        }
        for (id, entry) in &mut self.entries {
            let covered = coverage == Coverage::Whole || entry.record.coverage() == coverage;
            if covered && entry.seen < started && !entry.doubtful && !present.contains(id) {
                entry.doubtful = true;
                entry.record.keys(&mut touched);
            }
        }
        if self.listed.insert(coverage, started).is_none() {
            // Absence can be judged from now on.
            touched.push(Key::Foundation);
        }
        touched
    }

    /// A complete reading of all there is, which also answers every open look-up: what it lacks is gone, unless it was
    /// written since the reading began, or so lately that the reading may lag behind.
    pub fn fold_tree(&mut self, started: Sequence, now: Moment, items: Vec<R>) -> Vec<Key> {
        let mut touched = self.fold_list(started, now, Coverage::Whole, items, &[]);
        let mut gone = Vec::new();
        for (id, entry) in &mut self.entries {
            match entry.written {
                Some(at) if now.since(at) < LIST_LAG_MS => entry.doubtful = false,
                _ if entry.doubtful => gone.push(id.clone()),
                _ => {}
            }
        }
        for id in gone {
            touched.extend(self.fold_gone(&id));
        }
        self.unresolved.clear();
        touched
    }

    fn fold_listed(&mut self, started: Sequence, now: Moment, item: R, touched: &mut Vec<Key>) {
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
                    entry.doubtful = true;
                }
            }
            return;
        };
        if entry.seen >= started {
            return;
        }
        if entry.record == item {
            entry.seen = started;
            if std::mem::take(&mut entry.doubtful) {
                entry.record.keys(touched);
            }
            return;
        }
        if entry.written.is_some_and(|at| now.since(at) < LIST_LAG_MS) {
            if !std::mem::replace(&mut entry.doubtful, true) {
                entry.record.keys(touched);
            }
            return;
        }
        self.insert(item, started, None, touched);
    }

    /// The answer of a read of one object.
    pub fn fold_read(&mut self, at: Sequence, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        self.fold_single(at, record, &mut touched);
        touched
    }

    /// One object's own answer, unless something younger is known.
    fn fold_single(&mut self, at: Sequence, record: R, touched: &mut Vec<Key>) {
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
    pub fn fold_written(&mut self, at: Sequence, now: Moment, record: R) -> Vec<Key> {
        let mut touched = Vec::new();
        for key in record.natural_keys() {
            self.unresolved.remove(&key);
        }
        self.gone.remove(&record.id());
        self.insert(record, at, Some(now), &mut touched);
        touched
    }

    /// A look-up of one natural key: all that carries it.
    pub fn fold_look_up(&mut self, at: Sequence, key: R::NaturalKey, found: Vec<R>) -> Vec<Key> {
        let mut touched = Vec::new();
        for record in found {
            self.fold_single(at, record, &mut touched);
        }
        self.unresolved.remove(&key);
        self.looked_up.insert(key, at);
        touched
    }

    /// A 404 to a read or a delete of one object, or a delete that was done.
    pub fn fold_gone(&mut self, id: &R::Id) -> Vec<Key> {
        let mut touched = Vec::new();
        if let Some(entry) = self.remove(id) {
            entry.record.keys(&mut touched);
        }
        self.sent.forget(id);
        self.gone.insert(id.clone());
        touched
    }

    /// A write of one object whose outcome is unknown: it must be read before anything is decided on it.
    pub fn fold_doubt(&mut self, id: &R::Id) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.doubtful = true;
        }
    }

    /// What carries the key was just looked at: a list that contradicted it is behind.
    pub(super) fn trust(&mut self, key: &R::NaturalKey) {
        for id in self.by_key.get(key).into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.doubtful = false;
            }
        }
    }

    /// A create whose outcome is unknown, or that was refused since the key is taken.
    pub fn fold_unresolved(&mut self, key: R::NaturalKey) {
        self.looked_up.remove(&key);
        self.unresolved.insert(key);
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
        match &previous {
            Some(entry) if entry.record == record && !entry.doubtful => {}
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
            Entry {
                record,
                seen,
                written,
                doubtful: false,
            },
        );
    }

    fn remove(&mut self, id: &R::Id) -> Option<Entry<R>> {
        let entry = self.entries.remove(id)?;
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
