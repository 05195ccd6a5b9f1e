//! A shared audience that leaves: what is deleted, in which order, and what stands in the way (design.md §4.8).
//!
//! Works from what the status recorded, so that neither a broken spec nor a vanished source can block it.

use std::collections::BTreeSet;

use super::Plan;
use super::call::{Call, Step};
use super::hold::Hold;
use super::mappings::{self, KnownMapping};
use super::ownership::is_ours;
use super::source::bounded_list;
use crate::compose::{DestinationSelector, SegmentDestination, ShareName, additional_code, mark};
use crate::domain::audience_manager::{Activity, SegmentChange};
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::ownership::{Mark, OwnerId};
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory, Sequence};

use super::audience::Recorded;

#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    pub owner: &'a OwnerId,
    pub share: &'a ShareName,
    /// The recorded source; with it objects are found whose ids were never written down.
    pub source: Option<&'a AudienceId>,
    /// All in which objects of ours may stand.
    pub data_sources: &'a [DataSourceId],
    pub recorded: &'a Recorded,
    /// As far as the spec can be read: a mapping may stand whose id was never written down.
    pub declared: &'a [SegmentDestination],
    pub inventory: &'a Inventory,
    /// Only a look-up of users at or after this call counts.
    pub since: Sequence,
}

/// What another share keeps of the objects that it takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The integration codes of its additional segments.
    pub codes: BTreeSet<IntegrationCode>,
    pub destinations: Vec<SegmentDestination>,
}

/// Plans the deletions; a settled plan means that nothing of ours is left.
pub fn plan(departure: Departure<'_>) -> Plan<()> {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: (),
    };
    let mark = mark(departure.owner, departure.share);
    plan.steps.extend(listings(&departure));
    let segments = our_segments(&departure, &mark, &mut plan.steps);
    let traits = our_traits(&departure, &mark, &mut plan.steps);
    let mut mappings = our_mappings(&departure, &mut plan.steps);
    if !plan.steps.is_empty() {
        return plan; // what is not known is asked for before anything is deleted
    }
    add_unrecorded(&mut mappings, &departure, &segments);
    for sid in &segments {
        let ours: Vec<_> = mappings.iter().collect();
        let found = mappings::of_leaving(departure.inventory, *sid, &ours);
        plan.holds.extend(found.foreign);
    }
    for sid in &traits {
        match users(&departure, *sid, &segments) {
            Users::Unknown => plan.steps.push(Step::ready(Call::ReadTraitUsers(*sid))),
            Users::Foreign(hold) => plan.holds.push(hold),
            Users::OursAlone => {}
        }
    }
    if !plan.steps.is_empty() || !plan.holds.is_empty() {
        return plan;
    }
    plan.steps.extend(deletions(&mappings));
    for call in segments.iter().map(|sid| Call::DeleteSegment(*sid)) {
        plan.steps.push(after(mappings.is_empty(), call));
    }
    let first = mappings.is_empty() && segments.is_empty();
    for call in traits.iter().map(|sid| Call::DeleteTrait(*sid)) {
        plan.steps.push(after(first, call));
    }
    plan
}

/// Plans that our segments are paused; a settled plan means that none of them reaches anybody.
pub fn pause(departure: Departure<'_>) -> Plan<()> {
    let mut plan = Plan {
        steps: listings(&departure),
        holds: Vec::new(),
        standing: (),
    };
    let mark = mark(departure.owner, departure.share);
    let segments = our_segments(&departure, &mark, &mut plan.steps);
    if plan.steps.is_empty() {
        let known = segments.iter();
        let known = known.filter_map(|sid| departure.inventory.segments.get(sid));
        let active = known.filter(|entry| entry.record.activity != Activity::Inactive);
        plan.steps.extend(active.map(|entry| {
            Step::ready(Call::UpdateSegment {
                expected: entry.record.clone(),
                change: SegmentChange {
                    pause: true,
                    ..SegmentChange::default()
                },
            })
        }));
    }
    plan
}

