//! A shared audience that is deleted: what is deleted, in which order, and what blocks it (design.md §4, L7).
//!
//! Works from what the status recorded, so that neither a broken spec nor a vanished source can block it.

use super::coded::{Coded, coded};
use super::input::{KnownModel, ObservedState, RecordedIds};
use super::own_models::{OwnModels, baselines, model_deletion};
use super::undeclared_segments::keys_below;
use super::users::{TraitUsers, users_of};
use crate::call::{Call, Kind, Step};
use crate::compose::{DestinationSelector, SegmentDestination, additional_code};
use crate::domain::audience_manager::{Activity, Segment, SegmentChange, Trait, TraitChange};
use crate::domain::destination::Mapping;
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid};
use crate::domain::mark::{EntryKey, Mark};
use crate::domain::model::{LastRun, Model, ModelChange};
use crate::domain::source::SourceId;
use crate::inventory::{Coverage, Inventory, Table};
use crate::ownership::Left;
use crate::ownership::owned::Ours;
use crate::plan::activation::destinations::{ResolvedDestination, resolve_destination};
use crate::plan::activation::mappings::{self, KnownMapping};
use crate::plan::delete::{self, Marked, OwnedObjects, marked_as};
use crate::plan::input::{Cleanup, Successor};
use crate::plan::lookup::{Slot, SlotKey};
use crate::plan::shared_objects::unlisted;
use crate::plan::{DeletionInput, Plan};

/// Where objects of a deleted resource may be.
#[derive(Clone, Copy, Debug)]
pub struct RecordedObjects<'a> {
    pub ids: &'a RecordedIds,
    /// All in which objects of ours may be.
    pub data_sources: &'a [DataSourceId],
    /// As far as the spec can be read: a mapping may exist whose id was never written down.
    pub declared: &'a [SegmentDestination],
    /// The same of models.
    pub declares_models: bool,
}

type ObjectDeletion<'a> = DeletionInput<'a, RecordedObjects<'a>>;

pub(in crate::plan) fn clean_up_objects(
    deletion: ObjectDeletion<'_>,
    cleanup: Cleanup<'_>,
) -> Plan<Left> {
    let (mut plan, objects) = objects(&deletion);
    match cleanup {
        Cleanup::Retain => drop(our_mappings(&deletion, &mut plan.steps)),
        Cleanup::Pause if plan.steps.is_empty() => plan.steps.extend(objects.segments.pause()),
        Cleanup::HandOver(successor) if plan.steps.is_empty() => {
            hand_over(&deletion, &objects, successor, &mut plan);
        }
        Cleanup::Delete => delete_all(&deletion, &objects, &mut plan),
        Cleanup::Pause | Cleanup::HandOver(_) => {}
    }
    plan
}

fn delete_all(deletion: &ObjectDeletion<'_>, objects: &Objects<'_>, plan: &mut Plan<Left>) {
    let mappings = our_mappings(deletion, &mut plan.steps);
    if !plan.steps.is_empty() {
        return; // what is not known is asked for before anything is deleted
    }
    let inventory = deletion.inventory;
    let segments = objects.segments.ids();
    let deletions = deletion.mapping_deletions(&mappings, &segments);
    for sid in &segments {
        let ours: Vec<_> = mappings.iter().collect();
        let found = mappings::in_the_way_of(inventory, *sid, &ours);
        plan.blockers.extend(found.foreign);
    }
    for sid in &objects.traits.ids() {
        match users_of(inventory, deletion.since, *sid, &segments) {
            TraitUsers::Unknown => plan.steps.push(Step::ready(Call::ReadTraitUsers(*sid))),
            TraitUsers::Foreign(blocker) => plan.blockers.push(blocker),
            TraitUsers::OursAlone => {}
        }
    }
    if !plan.steps.is_empty() || !plan.blockers.is_empty() {
        return;
    }
    // The shared segment or trait is what a model is made of: they go last (design.md §4, L7).
    let (steps, shared) = (&mut plan.steps, deletion.code());
    steps.extend(deletions);
    let has_models = !objects.models.is_empty();
    let is_shared_segment = |found: &Segment| has_models && found.integration_code == shared;
    let is_shared_trait = |found: &Trait| found.integration_code == shared;
    let first = steps.is_empty();
    steps.extend(
        objects
            .segments
            .deletions(first, |found| !is_shared_segment(found)),
    );
    let first = steps.is_empty();
    steps.extend(
        objects
            .traits
            .deletions(first, |found| !is_shared_trait(found)),
    );
    let first = steps.is_empty();
    let models = objects.models.iter();
    steps.extend(models.map(|ours| model_deletion(inventory, ours, first)));
    let first = steps.is_empty();
    steps.extend(objects.segments.deletions(first, is_shared_segment));
    let first = steps.is_empty();
    steps.extend(objects.traits.deletions(first, is_shared_trait));
}

