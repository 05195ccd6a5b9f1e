//! Finding an object, the same for every kind: by its recorded id, else by our mark, else by its keys. What is not known is
//! asked for, and each that is found is judged.

use super::Plan;
use crate::call::{Call, Kind, Step};
use crate::domain::field::Field;
use crate::inventory::{Entry, Inventory, Sequence};
use crate::ownership::owned::Ours;
use crate::ownership::{Claimant, Left, Ownership, Signs};

/// The place of one object, or of all that a deleted resource may have.
pub(super) struct Slot<'a, K: Kind> {
    pub(super) inventory: &'a Inventory,
    pub(super) claimant: Claimant<'a>,
    /// What the status names.
    pub(super) recorded: Vec<K::Id>,
    /// It names them as ours.
    pub(super) as_ours: bool,
    /// By which it is found where it belongs.
    pub(super) keys: Vec<SlotKey<K>>,
    /// By which it is found in data sources that it may be relocated from: there only what carries a mark of our owner
    /// counts.
    pub(super) other_keys: Vec<SlotKey<K>>,
    /// Whether an object has the natural key of the source, wherever it is.
    pub(super) has_key: Box<dyn Fn(&K) -> bool + 'a>,
    /// What is declared, the mark included; `None` of a resource that is deleted.
    pub(super) description: Option<&'a str>,
}

/// One key, with the calls that show what has it: made only where one is due.
pub(super) struct SlotKey<K: Kind> {
    pub(super) key: K::NaturalKey,
    /// All objects with the key; `None` where it is no key of a creation.
    pub(super) look_up: fn(&K::NaturalKey) -> Option<Call>,
    /// Still needed before the absence of the key means anything.
    pub(super) list: fn(&K::NaturalKey) -> Option<Call>,
}

impl<K: Kind> SlotKey<K> {
    fn look_up(&self) -> Option<Call> {
        (self.look_up)(&self.key)
    }

    /// A key by which no object is created.
    pub(super) fn found_by(key: K::NaturalKey) -> Self {
        Self {
            key,
            look_up: |_| None,
            list: |_| None,
        }
    }
}

/// An object that may be ours, judged.
pub(super) struct Candidate<'a, K> {
    pub(super) record: &'a K,
    pub(super) ownership: Ownership<'a, K>,
    pub(super) recorded: bool,
}

pub(super) enum Lookup<'a, K> {
    Found(Candidate<'a, K>),
    Absent,
    /// Not known: this call decides.
    Ask(Box<Call>),
}

