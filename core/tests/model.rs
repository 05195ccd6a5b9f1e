//! A model of Audience Manager as maps, and an executor that carries out plans until nothing is due.

mod models;
mod sources;
pub(crate) mod strangers;
mod uses;

pub(crate) use sources::{of_audience, source};
pub(crate) use uses::answer;

use std::collections::{BTreeMap, BTreeSet};

use audience_sharing_core::call::{Call, Operation};
use audience_sharing_core::compose::{
    AdditionalSegment, AdoptionPolicy, AudienceSelector, ConnectionSettings, DesiredObjects,
    Direction, Mode, Share, ShareName, SourceGonePolicy, ToAudienceManager, compose, mark,
};
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::destination::{Destination, Mapping};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, MappingId, ModelId, SegmentFolderId, SegmentSid,
    TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::mark::{Mark, OwnerId, ResourceName, UidPrefix};
use audience_sharing_core::domain::model::{LastRun, Model};
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::{Coverage, Inventory, Moment, Record, Sequence, Users};
use audience_sharing_core::kinds::folder::NewFolder;
use audience_sharing_core::ownership::Claimant;
use audience_sharing_core::plan::PlanInput;
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::to_audience_manager;
use audience_sharing_core::plan::{Claims, Plan, shared_objects};

use self::strangers::Strangers;
use crate::records::apply_tree;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tenant {
    pub(crate) data_sources: BTreeMap<DataSourceId, DataSource>,
    pub(crate) trait_folders: BTreeMap<TraitFolderId, TraitFolder>,
    pub(crate) segment_folders: BTreeMap<SegmentFolderId, SegmentFolder>,
    pub(crate) traits: BTreeMap<TraitSid, Trait>,
    pub(crate) segments: BTreeMap<SegmentSid, Segment>,
    pub(crate) destinations: BTreeMap<DestinationId, Destination>,
    pub(crate) mappings: BTreeMap<MappingId, Mapping>,
    /// Of segments; of others none is known.
    pub(crate) members: BTreeMap<SegmentSid, u64>,
    pub(crate) compact_destinations: bool,
    pub(crate) models: BTreeMap<ModelId, Model>,
    pub(crate) runs: BTreeMap<ModelId, LastRun>,
    /// Of other providers.
    pub(crate) foreign_traits: BTreeMap<TraitSid, Trait>,
    /// What the validation of rules refuses.
    pub(crate) refused: Option<&'static str>,
    pub(crate) strangers: Strangers,
    next: u64,
}

impl Tenant {
    pub(crate) fn id(&mut self) -> u64 {
        self.next += 1;
        1_000 + self.next
    }

    /// What a full pass over the tenant knows.
    pub(crate) fn listed(&self, started: u64) -> Inventory {
        let mut inventory = Inventory::default();
        self.apply_lists(&mut inventory, started);
        inventory
    }

    /// Each list is read twice, so that what is missing may be created and what is empty deleted.
    pub(crate) fn apply_lists(&self, inventory: &mut Inventory, started: u64) {
        let now = started * 100_000;
        self.apply_lists_at(inventory, started, Moment(now - 20_000));
        self.apply_lists_at(inventory, started, Moment(now));
    }

    fn apply_lists_at(&self, inventory: &mut Inventory, started: u64, now: Moment) {
        let started = Sequence(started);
        let data_sources = self.all_data_sources().cloned().collect();
        let table = &mut inventory.data_sources;
        table.apply_whole_list(started, now, data_sources, Vec::new());
        let trait_folders = self.all_trait_folders().cloned().collect();
        apply_tree::<TraitFolder>(inventory, started, now, trait_folders);
        let segment_folders = self.all_segment_folders().cloned().collect();
        apply_tree::<SegmentFolder>(inventory, started, now, segment_folders);
        for source in self.all_data_sources() {
            self.apply_traits(inventory, started, now, source.id);
            self.apply_segments(inventory, started, now, source.id);
        }
    }

    fn apply_traits(&self, inventory: &mut Inventory, at: Sequence, now: Moment, id: DataSourceId) {
        let found = self.all_traits().filter(|found| found.data_source == id);
        let (found, coverage) = (found.cloned().collect(), Coverage::DataSource(id));
        inventory.traits.apply_list(at, now, coverage, found, &[]);
    }