/// What is recorded and did not go, and what is ours although its id was never written down: the process died in between.
pub fn remaining_state(deletion: ObjectDeletion<'_>) -> ObservedState {
    let (inventory, recorded) = (deletion.inventory, deletion.recorded.ids);
    let (mut unasked, objects) = objects(&deletion);
    let segments = objects.segments.kept.iter().map(|ours| ours.record());
    let segments: Vec<&Segment> = segments.collect();
    let trait_sid = recorded
        .trait_sid
        .filter(|sid| !inventory.traits.is_gone(sid))
        .or_else(|| {
            let mut found = objects.traits.kept.iter().map(|ours| ours.record());
            Some(found.find(|found| found.look_alikes.is_none())?.sid)
        });
    let lives = |sid: &SegmentSid| !inventory.segments.is_gone(sid);
    let shared = deletion.code();
    let is_shared = |found: &&&Segment| shared.is_some() && found.integration_code == shared;
    let segment_sid = recorded
        .segment_sid
        .filter(lives)
        .or_else(|| segments.iter().find(is_shared).map(|found| found.sid));
    let known = recorded.additional_segments.iter();
    let mut additional: Vec<_> = known.filter(|(_, sid)| lives(sid)).cloned().collect();
    for found in segments {
        let codes = found.integration_code.as_ref().zip(shared.as_ref());
        let key = codes.and_then(|(code, shared)| below(code, shared));
        if let Some(key) = key
            && additional.iter().all(|(known, _)| **known != *key)
        {
            additional.push((key.into(), found.sid));
        }
    }
    let known = recorded.models.iter();
    let known = known.filter(|known| !inventory.models.is_gone(&known.id));
    let mut models: Vec<KnownModel> = known.cloned().collect();
    for found in objects.models.iter().map(|ours| ours.record()) {
        if let Some(key) = entry_of(found)
            && models.iter().all(|known| known.id != found.id)
        {
            models.push(KnownModel {
                key,
                id: found.id,
                last_run: LastRun::None,
                traits: Vec::new(),
            });
        }
    }
    for found in objects.traits.all().map(|ours| ours.record()) {
        let made_of = found.look_alikes.as_ref().map(|made_of| made_of.model);
        let key = found.integration_code.as_ref().zip(shared.as_ref());
        let key = key.and_then(|(code, shared)| below(code, shared));
        let mut of_model = models.iter_mut();
        if let Some(key) = key
            && let Some(known) = of_model.find(|known| Some(known.id) == made_of)
            && known.traits.iter().all(|(_, sid)| *sid != found.sid)
        {
            known.traits.push((key.into(), found.sid));
        }
    }
    ObservedState {
        trait_sid,
        segment_sid,
        models,
        observed: recorded.observed,
        data_source: trait_sid
            .and_then(|sid| inventory.traits.get(&sid))
            .map(|entry| entry.record.data_source),
        additional_segments: additional,
        mappings: our_mappings(&deletion, &mut unasked.steps),
        traits: recorded.traits.clone(),
        adobes: None,
        ..ObservedState::default()
    }
}

/// The key of an entry, out of a code below the source's.
fn below<'c>(code: &'c IntegrationCode, shared: &IntegrationCode) -> Option<&'c str> {
    let below = code.as_str().strip_prefix(shared.as_str())?;
    below.strip_prefix('.')
}