/// What goes last waits until nothing goes before it.
fn after(is_first: bool, call: Call) -> Step {
    match is_first {
        true => Step::ready(call),
        false => Step::waiting(call),
    }
}

fn deletions(mappings: &[KnownMapping]) -> impl Iterator<Item = Step> {
    mappings.iter().filter_map(|known| {
        let call = mappings::deletion(known.destination, known.mapping?);
        Some(Step::ready(call))
    })
}

/// Plans what goes although another share takes the objects over: the additional segments and the mappings that it does
/// not declare. `kept`: what it does; where that is not known, all stays.
pub fn hand_over(departure: Departure<'_>, kept: Option<Kept>) -> Plan<()> {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: (),
    };
    let Some(kept) = kept else {
        return plan;
    };
    plan.steps = listings(&departure);
    let mark = mark(departure.owner, departure.share);
    let segments = our_segments(&departure, &mark, &mut plan.steps);
    if !plan.steps.is_empty() {
        return plan;
    }
    let shared = departure
        .source
        .map(|source| IntegrationCode::new(source.as_str()));
    let taken_over = |sid: &SegmentSid| {
        let entry = departure.inventory.segments.get(sid);
        let code = entry.and_then(|entry| entry.record.integration_code.as_ref());
        code.is_none_or(|code| Some(code) == shared.as_ref() || kept.codes.contains(code))
    };
    let undeclared: Vec<_> = segments
        .into_iter()
        .filter(|sid| !taken_over(sid))
        .collect();
    let mut mappings = our_mappings(&departure, &mut plan.steps);
    mappings.retain(|known| !kept.keeps(known, departure.inventory));
    if !plan.steps.is_empty() {
        return plan;
    }
    for sid in undeclared {
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
        plan.steps.push(after(!is_mapped, Call::DeleteSegment(sid)));
    }
    plan.steps.extend(deletions(&mappings));
    plan
}