    fn apply_segments(
        &self,
        inventory: &mut Inventory,
        at: Sequence,
        now: Moment,
        id: DataSourceId,
    ) {
        let found = self.all_segments().filter(|found| found.data_source == id);
        let (found, coverage) = (found.cloned().collect(), Coverage::DataSource(id));
        inventory.segments.apply_list(at, now, coverage, found, &[]);
    }

    /// Carries out one call and folds its answer.
    pub(crate) fn carry_out(&mut self, call: &Call, at: u64, inventory: &mut Inventory) {
        self.strangers.judge(call);
        let (sequence, now) = (Sequence(at), Moment(at * 100_000));
        match call {
            Call::DataSource(Operation::Create(new)) => {
                let id = DataSourceId(self.id());
                let created = DataSource {
                    id,
                    company: None,
                    name: new.name.clone(),
                    description: new.description.clone(),
                    unique_trait_codes: new.unique_trait_codes,
                    unique_segment_codes: new.unique_segment_codes,
                    restrictions: new.restrictions.clone(),
                };
                self.data_sources.insert(id, created.clone());
                inventory.data_sources.apply_written(sequence, now, created);
                self.apply_traits(inventory, sequence, now, id);
                self.apply_segments(inventory, sequence, now, id);
            }
            Call::DataSource(Operation::Update(expected, change)) => {
                let found = self.data_sources.get_mut(&expected.id).unwrap();
                assert_eq!(*found, **expected, "planned on what stands");
                if let Some(description) = change.description.clone() {
                    found.description = description;
                }
                let written = found.clone();
                inventory.data_sources.apply_written(sequence, now, written);
            }
            Call::TraitFolder(Operation::Create(NewFolder { name, .. })) => {
                let id = TraitFolderId(self.id());
                let created = TraitFolder {
                    id,
                    parent: TraitFolderId(0),
                    name: name.clone(),
                };
                self.trait_folders.insert(id, created.clone());
                inventory.created_folders.traits.insert(id);
                inventory
                    .trait_folders
                    .apply_written(sequence, now, created);
            }
            Call::SegmentFolder(Operation::Create(NewFolder { name, .. })) => {
                let id = SegmentFolderId(self.id());
                let created = SegmentFolder {
                    id,
                    parent: SegmentFolderId(0),
                    name: name.clone(),
                };
                self.segment_folders.insert(id, created.clone());
                inventory.created_folders.segments.insert(id);
                inventory
                    .segment_folders
                    .apply_written(sequence, now, created);
            }
            Call::Trait(Operation::Create(new)) => {
                let sid = TraitSid(self.id());
                let created = Trait {
                    look_alikes: new.look_alikes.map(Box::new),
                    sid,
                    kind: match new.look_alikes {
                        Some(_) => TraitKind::Algorithmic,
                        None => TraitKind::Onboarded,
                    },
                    name: new.name.clone(),
                    description: new.description.clone(),
                    integration_code: Some(new.integration_code.clone()),
                    data_source: new.data_source,
                    folder: new.folder,
                    rule: new.rule.clone(),
                    ttl_days: Some(new.ttl_days),
                    activity: Activity::Active,
                };
                self.assert_yields(&created);
                self.traits.insert(sid, created.clone());
                self.trait_copied(&created);
                inventory.traits.apply_written(sequence, now, created);
            }
            Call::Trait(Operation::Update(expected, change)) => {
                let found = self.traits.get_mut(&expected.sid).unwrap();
                assert_eq!(*found, **expected, "planned on what stands");
                if let Some(name) = change.name.clone() {
                    found.name = name;
                }
                if let Some(description) = change.description.clone() {
                    found.description = description;
                }
                if let Some(rule) = change.rule.clone() {
                    found.rule = rule;
                }
                if let Some(data_source) = change.data_source {
                    found.data_source = data_source;
                }
                if let Some(folder) = change.folder {
                    found.folder = folder;
                }
                if let (Some(shown), true) = (&mut found.look_alikes, change.threshold.is_some()) {
                    shown.threshold = change.threshold;
                }
                if let Some(days) = change.ttl_days {
                    found.ttl_days = Some(days);
                }
                if let Some(code) = change.integration_code.clone() {
                    found.integration_code = Some(code);
                }
                if change.activate {
                    found.activity = Activity::Active;
                }
                inventory.traits.apply_written(sequence, now, found.clone());
            }
            Call::Segment(Operation::Create(new)) => {
                assert!(
                    !new.rule.contains('{'),
                    "a forecast is never carried out: {call}"
                );
                let sid = SegmentSid(self.id());
                let created = Segment {
                    sid,
                    name: new.name.clone(),
                    description: new.description.clone(),
                    integration_code: Some(new.integration_code.clone()),
                    data_source: new.data_source,
                    folder: new.folder,
                    rule: new.rule.clone(),
                    merge_rule: new.merge_rule,
                    trait_data_sources: None,
                    activity: Activity::Active,
                };
                self.segments.insert(sid, created.clone());
                self.segment_copied(&created);
                inventory.segments.apply_written(sequence, now, created);
            }
            Call::Segment(Operation::Update(expected, change)) => {
                let found = self.segments.get_mut(&expected.sid).unwrap();
                assert_eq!(*found, **expected, "planned on what stands");
                if let Some(name) = change.name.clone() {
                    found.name = name;
                }
                if let Some(description) = change.description.clone() {
                    found.description = description;
                }
                if let Some(rule) = change.rule.clone() {
                    found.rule = rule;
                }
                if let Some(data_source) = change.data_source {
                    found.data_source = data_source;
                }
                if let Some(folder) = change.folder {
                    found.folder = folder;
                }
                if let Some(rule) = change.merge_rule {
                    found.merge_rule = Some(rule);
                }
                if let Some(code) = change.integration_code.clone() {
                    found.integration_code = Some(code);
                }
                if change.activate {
                    found.activity = Activity::Active;
                }
                if change.pause {
                    found.activity = Activity::Inactive;
                }
                inventory
                    .segments
                    .apply_written(sequence, now, found.clone());
            }
            Call::DataSource(Operation::List(())) => {
                let listed = self.all_data_sources().cloned().collect();
                let table = &mut inventory.data_sources;
                table.apply_whole_list(sequence, now, listed, Vec::new());
            }
            Call::TraitFolder(Operation::List(())) => {
                let listed = self.all_trait_folders().cloned().collect();
                apply_tree::<TraitFolder>(inventory, sequence, now, listed);
            }
            Call::SegmentFolder(Operation::List(())) => {
                let listed = self.all_segment_folders().cloned().collect();
                apply_tree::<SegmentFolder>(inventory, sequence, now, listed);
            }
            Call::Trait(Operation::Delete(expected)) => {
                let found = self.traits.remove(&expected.sid);
                assert_eq!(found.as_ref(), Some(&**expected), "planned on what stands");
                inventory.traits.apply_gone(sequence, &expected.sid);
            }
            Call::Segment(Operation::Delete(expected)) => {
                let found = self.segments.remove(&expected.sid);
                assert_eq!(found.as_ref(), Some(&**expected), "planned on what stands");
                inventory.segments.apply_gone(sequence, &expected.sid);
            }
            Call::Trait(Operation::Read(sid)) => {
                let mut all = self.all_traits().chain(self.foreign_traits.values());
                match all.find(|found| found.sid == *sid) {
                    Some(found) => drop(inventory.traits.apply_read(sequence, found.clone())),
                    None => drop(inventory.traits.apply_gone(sequence, sid)),
                }
            }
            Call::Segment(Operation::Read(sid)) => {
                match self.all_segments().find(|found| found.sid == *sid) {
                    Some(found) => drop(inventory.segments.apply_read(sequence, found.clone())),
                    None => drop(inventory.segments.apply_gone(sequence, sid)),
                }
            }
            Call::Trait(Operation::LookUp((data_source, code))) => {
                let found = self.all_traits().filter(|found| {
                    found
                        .natural_keys()
                        .any(|key| key == (*data_source, code.clone()))
                });
                let found = found.cloned().collect();
                inventory
                    .traits
                    .apply_look_up(sequence, (*data_source, code.clone()), found);
            }
            Call::Segment(Operation::LookUp((data_source, code))) => {
                let found = self.all_segments().filter(|found| {
                    found
                        .natural_keys()
                        .any(|key| key == (*data_source, code.clone()))
                });
                let found = found.cloned().collect();
                inventory
                    .segments
                    .apply_look_up(sequence, (*data_source, code.clone()), found);
            }
            Call::ReadTraitUsers(sid) => {
                // A sid of the model is never the end of another.
                let users = self
                    .all_segments()
                    .filter(|segment| segment.rule.contains(&format!("{sid}T")));
                let segments = users.map(|segment| (segment.sid, segment.name.clone()));
                let users = Users {
                    seen: sequence,
                    segments: segments.collect(),
                };
                inventory.trait_users.insert(*sid, users);
            }
            Call::Trait(Operation::List(id)) => self.apply_traits(inventory, sequence, now, id[0]),
            Call::Segment(Operation::List(id)) => {
                self.apply_segments(inventory, sequence, now, id[0])
            }
            other => self.carry_out_use(other, at, inventory),
        }
    }
}