fn hand_over(
    deletion: &ObjectDeletion<'_>,
    objects: &Objects<'_>,
    successor: &Successor,
    plan: &mut Plan<Left>,
) {
    let shared = deletion.code();
    let is_taken_over = |found: &Segment| {
        let code = found.integration_code.as_ref();
        code.is_none_or(|code| Some(code) == shared.as_ref() || successor.codes.contains(code))
    };
    let is_taken_trait = |found: &Trait| {
        let code = found.integration_code.as_ref();
        code.is_none_or(|code| {
            Some(code) == shared.as_ref() || successor.trait_codes.contains(code)
        })
    };
    let traits = objects.traits.hand_over(&successor.mark, is_taken_trait);
    plan.steps.extend(traits);
    let (taken, left): (Vec<_>, Vec<_>) =
        objects.models.iter().partition(|ours: &&Ours<'_, Model>| {
            let entry = entry_of(ours.record());
            entry.is_some_and(|entry| successor.models.contains(&entry))
        });
    plan.steps
        .extend(taken.into_iter().map(|ours: &Ours<'_, Model>| {
            let mark = successor.mark.clone().of_entry(entry_of(ours.record()));
            marked_as(&mark, ours)
        }));
    let segments = objects.segments.hand_over(&successor.mark, is_taken_over);
    plan.steps.extend(segments);
    if !plan.steps.is_empty() {
        return; // first every object has its next owner, then the rest is deleted
    }
    let mut mappings = our_mappings(deletion, &mut plan.steps);
    mappings.retain(|known| !successor.keeps(known, deletion.inventory));
    if !plan.steps.is_empty() {
        return;
    }
    let all = objects.segments.all();
    for ours in all.filter(|ours| !is_taken_over(ours.record())) {
        let sid = ours.record().sid;
        let key = deletion.recorded.ids.additional_segments.iter();
        let key = key.filter(|(_, known)| *known == sid).map(|(key, _)| key);
        let key: Vec<_> = key.collect();
        let of_segment = |known: &KnownMapping| {
            known
                .segment
                .as_ref()
                .is_some_and(|segment| key.contains(&segment))
        };
        let is_mapped = mappings.iter().any(of_segment);
        let step = delete::deletion(ours.owned(), !is_mapped);
        plan.steps.push(step);
    }
    plan.steps
        .extend(deletion.mapping_deletions(&mappings, &[]));
    let goes = |found: &Trait| !is_taken_trait(found);
    for ours in objects.traits.all().filter(|ours| goes(ours.record())) {
        let sid = ours.record().sid;
        match users_of(deletion.inventory, deletion.since, sid, &[]) {
            TraitUsers::Unknown => plan.steps.push(Step::ready(Call::ReadTraitUsers(sid))),
            TraitUsers::Foreign(blocker) => plan.blockers.push(blocker),
            TraitUsers::OursAlone => plan.steps.push(delete::deletion(ours.owned(), true)),
        }
    }
    let left = left.into_iter();
    plan.steps
        .extend(left.map(|ours| model_deletion(deletion.inventory, ours, true)));
    plan.state = Left::default(); // what carries the successor's mark by now is not left
}

impl Marked for Trait {
    fn described(description: Box<str>) -> TraitChange {
        TraitChange {
            description: Some(description),
            ..TraitChange::default()
        }
    }
}

/// A trait without its segment reaches no destination.
impl Marked for Segment {
    fn described(description: Box<str>) -> SegmentChange {
        SegmentChange {
            description: Some(description),
            ..SegmentChange::default()
        }
    }

    fn paused(&self) -> Option<SegmentChange> {
        // Activated again, one that Audience Manager suspended would lose that status.
        let runs = self.activity != Activity::Inactive && self.activity.suspended().is_none();
        runs.then(|| SegmentChange {
            pause: true,
            ..SegmentChange::default()
        })
    }
}

impl Marked for Model {
    fn described(description: Box<str>) -> ModelChange {
        ModelChange {
            description: Some(description),
            ..ModelChange::default()
        }
    }
}

/// The key of the entry that declared a model of ours.
fn entry_of(found: &Model) -> Option<EntryKey> {
    Mark::read(&found.description)?.entry().cloned()
}

impl Successor {
    fn keeps(&self, known: &KnownMapping, inventory: &Inventory) -> bool {
        let found = inventory.destinations.get(&known.destination);
        let name = found.map(|entry| &entry.record.name);
        let mut declared = self.destinations.iter();
        declared.any(|declared| {
            declared.segment == known.segment
                && match &declared.destination {
                    DestinationSelector::Id(id) => *id == known.destination,
                    DestinationSelector::Name(wanted) => {
                        known.found_by.as_ref() == Some(wanted) || name == Some(wanted)
                    }
                }
        })
    }
}

/// What is ours.
struct Objects<'a> {
    /// The algorithmic ones too.
    traits: OwnedObjects<'a, Trait>,
    segments: OwnedObjects<'a, Segment>,
    models: Vec<Ours<'a, Model>>,
}

