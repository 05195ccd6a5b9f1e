//! The destinations of one segment: found, checked before anything of the audience is written, and its mappings to them
//! (audience-manager.md §6.2).
//!
//! A mapping carries no mark. On a segment of ours it is ours if the status recorded it, if this process made it, or if it
//! has the destination and the keys of a declared one. Every other mapping is a person's.
//!
//! A mapping belongs to its segment and its destination, not to the key in the list of destinations. The user may give a
//! declared destination another key: the mapping stays, and only the entry in the status moves.

use std::collections::BTreeMap;

use super::destinations::{ResolvedDestination, misfit, resolve_destination, unusable};
use crate::blocker::{Blocker, ObjectName};
use crate::call::{Call, Step};
use crate::compose::{AdoptionPolicy, DeclaredDestination};
use crate::domain::audience_manager::Activity;
use crate::domain::destination::{
    Day, Destination, EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use crate::domain::field::Field;
use crate::domain::identifier::{DestinationId, MappingId, SegmentSid};
use crate::inventory::{Coverage, Entry, Inventory, Sequence, Table};
use crate::ownership::owned::Ours;
use crate::ownership::{
    Judged as _, MappingSigns, Ownership, judge_mapping, judge_recorded, object_name,
};
use crate::plan::Plan;
use crate::plan::delete::deletion;
use crate::plan::difference::{Desired, FieldComparison};
use crate::plan::keep::keep;
use crate::plan::lookup::Candidate;

/// A destination as it was found for a segment, and the mapping to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMapping {
    /// The key of the additional segment; `None` for the shared one.
    pub segment: Option<Box<str>>,
    pub key: Box<str>,
    /// The name that it was found by: as long as the name stays declared, the id is the destination.
    pub found_by: Option<Box<str>>,
    pub destination: DestinationId,
    pub mapping: Option<MappingId>,
}

/// A declared destination that a mapping may be made to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) declared: &'a DeclaredDestination,
    pub(crate) destination: &'a Destination,
}

/// What the declared destinations of one segment come to.
#[derive(Default)]
pub(crate) struct Checked<'a> {
    pub(crate) targets: Vec<Target<'a>>,
    /// What is not known: asked before the first write.
    pub(crate) asked: Vec<Call>,
    /// Why a declared destination cannot be mapped, as far as it can be known before.
    pub(crate) blockers: Vec<Blocker>,
    /// There were such.
    pub(crate) in_vain: bool,
    /// Every declared destination, also one that cannot be mapped.
    leads: Vec<(&'a DeclaredDestination, Lead)>,
}

/// Where a declared destination leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    To(DestinationId),
    /// Not known yet, or its name fits several destinations: it may be any of them.
    Unknown,
    /// Audience Manager shows no such destination.
    Nowhere,
}

/// Whether a recorded mapping is still declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    Yes,
    /// A declared destination may be the one that it leads to.
    Unknown,
    No,
}

impl Checked<'_> {
    /// Whether the segment still declares the destination of `known`, under whichever key.
    pub(crate) fn declares(&self, known: &KnownMapping) -> Declared {
        let leads_there = |lead: Lead| lead == Lead::To(known.destination);
        let may_lead_there = |(declared, lead): &(&DeclaredDestination, Lead)| match lead {
            Lead::To(_) => false,
            Lead::Unknown => true,
            Lead::Nowhere => declared.key == known.key,
        };
        if self.leads.iter().any(|(_, lead)| leads_there(*lead)) {
            return Declared::Yes;
        }
        match self.leads.iter().any(may_lead_there) {
            true => Declared::Unknown,
            false => Declared::No,
        }
    }

    /// The declared destination that cannot be mapped now and leads where `known` does, with the mapping as its own.
    pub(crate) fn carried(&self, known: &KnownMapping) -> Option<KnownMapping> {
        let mut leads = self.leads.iter();
        let (declared, _) = leads.find(|(_, lead)| *lead == Lead::To(known.destination))?;
        Some(KnownMapping {
            key: declared.key.clone(),
            found_by: declared.destination.name().map(Into::into),
            ..known.clone()
        })
    }
}

