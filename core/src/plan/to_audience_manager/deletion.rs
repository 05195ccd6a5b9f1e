//! A shared audience that is deleted: what is deleted, in which order, and what blocks it (design.md §4, L7).
//!
//! Works from what the status recorded, so that neither a broken spec nor a vanished source can block it.

use std::collections::BTreeSet;

use super::coded::{Coded, coded};
use super::input::{ObservedState, RecordedIds};
use super::undeclared::keys_below;
use crate::blocker::Blocker;
use crate::call::{Call, Kind, Step};
use crate::compose::{
    DESCRIPTION_CHARS_MAX, DestinationSelector, SegmentDestination, additional_code,
};
use crate::domain::audience_manager::{Activity, Segment, SegmentChange, Trait, TraitChange};
use crate::domain::destination::Mapping;
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::mark::{Mark, describe, strip};
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory, Sequence};
use crate::ownership::owned::Ours;
use crate::ownership::{Claimant, Left};
use crate::plan::Plan;
use crate::plan::activation::destinations;
use crate::plan::activation::mappings::{self, KnownMapping};
use crate::plan::delete::{Leaving, after};
use crate::plan::lookup::{Slot, SlotKey};
use crate::plan::source::bounded_list;

#[derive(Clone, Copy, Debug)]
pub struct DeletionInput<'a> {
    pub claimant: Claimant<'a>,
    /// The recorded source; with it objects are found whose ids were never written down.
    pub source: Option<&'a AudienceId>,
    /// All in which objects of ours may be.
    pub data_sources: &'a [DataSourceId],
    pub recorded: &'a RecordedIds,
    /// As far as the spec can be read: a mapping may exist whose id was never written down.
    pub declared: &'a [SegmentDestination],
    pub inventory: &'a Inventory,
    /// Only a look-up of users at or after this call counts.
    pub since: Sequence,
}

/// The resource that takes the objects over, and what it keeps of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    pub mark: Mark,
    /// The integration codes of its additional segments.
    pub codes: BTreeSet<IntegrationCode>,
    pub destinations: Vec<SegmentDestination>,
}

/// Plans the deletions; a settled plan means that nothing of ours is left. `state` names what the status records and
/// is left, since it is not ours any more.
pub fn plan(departure: DeletionInput<'_>) -> Plan<Left> {
    let (mut plan, objects) = objects(&departure);
    let mappings = our_mappings(&departure, &mut plan.steps);
    if !plan.steps.is_empty() {
        return plan; // what is not known is asked for before anything is deleted
    }
    let inventory = departure.inventory;
    let segments = objects.segments.ids();
    let deletions = departure.mapping_deletions(&mappings, &segments);
    for sid in &segments {
        let ours: Vec<_> = mappings.iter().collect();
        let found = mappings::of_leaving(inventory, *sid, &ours);
        plan.blockers.extend(found.foreign);
    }
    for sid in &objects.traits.ids() {
        match users(&departure, *sid, &segments) {
            Users::Unknown => plan.steps.push(Step::ready(Call::ReadTraitUsers(*sid))),
            Users::Foreign(blocker) => plan.blockers.push(blocker),
            Users::OursAlone => {}
        }
    }
    if !plan.steps.is_empty() || !plan.blockers.is_empty() {
        return plan;
    }
    let first = deletions.is_empty();
    plan.steps.extend(deletions);
    plan.steps.extend(objects.segments.deletions(first));
    let first = first && segments.is_empty();
    plan.steps.extend(objects.traits.deletions(first));
    plan
}

/// Plans what must be asked for before [`state`] can tell.
pub fn look(departure: DeletionInput<'_>) -> Plan<Left> {
    let (mut plan, _) = objects(&departure);
    our_mappings(&departure, &mut plan.steps);
    plan
}