impl<'a, K: Kind> Slot<'a, K> {
    /// The recorded object decides as long as it exists; else the one that is the most ours: by the judgment, then the one
    /// that `equals` what is declared, then the oldest.
    pub(super) fn find(&self, equals: impl Fn(&K) -> bool) -> Lookup<'a, K> {
        let table = K::table(self.inventory);
        if let Some(id) = self.recorded.first() {
            match table.get(id) {
                Some(entry) if entry.stale => return ask(Call::read::<K>(id.clone())),
                Some(entry) if entry.record.is_deleted() || entry.record.is_adobes() => {}
                Some(entry) => return Lookup::Found(self.candidate(entry)),
                None if table.is_gone(id) => {}
                None => return ask(Call::read::<K>(id.clone())),
            }
        }
        let anything = |_: &Candidate<'a, K>| true;
        let marked = |found: &Candidate<'a, K>| {
            let description = found.record.description().unwrap_or_default();
            self.claimant.is_of_owner(description)
        };
        match self.find_by(&self.keys, &equals, anything) {
            Lookup::Absent => self.find_by(&self.other_keys, &equals, marked),
            found => found,
        }
    }

    fn find_by(
        &self,
        keys: &[SlotKey<K>],
        equals: &impl Fn(&K) -> bool,
        counts: impl Fn(&Candidate<'a, K>) -> bool,
    ) -> Lookup<'a, K> {
        let table = K::table(self.inventory);
        let mut unresolved = keys.iter().filter(|key| table.is_unresolved(&key.key));
        if let Some(call) = unresolved.find_map(SlotKey::look_up) {
            return ask(call);
        }
        let found = self.entries(keys);
        if let Some(entry) = found.iter().find(|entry| entry.stale) {
            return ask(Call::read::<K>(entry.record.id()));
        }
        let found = found.into_iter().filter(|entry| !entry.record.is_deleted());
        let candidates = found.map(|entry| self.candidate(entry));
        let candidates = candidates.filter(|found| found.ownership != Ownership::Unrelated);
        let rank = |found: &Candidate<'_, K>| {
            let by_ownership = match found.ownership {
                Ownership::Owned(_) => 0,
                Ownership::TakenOver(_) => 1,
                Ownership::Blocked(_) => 2,
                Ownership::Unmarked(_) | Ownership::Unrelated => 3,
            };
            (by_ownership, !equals(found.record), found.record.id())
        };
        if let Some(found) = candidates.filter(counts).min_by_key(rank) {
            return Lookup::Found(found);
        }
        let mut lists = keys.iter().filter_map(|key| (key.list)(&key.key));
        match lists.next() {
            Some(list) => ask(list),
            None => Lookup::Absent,
        }
    }

    /// The object's id where it is known, whether or not it must be read first.
    pub(super) fn known(&self) -> Option<K::Id> {
        let table = K::table(self.inventory);
        let mut recorded = self.recorded.iter();
        let recorded = recorded.find(|id| !table.is_gone(id)).cloned();
        recorded.or_else(|| Some(self.entries(&self.keys).first()?.record.id()))
    }

    /// What must still be looked up before an absent object is created.
    pub(super) fn unproven(&self, since: Sequence) -> Option<Call> {
        let table = K::table(self.inventory);
        let keys = self.keys.iter();
        let mut unproven = keys.filter(|key| !table.was_looked_up(&key.key, since));
        unproven.find_map(SlotKey::look_up)
    }

    /// Every one that may be ours, the recorded ones first. What is not known is asked for.
    pub(super) fn all(&self, plan: &mut Plan<Left>) -> Vec<Candidate<'a, K>> {
        let table = K::table(self.inventory);
        let unresolved = self.keys.iter();
        let unresolved = unresolved.filter(|key| table.is_unresolved(&key.key));
        let look_ups = unresolved.filter_map(SlotKey::look_up);
        plan.steps.extend(look_ups.map(Step::ready));
        let mut ids = self.recorded.clone();
        for entry in self.entries(&self.keys) {
            let id = entry.record.id();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let mut found = Vec::new();
        for id in ids {
            match table.get(&id) {
                Some(entry) if entry.stale => {
                    plan.steps.push(Step::ready(Call::read::<K>(id)));
                }
                Some(entry) if !entry.record.is_deleted() => found.push(self.candidate(entry)),
                None if !table.is_gone(&id) => plan.steps.push(Step::ready(Call::read::<K>(id))),
                Some(_) | None => {}
            }
        }
        found
    }

    /// Second ones of our making beside `kept`: a create whose effect came after the look-up leaves one where no server
    /// enforces the key (design.md §4, L4). They carry our very mark, have our key and are the `same`; a copy that a
    /// person made and changed is left.
    pub(super) fn duplicates(
        &self,
        kept: &K,
        same: impl Fn(&K, &K) -> bool,
    ) -> Vec<(Ours<'a, K>, &'a Entry<K>)> {
        let is_duplicate = |entry: &&Entry<K>| {
            let record = &entry.record;
            record.id() != kept.id()
                && !record.is_deleted()
                && (self.has_key)(record)
                && self
                    .claimant
                    .is_marked(record.description().unwrap_or_default())
                && same(kept, record)
        };
        let entries = self.entries(self.keys.iter().chain(&self.other_keys));
        let found = entries.into_iter().filter(is_duplicate);
        let judged = found.map(|entry| (self.candidate(entry).ownership, entry));
        judged
            .filter_map(|(ownership, entry)| match ownership {
                Ownership::Owned(ours) => Some((ours, entry)),
                _ => None,
            })
            .collect()
    }

    /// Each once: what carries our mark with any uid and has the key, in whatever form that is; then what is found by one
    /// of the keys.
    fn entries<'k>(&self, keys: impl IntoIterator<Item = &'k SlotKey<K>>) -> Vec<&'a Entry<K>>
    where
        K: 'k,
    {
        let table = K::table(self.inventory);
        let Claimant {
            mark,
            previous_owners,
            ..
        } = self.claimant;
        let before = previous_owners.iter();
        let before = before.map(|owner| mark.clone().with_owner(owner.clone()));
        let marks = before.chain([mark.clone()]);
        let marked = marks.flat_map(|mark| table.marked(&mark));
        let marked = marked.filter(|entry| (self.has_key)(&entry.record));
        let by_key = keys.into_iter().flat_map(|key| table.find(&key.key));
        let mut found: Vec<&Entry<K>> = Vec::new();
        for entry in marked.chain(by_key) {
            if found
                .iter()
                .all(|known| known.record.id() != entry.record.id())
            {
                found.push(entry);
            }
        }
        found
    }

    fn candidate(&self, entry: &'a Entry<K>) -> Candidate<'a, K> {
        let record = &entry.record;
        let recorded = self.as_ours && self.recorded.contains(&record.id());
        let signs = Signs {
            recorded: recorded
                || self
                    .description
                    .is_some_and(|text| self.wrote(record, text)),
            natural_key: (self.has_key)(record),
        };
        Candidate {
            record,
            ownership: self.claimant.judge(record, signs),
            recorded,
        }
    }

    /// This process wrote the description with our mark, which the service did not keep: no status may name it yet.
    fn wrote(&self, record: &K, description: &str) -> bool {
        K::table(self.inventory).is_stored_as(record, Field::Description, description)
    }
}

fn ask<'a, K>(call: Call) -> Lookup<'a, K> {
    Lookup::Ask(Box::new(call))
}
