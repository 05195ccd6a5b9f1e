//! A shared audience that leaves: what is deleted, in which order, and what stands in the way (design.md §4.8).
//!
//! Works from what the status recorded, so that neither a broken spec nor a vanished source can block it.

use std::collections::BTreeSet;

use super::Plan;
use super::call::{Call, Step};
use super::destinations;
use super::difference::{segment_label, trait_label};
use super::hold::Hold;
use super::mappings::{self, KnownMapping};
use super::ownership::{Claimant, Left, Ownership, Signs};
use super::source::bounded_list;
use crate::compose::{
    DESCRIPTION_CHARS_MAX, DestinationSelector, SegmentDestination, additional_code,
};
use crate::domain::audience_manager::{Activity, SegmentChange, TraitChange};
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::ownership::{Mark, describe, strip};
use crate::domain::reason::Reason;
use crate::domain::segment_rule;
use crate::inventory::{Coverage, Entry, Inventory, Record, Sequence, Table};

use super::audience::{Recorded, Standing};

#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    pub claimant: Claimant<'a>,
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

/// The resource that takes the objects over, and what it keeps of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    pub mark: Mark,
    /// The integration codes of its additional segments.
    pub codes: BTreeSet<IntegrationCode>,
    pub destinations: Vec<SegmentDestination>,
}

/// Plans the deletions; a settled plan means that nothing of ours is left. `standing` names what the status records and
/// is left, since it is not ours any more.
pub fn plan(departure: Departure<'_>) -> Plan<Left> {
    let mut plan = empty(listings(&departure));
    let segments = our_segments(&departure, &mut plan);
    let traits = our_traits(&departure, &mut plan);
    let mut mappings = our_mappings(&departure, &mut plan.steps);
    if !plan.steps.is_empty() {
        return plan; // what is not known is asked for before anything is deleted
    }
    let all_segments = segments.all();
    add_unrecorded(&mut mappings, &departure, &all_segments);
    for sid in &all_segments {
        let ours: Vec<_> = mappings.iter().collect();
        let found = mappings::of_leaving(departure.inventory, *sid, &ours);
        plan.holds.extend(found.foreign);
    }
    for sid in &traits.all() {
        match users(&departure, *sid, &all_segments) {
            Users::Unknown => plan.steps.push(Step::ready(Call::ReadTraitUsers(*sid))),
            Users::Foreign(hold) => plan.holds.push(hold),
            Users::OursAlone => {}
        }
    }
    if !plan.steps.is_empty() || !plan.holds.is_empty() {
        return plan;
    }
    plan.steps.extend(deletions(&mappings));
    let first = mappings.is_empty();
    plan.steps
        .extend(segments.deletions(first, Call::DeleteSegment));
    let first = first && all_segments.is_empty();
    plan.steps
        .extend(traits.deletions(first, Call::DeleteTrait));
    plan
}

