//! Objects that look like ours and are not. Every world of the model has them, in every list, beside what calls and tests
//! make. No step of a plan may change one.

use std::collections::BTreeMap;

use audience_sharing_core::call::{Call, Kind, Operation};
use audience_sharing_core::compose::DesiredObjects;
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::destination::Mapping;
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, MappingId, ModelId, SegmentFolderId, SegmentSid, TraitFolderId,
    TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::model::Model;
use audience_sharing_core::inventory::{Inventory, Sequence};

use super::Tenant;

/// A person's data source, in which nothing is ours.
pub(crate) const ELSEWHERE: DataSourceId = DataSourceId(300_001);
/// Has our mark and another name.
const AGENCYS: DataSourceId = DataSourceId(300_002);
const FOLDER: u64 = 300_003;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Strangers {
    data_sources: BTreeMap<DataSourceId, DataSource>,
    trait_folders: BTreeMap<TraitFolderId, TraitFolder>,
    segment_folders: BTreeMap<SegmentFolderId, SegmentFolder>,
    traits: BTreeMap<TraitSid, Trait>,
    segments: BTreeMap<SegmentSid, Segment>,
    mappings: BTreeMap<MappingId, Mapping>,
    pub(super) models: BTreeMap<ModelId, Model>,
}

/// Descriptions that resemble that of an object with this mark. The first [`NEVER_OURS`] have no mark of our owner; the
/// last is the very mark.
pub(crate) fn looks(mark: &Mark) -> [String; 10] {
    let mark = mark.to_string();
    let others = mark.replace(":us/", ":others/");
    [
        String::new(),
        "Made by hand".into(),
        mark.replace(":us/", ":us-2/"),
        mark.to_uppercase(),
        format!("{mark} is what the operator writes"),
        format!("{mark} {others}"),
        others,
        mark.replace("/marketing/", "/marketing-2/"),
        mark.replace("#a1b2c3d4", "#0badcafe"),
        mark,
    ]
}

pub(crate) const NEVER_OURS: usize = 7;

impl Strangers {
    /// Those of every world: our names, under other parents and in other letters.
    pub(crate) fn of_every_world() -> Self {
        let data_source = |id, name: &str, description: &str| DataSource {
            id,
            company: None,
            name: name.into(),
            description: description.into(),
            unique_trait_codes: false,
            unique_segment_codes: false,
            restrictions: Restrictions::default(),
        };
        let sources = [
            data_source(ELSEWHERE, "sharing", "[audience-sharing:us-2]"),
            data_source(AGENCYS, "Agency", "[audience-sharing:us]"),
        ];
        let folders = [(FOLDER, 0, "Agency"), (FOLDER + 1, FOLDER, "Traits")];
        let trait_folders = folders.map(|(id, parent, name)| TraitFolder {
            id: TraitFolderId(id),
            parent: TraitFolderId(parent),
            name: name.into(),
        });
        let folders = [(FOLDER, 0, "Agency"), (FOLDER + 1, FOLDER, "Segments")];
        let segment_folders = folders.map(|(id, parent, name)| SegmentFolder {
            id: SegmentFolderId(id),
            parent: SegmentFolderId(parent),
            name: name.into(),
        });
        Self {
            data_sources: sources.map(|found| (found.id, found)).into(),
            trait_folders: trait_folders.map(|found| (found.id, found)).into(),
            segment_folders: segment_folders.map(|found| (found.id, found)).into(),
            ..Self::default()
        }
    }

    fn next_sid(&self) -> u64 {
        300_100 + (self.traits.len() + self.segments.len()) as u64
    }

    /// A trait and a segment over no trait of ours, which would keep it from being deleted.
    pub(crate) fn make(
        &mut self,
        data_source: DataSourceId,
        code: Option<&str>,
        name: &str,
        description: &str,
    ) -> (&Trait, &Segment) {
        let sid = self.next_sid();
        let code = code.map(IntegrationCode::new);
        let made = Trait {
            look_alikes: None,
            sid: TraitSid(sid),
            kind: TraitKind::Onboarded,
            name: name.into(),
            description: description.into(),
            integration_code: code.clone(),
            data_source,
            folder: TraitFolderId(0),
            rule: "".into(),
            ttl_days: Some(1),
            activity: Activity::Active,
        };
        let segment = Segment {
            sid: SegmentSid(sid + 1),
            name: name.into(),
            description: description.into(),
            integration_code: code,
            data_source,
            folder: SegmentFolderId(0),
            rule: format!("{sid}T").into(),
            merge_rule: None,
            trait_data_sources: None,
            activity: Activity::Active,
        };
        let segment = self.segments.entry(segment.sid).or_insert(segment);
        (self.traits.entry(made.sid).or_insert(made), segment)
    }

