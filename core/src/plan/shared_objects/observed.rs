//! The shared objects of a connection as they are recorded and as they are found.

use crate::blocker::Blocker;
use crate::compose::ConnectionSettings;
use crate::domain::identifier::{DataSourceId, SegmentFolderId, TraitFolderId};
use crate::domain::labels::ExportControls;
use crate::inventory::Inventory;

/// What the connection's status says of its shared objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedSharedObjects {
    pub data_source: Option<DataSourceId>,
    /// Those for audiences under export controls.
    pub controlled: Vec<(ExportControls, DataSourceId)>,
    pub trait_folder: Option<TraitFolderId>,
    pub segment_folder: Option<SegmentFolderId>,
}

/// The shared objects that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedSharedObjects {
    pub data_source: Option<DataSourceId>,
    /// Adobe's own sharing made the data source: what is in it is only observed.
    pub adobes: bool,
    pub enforces_trait_codes: bool,
    pub enforces_segment_codes: bool,
    /// Those beside it that exist, at most one for each set of export controls.
    pub controlled: Vec<Controlled>,
    pub trait_folder: Option<TraitFolderId>,
    pub segment_folder: Option<SegmentFolderId>,
    pub merge_rule: MergeRule,
    /// A sentence for each name that Audience Manager stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergeRule {
    #[default]
    AccountDefault,
    /// Its data source is among those that the credential may see.
    Listed(DataSourceId),
    /// Merge rules' data sources need not be listed (audience-manager.md §7): it cannot be determined.
    NotListed(DataSourceId),
}

impl MergeRule {
    pub fn id(self) -> Option<DataSourceId> {
        match self {
            Self::AccountDefault => None,
            Self::Listed(id) | Self::NotListed(id) => Some(id),
        }
    }
}

/// Where the trait and the segments of an audience are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub data_source: DataSourceId,
    pub enforces_trait_codes: bool,
    pub enforces_segment_codes: bool,
}

/// A data source for audiences under export controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controlled {
    pub controls: ExportControls,
    pub place: Place,
    /// It carries our mark, or is recorded: objects of ours may be in it.
    pub ours: bool,
    /// Why nothing is put into it.
    pub blocker: Option<Blocker>,
}

/// The name of the data source for these controls.
pub(super) fn controlled_name(settings: &ConnectionSettings, controls: ExportControls) -> Box<str> {
    format!("{} ({controls})", settings.data_source).into()
}

impl ObservedSharedObjects {
    /// Where an audience under these controls belongs, or why it cannot be there.
    ///
    /// # Errors
    /// What a person must do first; what is in another data source is not under the controls until then.
    pub fn place(
        &self,
        settings: &ConnectionSettings,
        controls: ExportControls,
    ) -> Option<Result<Place, Blocker>> {
        // Adobe's own sharing carries labels over.
        if controls.is_empty() || self.adobes {
            return self.data_source.map(|data_source| {
                Ok(Place {
                    data_source,
                    enforces_trait_codes: self.enforces_trait_codes,
                    enforces_segment_codes: self.enforces_segment_codes,
                })
            });
        }
        let mut known = self.controlled.iter();
        let found = known.find(|found| found.controls == controls);
        Some(match found {
            None => Err(Blocker::ExportControlsUnsupported {
                controls,
                data_source: controlled_name(settings, controls),
            }),
            Some(Controlled {
                blocker: None,
                place,
                ..
            }) => Ok(*place),
            Some(Controlled {
                blocker: Some(blocker),
                ..
            }) => Err(blocker.clone()),
        })
    }

    /// All that objects of ours may be in.
    pub fn data_sources(&self) -> impl Iterator<Item = DataSourceId> {
        let controlled = self.controlled.iter().filter(|found| found.ours);
        let controlled = controlled.map(|found| found.place.data_source);
        self.data_source.into_iter().chain(controlled)
    }

    /// The controls that hold for the traits of a data source, as far as anybody can tell: those whose names are known,
    /// and those that it was made for, unless it lacks one.
    pub fn controls_of(&self, data_source: DataSourceId, inventory: &Inventory) -> ExportControls {
        let Some(entry) = inventory.data_sources.get(&data_source) else {
            return ExportControls::NONE;
        };
        let restrictions = &entry.record.restrictions;
        let mut controlled = self.controlled.iter();
        let found = controlled.find(|found| found.place.data_source == data_source);
        let made_for = found.map_or(ExportControls::NONE, |found| found.controls);
        match restrictions.missing(made_for) {
            None => restrictions.controls().union(made_for),
            Some(_) => restrictions.controls(),
        }
    }
}