pub(crate) fn settings() -> ConnectionSettings {
    ConnectionSettings {
        owner: OwnerId::parse("us").unwrap(),
        previous_owners: Vec::new(),
        data_source: "Sharing".into(),
        trait_folder: "Traits".into(),
        segment_folder: "Segments".into(),
        merge_rule: None,
        trait_rule_key: "segid".into(),
        adoption: AdoptionPolicy::IfEqual,
    }
}

pub(crate) fn name(name: &str) -> ShareName {
    ShareName {
        namespace: ResourceName::parse("marketing").unwrap(),
        name: ResourceName::parse(name).unwrap(),
    }
}

pub(crate) fn uid() -> UidPrefix {
    UidPrefix::of("a1b2c3d4")
}

/// The mark of a resource of this world's owner.
pub(crate) fn mark_of(share: &ShareName) -> Mark {
    mark(&settings().owner, share, uid())
}

/// Asks for what carries `mark`, of the resources that are `existing`.
pub(crate) fn claimant<'a>(mark: &'a Mark, existing: &'a BTreeSet<ShareName>) -> Claimant<'a> {
    Claimant {
        mark,
        previous_owners: &[],
        existing,
    }
}

pub(crate) fn share(share: &str, source: &str, additional: &[&str]) -> Share {
    Share {
        name: name(share),
        uid: uid(),
        direction: Direction::ToAudienceManager(ToAudienceManager {
            models: Vec::new(),
            moves_over: false,
            source: AudienceSelector::Id(AudienceId::new(source)),
            name: None,
            description: None,
            ttl_days: 120,
            destinations: Vec::new(),
            additional_segments: additional
                .iter()
                .map(|key| AdditionalSegment {
                    key: (*key).into(),
                    name: format!("With {key}").into(),
                    description: "".into(),
                    rule: RuleTemplate::parse("{trait} AND 9912T").unwrap(),
                    traits: Vec::new(),
                    destinations: Vec::new(),
                })
                .collect(),
        }),
        mode: Mode::Manage,
        adoption: AdoptionPolicy::IfEqual,
        retain: false,
        source_gone: SourceGonePolicy::Retain,
    }
}