/// What is not known is asked for.
fn objects<'a>(deletion: &ObjectDeletion<'a>) -> (Plan<Left>, Objects<'a>) {
    let mut plan = Plan::default();
    let (inventory, data_sources) = (deletion.inventory, deletion.recorded.data_sources);
    // Without the lists of our data sources, absence cannot be judged.
    let unlisted = data_sources.iter().flat_map(|id| unlisted(*id, inventory));
    plan.steps.extend(unlisted);
    let models_wanted =
        deletion.recorded.declares_models || !deletion.recorded.ids.models.is_empty();
    if models_wanted && !inventory.models.is_listed(Coverage::Whole) {
        plan.steps.push(Step::ready(Call::list::<Model>(())));
    }
    let recorded = deletion.recorded.ids;
    let is_ours = !recorded.observed;
    let own = recorded.segment_sid.filter(|_| is_ours);
    let segments: OwnedObjects<'_, Segment> =
        deletion.owned(&mut plan, own, recorded.additional_segments.iter());
    let own = recorded.trait_sid.filter(|_| is_ours);
    let look_alikes = recorded.models.iter().flat_map(|known| &known.traits);
    let traits: OwnedObjects<'_, Trait> = deletion.owned(&mut plan, own, look_alikes);
    let kept = (traits.ids().into_iter().map(|sid| sid.0))
        .chain(segments.ids().into_iter().map(|sid| sid.0));
    let models = OwnModels {
        inventory,
        claimant: deletion.claimant,
        recorded: &recorded.models,
        baselines: baselines(recorded.trait_sid, recorded.segment_sid)
            .into_iter()
            .chain(kept)
            .collect(),
    };
    let (asked, models) = models.find(|_| true);
    plan.steps.extend(asked);
    (
        plan,
        Objects {
            traits,
            segments,
            models,
        },
    )
}

/// The mappings that the status names, and those to declared destinations whose ids were never written down.
fn our_mappings(deletion: &ObjectDeletion<'_>, steps: &mut Vec<Step>) -> Vec<KnownMapping> {
    let (inventory, recorded) = (deletion.inventory, deletion.recorded.ids);
    let exists = |known: &&KnownMapping| {
        known
            .mapping
            .is_some_and(|id| !inventory.mappings.is_gone(&id))
    };
    let mut ours: Vec<_> = recorded.mappings.iter().filter(exists).cloned().collect();
    for declared in deletion.recorded.declared {
        let is_recorded = |destination: &dyn Fn(&KnownMapping) -> bool| {
            let mut known = recorded.mappings.iter();
            known.any(|known| {
                known.segment == declared.segment && known.mapping.is_some() && destination(known)
            })
        };
        let Some(sid) = deletion.sid_of(declared.segment.as_deref()) else {
            continue;
        };
        // By the declaration alone, which costs no call.
        if is_recorded(&|known| match &declared.destination {
            DestinationSelector::Id(id) => known.destination == *id,
            DestinationSelector::Name(name) => known.found_by.as_ref() == Some(name),
        }) {
            continue;
        }
        let destination = match resolve_destination(inventory, &declared.destination, None) {
            ResolvedDestination::Found(destination) => destination,
            ResolvedDestination::Ask(call) => {
                steps.push(Step::ready(call));
                continue;
            }
            // Nothing was ever mapped there.
            ResolvedDestination::Blocked(_) => continue,
        };
        if is_recorded(&|known| known.destination == destination.id) {
            continue;
        }
        let key = (sid, destination.id);
        if !inventory.mappings.was_looked_up(&key, deletion.since) {
            steps.push(Step::ready(Call::look_up::<Mapping>(key)));
        }
        let table = &inventory.mappings;
        let found = table.find(&key);
        let found = found.filter(|entry| mappings::has_keys(table, &entry.record, &declared.keys));
        ours.extend(found.map(|entry| KnownMapping {
            segment: declared.segment.clone(),
            key: declared.key.clone(),
            found_by: None,
            destination: destination.id,
            mapping: Some(entry.record.id),
        }));
    }
    ours
}

