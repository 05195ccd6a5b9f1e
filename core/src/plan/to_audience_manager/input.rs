//! What a plan of one audience depends on, and what it says is there.

use crate::blocker::Blocker;
use crate::compose::{AdoptionPolicy, Desired, Mode, ShareName};
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::mark::OwnerId;
use crate::existence::Existing;
use crate::inventory::{Inventory, Sequence};
use crate::ownership::Claimant;
use crate::plan::activation::mappings::KnownMapping;
use crate::plan::activation::rules::KnownTrait;
use crate::plan::claims::Claims;
use crate::plan::shared_objects::{self, Place};

/// What the status says of the audience's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedIds {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// The two above are Adobe's, not ours.
    pub observed: bool,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    pub mappings: Vec<KnownMapping>,
    pub traits: Vec<KnownTrait>,
}

impl RecordedIds {
    pub(super) fn additional(&self, key: &str) -> Option<SegmentSid> {
        self.additional_segments
            .iter()
            .find(|(recorded, _)| **recorded == *key)
            .map(|(_, sid)| *sid)
    }
}

/// The objects of the audience that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedState {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// Adobe's own sharing made the two: they are observed.
    pub observed: bool,
    /// Where the trait is; the controls of that data source are the audience's.
    pub data_source: Option<DataSourceId>,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    /// Each destination that was found, mapped or not.
    pub mappings: Vec<KnownMapping>,
    /// Traits of rules that were found by something else than their sids.
    pub traits: Vec<KnownTrait>,
    /// A sentence for each text that Audience Manager stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

/// All that a plan of one audience depends on.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    pub share: &'a ShareName,
    pub desired: &'a Desired,
    pub mode: Mode,
    pub adoption: AdoptionPolicy,
    /// What is no longer declared stays.
    pub retain: bool,
    pub recorded: &'a RecordedIds,
    pub shared_objects: &'a shared_objects::ObservedSharedObjects,
    /// Where the objects belong for their labels, or why they cannot be there; `None` where no data source exists.
    pub place: Option<Result<Place, &'a Blocker>>,
    pub claims: &'a Claims,
    pub existing: &'a dyn Existing,
    pub previous_owners: &'a [OwnerId],
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
}

impl<'a> PlanInput<'a> {
    pub(super) fn claimant(&self) -> Claimant<'a> {
        Claimant {
            mark: &self.desired.mark,
            previous_owners: self.previous_owners,
            existing: self.existing,
        }
    }

    /// An integration code counts as our natural key in the data sources of this connection, and where the audience
    /// belongs: beside Adobe's objects our additional segments are in Adobe's data source.
    pub(super) fn has_key(
        &self,
        code: Option<&IntegrationCode>,
        data_source: DataSourceId,
        place: DataSourceId,
        wanted: &IntegrationCode,
    ) -> bool {
        let mut ours = self.shared_objects.data_sources();
        code == Some(wanted) && (data_source == place || ours.any(|id| id == data_source))
    }
}