impl Kept {
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

/// The mappings that the status names, and those to declared destinations whose ids were never written down.
fn our_mappings(departure: &Departure<'_>, steps: &mut Vec<Step>) -> Vec<KnownMapping> {
    let (inventory, recorded) = (departure.inventory, departure.recorded);
    let stands = |known: &&KnownMapping| {
        known
            .mapping
            .is_some_and(|id| !inventory.mappings.is_gone(&id))
    };
    let mut ours: Vec<_> = recorded.mappings.iter().filter(stands).cloned().collect();
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
        let destination = match mappings::resolve(inventory, &declared.destination, None) {
            mappings::Resolved::Found(destination) => destination,
            mappings::Resolved::Ask(call) => {
                steps.push(Step::ready(call));
                continue;
            }
            // Nothing was ever mapped there.
            mappings::Resolved::Held(_) => continue,
        };
        if is_recorded(&|known| known.destination == destination.id) {
            continue;
        }
        let key = (sid, destination.id);
        if !inventory.mappings.was_looked_up(&key, departure.since) {
            steps.push(Step::ready(Call::LookUpMapping {
                destination: destination.id,
                segment: sid,
            }));
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

/// What this process mapped for a declaration that changed before a status could name it.
fn add_unrecorded(
    mappings: &mut Vec<KnownMapping>,
    departure: &Departure<'_>,
    segments: &[SegmentSid],
) {
    for sid in segments {
        for made in mappings::made(departure.inventory, *sid) {
            if !mappings.iter().any(|known| known.mapping == Some(made.id)) {
                mappings.push(KnownMapping {
                    segment: None,
                    key: "".into(),
                    found_by: None,
                    destination: made.destination,
                    mapping: Some(made.id),
                });
            }
        }
    }
}

impl Departure<'_> {
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
}

/// Without the lists of our data sources, absence cannot be judged.
fn listings(departure: &Departure<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for data_source in departure.data_sources {
        let coverage = Coverage::DataSource(*data_source);
        if !departure.inventory.traits.is_listed(coverage) {
            steps.push(Step::ready(Call::ListTraits(*data_source)));
        }
        if !departure.inventory.segments.is_listed(coverage) {
            steps.push(Step::ready(Call::ListSegments(*data_source)));
        }
    }
    steps
}

/// Where objects stand whose ids were never written down.
fn places<'a>(departure: &Departure<'a>) -> impl Iterator<Item = (DataSourceId, &'a AudienceId)> {
    let source = departure.source;
    let data_sources = departure.data_sources.iter();
    data_sources.filter_map(move |data_source| Some((*data_source, source?)))
}

fn our_segments(departure: &Departure<'_>, mark: &Mark, steps: &mut Vec<Step>) -> Vec<SegmentSid> {
    let recorded = departure.recorded;
    let own = recorded.segment_sid.filter(|_| !recorded.observed);
    let mut sids: Vec<SegmentSid> = recorded
        .additional_segments
        .iter()
        .map(|(_, sid)| *sid)
        .chain(own)
        .collect();
    let recorded_count = sids.len();
    let table = &departure.inventory.segments;
    for (data_source, source) in places(departure) {
        let key = (data_source, IntegrationCode::new(source.as_str()));
        if table.is_unresolved(&key) {
            steps.push(Step::ready(Call::LookUpSegment {
                data_source,
                code: key.1.clone(),
            }));
        }
        let below = format!("{source}.");
        sids.extend(table.find(&key).map(|entry| entry.record.sid));
        sids.extend(
            table
                .range((data_source, IntegrationCode::new(below.as_str()))..)
                .take_while(|((found, code), _)| {
                    *found == data_source && code.as_str().starts_with(&below)
                })
                .map(|(_, entry)| entry.record.sid),
        );
    }
    let mut ours = Vec::new();
    for (index, sid) in sids.iter().copied().enumerate() {
        match table.get(&sid) {
            _ if sids[..index].contains(&sid) => {}
            Some(entry) if entry.doubtful => steps.push(Step::ready(Call::ReadSegment(sid))),
            Some(entry) if is_ours(&entry.record.description, mark, index < recorded_count) => {
                ours.push(sid)
            }
            Some(_) => {}
            None if table.is_gone(&sid) => {}
            None => steps.push(Step::ready(Call::ReadSegment(sid))),
        }
    }
    ours
}

fn our_traits(departure: &Departure<'_>, mark: &Mark, steps: &mut Vec<Step>) -> Vec<TraitSid> {
    let recorded = departure
        .recorded
        .trait_sid
        .filter(|_| !departure.recorded.observed);
    let mut sids: Vec<TraitSid> = recorded.into_iter().collect();
    let table = &departure.inventory.traits;
    for (data_source, source) in places(departure) {
        let key = (data_source, IntegrationCode::new(source.as_str()));
        if table.is_unresolved(&key) {
            steps.push(Step::ready(Call::LookUpTrait {
                data_source,
                code: key.1.clone(),
            }));
        }
        sids.extend(table.find(&key).map(|entry| entry.record.sid));
    }
    let mut ours = Vec::new();
    for (index, sid) in sids.iter().copied().enumerate() {
        match table.get(&sid) {
            _ if sids[..index].contains(&sid) => {}
            Some(entry) if entry.doubtful => steps.push(Step::ready(Call::ReadTrait(sid))),
            Some(entry) if is_ours(&entry.record.description, mark, recorded == Some(sid)) => {
                ours.push(sid)
            }
            Some(_) => {}
            None if table.is_gone(&sid) => {}
            None => steps.push(Step::ready(Call::ReadTrait(sid))),
        }
    }
    ours
}

enum Users {
    Unknown,
    Foreign(Hold),
    OursAlone,
}

fn users(departure: &Departure<'_>, sid: TraitSid, leaving: &[SegmentSid]) -> Users {
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
        false => Users::Foreign(Hold::new(
            Reason::DeletionBlocked,
            format!(
                "Trait {sid} is used by {}; nothing was deleted. Take the trait out of them, or set deletionPolicy to \
                 Retain.",
                bounded_list(&foreign.iter().map(String::as_str).collect::<Vec<_>>())
            ),
        )),
    }
}