/// What is recorded and did not go, and what is ours although its id was never written down: the process died in between.
pub fn state(departure: DeletionInput<'_>) -> ObservedState {
    let (inventory, recorded) = (departure.inventory, departure.recorded);
    let (mut unasked, objects) = objects(&departure);
    let segments = objects.segments.kept.iter().map(|ours| ours.record());
    let segments: Vec<&Segment> = segments.collect();
    let trait_sid = recorded
        .trait_sid
        .filter(|sid| !inventory.traits.is_gone(sid))
        .or_else(|| {
            let found = objects.traits.kept.first()?;
            Some(found.record().sid)
        });
    let lives = |sid: &SegmentSid| !inventory.segments.is_gone(sid);
    let shared = departure.code();
    let is_shared = |found: &&&Segment| shared.is_some() && found.integration_code == shared;
    let segment_sid = recorded
        .segment_sid
        .filter(lives)
        .or_else(|| segments.iter().find(is_shared).map(|found| found.sid));
    let known = recorded.additional_segments.iter();
    let mut additional: Vec<_> = known.filter(|(_, sid)| lives(sid)).cloned().collect();
    for found in segments {
        let codes = found.integration_code.as_ref().zip(shared.as_ref());
        let key = codes.and_then(|(code, shared)| {
            let below = code.as_str().strip_prefix(shared.as_str())?;
            below.strip_prefix('.')
        });
        if let Some(key) = key
            && additional.iter().all(|(known, _)| **known != *key)
        {
            additional.push((key.into(), found.sid));
        }
    }
    ObservedState {
        trait_sid,
        segment_sid,
        observed: recorded.observed,
        data_source: trait_sid
            .and_then(|sid| inventory.traits.get(&sid))
            .map(|entry| entry.record.data_source),
        additional_segments: additional,
        mappings: our_mappings(&departure, &mut unasked.steps),
        traits: recorded.traits.clone(),
        stored_differently: Vec::new(),
    }
}

/// Plans that our segments are paused; a settled plan means that none of them reaches anybody.
pub fn pause(departure: DeletionInput<'_>) -> Plan<Left> {
    let (mut plan, objects) = objects(&departure);
    if plan.steps.is_empty() {
        let all = objects.segments.all();
        let active = all.filter(|ours| ours.record().activity != Activity::Inactive);
        let pause = SegmentChange {
            pause: true,
            ..SegmentChange::default()
        };
        plan.steps
            .extend(active.map(|ours| Step::ready(Call::update(ours.owned(), pause.clone()))));
    }
    plan
}

/// Plans how another resource takes the objects over: what it declares is marked as its own, the rest is deleted. So each
/// object has exactly one owner at every moment (design.md §4, L5).
pub fn hand_over(departure: DeletionInput<'_>, kept: &Successor) -> Plan<Left> {
    let (mut plan, objects) = objects(&departure);
    if !plan.steps.is_empty() {
        return plan;
    }
    let shared = departure.code();
    let is_taken_over = |ours: &Ours<'_, Segment>| {
        let code = ours.record().integration_code.as_ref();
        code.is_none_or(|code| Some(code) == shared.as_ref() || kept.codes.contains(code))
    };
    let (taken_over, undeclared): (Vec<_>, Vec<_>) =
        objects.segments.all().partition(is_taken_over);
    plan.steps.extend(objects.traits.all().map(|ours| {
        let change = TraitChange {
            description: Some(kept.marked(&ours.record().description)),
            ..TraitChange::default()
        };
        Step::ready(Call::update(ours.owned(), change))
    }));
    plan.steps.extend(taken_over.into_iter().map(|ours| {
        let change = SegmentChange {
            description: Some(kept.marked(&ours.record().description)),
            ..SegmentChange::default()
        };
        Step::ready(Call::update(ours.owned(), change))
    }));
    if !plan.steps.is_empty() {
        return plan; // first every object has its next owner, then the rest is deleted
    }
    let mut mappings = our_mappings(&departure, &mut plan.steps);
    mappings.retain(|known| !kept.keeps(known, departure.inventory));
    if !plan.steps.is_empty() {
        return plan;
    }
    for ours in undeclared {
        let sid = ours.record().sid;
        let key = departure.recorded.additional_segments.iter();
        let key = key.filter(|(_, known)| *known == sid).map(|(key, _)| key);
        let key: Vec<_> = key.collect();
        let of_segment = |known: &KnownMapping| {
            known
                .segment
                .as_ref()
                .is_some_and(|segment| key.contains(&segment))
        };
        let is_mapped = mappings.iter().any(of_segment);
        plan.steps
            .push(after(!is_mapped, Call::delete(ours.owned())));
    }
    plan.steps
        .extend(departure.mapping_deletions(&mappings, &[]));
    plan.state = Left::default(); // what carries the successor's mark by now is not left
    plan
}