/// `segment`: the key of the additional segment; `None` for the shared one.
pub(crate) fn check<'a>(
    inventory: &'a Inventory,
    declared: &'a [DeclaredDestination],
    recorded: &[&KnownMapping],
    segment: Option<&str>,
) -> Checked<'a> {
    let mut checked = Checked::default();
    for declared in declared {
        let resolved = find_destination(inventory, declared, recorded);
        let lead = match &resolved {
            ResolvedDestination::Found(destination) => Lead::To(destination.id),
            ResolvedDestination::Blocked(
                Blocker::DestinationNotFound(_) | Blocker::DestinationGone(_),
            ) => Lead::Nowhere,
            ResolvedDestination::Blocked(_) | ResolvedDestination::Ask(_) => Lead::Unknown,
        };
        checked.leads.push((declared, lead));
        match resolved {
            ResolvedDestination::Ask(call) => checked.asked.push(call),
            ResolvedDestination::Blocked(blocker) => checked.blockers.push(blocker),
            ResolvedDestination::Found(destination) => {
                let twice = checked
                    .targets
                    .iter()
                    .find(|target| target.destination.id == destination.id);
                let fault = match twice {
                    Some(other) => Some(Blocker::DestinationTwice {
                        segment: segment.map(Into::into),
                        keys: [other.declared.key.clone(), declared.key.clone()],
                        destination: object_name(destination),
                    }),
                    None => unusable(destination).or_else(|| misfit(declared, destination)),
                };
                match fault {
                    Some(blocker) => checked.blockers.push(blocker),
                    None => checked.targets.push(Target {
                        declared,
                        destination,
                    }),
                }
            }
        }
    }
    checked
}

/// The destination that a declaration means.
pub(crate) fn find_destination<'a>(
    inventory: &'a Inventory,
    declared: &DeclaredDestination,
    recorded: &[&KnownMapping],
) -> ResolvedDestination<'a> {
    resolve_destination(inventory, &declared.destination, pinned(declared, recorded))
}

/// The recorded id, as long as the declared name is the one that it was found by. Another key does not change that.
fn pinned(declared: &DeclaredDestination, recorded: &[&KnownMapping]) -> Option<DestinationId> {
    let name = declared.destination.name()?;
    let found_by_it = recorded
        .iter()
        .filter(|known| known.found_by.as_deref() == Some(name));
    found_by_it
        .min_by_key(|known| known.key != declared.key)
        .map(|known| known.destination)
}

/// One segment that exists, and what is known of its mappings.
pub(crate) struct Mapped<'a> {
    pub(crate) inventory: &'a Inventory,
    /// The key of the additional segment; `None` for the shared one.
    pub(crate) key: Option<&'a str>,
    pub(crate) sid: SegmentSid,
    /// Of its status entries.
    pub(crate) recorded: &'a [&'a KnownMapping],
    /// What to do with mappings that a person made.
    pub(crate) adoption: AdoptionPolicy,
    /// The segment is not ours.
    pub(crate) observed: bool,
    /// What is no longer declared stays.
    pub(crate) retain: bool,
    pub(crate) since: Sequence,
}

/// A destination that was found for a segment that does not exist.
pub(crate) fn unmapped(segment: Option<&str>, target: Target<'_>) -> KnownMapping {
    known(segment, target, None)
}

fn known(segment: Option<&str>, target: Target<'_>, mapping: Option<MappingId>) -> KnownMapping {
    KnownMapping {
        segment: segment.map(Into::into),
        key: target.declared.key.clone(),
        found_by: target.declared.destination.name().map(Into::into),
        destination: target.destination.id,
        mapping,
    }
}

/// The mapping to one destination.
#[derive(Default)]
pub(crate) struct ObservedMapping {
    pub(crate) known: Option<KnownMapping>,
    /// A sentence for each key that Audience Manager stores otherwise than it was sent.
    pub(crate) stored_differently: Vec<String>,
}