/// What a share asks for in Audience Manager.
pub(crate) fn target(share: &Share) -> &ToAudienceManager {
    match &share.direction {
        Direction::ToAudienceManager(target) => target,
        Direction::ToExperiencePlatform(_) => panic!("a share to Audience Manager"),
    }
}

pub(crate) fn target_mut(share: &mut Share) -> &mut ToAudienceManager {
    match &mut share.direction {
        Direction::ToAudienceManager(target) => target,
        Direction::ToExperiencePlatform(_) => panic!("a share to Audience Manager"),
    }
}

/// One connection over the model.
pub(crate) struct World {
    pub(crate) tenant: Tenant,
    pub(crate) inventory: Inventory,
    pub(crate) settings: ConnectionSettings,
    /// The export controls that audiences asked for so far.
    pub(crate) needed: BTreeSet<ExportControls>,
    pub(crate) claims: Claims,
    pub(crate) calls: Vec<Call>,
    /// What the status says.
    pub(crate) recorded: to_audience_manager::RecordedIds,
    pub(crate) at: u64,
    /// One of many that are reconciled at once.
    pub(crate) among_many: bool,
}

impl World {
    pub(crate) fn over(mut tenant: Tenant) -> Self {
        if tenant.strangers == Strangers::default() {
            tenant.strangers = Strangers::of_every_world();
        }
        let inventory = tenant.listed(1);
        Self {
            tenant,
            inventory,
            settings: settings(),
            needed: BTreeSet::new(),
            claims: Claims::default(),
            calls: Vec::new(),
            recorded: to_audience_manager::RecordedIds::default(),
            at: 1,
            among_many: false,
        }
    }

