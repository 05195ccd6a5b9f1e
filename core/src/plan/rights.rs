//! Whether Audience Manager grants what a plan needs, before its first write: a plan that cannot end is not begun.

use super::Plan;
use crate::blocker::Blocker;
use crate::call::{Call, Operation, Step};
use crate::domain::identifier::{DataSourceId, SegmentSid, TraitSid};
use crate::domain::rights::{Right, Rights};
use crate::inventory::Inventory;

/// Takes the steps away, and says why, where one of them lacks a right.
pub fn checked<State>(mut plan: Plan<State>, inventory: &Inventory) -> Plan<State> {
    if let Some(blocker) = lacking_right(&plan.steps, inventory) {
        plan.steps.clear();
        plan.blockers.insert(0, blocker);
    }
    plan
}

fn lacking_right(steps: &[Step], inventory: &Inventory) -> Option<Blocker> {
    steps.iter().find_map(|step| refused(&step.call, inventory))
}

fn refused(call: &Call, inventory: &Inventory) -> Option<Blocker> {
    let known = &inventory.rights;
    let data_source = |id: &DataSourceId, right| {
        let named = format!("data source {id}");
        (right, known.data_sources.get(id), named)
    };
    let of_trait = |sid: &TraitSid, right| {
        let named = format!("trait {sid}");
        (right, known.traits.get(sid), named)
    };
    let of_segment = |sid: &SegmentSid, right| {
        let named = format!("segment {sid}");
        (right, known.segments.get(sid), named)
    };
    let (right, rights, object) = match call {
        Call::DataSource(Operation::Create(new)) => {
            return (known.administrator == Some(false))
                .then(|| Blocker::NotAdministrator(new.name.clone()));
        }
        Call::Trait(Operation::Create(new)) => data_source(&new.data_source, Right::Create),
        Call::Segment(Operation::Create(new)) => data_source(&new.data_source, Right::Create),
        Call::DataSource(Operation::Update(found, _)) => data_source(&found.id, Right::Write),
        Call::DataSource(Operation::Delete(found)) => data_source(&found.id, Right::Delete),
        Call::Trait(Operation::Update(found, _)) => of_trait(&found.sid, Right::Write),
        Call::Trait(Operation::Delete(found)) => of_trait(&found.sid, Right::Delete),
        Call::Segment(Operation::Update(found, _)) => of_segment(&found.sid, Right::Write),
        Call::Segment(Operation::Delete(found)) => of_segment(&found.sid, Right::Delete),
        Call::Mapping(Operation::Create(new)) => of_segment(&new.segment, Right::MapToDestination),
        _ => return None,
    };
    rights
        .filter(|rights: &&Rights| !rights.has(right) && !covers(**rights, right))
        .map(|_| Blocker::RightMissing {
            right,
            object: object.into(),
            call: call.label().into(),
        })
}

/// Whether a data source shows the right to create in it at all is not documented: whoever may write it may do that too.
fn covers(rights: Rights, right: Right) -> bool {
    right == Right::Create && rights.has(Right::Write)
}