/// Plans the mapping to one destination. `checked`: all that the segment declares.
pub(crate) fn plan_mapping(
    mapped: &Mapped<'_>,
    checked: &Checked<'_>,
    target: Target<'_>,
) -> Plan<ObservedMapping> {
    let mut plan = Plan::<ObservedMapping>::default();
    let Target {
        declared,
        destination,
    } = target;
    if waits_for_its_place(mapped, checked, target) {
        return plan;
    }
    let table = &mapped.inventory.mappings;
    let key = (mapped.sid, destination.id);
    // Under whichever key: the same destination is the same mapping.
    let of_destination = mapped
        .recorded
        .iter()
        .filter(|known| known.destination == destination.id);
    let of_destination: Vec<(MappingId, bool)> = of_destination
        .filter_map(|known| Some((known.mapping?, known.key == declared.key)))
        .filter(|(id, _)| !table.is_gone(id))
        .collect();
    let of_record = of_destination
        .iter()
        .min_by_key(|(_, same_key)| !same_key)
        .map(|(id, _)| *id);
    let state = |mapping| known(mapped.key, target, mapping);
    let found: Vec<_> = table.find(&key).collect();
    let stale = found.iter().filter(|entry| entry.stale);
    let listed = table.is_listed(Coverage::Destination(destination.id));
    let unlisted = of_destination.iter().map(|(id, _)| *id);
    let unlisted = unlisted.filter(|id| listed && table.get(id).is_none());
    let unknown = stale.map(|entry| entry.record.id).chain(unlisted);
    match table.is_unresolved(&key) {
        true => plan.steps.push(Step::ready(Call::look_up::<Mapping>(key))),
        false => plan
            .steps
            .extend(unknown.map(|id| Step::ready(Call::read::<Mapping>(id)))),
    }
    if !plan.steps.is_empty() {
        plan.state.known = Some(state(of_record));
        return plan;
    }
    let is_recorded = |mapping: &Mapping| of_destination.iter().any(|(id, _)| *id == mapping.id);
    let chosen = found.iter().min_by_key(|entry| {
        let mapping = &entry.record;
        let of_record = of_record == Some(mapping.id);
        let equals = declared.equals(mapped.inventory, mapping);
        (!of_record, !is_recorded(mapping), !equals, mapping.id)
    });
    let Some(chosen) = chosen else {
        plan.steps.push(Step::ready(if !listed {
            Call::list::<Mapping>(destination.id)
        } else if !table.was_looked_up(&key, mapped.since) {
            Call::look_up::<Mapping>(key)
        } else {
            Call::create::<Mapping>(NewMapping {
                destination: destination.id,
                destination_name: destination.name.clone(),
                segment: mapped.sid,
                keys: declared.keys.clone(),
                start: declared.start.as_ref().map(|day| day.date.clone()),
                end: declared.end.as_ref().map(|day| day.date.clone()),
            })
        }));
        // One that is not gone stays recorded until its own deletion or look-up says so.
        plan.state.known = Some(state(of_record));
        return plan;
    };
    let signs = MappingSigns {
        recorded: is_recorded(&chosen.record),
        on_our_segment: !mapped.observed,
        declared_keys: has_keys(table, &chosen.record, &declared.keys),
    };
    let candidate = Candidate {
        record: &chosen.record,
        ownership: judge_mapping(chosen, signs),
        recorded: signs.recorded,
    };
    let kept = match keep(mapped.inventory, &candidate, declared, mapped.adoption) {
        Ok(kept) => kept,
        Err(blocker) => {
            plan.blockers.push(blocker);
            plan.state.known = Some(state(None));
            return plan;
        }
    };
    plan.steps.extend(kept.step());
    plan.state.stored_differently = kept.stored_differently;
    let chosen = candidate.record;
    // A create that came late leaves a second one (design.md §4, L4); one with other keys is a person's.
    let duplicates = found.iter().filter(|entry| {
        let mapping = &entry.record;
        mapping.id != chosen.id && !mapped.observed && mapping.keys == chosen.keys
    });
    plan.steps.extend(duplicates.filter_map(|entry| {
        let signs = MappingSigns {
            recorded: false,
            on_our_segment: true,
            declared_keys: true,
        };
        match judge_mapping(entry, signs) {
            Ownership::Owned(ours) => Some(deletion(ours.owned(), true)),
            _ => None,
        }
    }));
    plan.state.known = Some(state(Some(chosen.id)));
    plan
}