impl Successor {
    pub(super) fn marked(&self, description: &str) -> Box<str> {
        describe(strip(description), &self.mark, DESCRIPTION_CHARS_MAX).into()
    }

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

/// The traits and segments that are ours.
struct Objects<'a> {
    traits: Leaving<'a, Trait>,
    segments: Leaving<'a, Segment>,
}

/// What is not known is asked for.
fn objects<'a>(departure: &DeletionInput<'a>) -> (Plan<Left>, Objects<'a>) {
    let mut plan = Plan {
        steps: listings(departure),
        ..Plan::default()
    };
    let recorded = departure.recorded;
    let own = recorded.segment_sid.filter(|_| !recorded.observed);
    let additional = recorded.additional_segments.iter().map(|(_, sid)| *sid);
    let code = departure.code();
    let below = code.iter();
    let below: Vec<_> = below
        .flat_map(|code| keys_below(departure.inventory, departure.data_sources, code))
        .collect();
    let below = below.into_iter().map(SlotKey::found_by);
    let slot = Slot {
        recorded: additional.chain(own).collect(),
        keys: departure.keys().chain(below).collect(),
        has_key: departure
            .has_key(|found: &Segment| (found.data_source, found.integration_code.as_ref())),
        ..departure.slot()
    };
    let (traits, gone) = (
        &departure.inventory.traits,
        departure.codes_of_gone_segments(),
    );
    let segments = Leaving::of(
        &slot,
        &mut plan,
        |one, other| one.integration_code == other.integration_code,
        |found| {
            gone.iter()
                .any(|code| found.integration_code.as_ref() == Some(code))
        },
    );
    let own = recorded.trait_sid.filter(|_| !recorded.observed);
    let slot = Slot {
        recorded: own.into_iter().collect(),
        keys: departure.keys().collect(),
        has_key: departure
            .has_key(|found: &Trait| (found.data_source, found.integration_code.as_ref())),
        ..departure.slot()
    };
    let is_gone = own.is_some_and(|sid| traits.is_gone(&sid));
    let traits = Leaving::of(&slot, &mut plan, |_, _| true, |_| is_gone);
    (plan, Objects { traits, segments })
}