    pub(crate) fn shared_objects(&mut self) -> shared_objects::ObservedSharedObjects {
        for _ in 0..32 {
            let recorded = shared_objects::RecordedSharedObjects::default();
            let (settings, inventory) = (&self.settings, &self.inventory);
            let (needed, mode) = (&self.needed, Mode::Manage);
            let plan =
                shared_objects::plan_shared_objects(settings, &recorded, needed, inventory, mode);
            self.judge(&plan);
            let Some(step) = plan.steps.first().cloned() else {
                return plan.state;
            };
            self.carry_out(&step.call);
        }
        panic!("the shared objects are never complete: {:?}", self.calls);
    }

    pub(crate) fn plan(
        &mut self,
        share: &Share,
        source: &Audience,
    ) -> Plan<to_audience_manager::ObservedState> {
        let asked = source.controls().filter(|controls| !controls.is_empty());
        self.needed.extend(asked);
        let shared_objects = self.shared_objects();
        let desired = compose(&self.settings, mark_of(&share.name), target(share), source);
        let claimed = SourceId::Audience(source.id.clone());
        self.claims.claim(&share.name, &claimed, CreatedAt(0));
        let ours = shared_objects.data_source;
        self.tenant
            .surround(&desired, ours, self.at, &mut self.inventory);
        self.plan_over(share, &desired, &shared_objects, &self.inventory)
    }

    pub(crate) fn plan_over(
        &self,
        share: &Share,
        desired: &DesiredObjects,
        shared_objects: &shared_objects::ObservedSharedObjects,
        inventory: &Inventory,
    ) -> Plan<to_audience_manager::ObservedState> {
        let place = shared_objects.place(&self.settings, desired.controls.unwrap_or_default());
        let nobody = BTreeSet::new();
        let input = PlanInput {
            share,
            claimant: claimant(&desired.mark, &nobody),
            claims: &self.claims,
            desired,
            recorded: &self.recorded,
            inventory,
            since: Sequence(1),
            among_many: self.among_many,
        };
        let plan = to_audience_manager::plan_objects(input, shared_objects, place);
        self.judge(&plan);
        plan
    }

    /// No step, whether ready or not, changes what a stranger made.
    pub(crate) fn judge<T>(&self, plan: &Plan<T>) {
        for step in &plan.steps {
            self.tenant.strangers.judge(&step.call);
        }
    }

    /// Carries out plans until nothing is due; gives the last one.
    pub(crate) fn settle(
        &mut self,
        share: &Share,
        source: &Audience,
    ) -> Plan<to_audience_manager::ObservedState> {
        for _ in 0..64 {
            let plan = self.plan(share, source);
            let Some(step) = plan.steps.iter().find(|step| step.ready).cloned() else {
                if plan.is_settled() && share.mode == Mode::Manage {
                    self.is_mapped(share, &plan.state);
                }
                return plan;
            };
            self.carry_out(&step.call);
        }
        panic!("planning does not come to an end: {:?}", self.calls);
    }

    /// Carries out at most `count` calls; whether nothing is due any more.
    pub(crate) fn settle_some(&mut self, share: &Share, source: &Audience, count: usize) -> bool {
        for _ in 0..count {
            let plan = self.plan(share, source);
            let Some(step) = plan.steps.iter().find(|step| step.ready).cloned() else {
                return true;
            };
            self.carry_out(&step.call);
        }
        false
    }

    pub(crate) fn carry_out(&mut self, call: &Call) {
        self.at += 1;
        self.calls.push(call.clone());
        self.tenant.carry_out(call, self.at, &mut self.inventory);
    }

    /// A full pass over the tenant as it is now.
    pub(crate) fn refresh(&mut self) {
        self.at += 1;
        self.tenant.apply_lists(&mut self.inventory, self.at);
        self.calls.clear();
    }
}
