//! From a validated share and its source to the objects that shall stand in Audience Manager (design.md §2).
//!
//! Ids that only the tenant knows (the trait's sid, the folders) are filled in by [`crate::plan`].

mod declared;

mod experience_platform;

pub use experience_platform::{
    AudienceManagerSource, CONNECTOR_ORIGIN, DesiredAudience, Strategy, ToExperiencePlatform,
    compose_audience, external_key, metadata_key, mirror,
};

use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode};
use crate::domain::labels::ExportControls;
use crate::domain::ownership::{Mark, OwnerId, ResourceName, UidPrefix, describe};
use crate::domain::segment_rule::RuleTemplate;
use crate::domain::source::{AudienceManagerSelector, Naming, SourceId};
use crate::domain::trait_rule;

pub use declared::{
    DeclaredDestination, DestinationSelector, NamedTrait, SegmentDestination, TraitSelector,
};

/// Names of traits and segments (audience-manager.md §4.1).
const NAME_CHARS_MAX: usize = 255;

/// Of the descriptions that we write. Neither system states a bound (audience-manager.md §4.5); as for names.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 255;

/// What to do with objects that exist already and carry no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// Only if they are equal to what is declared.
    Match,
    /// Take them over and change them.
    Adopt,
    /// Leave them alone and say so.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Manage,
    /// Wait for Adobe's own sharing and report; write nothing.
    Observe,
}

/// What becomes of what was made of a source that was deleted or deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceGonePolicy {
    /// It stays as it is.
    Keep,
    /// It stays, and is out of use until the source is back.
    Pause,
    /// It is deleted as if the share had gone.
    Delete,
}

/// What a connection settles for all its audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    pub owner: OwnerId,
    /// Owner ids that this operator had before: their marks are those of predecessors.
    pub previous_owners: Vec<OwnerId>,
    pub data_source: Box<str>,
    pub trait_folder: Box<str>,
    pub segment_folder: Box<str>,
    /// `None`: the account's default.
    pub merge_rule: Option<DataSourceId>,
    /// The key of the trait rule, `segid` in Adobe's own traits (audience-manager.md §4.3).
    pub trait_rule_key: Box<str>,
    pub adoption: AdoptionPolicy,
}

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

/// An audience of Experience Platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceSelector {
    Id(AudienceId),
    /// The exact name; the first resolution is pinned by its id.
    Name(Box<str>),
}

/// A segment beside the shared one, whose rule mixes the shared trait with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalSegment {
    pub key: Box<str>,
    pub name: Box<str>,
    pub description: Box<str>,
    pub rule: RuleTemplate,
    pub traits: Vec<NamedTrait>,
    pub destinations: Vec<DeclaredDestination>,
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

/// An audience of Experience Platform, as it shall stand in Audience Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAudienceManager {
    pub source: AudienceSelector,
    /// `None`: the source's own name.
    pub name: Option<Box<str>>,
    /// `None`: the source's own description.
    pub description: Option<Box<str>>,
    /// Days; 0 never expires.
    pub ttl_days: u32,
    /// Of the shared segment.
    pub destinations: Vec<DeclaredDestination>,
    pub additional_segments: Vec<AdditionalSegment>,
}

/// The objects of one shared audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub mark: Mark,
    pub source: AudienceId,
    pub code: IntegrationCode,
    pub name: Box<str>,
    /// The user's text and the mark.
    pub description: Box<str>,
    pub trait_rule: Box<str>,
    pub ttl_days: u32,
    /// What the source's labels ask for; `None` where Experience Platform said nothing of labels.
    pub controls: Option<ExportControls>,
    pub destinations: Vec<DeclaredDestination>,
    pub additional_segments: Vec<DesiredSegment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredSegment {
    pub key: Box<str>,
    pub code: IntegrationCode,
    pub name: Box<str>,
    pub description: Box<str>,
    pub rule: RuleTemplate,
    pub traits: Vec<NamedTrait>,
    pub destinations: Vec<DeclaredDestination>,
}

/// The mark of one shared audience's objects.
pub fn mark(owner: &OwnerId, share: &ShareName, uid: UidPrefix) -> Mark {
    Mark::Audience {
        owner: owner.clone(),
        namespace: share.namespace.clone(),
        name: share.name.clone(),
        uid: Some(uid),
    }
}

/// The integration code of an additional segment: `<I>.<key>` (design.md §4.4).
pub fn additional_code(source: &AudienceId, key: &str) -> IntegrationCode {
    IntegrationCode::new(format!("{source}.{key}"))
}

/// The objects of a share in Audience Manager, given its source. They carry `mark`.
pub fn compose(
    settings: &ConnectionSettings,
    mark: Mark,
    target: &ToAudienceManager,
    source: &Audience,
) -> Desired {
    let text = target.description.as_deref().unwrap_or(&source.description);
    Desired {
        source: source.id.clone(),
        code: IntegrationCode::new(source.id.as_str()),
        name: bounded(target.name.as_deref().unwrap_or(&source.name)),
        description: describe(text, &mark, DESCRIPTION_CHARS_MAX).into(),
        trait_rule: trait_rule::experience_platform_segment(&settings.trait_rule_key, &source.id)
            .into(),
        ttl_days: target.ttl_days,
        controls: source.controls(),
        destinations: target.destinations.clone(),
        additional_segments: target
            .additional_segments
            .iter()
            .map(|segment| DesiredSegment {
                key: segment.key.clone(),
                code: additional_code(&source.id, &segment.key),
                name: bounded(&segment.name),
                description: describe(&segment.description, &mark, DESCRIPTION_CHARS_MAX).into(),
                rule: segment.rule.clone(),
                traits: segment.traits.clone(),
                destinations: segment.destinations.clone(),
            })
            .collect(),
        mark,
    }
}

fn bounded(name: &str) -> Box<str> {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => name[..end].into(),
        None => name.into(),
    }
}