/// The mappings that the status names, and those to declared destinations whose ids were never written down.
fn our_mappings(departure: &DeletionInput<'_>, steps: &mut Vec<Step>) -> Vec<KnownMapping> {
    let (inventory, recorded) = (departure.inventory, departure.recorded);
    let exists = |known: &&KnownMapping| {
        known
            .mapping
            .is_some_and(|id| !inventory.mappings.is_gone(&id))
    };
    let mut ours: Vec<_> = recorded.mappings.iter().filter(exists).cloned().collect();
    for declared in departure.declared {
        let is_recorded = |destination: &dyn Fn(&KnownMapping) -> bool| {
            let mut known = recorded.mappings.iter();
            known.any(|known| {
                known.segment == declared.segment && known.mapping.is_some() && destination(known)
            })
        };
        let Some(sid) = departure.sid_of(declared.segment.as_deref()) else {
            continue;
        };
        // By the declaration alone, which costs no call.
        if is_recorded(&|known| match &declared.destination {
            DestinationSelector::Id(id) => known.destination == *id,
            DestinationSelector::Name(name) => known.found_by.as_ref() == Some(name),
        }) {
            continue;
        }
        let destination = match destinations::resolve(inventory, &declared.destination, None) {
            destinations::Resolved::Found(destination) => destination,
            destinations::Resolved::Ask(call) => {
                steps.push(Step::ready(call));
                continue;
            }
            // Nothing was ever mapped there.
            destinations::Resolved::Held(_) => continue,
        };
        if is_recorded(&|known| known.destination == destination.id) {
            continue;
        }
        let key = (sid, destination.id);
        if !inventory.mappings.was_looked_up(&key, departure.since) {
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

impl<'a> DeletionInput<'a> {
    /// The segment that a mapping is of: by the status, else by its integration code.
    fn sid_of(&self, key: Option<&str>) -> Option<SegmentSid> {
        let recorded = match key {
            None => self.recorded.segment_sid,
            Some(key) => {
                let mut known = self.recorded.additional_segments.iter();
                known
                    .find(|(known, _)| **known == *key)
                    .map(|(_, sid)| *sid)
            }
        };
        let code = |source: &AudienceId| match key {
            None => IntegrationCode::new(source.as_str()),
            Some(key) => additional_code(source, key),
        };
        let table = &self.inventory.segments;
        let code = self.source.map(code);
        let mut places = self.data_sources.iter();
        let found = places.find_map(|place| table.find(&(*place, code.clone()?)).next());
        let live = recorded.filter(|sid| !table.is_gone(sid));
        live.or(found.map(|entry| entry.record.sid))
    }

    /// The integration code of the shared objects.
    fn code(&self) -> Option<IntegrationCode> {
        self.source
            .map(|source| IntegrationCode::new(source.as_str()))
    }

    /// With which the recorded segments were made that are gone.
    fn codes_of_gone_segments(&self) -> Vec<IntegrationCode> {
        let (recorded, table) = (self.recorded, &self.inventory.segments);
        let own = recorded.segment_sid.zip(self.code());
        let additional = recorded.additional_segments.iter();
        let additional =
            additional.filter_map(|(key, sid)| Some((*sid, additional_code(self.source?, key))));
        let all = own.into_iter().chain(additional);
        let gone = all.filter(|(sid, _)| table.is_gone(sid));
        gone.map(|(_, code)| code).collect()
    }

    /// Where objects may be whose ids were never written down.
    fn keys<K: Coded>(&self) -> impl Iterator<Item = SlotKey<K>> {
        let (inventory, data_sources) = (self.inventory, self.data_sources);
        let code = self.code().into_iter();
        code.flat_map(move |code| {
            let keys = data_sources.iter();
            keys.map(move |id| coded(inventory, *id, &code))
        })
    }

    /// The code of our source, or one below it, in a data source of ours.
    fn has_key<K: 'static>(
        &self,
        place: fn(&K) -> (DataSourceId, Option<&IntegrationCode>),
    ) -> Box<dyn Fn(&K) -> bool + 'a> {
        let (code, data_sources) = (self.code(), self.data_sources);
        let below = code.as_ref().map(|code| format!("{code}."));
        Box::new(move |found| {
            let (data_source, found) = place(found);
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
            elsewhere: Vec::new(),
            has_key: Box::new(|_| false),
            description: None,
        }
    }

    /// Of `mappings`, and of what this process mapped to `segments` for a declaration that changed before a status could
    /// name it.
    fn mapping_deletions(&self, mappings: &[KnownMapping], segments: &[SegmentSid]) -> Vec<Step> {
        let known = mappings.iter().filter_map(|known| {
            let sid = self.sid_of(known.segment.as_deref());
            mappings::deletion(self.inventory, known, sid)
        });
        let mut steps: Vec<Step> = known.collect();
        for ours in segments
            .iter()
            .flat_map(|sid| mappings::made(self.inventory, *sid))
        {
            let step = Step::ready(Call::delete(ours.owned()));
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps
    }
}

/// Without the lists of our data sources, absence cannot be judged.
fn listings(departure: &DeletionInput<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for data_source in departure.data_sources {
        let coverage = Coverage::DataSource(*data_source);
        if !departure.inventory.traits.is_listed(coverage) {
            steps.push(Step::ready(Call::list::<Trait>(*data_source)));
        }
        if !departure.inventory.segments.is_listed(coverage) {
            steps.push(Step::ready(Call::list::<Segment>(*data_source)));
        }
    }
    steps
}

enum Users {
    Unknown,
    Foreign(Blocker),
    OursAlone,
}

fn users(departure: &DeletionInput<'_>, sid: TraitSid, leaving: &[SegmentSid]) -> Users {
    let Some(users) = departure
        .inventory
        .trait_users
        .get(&sid)
        .filter(|users| users.seen >= departure.since)
    else {
        return Users::Unknown;
    };
    let foreign: Vec<String> = users
        .segments
        .iter()
        .filter(|(segment, _)| {
            !leaving.contains(segment) && !departure.inventory.segments.is_gone(segment)
        })
        .map(|(segment, name)| format!("segment {segment} {name:?}"))
        .collect();
    match foreign.is_empty() {
        true => Users::OursAlone,
        false => Users::Foreign(Blocker::new(
            Reason::DeletionBlocked,
            format!(
                "Trait {sid} is used by {}; nothing was deleted. Take the trait out of them, or set deletionPolicy to \
                 Retain.",
                bounded_list(&foreign.iter().map(String::as_str).collect::<Vec<_>>())
            ),
        )),
    }
}