/// Plans that our segments are paused; a settled plan means that none of them reaches anybody.
pub fn pause(departure: Departure<'_>) -> Plan<Left> {
    let mut plan = empty(listings(&departure));
    let segments = our_segments(&departure, &mut plan);
    if plan.steps.is_empty() {
        let all = segments.all();
        let known = all.iter();
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

/// Plans what must be asked for before [`standing`] can tell.
pub fn look(departure: Departure<'_>) -> Plan<Left> {
    let mut plan = empty(listings(&departure));
    our_segments(&departure, &mut plan);
    our_traits(&departure, &mut plan);
    our_mappings(&departure, &mut plan.steps);
    plan
}

/// What is recorded and did not go, and what is ours although its id was never written down: the process died in between.
pub fn standing(departure: Departure<'_>) -> Standing {
    let (inventory, recorded) = (departure.inventory, departure.recorded);
    let mut unasked = empty(Vec::new());
    let code = |sid: &SegmentSid| inventory.segments.get(sid)?.record.integration_code.clone();
    let shared = departure
        .source
        .map(|source| IntegrationCode::new(source.as_str()));
    let segments = our_segments(&departure, &mut unasked).kept;
    let trait_sid = recorded
        .trait_sid
        .filter(|sid| !inventory.traits.is_gone(sid))
        .or_else(|| our_traits(&departure, &mut unasked).kept.first().copied());
    let lives = |sid: &SegmentSid| !inventory.segments.is_gone(sid);
    let own = |sid: &SegmentSid| shared.is_some() && code(sid) == shared;
    let segment_sid = recorded
        .segment_sid
        .filter(lives)
        .or_else(|| segments.iter().copied().find(own));
    let known = recorded.additional_segments.iter();
    let mut additional: Vec<_> = known.filter(|(_, sid)| lives(sid)).cloned().collect();
    for sid in segments {
        let code = code(&sid);
        let parts = code.as_ref().zip(shared.as_ref());
        let key = parts.and_then(|(code, shared)| {
            let below = code.as_str().strip_prefix(shared.as_str())?;
            below.strip_prefix('.')
        });
        if let Some(key) = key
            && additional.iter().all(|(known, _)| **known != *key)
        {
            additional.push((key.into(), sid));
        }
    }
    Standing {
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

fn empty(steps: Vec<Step>) -> Plan<Left> {
    Plan {
        steps,
        holds: Vec::new(),
        standing: Left::default(),
    }
}

/// Plans how another resource takes the objects over: what it declares is marked as its own, the rest is deleted. So each
/// object has exactly one owner at every moment (design.md §4, L5).
pub fn hand_over(departure: Departure<'_>, kept: &Successor) -> Plan<Left> {
    let mut plan = empty(listings(&departure));
    let segments = our_segments(&departure, &mut plan);
    let traits = our_traits(&departure, &mut plan);
    if !plan.steps.is_empty() {
        return plan;
    }
    let shared = departure
        .source
        .map(|source| IntegrationCode::new(source.as_str()));
    let is_taken_over = |sid: &SegmentSid| {
        let entry = departure.inventory.segments.get(sid);
        let code = entry.and_then(|entry| entry.record.integration_code.as_ref());
        code.is_none_or(|code| Some(code) == shared.as_ref() || kept.codes.contains(code))
    };
    let (taken_over, undeclared): (Vec<_>, Vec<_>) =
        segments.all().into_iter().partition(is_taken_over);
    let inventory = departure.inventory;
    let traits = traits.all();
    let known = traits.iter().filter_map(|sid| inventory.traits.get(sid));
    plan.steps.extend(known.map(|entry| {
        Step::ready(Call::UpdateTrait {
            expected: entry.record.clone(),
            change: TraitChange {
                description: Some(kept.marked(&entry.record.description)),
                ..TraitChange::default()
            },
        })
    }));
    let known = taken_over.iter();
    let known = known.filter_map(|sid| inventory.segments.get(sid));
    plan.steps.extend(known.map(|entry| {
        Step::ready(Call::UpdateSegment {
            expected: entry.record.clone(),
            change: SegmentChange {
                description: Some(kept.marked(&entry.record.description)),
                ..SegmentChange::default()
            },
        })
    }));
    if !plan.steps.is_empty() {
        return plan; // first every object has its next owner, then the rest is deleted
    }
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
    plan.standing = Left::default(); // what carries the successor's mark by now is not left
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

/// What is judged of one kind: by id, whether the status records it and whether it has our natural key.
struct Candidates<Id>(Vec<(Id, Signed)>);

#[derive(Clone, Copy)]
struct Signed {
    recorded: bool,
    natural_key: bool,
}

impl<Id: PartialEq> Candidates<Id> {
    fn recorded(ids: impl IntoIterator<Item = Id>) -> Self {
        let signed = Signed {
            recorded: true,
            natural_key: false,
        };
        Self(ids.into_iter().map(|id| (id, signed)).collect())
    }

    fn with_key(&mut self, id: Id) {
        match self.0.iter_mut().find(|(known, _)| *known == id) {
            Some((_, signed)) => signed.natural_key = true,
            None => self.0.push((
                id,
                Signed {
                    recorded: false,
                    natural_key: true,
                },
            )),
        }
    }

    /// Those that are ours, the recorded ones first. `equal`: whether two of one key are alike; a copy that differs from
    /// ours is a person's and is left. `outlived`: the recorded object of its key is gone, so that this one is a copy.
    #[expect(
        clippy::too_many_arguments,
        reason = "segments and traits share the one way to tell what is ours"
    )]
    fn ours<R: Record<Id = Id>>(
        self,
        table: &Table<R>,
        departure: &Departure<'_>,
        plan: &mut Plan<Left>,
        describe: impl Fn(&R) -> (String, &str),
        equal: impl Fn(&R, &R) -> Option<bool>,
        outlived: impl Fn(&R) -> bool,
        read: impl Fn(Id) -> Call,
    ) -> Ours<Id>
    where
        Id: Ord + Clone,
    {
        let mut ours: Vec<&Entry<R>> = Vec::new();
        let mut duplicates = Vec::new();
        for (id, signed) in self.0 {
            let Some(entry) = table.get(&id).filter(|entry| !entry.doubtful) else {
                if !table.is_gone(&id) {
                    plan.steps.push(Step::ready(read(id)));
                }
                continue;
            };
            let (label, description) = describe(&entry.record);
            let signs = Signs {
                description,
                recorded: signed.recorded,
                natural_key: signed.natural_key,
            };
            match departure.claimant.judge(&label, signs) {
                Ownership::Owned if signed.recorded => ours.push(entry),
                Ownership::Owned => {
                    let mut kept = ours.iter();
                    match kept.find_map(|kept| equal(&kept.record, &entry.record)) {
                        Some(true) => duplicates.push(id),
                        None if !outlived(&entry.record) => ours.push(entry),
                        None | Some(false) => plan.standing.push(label),
                    }
                }
                Ownership::Blocked(_) if signed.recorded => plan.standing.push(label),
                Ownership::Blocked(_)
                | Ownership::TakenOver
                | Ownership::Unmarked
                | Ownership::Unrelated => {}
            }
        }
        let kept = ours.into_iter().map(|entry| entry.record.id());
        Ours {
            kept: kept.collect(),
            duplicates,
        }
    }
}

/// The objects of one kind that are ours.
struct Ours<Id> {
    kept: Vec<Id>,
    /// Second ones of a key. They go first: only beside the kept one a duplicate can be told from a person's copy.
    duplicates: Vec<Id>,
}

impl<Id: Copy> Ours<Id> {
    fn all(&self) -> Vec<Id> {
        let both = self.kept.iter().chain(&self.duplicates);
        both.copied().collect()
    }

    /// Deletions; `first`: nothing goes before them.
    fn deletions(&self, first: bool, call: impl Fn(Id) -> Call) -> impl Iterator<Item = Step> {
        let duplicates = self.duplicates.iter().map(|id| after(first, call(*id)));
        let kept = self.kept.iter();
        let last = first && self.duplicates.is_empty();
        let kept = kept.map(|id| after(last, call(*id)));
        duplicates.chain(kept).collect::<Vec<_>>().into_iter()
    }
}

fn our_segments(departure: &Departure<'_>, plan: &mut Plan<Left>) -> Ours<SegmentSid> {
    let recorded = departure.recorded;
    let own = recorded.segment_sid.filter(|_| !recorded.observed);
    let additional = recorded.additional_segments.iter().map(|(_, sid)| *sid);
    let mut candidates = Candidates::recorded(additional.chain(own));
    let table = &departure.inventory.segments;
    for (data_source, source) in places(departure) {
        let key = (data_source, IntegrationCode::new(source.as_str()));
        if table.is_unresolved(&key) {
            plan.steps.push(Step::ready(Call::LookUpSegment {
                data_source,
                code: key.1.clone(),
            }));
        }
        let below = format!("{source}.");
        let found = table.find(&key).map(|entry| entry.record.sid);
        let of_additional = table
            .range((data_source, IntegrationCode::new(below.as_str()))..)
            .take_while(|((found, code), _)| {
                *found == data_source && code.as_str().starts_with(&below)
            })
            .map(|(_, entry)| entry.record.sid);
        found
            .chain(of_additional)
            .for_each(|sid| candidates.with_key(sid));
    }
    candidates.ours(
        table,
        departure,
        plan,
        |found| (segment_label(found), &found.description),
        |kept, other| {
            (kept.integration_code == other.integration_code).then(|| {
                kept.name == other.name
                    && kept.description == other.description
                    && segment_rule::equivalent(&kept.rule, &other.rule)
            })
        },
        |found| {
            let mut gone = recorded_codes(departure).filter(|(sid, _)| table.is_gone(sid));
            gone.any(|(_, code)| found.integration_code.as_ref() == Some(&code))
        },
        Call::ReadSegment,
    )
}

/// The recorded segments, each with the code that it was made with.
fn recorded_codes<'a>(
    departure: &Departure<'a>,
) -> impl Iterator<Item = (SegmentSid, IntegrationCode)> + use<'a> {
    let (recorded, source) = (departure.recorded, departure.source);
    let own = recorded.segment_sid.zip(source);
    let own = own.map(|(sid, source)| (sid, IntegrationCode::new(source.as_str())));
    let additional = recorded.additional_segments.iter();
    let additional =
        additional.filter_map(move |(key, sid)| Some((*sid, additional_code(source?, key))));
    own.into_iter().chain(additional)
}

fn our_traits(departure: &Departure<'_>, plan: &mut Plan<Left>) -> Ours<TraitSid> {
    let recorded = departure.recorded;
    let own = recorded.trait_sid.filter(|_| !recorded.observed);
    let mut candidates = Candidates::recorded(own);
    let table = &departure.inventory.traits;
    for (data_source, source) in places(departure) {
        let key = (data_source, IntegrationCode::new(source.as_str()));
        if table.is_unresolved(&key) {
            plan.steps.push(Step::ready(Call::LookUpTrait {
                data_source,
                code: key.1.clone(),
            }));
        }
        table
            .find(&key)
            .for_each(|entry| candidates.with_key(entry.record.sid));
    }
    candidates.ours(
        table,
        departure,
        plan,
        |found| (trait_label(found), &found.description),
        |kept, other| {
            Some(
                kept.name == other.name
                    && kept.description == other.description
                    && kept.rule == other.rule,
            )
        },
        |_| own.is_some_and(|sid| table.is_gone(&sid)),
        Call::ReadTrait,
    )
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