/// The status has one entry for each key. A mapping to another destination under this key goes first, unless it stays
/// under another key.
fn waits_for_its_place(mapped: &Mapped<'_>, checked: &Checked<'_>, target: Target<'_>) -> bool {
    let mut recorded = mapped.recorded.iter();
    !mapped.retain
        && recorded.any(|known| {
            let exists = |id| !mapped.inventory.mappings.is_gone(&id);
            known.key == target.declared.key
                && known.destination != target.destination.id
                && known.mapping.is_some_and(exists)
                && checked.declares(known) != Declared::Yes
        })
}

/// Whether a mapping has every declared key. What is not declared is left to Audience Manager.
pub(crate) fn has_keys(table: &Table<Mapping>, mapping: &Mapping, declared: &MappingKeys) -> bool {
    key_changes(declared, &mut FieldComparison::new(table, mapping)) == MappingKeys::default()
}

/// The deletions of mappings that the status names, each with its segment, and of `made`, each once. What is gone, or whose
/// segment is, needs none.
pub(crate) fn deletions<'a>(
    inventory: &Inventory,
    recorded: impl IntoIterator<Item = (&'a KnownMapping, Option<SegmentSid>)>,
    made: impl IntoIterator<Item = Ours<'a, Mapping>>,
) -> Vec<Step> {
    let table = &inventory.mappings;
    let recorded = recorded.into_iter().filter_map(|(known, sid)| {
        let id = known.mapping.filter(|id| !table.is_gone(id))?;
        Some(match table.get(&id) {
            Some(entry) => judge_recorded(&entry.record).owned(),
            // In no list that was read: only its ids are known. The deletion reads it, and plans again if it finds more.
            None => judge_recorded(&Mapping::known_by_ids(id, sid?)).owned(),
        })
    });
    let made = made.into_iter().map(Ours::owned);
    let each: BTreeMap<_, _> = recorded
        .chain(made)
        .map(|owned| (owned.id, owned))
        .collect();
    each.into_values()
        .map(|owned| deletion(owned, true))
        .collect()
}

/// A mapping has no description. Keys that are not declared are left to Audience Manager.
impl Desired<Mapping> for DeclaredDestination {
    fn description(&self) -> &str {
        ""
    }

    fn change(&self, comparison: &mut FieldComparison<'_, Mapping>) -> MappingChange {
        let found = comparison.found;
        let shown_as = |day: &Option<Day>, found: &Option<Box<str>>| {
            day.as_ref()
                .is_none_or(|day| found.as_ref().is_some_and(|found| day.is_shown_as(found)))
        };
        let change = MappingChange {
            keys: key_changes(&self.keys, comparison),
            start: None,
            end: match &self.end {
                None => found.end.as_ref().map(|_| EndChange::Clear),
                Some(_) if shown_as(&self.end, &found.end) => None,
                Some(day) => Some(EndChange::Set(day.date.clone())),
            },
            activate: found.activity == Activity::Inactive,
        };
        // The first day goes with every other change.
        let is_due = change != MappingChange::default() || !shown_as(&self.start, &found.start);
        MappingChange {
            start: self
                .start
                .as_ref()
                .filter(|_| is_due)
                .map(|day| day.date.clone()),
            ..change
        }
    }

    fn undescribed(change: MappingChange) -> MappingChange {
        change
    }
}

/// The declared keys that a mapping does not have.
fn key_changes(
    declared: &MappingKeys,
    comparison: &mut FieldComparison<'_, Mapping>,
) -> MappingKeys {
    let mut text = |field, wanted: &Option<Box<str>>| comparison.text(field, wanted.as_ref()?);
    MappingKeys {
        url: text(Field::Url, &declared.url),
        alias: text(Field::Alias, &declared.alias),
        value_alias: text(Field::ValueAlias, &declared.value_alias),
    }
}

