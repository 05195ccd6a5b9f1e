//! What a user declares beside the shared objects: destinations of a segment, and traits that a rule names by a key.

use crate::domain::audience_manager::TraitReference;
use crate::domain::destination::{Day, MappingKeys};
use crate::domain::identifier::{DestinationId, TraitSid};

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

pub(super) fn by_segment<'a>(
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
