//! What Audience Manager holds, as compact records: only what deciding needs.
//!
//! Texts are as Audience Manager holds them; the decoder of an escaped answer resolves its HTML entities
//! (audience-manager.md §1.4).

use std::fmt;

use super::identifier::{
    CompanyId, DataSourceId, IntegrationCode, ModelId, SegmentFolderId, SegmentSid, TraitFolderId,
    TraitSid,
};
use super::labels::Restrictions;

/// `status` of a trait, segment or data source. Adobe's samples spell it `ACTIVE`, `active` and `1` (§6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    Active,
    Inactive,
    /// A spelling that this version does not know, kept as it came.
    Other(Box<str>),
}

impl Activity {
    /// The word, where Audience Manager shows a status that no person sets: such an object is of no use
    /// (audience-manager.md §4.5). An answer without a status says nothing.
    pub fn suspended(&self) -> Option<&str> {
        match self {
            Self::Other(word) if !word.is_empty() => Some(word),
            Self::Active | Self::Inactive | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Other(other) => other,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    pub id: DataSourceId,
    pub company: Option<CompanyId>,
    pub name: Box<str>,
    pub description: Box<str>,
    /// The server refuses a second trait with one integration code. Set only at creation (§3.2).
    pub unique_trait_codes: bool,
    /// The same for segments.
    pub unique_segment_codes: bool,
    /// Its data export controls, which hold for all traits in it (§3.2).
    pub restrictions: Restrictions,
}

/// A data source that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDataSource {
    pub name: Box<str>,
    pub description: Box<str>,
    pub unique_trait_codes: bool,
    pub unique_segment_codes: bool,
    pub restrictions: Restrictions,
}

/// The fields of a data source that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSourceChange {
    pub description: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraitFolder {
    pub id: TraitFolderId,
    pub parent: TraitFolderId,
    pub name: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFolder {
    pub id: SegmentFolderId,
    pub parent: SegmentFolderId,
    pub name: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraitKind {
    /// `ON_BOARDED_TRAIT`
    Onboarded,
    /// `RULE_BASED_TRAIT`
    RuleBased,
    /// `ALGO_TRAIT`
    Algorithmic,
    /// Folder traits, synced traits and whatever comes later (§4.1).
    Other(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trait {
    pub sid: TraitSid,
    pub kind: TraitKind,
    pub name: Box<str>,
    pub description: Box<str>,
    pub integration_code: Option<IntegrationCode>,
    pub data_source: DataSourceId,
    pub folder: TraitFolderId,
    /// The rule as it was read; empty where the trait has none.
    pub rule: Box<str>,
    /// Days; 0 never expires. `None` where the answer did not say.
    pub ttl_days: Option<u32>,
    /// Of an algorithmic trait.
    pub look_alikes: Option<Box<LookAlikes>>,
    pub activity: Activity,
}

/// An onboarded or algorithmic trait that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTrait {
    pub name: Box<str>,
    pub description: Box<str>,
    pub integration_code: IntegrationCode,
    pub data_source: DataSourceId,
    pub folder: TraitFolderId,
    /// Empty for an algorithmic trait.
    pub rule: Box<str>,
    pub ttl_days: u32,
    /// What makes it algorithmic.
    pub look_alikes: Option<LookAlikes>,
}

/// Which of a model's look-alikes a trait takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Those that are at least so similar.
    AccuracyPercent(u32),
    /// The most similar ones, up to so many.
    Reach(u64),
}

impl fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccuracyPercent(percent) => write!(formatter, "accuracy {percent} %"),
            Self::Reach(count) => write!(formatter, "reach {count}"),
        }
    }
}

/// What an algorithmic trait is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAlikes {
    pub model: ModelId,
    /// `None` where the answer does not show it.
    pub threshold: Option<Threshold>,
}

/// The fields of a trait that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraitChange {
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub integration_code: Option<IntegrationCode>,
    pub data_source: Option<DataSourceId>,
    pub folder: Option<TraitFolderId>,
    pub rule: Option<Box<str>>,
    pub ttl_days: Option<u32>,
    pub threshold: Option<Threshold>,
    /// `true` sets the trait active again.
    pub activate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub sid: SegmentSid,
    pub name: Box<str>,
    pub description: Box<str>,
    pub integration_code: Option<IntegrationCode>,
    pub data_source: DataSourceId,
    pub folder: SegmentFolderId,
    /// The rule as it was read.
    pub rule: Box<str>,
    /// The data source id that names the profile merge rule; null, absent and 0 all read as `None` (§7).
    pub merge_rule: Option<DataSourceId>,
    /// The data sources of its traits, of a segment that carries no mark: they say what an audience of it may be used for.
    /// `None` where the answer did not say.
    pub trait_data_sources: Option<Box<[DataSourceId]>>,
    pub activity: Activity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSegment {
    pub name: Box<str>,
    pub description: Box<str>,
    pub integration_code: IntegrationCode,
    pub data_source: DataSourceId,
    pub folder: SegmentFolderId,
    pub rule: Box<str>,
    /// `None` leaves the choice to the account's default.
    pub merge_rule: Option<DataSourceId>,
}

/// The fields of a segment that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentChange {
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub integration_code: Option<IntegrationCode>,
    pub data_source: Option<DataSourceId>,
    pub folder: Option<SegmentFolderId>,
    pub rule: Option<Box<str>>,
    pub merge_rule: Option<DataSourceId>,
    /// `true` sets the segment active again.
    pub activate: bool,
    /// `true` sets it inactive; never both.
    pub pause: bool,
}

/// How a user names a trait that is not ours: in place of its sid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TraitReference {
    Code {
        code: IntegrationCode,
        /// `None`: whichever has it.
        data_source: Option<DataSourceId>,
    },
    /// The exact name.
    Name {
        name: Box<str>,
        data_source: DataSourceId,
    },
}

impl TraitReference {
    /// Whether it means `found`.
    pub fn fits(&self, found: &Trait) -> bool {
        match self {
            Self::Code { code, data_source } => {
                found.integration_code.as_ref() == Some(code)
                    && data_source.is_none_or(|id| found.data_source == id)
            }
            Self::Name { name, data_source } => {
                found.name == *name && found.data_source == *data_source
            }
        }
    }
}

/// In words; also what the status says a trait was found by.
impl std::fmt::Display for TraitReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data_source = match self {
            Self::Code { code, data_source } => {
                write!(formatter, "integration code {code}")?;
                *data_source
            }
            Self::Name { name, data_source } => {
                write!(formatter, "name \"{name}\"")?;
                Some(*data_source)
            }
        };
        match data_source {
            Some(id) => write!(formatter, " in data source {id}"),
            None => Ok(()),
        }
    }
}
