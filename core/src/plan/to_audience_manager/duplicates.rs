//! The deletions that leave the objects of a plan alone with their keys; what is not known is asked for first.

use super::planner::Planner;
use crate::call::{Call, Kind, Step};
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::field::Field;
use crate::domain::identifier::{SegmentSid, TraitSid};
use crate::inventory::Entry;
use crate::ownership::owned::Ours;
use crate::plan::delete::deletion;
use crate::plan::lookup::Slot;

pub(super) fn steps(planner: &Planner<'_>) -> Vec<Step> {
    let input = &planner.input;
    let traits = match planner.declared_trait {
        Some(kept) => found(&planner.trait_slot(), kept, Trait::is_same),
        None => Vec::new(),
    };
    let sids: Vec<TraitSid> = traits.iter().map(|(_, entry)| entry.record.sid).collect();
    let (mut steps, segments) = segments(planner, &sids);
    for (ours, entry) in traits {
        let sid = entry.record.sid;
        let users = input.inventory.trait_users.get(&sid);
        let users = users.filter(|users| users.seen >= input.since);
        steps.push(match users {
            _ if entry.stale => Step::ready(Call::read::<Trait>(sid)),
            None => Step::ready(Call::ReadTraitUsers(sid)),
            Some(users) => {
                let leaves = |segment: &SegmentSid| {
                    segments.contains(segment) || input.inventory.segments.is_gone(segment)
                };
                if !users.segments.iter().all(|(segment, _)| leaves(segment)) {
                    continue;
                }
                deletion(ours.owned(), segments.is_empty())
            }
        });
    }
    steps
}

fn segments(planner: &Planner<'_>, traits: &[TraitSid]) -> (Vec<Step>, Vec<SegmentSid>) {
    let (desired, state) = (planner.input.desired, &planner.plan.state);
    let additional = desired.additional_segments.iter().filter_map(|segment| {
        let mut kept = state.additional_segments.iter();
        let (_, sid) = kept.find(|(key, _)| *key == segment.key)?;
        Some((&segment.code, &segment.description, *sid))
    });
    let shared = state.segment_sid;
    let shared = shared.map(|sid| (&desired.code, &desired.description, sid));
    let (mut steps, mut deleted) = (Vec::new(), Vec::new());
    let all = shared.into_iter().chain(additional);
    for (code, description, kept) in
        all.filter(|(_, _, kept)| planner.declared_segments.contains(kept))
    {
        let slot = planner.segment_slot(code, description, None);
        let same = |kept: &Segment, found: &Segment| {
            kept.is_same(found) || is_same_over(kept, found, state.trait_sid, traits)
        };
        for (ours, entry) in found(&slot, kept, same) {
            let sid = entry.record.sid;
            if entry.stale {
                steps.push(Step::ready(Call::read::<Segment>(sid)));
            } else if !planner.is_used(sid) {
                deleted.push(sid);
                steps.push(deletion(ours.owned(), true));
            }
        }
    }
    (steps, deleted)
}

/// Beside an object that equals what is declared.
fn found<'a, K: Kind>(
    slot: &Slot<'a, K>,
    kept: K::Id,
    same: impl Fn(&K, &K) -> bool,
) -> Vec<(Ours<'a, K>, &'a Entry<K>)> {
    let Some(kept) = K::table(slot.inventory).get(&kept) else {
        return Vec::new();
    };
    slot.duplicates(&kept.record, same)
}

/// The same once a duplicate of the trait in the one rule and the kept trait in the other are taken for one.
fn is_same_over(
    kept: &Segment,
    found: &Segment,
    trait_sid: Option<TraitSid>,
    duplicates: &[TraitSid],
) -> bool {
    let Some(trait_sid) = trait_sid else {
        return false;
    };
    let over_kept = |sid: &TraitSid| {
        let rule = found
            .rule
            .replace(&format!("{sid}T"), &format!("{trait_sid}T"));
        Field::SegmentRule.same(&kept.rule, &rule)
            && kept.is_same(&Segment {
                rule: kept.rule.clone(),
                ..found.clone()
            })
    };
    duplicates.iter().any(over_kept)
}
