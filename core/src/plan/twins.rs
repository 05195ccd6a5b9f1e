//! A second object of one natural key (design.md §4, L4). Where no server enforces the key, a create whose effect came
//! after the look-up leaves one; at most one that nobody edited or uses survives the next resync.
//!
//! Only what carries our very mark, has our key and equals what we would create is such a duplicate. A copy that a person
//! made and changed carries our mark too: it is left alone.

use super::audience::Planner;
use super::call::{Call, Step};
use super::difference::{segment_label, trait_label};
use super::ownership::{Ownership, Signs};
use crate::compose;
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::identifier::{IntegrationCode, SegmentSid, TraitSid};
use crate::domain::segment_rule::{self, SegmentRule};
use crate::inventory::Entry;

/// The deletions that leave the objects of the plan alone with their keys; what is not known is asked for first.
pub(super) fn steps(planner: &Planner<'_>) -> Vec<Step> {
    let traits = trait_duplicates(planner);
    let (mut steps, segments) = segment_duplicates(planner, &traits);
    let situation = &planner.situation;
    for entry in traits {
        let sid = entry.record.sid;
        let users = situation.inventory.trait_users.get(&sid);
        let users = users.filter(|users| users.seen >= situation.since);
        steps.push(match users {
            _ if entry.doubtful => Step::ready(Call::ReadTrait(sid)),
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

fn is_ours(planner: &Planner<'_>, object: &str, description: &str) -> bool {
    let claimant = planner.situation.claimant();
    let signs = Signs {
        description,
        recorded: false,
        natural_key: true,
    };
    claimant.is_marked(description) && claimant.judge(object, signs) == Ownership::Owned
}

fn segment_duplicates(
    planner: &Planner<'_>,
    traits: &[&Entry<Trait>],
) -> (Vec<Step>, Vec<SegmentSid>) {
    let situation = &planner.situation;
    let (desired, standing) = (situation.desired, &planner.plan.standing);
    let additional = desired.additional_segments.iter().filter_map(|segment| {
        let mut kept = standing.additional_segments.iter();
        let (_, sid) = kept.find(|(key, _)| *key == segment.key)?;
        Some((&segment.code, *sid, Some(segment)))
    });
    let kept = standing.segment_sid.map(|sid| (&desired.code, sid, None));
    let (mut steps, mut leaving) = (Vec::new(), Vec::new());
    for (code, kept, declared) in kept.into_iter().chain(additional) {
        // Labels may have changed between two creates: a duplicate can be in another data source of ours.
        for entry in with_key(planner, code, |key| situation.inventory.segments.find(key)) {
            let found = &entry.record;
            if found.sid == kept || !is_ours(planner, &segment_label(found), &found.description) {
                continue;
            }
            if entry.doubtful {
                steps.push(Step::ready(Call::ReadSegment(found.sid)));
            } else if equals(planner, found, declared, traits) && !planner.is_used(found.sid) {
                leaving.push(found.sid);
                steps.push(Step::ready(Call::DeleteSegment(found.sid)));
            }
        }
    }
    (steps, leaving)
}

/// As we would have created it, over our trait or over a duplicate of it.
fn equals(
    planner: &Planner<'_>,
    found: &Segment,
    declared: Option<&compose::DesiredSegment>,
    traits: &[&Entry<Trait>],
) -> bool {
    let Some(kept) = planner.plan.standing.trait_sid else {
        return false;
    };
    let (name, description) = match declared {
        None => (
            &planner.situation.desired.name,
            &planner.situation.desired.description,
        ),
        Some(segment) => (&segment.name, &segment.description),
    };
    let duplicates = traits.iter().map(|entry| entry.record.sid);
    let mut shared = std::iter::once(kept).chain(duplicates);
    *found.name == **name
        && *found.description == **description
        && match declared {
            None => shared.any(|sid| {
                segment_rule::equivalent(&found.rule, &SegmentRule::from(sid).to_string())
            }),
            // Its rule names other traits too: it is compared with that of the segment that is kept.
            Some(segment) => {
                let mut standing = planner.plan.standing.additional_segments.iter();
                let kept_segment = standing.find(|(key, _)| *key == segment.key);
                let table = &planner.situation.inventory.segments;
                let kept_segment = kept_segment.and_then(|(_, sid)| table.get(sid));
                let rule = kept_segment.map(|entry| &entry.record.rule);
                shared.any(|sid| rule.is_some_and(|rule| same_over(&found.rule, sid, rule, kept)))
            }
        }
}

/// Equal once `sid` in the one rule and `kept` in the other stand for the same trait.
fn same_over(found: &str, sid: TraitSid, rule: &str, kept: TraitSid) -> bool {
    let over_kept = found.replace(&format!("{sid}T"), &format!("{kept}T"));
    segment_rule::equivalent(&over_kept, rule)
}

fn trait_duplicates<'a>(planner: &Planner<'a>) -> Vec<&'a Entry<Trait>> {
    let situation = planner.situation;
    let Some(kept) = planner.plan.standing.trait_sid else {
        return Vec::new();
    };
    let desired = situation.desired;
    let found = with_key(planner, &desired.code, |key| {
        situation.inventory.traits.find(key)
    });
    found
        .into_iter()
        .filter(|entry| {
            let found = &entry.record;
            found.sid != kept
                && is_ours(planner, &trait_label(found), &found.description)
                && planner
                    .desired_trait(found)
                    .would_create(&situation.inventory.traits, found)
        })
        .collect()
}

fn with_key<'a, R: 'a, F: Iterator<Item = &'a Entry<R>>>(
    planner: &Planner<'a>,
    code: &IntegrationCode,
    find: impl Fn(&(crate::domain::identifier::DataSourceId, IntegrationCode)) -> F,
) -> Vec<&'a Entry<R>> {
    let everywhere = planner.situation.foundation.data_sources();
    let keys = everywhere.map(|id| (id, code.clone()));
    keys.flat_map(|key| find(&key).collect::<Vec<_>>())
        .collect()
}
