//! Who uses what is shared, as far as the two systems show. What a resync lists shows a part; the rest is looked up when
//! somebody asks, so that it costs nothing at rest.

use std::collections::BTreeSet;

use crate::domain::audience_manager::Segment;
use crate::domain::destination::{Destination, Mapping};
use crate::domain::experience_platform::{Audience, Lifecycle};
use crate::domain::identifier::{AudienceId, SegmentSid, TraitSid};
use crate::domain::model::Model;
use crate::inventory::{AudienceNaturalKey, Coverage, Inventory};
use crate::plan::activation::mappings;

/// Something that uses a shared audience.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    pub id: Box<str>,
    pub name: Box<str>,
}

/// The users of one shared audience, each list in the order of the ids; `None`: not looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedBy {
    /// Of Audience Manager, whose rules name the shared trait.
    pub segments: Option<Vec<User>>,
    /// Of Audience Manager, with the trait or one of the segments as baseline, or without the trait.
    pub models: Option<Vec<User>>,
    /// Of Audience Manager, that the segments are mapped to.
    pub destinations: Option<Vec<User>>,
    /// Of Experience Platform.
    pub segment_definitions: Option<Vec<User>>,
}

impl UsedBy {
    /// What is younger, and what only this knows.
    #[must_use]
    pub fn updated(self, younger: Self) -> Self {
        Self {
            segments: younger.segments.or(self.segments),
            models: younger.models.or(self.models),
            destinations: younger.destinations.or(self.destinations),
            segment_definitions: younger.segment_definitions.or(self.segment_definitions),
        }
    }
}

/// The objects of Audience Manager that others may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub shared_trait: TraitSid,
    /// The shared one and the additional ones: they use the trait themselves, and are no users.
    pub segments: BTreeSet<SegmentSid>,
}

impl Used {
    /// Segments that others made of the trait.
    pub fn segments<'a>(&self, containing: impl IntoIterator<Item = &'a Segment>) -> Vec<User> {
        let foreign = containing.into_iter();
        let foreign = foreign.filter(|found| !self.segments.contains(&found.sid));
        ordered(foreign.map(|found| (found.sid.0, &*found.name)))
    }

    pub fn models<'a>(&self, all: impl IntoIterator<Item = &'a Model>) -> Vec<User> {
        let sids: BTreeSet<u64> = self.segments.iter().map(|sid| sid.0).collect();
        let uses = |model: &&Model| {
            let baseline = model.baseline;
            baseline.is_some_and(|sid| sid == self.shared_trait.0 || sids.contains(&sid))
                || model.excluded.contains(&self.shared_trait)
        };
        let users = all.into_iter().filter(uses);
        ordered(users.map(|model| (model.id.0, &*model.name)))
    }

    pub fn destinations<'a>(
        &self,
        all: impl IntoIterator<Item = (&'a Destination, &'a [Mapping])>,
    ) -> Vec<User> {
        let mapped = |(_, mappings): &(&Destination, &[Mapping])| {
            let mut segments = mappings.iter().map(|mapping| mapping.segment);
            segments.any(|sid| self.segments.contains(&sid))
        };
        let mapped = all.into_iter().filter(mapped);
        ordered(mapped.map(|(destination, _)| (destination.id.0, &*destination.name)))
    }

    /// The same of what the last pass listed; `None` where it lists none.
    pub fn listed_destinations(&self, inventory: &Inventory) -> Option<Vec<User>> {
        let listed = inventory.destinations.is_listed(Coverage::Whole);
        let segments = self.segments.iter();
        let mapped = segments.flat_map(|sid| mappings::mapped_to(inventory, Some(*sid), &[]));
        listed.then(|| ordered(mapped.map(|found| (found.id.0, &*found.name))))
    }
}

fn ordered<'a>(found: impl Iterator<Item = (u64, &'a str)>) -> Vec<User> {
    let found: BTreeSet<_> = found.collect();
    let user = |(id, name): (u64, &str)| User {
        id: id.to_string().into(),
        name: name.into(),
    };
    found.into_iter().map(user).collect()
}

/// Segment definitions that depend on an audience of Experience Platform: it names them, or they name it
/// (experience-platform.md §3.3).
pub fn segment_definitions(inventory: &Inventory, audience: &AudienceId) -> Vec<User> {
    let table = &inventory.audiences;
    let named = table.get(audience).into_iter();
    let named = named.flat_map(|entry| &entry.record.dependents);
    let named = named.map(|id| (id, table.get(id).map(|entry| &entry.record)));
    let naming = table.find(&AudienceNaturalKey::Dependency(audience.clone()));
    let naming = naming.map(|entry| (&entry.record.id, Some(&entry.record)));
    let lives =
        |found: &Option<&Audience>| found.is_none_or(|found| found.lifecycle != Lifecycle::Deleted);
    let users: BTreeSet<User> = named
        .chain(naming)
        .filter(|(_, found)| lives(found))
        .map(|(id, found)| User {
            id: id.as_str().into(),
            name: found.map(|found| found.name.clone()).unwrap_or_default(),
        })
        .collect();
    users.into_iter().collect()
}
