//! Whether Audience Manager grants what a plan needs, before its first write: a plan that cannot end is not begun.

use super::Plan;
use crate::blocker::Blocker;
use crate::call::{Call, Kind, Operation, Step};
use crate::domain::audience_manager::{DataSource, Segment};
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
    let (right, shown, object) = match call {
        Call::DataSource(Operation::Create(new)) => {
            return (inventory.administrator == Some(false))
                .then(|| Blocker::NotAdministrator(new.name.clone()));
        }
        Call::Trait(Operation::Create(new)) => {
            needed::<DataSource>(inventory, &new.data_source, Right::Create)
        }
        Call::Segment(Operation::Create(new)) => {
            needed::<DataSource>(inventory, &new.data_source, Right::Create)
        }
        Call::Mapping(Operation::Create(new)) => {
            needed::<Segment>(inventory, &new.segment, Right::MapToDestination)
        }
        call => on_every_kind!(Call: call, operation => changed(inventory, operation), _ => None)?,
    };
    shown
        .filter(|rights| !rights.has(right) && !covers(*rights, right))
        .map(|_| Blocker::RightMissing {
            right,
            object,
            call: call.label().into(),
        })
}

/// The right, what is shown of the object, and its name.
type Needed = (Right, Option<Rights>, Box<str>);

fn needed<K: Kind>(inventory: &Inventory, id: &K::Id, right: Right) -> Needed {
    let shown = K::table(inventory).get(id).and_then(|entry| entry.lacking);
    (right, shown, format!("{} {id}", K::NOUN).into())
}

fn changed<K: Kind>(inventory: &Inventory, operation: &Operation<K>) -> Option<Needed> {
    match operation {
        Operation::Update(found, _) => Some(needed::<K>(inventory, &found.id(), Right::Write)),
        Operation::Delete(found) => Some(needed::<K>(inventory, &found.id(), Right::Delete)),
        _ => None,
    }
}

/// Whether a data source shows the right to create in it at all is not documented: the right to write it is taken for that right too.
fn covers(rights: Rights, right: Right) -> bool {
    right == Right::Create && rights.has(Right::Write)
}
