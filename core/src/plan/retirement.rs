//! A shared audience that leaves: what is deleted, in which order, and what stands in the way (design.md §4.8).
//!
//! Works from what the status recorded, so that neither a broken spec nor a vanished source can block it.

use std::collections::BTreeSet;

use super::Plan;
use super::call::{Call, Step};
use super::hold::Hold;
use super::ownership::is_ours;
use super::source::bounded_list;
use crate::compose::{ShareName, mark};
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
    pub inventory: &'a Inventory,
    /// Only a look-up of users at or after this call counts.
    pub since: Sequence,
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
    if !plan.steps.is_empty() {
        return plan; // what is not known is asked for before anything is deleted
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
    plan.steps.extend(
        segments
            .iter()
            .map(|sid| Step::ready(Call::DeleteSegment(*sid))),
    );
    let last = |call| {
        if segments.is_empty() {
            Step::ready(call)
        } else {
            Step::waiting(call)
        }
    };
    plan.steps
        .extend(traits.iter().map(|sid| last(Call::DeleteTrait(*sid))));
    plan
}

/// Plans what goes although another share takes the objects over: the additional segments that it does not declare.
/// `kept`: the integration codes that it does; where they are not known, all stays.
pub fn hand_over(departure: Departure<'_>, kept: Option<BTreeSet<IntegrationCode>>) -> Plan<()> {
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
        code.is_none_or(|code| Some(code) == shared.as_ref() || kept.contains(code))
    };
    let undeclared = segments.into_iter().filter(|sid| !taken_over(sid));
    plan.steps
        .extend(undeclared.map(|sid| Step::ready(Call::DeleteSegment(sid))));
    plan
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
        false => Users::Foreign(Hold::stalled(
            Reason::DeletionBlocked,
            format!(
                "Trait {sid} is used by {}; nothing was deleted. Take the trait out of them, or set deletionPolicy to \
                 Retain.",
                bounded_list(&foreign.iter().map(String::as_str).collect::<Vec<_>>())
            ),
        )),
    }
}
