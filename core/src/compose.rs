//! From a validated share and its source to the objects that Audience Manager should hold (design.md §2).
//!
//! Ids that only the tenant knows (the trait's sid, the folders) are filled in by [`crate::plan`].

mod audience_manager;
mod declared;
mod experience_platform;
mod models;
mod settings;
mod text;

pub use audience_manager::{
    AdditionalSegment, AudienceSelector, DesiredAdditionalSegment, DesiredObjects,
    ToAudienceManager, compose,
};
pub use declared::{
    DeclaredDestination, DestinationSelector, NamedTrait, SegmentDestination, TraitSelector,
};
pub use experience_platform::{
    AudienceManagerSource, CONNECTOR_ORIGIN, DesiredAudience, Strategy, ToExperiencePlatform,
    compose_audience, external_key, metadata_key, mirror,
};
pub use models::{Baseline, DeclaredLookAlikes, DeclaredModel, LookAlikesToKeep, ModelToKeep};
pub use settings::{AdoptionPolicy, ConnectionSettings, Mode, SourceGonePolicy};
pub(crate) use text::DESCRIPTION_CHARS_MAX;
pub use text::additional_code;

use crate::domain::mark::{Mark, OwnerId, ResourceName, UidPrefix};
use crate::domain::source::{AudienceManagerSelector, Naming, SourceId};

/// A `SharedAudience`, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareName {
    pub namespace: ResourceName,
    pub name: ResourceName,
}

impl std::fmt::Display for ShareName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A validated `SharedAudience`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub name: ShareName,
    pub uid: UidPrefix,
    pub direction: Direction,
    pub mode: Mode,
    pub adoption: AdoptionPolicy,
    /// `Retain` of an additional segment or a mapping that is no longer declared.
    pub retain: bool,
    pub source_gone: SourceGonePolicy,
}

/// From which system to which, with what shall differ from the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    ToAudienceManager(ToAudienceManager),
    ToExperiencePlatform(ToExperiencePlatform),
}

/// What a share names as its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSelector {
    Audience(AudienceSelector),
    AudienceManager(AudienceManagerSelector),
}

impl SourceSelector {
    /// `None` for a name or code, which must be resolved first.
    pub fn id(&self) -> Option<SourceId> {
        match self {
            Self::Audience(AudienceSelector::Id(id)) => Some(SourceId::Audience(id.clone())),
            Self::AudienceManager(AudienceManagerSelector {
                kind,
                naming: Naming::Sid(sid),
            }) => Some(SourceId::of(*kind, *sid)),
            Self::Audience(AudienceSelector::Name(_)) | Self::AudienceManager(_) => None,
        }
    }
}

/// The mark of one shared audience's objects.
pub fn mark(owner: &OwnerId, share: &ShareName, uid: UidPrefix) -> Mark {
    Mark::Audience {
        owner: owner.clone(),
        namespace: share.namespace.clone(),
        name: share.name.clone(),
        uid: Some(uid),
        entry: None,
    }
}
