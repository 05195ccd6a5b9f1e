//! Deleting: the same for every kind, and nothing else makes the call. Of the kinds that carry a mark also which objects a
//! resource owned: a person's copy of an object that is ours is left; so is what the status records and is not ours any
//! more. Both are named.

use super::Plan;
use super::lookup::Slot;
use crate::call::{Call, Kind, Step};
use crate::compose::DESCRIPTION_CHARS_MAX;
use crate::domain::mark::{Mark, describe, strip};
use crate::ownership::owned::{Ours, Owned};
use crate::ownership::{Left, Ownership};

/// A kind that carries a mark: what is written when its resource leaves.
pub(super) trait Marked: Kind {
    fn described(description: Box<str>) -> Self::Change;

    /// `None`: it is out of use already, or of a kind that is never paused.
    fn paused(&self) -> Option<Self::Change> {
        None
    }
}

/// Deletes one object. `first`: nothing goes before it; else it waits.
pub(super) fn deletion<K: Kind>(owned: Owned<K>, first: bool) -> Step {
    Step {
        call: Call::delete(owned),
        ready: first,
    }
}

/// The objects of one kind that are ours.
pub(super) struct OwnedObjects<'a, K> {
    pub(super) kept: Vec<Ours<'a, K>>,
    /// Second ones of a key. They go first: only beside the kept one a duplicate differs from a person's copy.
    pub(super) duplicates: Vec<Ours<'a, K>>,
}

impl<'a, K: Kind> OwnedObjects<'a, K> {
    /// What in the slot is ours. `of_one_key`: the two are in each other's place. `outlived`: the recorded object in this
    /// place is gone, so that this one is a copy that a person made.
    pub(super) fn of(
        slot: &Slot<'a, K>,
        plan: &mut Plan<Left>,
        of_one_key: impl Fn(&K, &K) -> bool,
        outlived: impl Fn(&K) -> bool,
    ) -> Self {
        let mut kept: Vec<Ours<'a, K>> = Vec::new();
        let mut duplicates = Vec::new();
        for found in slot.all(plan) {
            match found.ownership {
                Ownership::Owned(ours) if found.recorded => kept.push(ours),
                Ownership::Owned(ours) => {
                    let mut beside = kept.iter().map(|kept| kept.record());
                    match beside.find(|kept| of_one_key(kept, ours.record())) {
                        None if !outlived(ours.record()) => kept.push(ours),
                        Some(kept) if kept.is_same(ours.record()) => duplicates.push(ours),
                        None | Some(_) => plan.state.push(found.record),
                    }
                }
                Ownership::Blocked(_) if found.recorded => plan.state.push(found.record),
                Ownership::Blocked(_)
                | Ownership::TakenOver(_)
                | Ownership::Unmarked(_)
                | Ownership::Unrelated => {}
            }
        }
        Self { kept, duplicates }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Ours<'a, K>> {
        self.kept.iter().chain(&self.duplicates).copied()
    }

    pub(super) fn ids(&self) -> Vec<K::Id> {
        self.all().map(|ours| ours.record().id()).collect()
    }

    /// Of those that go now. `first`: nothing goes before them.
    pub(super) fn deletions(&self, first: bool, goes: impl Fn(&K) -> bool) -> Vec<Step> {
        let of = |ours: &'_ [Ours<'a, K>]| {
            let going = ours.iter().filter(|ours| goes(ours.record()));
            going.map(|ours| ours.owned()).collect::<Vec<_>>()
        };
        let (duplicates, kept) = (of(&self.duplicates), of(&self.kept));
        let last = first && duplicates.is_empty();
        let duplicates = duplicates.into_iter().map(|owned| deletion(owned, first));
        let kept = kept.into_iter().map(|owned| deletion(owned, last));
        duplicates.chain(kept).collect()
    }
}

impl<K: Marked> OwnedObjects<'_, K> {
    pub(super) fn pause(&self) -> impl Iterator<Item = Step> {
        self.all().filter_map(|ours| {
            let change = ours.record().paused()?;
            Some(Step::ready(Call::update(ours.owned(), change)))
        })
    }

    /// Marks each that is `taken` as another resource's.
    pub(super) fn hand_over(
        &self,
        successor: &Mark,
        taken: impl Fn(&K) -> bool,
    ) -> impl Iterator<Item = Step> {
        let taken = self.all().filter(move |ours| taken(ours.record()));
        taken.map(|ours| marked_as(successor, &ours))
    }
}

/// Marks an object of ours as another resource's.
pub(super) fn marked_as<K: Marked>(successor: &Mark, ours: &Ours<'_, K>) -> Step {
    let text = strip(ours.record().description().unwrap_or_default());
    let text = describe(text, successor, DESCRIPTION_CHARS_MAX);
    Step::ready(Call::update(ours.owned(), K::described(text.into())))
}
