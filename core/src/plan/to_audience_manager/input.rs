//! What is recorded and observed of one audience, and which key is its own.

use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::identifier::{DataSourceId, IntegrationCode, ModelId, SegmentSid, TraitSid};
use crate::domain::mark::EntryKey;
use crate::domain::model::LastRun;
use crate::plan::activation::mappings::KnownMapping;
use crate::plan::activation::rules::KnownTrait;
use crate::plan::shared_objects::ObservedSharedObjects;

/// A model of this resource, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownModel {
    /// Of its entry.
    pub key: EntryKey,
    pub id: ModelId,
    pub last_run: LastRun,
    /// Each with its key.
    pub traits: Vec<(Box<str>, TraitSid)>,
}

/// What the status says of the audience's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedIds {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// The two above are Adobe's, not ours.
    pub observed: bool,
    /// Adobe's pair beside ours.
    pub adobes: Option<AdobesPair>,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    pub mappings: Vec<KnownMapping>,
    pub traits: Vec<KnownTrait>,
    pub models: Vec<KnownModel>,
}

impl RecordedIds {
    /// Of the additional segment with this key, or the shared one.
    pub(super) fn segment(&self, key: Option<&str>) -> Option<SegmentSid> {
        let Some(key) = key else {
            return self.segment_sid;
        };
        let mut additional = self.additional_segments.iter();
        let (_, sid) = additional.find(|(recorded, _)| **recorded == *key)?;
        Some(*sid)
    }
}

/// Adobe's own pair: the trait, and the segment over it where that is known.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) shared_trait: &'a Trait,
    pub(super) segment: Option<&'a Segment>,
}

/// The pair that Adobe's own sharing made beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdobesPair {
    pub trait_sid: TraitSid,
    pub segment_sid: Option<SegmentSid>,
    pub data_source: DataSourceId,
}

/// The objects of the audience that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedState {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// Adobe's own sharing made the two: they are observed.
    pub observed: bool,
    /// Adobe's own sharing made another pair, and ours is in use.
    pub adobes: Option<AdobesPair>,
    /// Where the trait is; the controls of that data source are the audience's.
    pub data_source: Option<DataSourceId>,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    /// Each destination that was found, mapped or not.
    pub mappings: Vec<KnownMapping>,
    /// Traits of rules that were found by something else than their sids.
    pub traits: Vec<KnownTrait>,
    pub models: Vec<KnownModel>,
    /// A sentence for each text that Audience Manager stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
    /// A sentence, where Adobe advises against the trait's name.
    pub advised_against: Option<Box<str>>,
    /// Traits that were read since a suspended segment's rule names them.
    pub inspected: Vec<TraitSid>,
}

/// An integration code counts as our natural key in the data sources of this connection, and where the audience belongs:
/// beside Adobe's objects our additional segments are in Adobe's data source.
pub(super) fn has_code(
    shared_objects: &ObservedSharedObjects,
    place: DataSourceId,
    wanted: &IntegrationCode,
    (data_source, code): (DataSourceId, Option<&IntegrationCode>),
) -> bool {
    let mut ours = shared_objects.data_sources();
    code == Some(wanted) && (data_source == place || ours.any(|id| id == data_source))
}