impl<'a> ObjectDeletion<'a> {
    /// The segment that a mapping is of: by the status, else by its integration code.
    fn sid_of(&self, key: Option<&str>) -> Option<SegmentSid> {
        let code = |source: &AudienceId| match key {
            None => IntegrationCode::new(source.as_str()),
            Some(key) => additional_code(source, key),
        };
        let table = &self.inventory.segments;
        let code = self.audience().map(code);
        let mut places = self.recorded.data_sources.iter();
        let found = places.find_map(|place| table.find(&(*place, code.clone()?)).next());
        let recorded = self.recorded.ids.segment(key);
        let live = recorded.filter(|sid| !table.is_gone(sid));
        live.or(found.map(|entry| entry.record.sid))
    }

    /// The integration code of the shared objects.
    fn code(&self) -> Option<IntegrationCode> {
        self.audience()
            .map(|source| IntegrationCode::new(source.as_str()))
    }

    fn audience(&self) -> Option<&'a AudienceId> {
        self.source.and_then(SourceId::audience)
    }

    /// With which the recorded objects were made that are gone: the shared one, and those of entries.
    fn codes_of_gone<'r, K: Coded>(
        &self,
        table: &Table<K>,
        own: Option<K::Id>,
        entries: impl Iterator<Item = &'r (Box<str>, K::Id)>,
    ) -> Vec<IntegrationCode> {
        let own = own.zip(self.code());
        let entries =
            entries.filter_map(|(key, sid)| Some((*sid, additional_code(self.audience()?, key))));
        let all = own.into_iter().chain(entries);
        let gone = all.filter(|(sid, _)| table.is_gone(sid));
        gone.map(|(_, code)| code).collect()
    }

    /// Where objects may be whose ids were never written down: under the code of our source, or one below it.
    fn keys<K: Coded>(&self) -> impl Iterator<Item = SlotKey<K>> {
        let (inventory, data_sources) = (self.inventory, self.recorded.data_sources);
        let code = self.code().into_iter();
        code.flat_map(move |code| {
            let keys = data_sources.iter();
            let keys = keys.map(|id| coded(inventory, *id, &code));
            let below = keys_below(K::table(inventory), data_sources, &code);
            let below = below.into_iter().map(SlotKey::found_by);
            keys.chain(below).collect::<Vec<_>>()
        })
    }

    /// The objects of one kind that are ours: the shared one, and those of entries. Of one code one is kept.
    fn owned<'r, K: Coded>(
        &self,
        plan: &mut Plan<Left>,
        own: Option<K::Id>,
        entries: impl Iterator<Item = &'r (Box<str>, K::Id)> + Clone,
    ) -> OwnedObjects<'a, K> {
        let recorded = entries.clone().map(|(_, sid)| *sid);
        let slot = Slot {
            recorded: recorded.chain(own).collect(),
            keys: self.keys().collect(),
            has_key: self.has_key(),
            ..self.slot()
        };
        let gone = self.codes_of_gone(K::table(self.inventory), own, entries);
        OwnedObjects::of(
            &slot,
            plan,
            |one: &K, other| one.place().1 == other.place().1,
            |found| found.place().1.is_some_and(|code| gone.contains(code)),
        )
    }

    /// The code of our source, or one below it, in a data source of ours.
    fn has_key<K: Coded>(&self) -> Box<dyn Fn(&K) -> bool + 'a> {
        let (code, data_sources) = (self.code(), self.recorded.data_sources);
        let below = code.as_ref().map(|code| format!("{code}."));
        Box::new(move |found| {
            let (data_source, found) = found.place();
            let is_below = |found: &IntegrationCode| {
                let below = below.as_deref();
                below.is_some_and(|below| found.as_str().starts_with(below))
            };
            let of_source =
                |found: &IntegrationCode| Some(found) == code.as_ref() || is_below(found);
            data_sources.contains(&data_source) && found.is_some_and(of_source)
        })
    }

    fn slot<K: Kind>(&self) -> Slot<'a, K> {
        Slot {
            inventory: self.inventory,
            claimant: self.claimant,
            recorded: Vec::new(),
            as_ours: true,
            keys: Vec::new(),
            other_keys: Vec::new(),
            has_key: Box::new(|_| false),
            description: None,
        }
    }

    /// Of `mappings`, and of what this process mapped to `segments` for a declaration that changed before a status could
    /// name it.
    fn mapping_deletions(&self, mappings: &[KnownMapping], segments: &[SegmentSid]) -> Vec<Step> {
        let known = mappings.iter();
        let known = known.map(|known| (known, self.sid_of(known.segment.as_deref())));
        let made = segments.iter();
        let made = made.flat_map(|sid| mappings::made(self.inventory, *sid));
        mappings::deletions(self.inventory, known, made)
    }
}
