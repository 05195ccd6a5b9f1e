//! What plans depend on, the same for every kind of object and in both directions.
//!
//! Values alone: they hold no clock, and what is kept or deleted is decided by the plans.

use std::collections::BTreeSet;

use crate::blocker::{Blocker, ObjectName};
use crate::compose::{SegmentDestination, Share, ShareName};
use crate::domain::identifier::IntegrationCode;
use crate::domain::mark::{EntryKey, Mark};
use crate::domain::source::SourceId;
use crate::inventory::{Inventory, Sequence};
use crate::ownership::Claimant;
use crate::plan::claims::Claims;

/// All that the plan of one share depends on. `Desired`: the objects that it declares; `Recorded`: what its status says of
/// them.
#[derive(Debug)]
pub struct PlanInput<'a, Desired, Recorded> {
    pub share: &'a Share,
    pub claimant: Claimant<'a>,
    pub claims: &'a Claims,
    pub desired: &'a Desired,
    pub recorded: &'a Recorded,
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
    /// So many audiences are reconciled now that one list for all is cheaper than a look-up for each.
    pub among_many: bool,
}

/// All that the deletion of what a share made depends on, by what was recorded: neither a broken spec nor a vanished source
/// can block it.
#[derive(Clone, Copy, Debug)]
pub struct DeletionInput<'a, Recorded> {
    pub claimant: Claimant<'a>,
    /// The recorded source; by its natural keys objects are found whose ids were never written down.
    pub source: Option<&'a SourceId>,
    pub recorded: Recorded,
    pub inventory: &'a Inventory,
    /// Only a look-up at or after this call counts.
    pub since: Sequence,
}

/// What becomes of the objects of a resource that is deleted, or whose source is gone.
#[derive(Clone, Copy, Debug)]
pub enum Cleanup<'a> {
    /// They stay; what is ours is looked up.
    Retain,
    /// They are taken out of use.
    Pause,
    /// Another resource takes them over: what it declares is marked as its own, the rest is deleted. So each object has
    /// exactly one owner at every moment (design.md §4, L5).
    HandOver(&'a Successor),
    Delete,
}

/// The resource that takes the objects over, and what it keeps of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    pub mark: Mark,
    /// The integration codes of its additional segments.
    pub codes: BTreeSet<IntegrationCode>,
    /// The same of its algorithmic traits.
    pub trait_codes: BTreeSet<IntegrationCode>,
    /// The keys of its models.
    pub models: BTreeSet<EntryKey>,
    pub destinations: Vec<SegmentDestination>,
}

impl<'a, Recorded> DeletionInput<'a, Recorded> {
    /// The same of what is recorded in one direction.
    pub fn with<R>(self, recorded: R) -> DeletionInput<'a, R> {
        DeletionInput {
            claimant: self.claimant,
            source: self.source,
            recorded,
            inventory: self.inventory,
            since: self.since,
        }
    }
}

impl<Desired, Recorded> PlanInput<'_, Desired, Recorded> {
    /// One source, one holder: whose mark is on the objects, else the older (design.md §4, L5).
    pub(super) fn claimed_by_another(
        &self,
        source: &SourceId,
        object: ObjectName,
        marked: Option<&ShareName>,
    ) -> Option<Blocker> {
        let (own, existing) = (&self.share.name, self.claimant.existing);
        let holder = self.claims.holder(own, source, marked, existing)?;
        (holder != own).then(|| Blocker::ClaimedBy(object, holder.clone()))
    }
}

impl<Desired, Recorded> Clone for PlanInput<'_, Desired, Recorded> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Desired, Recorded> Copy for PlanInput<'_, Desired, Recorded> {}
