//! Who uses a trait: as long as anybody else does, it is not deleted.

use crate::blocker::{Blocker, ObjectName};
use crate::domain::audience_manager::Segment;
use crate::domain::identifier::{SegmentSid, TraitSid};
use crate::domain::segment_rule::SegmentRule;
use crate::inventory::{Inventory, Sequence};
use crate::ownership::Judged as _;

pub(super) enum TraitUsers {
    Unknown,
    Foreign(Blocker),
    OursAlone,
}

/// Who uses a trait, beside the segments that are `deleted` before it.
pub(super) fn users_of(
    inventory: &Inventory,
    since: Sequence,
    sid: TraitSid,
    deleted: &[SegmentSid],
) -> TraitUsers {
    let known = inventory.trait_users.get(&sid);
    let Some(users) = known.filter(|users| users.seen >= since) else {
        return TraitUsers::Unknown;
    };
    // A younger record shows whether a rule names it still.
    let names_it = |segment: &SegmentSid| match inventory.segments.get(segment) {
        Some(entry) if !entry.stale && entry.seen > users.seen => {
            let rule = SegmentRule::parse(&entry.record.rule);
            rule.map_or(true, |rule| rule.traits().contains(&sid))
        }
        Some(_) => true,
        None => !inventory.segments.is_gone(segment),
    };
    let foreign: Vec<ObjectName> = users
        .segments
        .iter()
        .filter(|(segment, _)| !deleted.contains(segment) && names_it(segment))
        .map(|(segment, name)| ObjectName::new(Segment::NOUN, format!("{segment} {name:?}")))
        .collect();
    match foreign.is_empty() {
        true => TraitUsers::OursAlone,
        false => TraitUsers::Foreign(Blocker::TraitInUse(sid, foreign)),
    }
}
