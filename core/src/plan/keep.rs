//! Keeping one object as it is declared: the same for every kind that carries a mark.

use super::difference::{Desired, FieldComparison};
use super::lookup::Candidate;
use crate::blocker::Blocker;
use crate::call::{Call, Kind, Step};
use crate::compose::AdoptionPolicy;
use crate::domain::mark::strip;
use crate::inventory::Inventory;
use crate::ownership::owned::Ours;
use crate::ownership::{Ownership, object_name};

/// An object that is ours, and what of it must be written.
pub(super) struct Kept<'a, K: Kind> {
    pub(super) ours: Ours<'a, K>,
    pub(super) change: K::Change,
    /// A sentence for each text that the service stores otherwise than it was sent.
    pub(super) stored_differently: Vec<String>,
}

/// # Errors
/// Why nothing of the object may be written.
pub(super) fn keep<'a, K: Kind, D: Desired<K>>(
    inventory: &'a Inventory,
    found: &Candidate<'a, K>,
    desired: &D,
    adoption: AdoptionPolicy,
) -> Result<Kept<'a, K>, Blocker> {
    let mut comparison = FieldComparison::new(K::table(inventory), found.record);
    let change = desired.change(&mut comparison);
    let ours = match &found.ownership {
        Ownership::Owned(ours) | Ownership::TakenOver(ours) => *ours,
        Ownership::Unmarked(unmarked) => {
            let texts = (found.record.description(), desired.description());
            let equal = D::undescribed(change.clone()) == K::Change::default()
                && strip(texts.0.unwrap_or_default()) == strip(texts.1);
            unmarked.adopt(equal, adoption)?
        }
        Ownership::Unrelated => return Err(Blocker::OwnershipLost(object_name(found.record))),
        Ownership::Blocked(blocker) => return Err(blocker.clone()),
    };
    Ok(Kept {
        ours,
        change,
        stored_differently: comparison.sentences(),
    })
}

impl<K: Kind> Kept<'_, K> {
    pub(super) fn is_equal(&self) -> bool {
        self.change == K::Change::default()
    }

    /// The call that is due.
    pub(super) fn step(&self) -> Option<Step> {
        (!self.is_equal())
            .then(|| Step::ready(Call::update(self.ours.owned(), self.change.clone())))
    }
}