/// The destinations that a segment is mapped to, as far as they are listed, some mappings apart.
pub(crate) fn mapped_to<'a>(
    inventory: &'a Inventory,
    sid: Option<SegmentSid>,
    apart: &[MappingId],
) -> impl Iterator<Item = &'a Destination> {
    let mapped = sid.into_iter().flat_map(|sid| of_segment(inventory, sid));
    let mapped = mapped.map(|entry| &entry.record);
    let mapped = mapped.filter(|mapping| !apart.contains(&mapping.id));
    let found = mapped.filter_map(|mapping| inventory.destinations.get(&mapping.id.destination));
    found.map(|entry| &entry.record)
}

/// What blocks the deletion of a segment.
pub(crate) struct InTheWay {
    pub(crate) in_the_way: bool,
    /// A person's mapping.
    pub(crate) foreign: Option<Blocker>,
}

fn of_segment(inventory: &Inventory, sid: SegmentSid) -> impl Iterator<Item = &Entry<Mapping>> {
    let keys = (sid, DestinationId(0))..=(sid, DestinationId(u64::MAX));
    inventory.mappings.range(keys).map(|(_, entry)| entry)
}

/// What this process mapped itself: ours, though no status may name it yet.
pub(crate) fn made(
    inventory: &Inventory,
    sid: SegmentSid,
) -> impl Iterator<Item = Ours<'_, Mapping>> {
    let signs = MappingSigns {
        recorded: false,
        on_our_segment: true,
        declared_keys: false,
    };
    of_segment(inventory, sid).filter_map(move |entry| match judge_mapping(entry, signs) {
        Ownership::Owned(ours) => Some(ours),
        _ => None,
    })
}

/// The deletions of the mappings to declared destinations on a segment of ours that gives its place to another; every other
/// mapping is a person's.
pub(crate) fn declared_on(
    inventory: &Inventory,
    sid: SegmentSid,
    declared: &Checked<'_>,
) -> (Vec<Step>, Option<Blocker>) {
    let table = &inventory.mappings;
    let is_declared = |mapping: &Mapping| {
        let mut targets = declared.targets.iter();
        targets.any(|target| {
            target.destination.id == mapping.id.destination
                && has_keys(table, mapping, &target.declared.keys)
        })
    };
    let entries = of_segment(inventory, sid).filter(|entry| is_declared(&entry.record));
    let ours: Vec<KnownMapping> = entries
        .map(|entry| KnownMapping {
            segment: None,
            key: Box::default(),
            found_by: None,
            destination: entry.record.id.destination,
            mapping: Some(entry.record.id),
        })
        .collect();
    let known = ours.iter().map(|known| (known, Some(sid)));
    let steps = deletions(inventory, known, made(inventory, sid));
    let ours: Vec<&KnownMapping> = ours.iter().collect();
    (steps, in_the_way_of(inventory, sid, &ours).foreign)
}

/// `ours`: of the status. Others are known only where destinations are listed; else Audience Manager refuses the deletion.
pub(crate) fn in_the_way_of(
    inventory: &Inventory,
    sid: SegmentSid,
    ours: &[&KnownMapping],
) -> InTheWay {
    let is_ours = |id: MappingId| ours.iter().any(|known| known.mapping == Some(id));
    let foreign: Vec<ObjectName> = of_segment(inventory, sid)
        .filter(|entry| entry.written.is_none() && !is_ours(entry.record.id))
        .map(
            |entry| match inventory.destinations.get(&entry.record.id.destination) {
                Some(entry) => object_name(&entry.record),
                None => ObjectName::new(Destination::NOUN, entry.record.id.destination.to_string()),
            },
        )
        .collect();
    let mut ids = ours.iter().filter_map(|known| known.mapping);
    let ours_exist =
        ids.any(|id| !inventory.mappings.is_gone(&id)) || made(inventory, sid).next().is_some();
    InTheWay {
        in_the_way: ours_exist || !foreign.is_empty(),
        foreign: (!foreign.is_empty()).then_some(Blocker::MappedByHand(sid, foreign)),
    }
}
