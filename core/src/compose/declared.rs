//! What a user declares beside the shared objects: destinations of a segment, and traits that a rule names by a key.

use crate::domain::audience_manager::TraitReference;
use crate::domain::destination::{Day, MappingKeys};
use crate::domain::identifier::{DestinationId, TraitSid};

use super::{Desired, ToAudienceManager};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationSelector {
    Id(DestinationId),
    /// The exact name; the first resolution is pinned by its id.
    Name(Box<str>),
}

impl DestinationSelector {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) => Some(name),
        }
    }
}

/// A destination that a segment shall be mapped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredDestination {
    /// Tells it from the others of its segment.
    pub key: Box<str>,
    pub destination: DestinationSelector,
    pub keys: MappingKeys,
    pub start: Option<Day>,
    pub end: Option<Day>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraitSelector {
    Sid(TraitSid),
    /// The first resolution is pinned by its sid.
    Reference(TraitReference),
}

/// A trait that the rule of its segment calls `{key}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTrait {
    pub key: Box<str>,
    pub selector: TraitSelector,
}

/// A destination, and which segment it is declared for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentDestination {
    /// The key of the additional segment; `None` for the shared one.
    pub segment: Option<Box<str>>,
    pub key: Box<str>,
    pub destination: DestinationSelector,
    /// With them a mapping is known as ours whose id was never written down.
    pub keys: MappingKeys,
}

fn by_segment<'a>(
    shared: &'a [DeclaredDestination],
    additional: impl Iterator<Item = (&'a str, &'a [DeclaredDestination])>,
) -> impl Iterator<Item = (Option<&'a str>, &'a DeclaredDestination)> {
    let additional = additional.flat_map(|(key, destinations)| {
        let destinations = destinations.iter();
        destinations.map(move |declared| (Some(key), declared))
    });
    shared
        .iter()
        .map(|declared| (None, declared))
        .chain(additional)
}

impl ToAudienceManager {
    /// Of the shared segment and of the additional ones.
    pub fn segment_destinations(&self) -> impl Iterator<Item = SegmentDestination> {
        let additional = self.additional_segments.iter();
        let all = by_segment(
            &self.destinations,
            additional.map(|segment| (&*segment.key, &*segment.destinations)),
        );
        all.map(|(segment, declared)| SegmentDestination {
            segment: segment.map(Into::into),
            key: declared.key.clone(),
            destination: declared.destination.clone(),
            keys: declared.keys.clone(),
        })
    }
}

impl Desired {
    /// Of the shared segment and of the additional ones.
    pub fn all_destinations(&self) -> impl Iterator<Item = &DeclaredDestination> {
        self.destinations_by_segment().map(|(_, declared)| declared)
    }

    /// The same, each with the key of its additional segment.
    pub fn destinations_by_segment(
        &self,
    ) -> impl Iterator<Item = (Option<&str>, &DeclaredDestination)> {
        let additional = self.additional_segments.iter();
        by_segment(
            &self.destinations,
            additional.map(|segment| (&*segment.key, &*segment.destinations)),
        )
    }

    /// Whether a destination is declared under this key for the additional segment, or for the shared one.
    pub fn declares_destination(&self, segment: Option<&str>, key: &str) -> bool {
        let declared = match segment {
            None => Some(&self.destinations),
            Some(segment) => {
                let mut segments = self.additional_segments.iter();
                let found = segments.find(|found| *found.key == *segment);
                found.map(|found| &found.destinations)
            }
        };
        let mut declared = declared.into_iter().flatten();
        declared.any(|declared| *declared.key == *key)
    }

    /// Whether a trait is declared under this key for the additional segment.
    pub fn declares_trait(&self, segment: &str, key: &str) -> bool {
        let segments = self.additional_segments.iter();
        let mut declared = segments
            .filter(|found| *found.key == *segment)
            .flat_map(|found| &found.traits);
        declared.any(|declared| *declared.key == *key)
    }
}
