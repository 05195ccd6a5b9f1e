//! A second object of one natural key (design.md §4.4). Where no server enforces the key, a create whose effect came
//! after the look-up leaves one; at most one survives the next pass.
//!
//! Only what carries our very mark is a twin, and only one that nobody else uses is deleted.

use super::audience::{Situation, Standing};
use super::call::{Call, Step};
use crate::domain::identifier::{SegmentSid, TraitSid};
use crate::domain::ownership::Mark;

/// The deletions that leave the objects of `standing` alone with their keys; what is not known is asked for first.
pub(super) fn steps(situation: &Situation<'_>, standing: &Standing) -> Vec<Step> {
    let (mut steps, segments) = segment_twins(situation, standing);
    let traits = trait_twins(situation, standing);
    for (sid, doubtful) in traits {
        let users = situation.inventory.trait_users.get(&sid);
        let users = users.filter(|users| users.seen >= situation.since);
        steps.push(match users {
            _ if doubtful => Step::ready(Call::ReadTrait(sid)),
            None => Step::ready(Call::ReadTraitUsers(sid)),
            Some(users) => {
                let leaving = |segment: &SegmentSid| {
                    segments.contains(segment) || situation.inventory.segments.is_gone(segment)
                };
                if !users.segments.iter().all(|(segment, _)| leaving(segment)) {
                    continue;
                }
                match segments.is_empty() {
                    true => Step::ready(Call::DeleteTrait(sid)),
                    false => Step::waiting(Call::DeleteTrait(sid)),
                }
            }
        });
    }
    steps
}

fn is_ours(description: &str, situation: &Situation<'_>) -> bool {
    Mark::read(description).as_ref() == Some(&situation.desired.mark)
}

fn segment_twins(situation: &Situation<'_>, standing: &Standing) -> (Vec<Step>, Vec<SegmentSid>) {
    let desired = situation.desired;
    let additional = desired.additional_segments.iter().filter_map(|segment| {
        let stands = &standing.additional_segments;
        let (_, sid) = stands.iter().find(|(key, _)| *key == segment.key)?;
        Some((&segment.code, *sid))
    });
    let kept = standing.segment_sid.map(|sid| (&desired.code, sid));
    let (mut steps, mut leaving) = (Vec::new(), Vec::new());
    for (code, kept) in kept.into_iter().chain(additional) {
        // Labels may have changed between two creates: a twin can stand in another data source of ours.
        let everywhere = situation.foundation.data_sources();
        let everywhere: Vec<_> = everywhere.map(|id| (id, code.clone())).collect();
        let segments = &situation.inventory.segments;
        for entry in everywhere.iter().flat_map(|key| segments.find(key)) {
            let sid = entry.record.sid;
            if sid == kept || !is_ours(&entry.record.description, situation) {
                continue;
            }
            leaving.push(sid);
            steps.push(Step::ready(match entry.doubtful {
                true => Call::ReadSegment(sid),
                false => Call::DeleteSegment(sid),
            }));
        }
    }
    (steps, leaving)
}

/// Each with whether it must be read again first.
fn trait_twins(situation: &Situation<'_>, standing: &Standing) -> Vec<(TraitSid, bool)> {
    let Some(kept) = standing.trait_sid else {
        return Vec::new();
    };
    let code = &situation.desired.code;
    let everywhere = situation.foundation.data_sources();
    let everywhere: Vec<_> = everywhere.map(|id| (id, code.clone())).collect();
    let traits = &situation.inventory.traits;
    let found = everywhere.iter().flat_map(|key| traits.find(key));
    found
        .filter(|entry| entry.record.sid != kept && is_ours(&entry.record.description, situation))
        .map(|entry| (entry.record.sid, entry.doubtful))
        .collect()
}
