//! What Audience Manager holds, as compact records: only what deciding needs.
//!
//! Texts are stored unescaped; whoever decodes an answer resolves HTML entities (audience-manager.md §1.4).

use super::identifier::{
    CompanyId, DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
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
    pub activity: Activity,
}

/// An onboarded trait that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTrait {
    pub name: Box<str>,
    pub description: Box<str>,
    pub integration_code: IntegrationCode,
    pub data_source: DataSourceId,
    pub folder: TraitFolderId,
    pub rule: Box<str>,
    pub ttl_days: u32,
}

/// The fields of a trait that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraitChange {
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub data_source: Option<DataSourceId>,
    pub folder: Option<TraitFolderId>,
    pub rule: Option<Box<str>>,
    pub ttl_days: Option<u32>,
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
    pub data_source: Option<DataSourceId>,
    pub folder: Option<SegmentFolderId>,
    pub rule: Option<Box<str>>,
    pub merge_rule: Option<DataSourceId>,
    /// `true` sets the segment active again.
    pub activate: bool,
}