    /// Fails for a call that changes an object of a stranger, or that maps one.
    pub(crate) fn judge(&self, call: &Call) {
        let is_strangers = match call {
            Call::DataSource(call) => changes(call, |id| self.data_sources.contains_key(id)),
            Call::TraitFolder(call) => changes(call, |id| self.trait_folders.contains_key(id)),
            Call::SegmentFolder(call) => changes(call, |id| self.segment_folders.contains_key(id)),
            Call::Trait(call) => changes(call, |sid| self.traits.contains_key(sid)),
            Call::Segment(call) => changes(call, |sid| self.segments.contains_key(sid)),
            Call::Model(call) => changes(call, |id| self.models.contains_key(id)),
            Call::Mapping(Operation::Create(new)) => self.segments.contains_key(&new.segment),
            Call::Mapping(call) => changes(call, |id| self.mappings.contains_key(id)),
            _ => false,
        };
        assert!(!is_strangers, "the object is a stranger's: {call}");
    }
}

/// Whether a call changes or deletes what `is_strangers`.
fn changes<K: Kind>(call: &Operation<K>, is_strangers: impl Fn(&K::Id) -> bool) -> bool {
    match call {
        Operation::Update(expected, _) | Operation::Delete(expected) => {
            is_strangers(&expected.id())
        }
        Operation::Read(_) | Operation::List(_) | Operation::LookUp(_) | Operation::Create(_) => {
            false
        }
    }
}

impl Tenant {
    /// People make look-alikes of what is declared: with our codes in another data source, and in `ours` under other
    /// codes. They do so once for each code.
    pub(super) fn surround(
        &mut self,
        desired: &DesiredObjects,
        ours: Option<DataSourceId>,
        at: u64,
        inventory: &mut Inventory,
    ) {
        let additional = desired.additional_segments.iter();
        let additional = additional.map(|segment| (&segment.code, &*segment.name));
        let declared = [(&desired.code, &*desired.name)].into_iter();
        for (code, name) in declared.chain(additional) {
            let is_this = |found: &&Trait| found.integration_code.as_ref() == Some(code);
            if self.strangers.traits.values().any(|found| is_this(&found)) {
                continue;
            }
            let elsewhere = [(ELSEWHERE, Some(code.as_str()))].into_iter();
            let here = ours.into_iter();
            let here = here.flat_map(|ours| [(ours, None), (ours, Some("retained-long-ago"))]);
            for (data_source, code) in elsewhere.chain(here) {
                for look in looks(&desired.mark) {
                    let (made, segment) = self.strangers.make(data_source, code, name, &look);
                    inventory.traits.apply_read(Sequence(at), made.clone());
                    inventory.segments.apply_read(Sequence(at), segment.clone());
                }
            }
        }
    }

    /// A person copies what a call created, mark and code included, where the service lets them.
    pub(super) fn trait_copied(&mut self, ours: &Trait) {
        let source = self.data_sources.get(&ours.data_source);
        if source.is_some_and(|source| !source.unique_trait_codes) {
            let mut copy = ours.clone();
            copy.sid = TraitSid(self.strangers.next_sid());
            copy.name = "Copied by hand".into();
            self.strangers.traits.insert(copy.sid, copy);
        }
    }

    pub(super) fn segment_copied(&mut self, ours: &Segment) {
        let source = self.data_sources.get(&ours.data_source);
        if source.is_some_and(|source| !source.unique_segment_codes) {
            let mut copy = ours.clone();
            copy.sid = SegmentSid(self.strangers.next_sid());
            (copy.name, copy.rule) = ("Copied by hand".into(), "1T".into());
            self.strangers.segments.insert(copy.sid, copy);
        }
    }

    /// A person maps a segment of their own as a call mapped ours.
    pub(super) fn mapped_too(&mut self, ours: &Mapping) {
        if let Some(segment) = self.strangers.segments.keys().next() {
            let id = MappingId {
                number: 300_000 + ours.id.number,
                ..ours.id
            };
            let mapping = Mapping {
                id,
                segment: *segment,
                ..ours.clone()
            };
            self.strangers.mappings.insert(id, mapping);
        }
    }

    pub(super) fn all_data_sources(&self) -> impl Iterator<Item = &DataSource> {
        let strangers = self.strangers.data_sources.values();
        self.data_sources.values().chain(strangers)
    }

    pub(super) fn all_trait_folders(&self) -> impl Iterator<Item = &TraitFolder> {
        let strangers = self.strangers.trait_folders.values();
        self.trait_folders.values().chain(strangers)
    }

    pub(super) fn all_segment_folders(&self) -> impl Iterator<Item = &SegmentFolder> {
        let strangers = self.strangers.segment_folders.values();
        self.segment_folders.values().chain(strangers)
    }

    pub(super) fn all_traits(&self) -> impl Iterator<Item = &Trait> {
        self.traits.values().chain(self.strangers.traits.values())
    }

    pub(super) fn all_segments(&self) -> impl Iterator<Item = &Segment> {
        let strangers = self.strangers.segments.values();
        self.segments.values().chain(strangers)
    }

    pub(super) fn all_mappings(&self) -> impl Iterator<Item = &Mapping> {
        let strangers = self.strangers.mappings.values();
        self.mappings.values().chain(strangers)
    }
}
