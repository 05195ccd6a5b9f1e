//! Whether Audience Manager grants what a plan needs, before its first write: a plan that cannot end is not begun.

use super::Plan;
use super::call::{Call, Step};
use super::hold::Hold;
use crate::domain::audience_manager::{NewSegment, NewTrait};
use crate::domain::reason::Reason;
use crate::domain::rights::{Right, Rights};
use crate::inventory::Inventory;

/// Takes the steps away, and says why, where one of them lacks a right.
pub fn checked<Standing>(mut plan: Plan<Standing>, inventory: &Inventory) -> Plan<Standing> {
    if let Some(hold) = lacking(&plan.steps, inventory) {
        plan.steps.clear();
        plan.holds.insert(0, hold);
    }
    plan
}

fn lacking(steps: &[Step], inventory: &Inventory) -> Option<Hold> {
    steps.iter().find_map(|step| refused(&step.call, inventory))
}

fn refused(call: &Call, inventory: &Inventory) -> Option<Hold> {
    let known = &inventory.rights;
    let (right, rights, object) = match call {
        Call::CreateDataSource(new) => {
            return (known.administrator == Some(false)).then(|| no_administrator(&new.name));
        }
        Call::CreateTrait(NewTrait {
            data_source: id, ..
        })
        | Call::CreateSegment(NewSegment {
            data_source: id, ..
        }) => {
            let named = format!("data source {id}");
            (Right::Create, known.data_sources.get(id), named)
        }
        Call::UpdateDataSource { expected, .. } => {
            let named = format!("data source {}", expected.id);
            (Right::Write, known.data_sources.get(&expected.id), named)
        }
        Call::DeleteDataSource(id) => {
            let named = format!("data source {id}");
            (Right::Delete, known.data_sources.get(id), named)
        }
        Call::UpdateTrait { expected, .. } => {
            let named = format!("trait {}", expected.sid);
            (Right::Write, known.traits.get(&expected.sid), named)
        }
        Call::DeleteTrait(sid) => {
            let named = format!("trait {sid}");
            (Right::Delete, known.traits.get(sid), named)
        }
        Call::UpdateSegment { expected, .. } => {
            let named = format!("segment {}", expected.sid);
            (Right::Write, known.segments.get(&expected.sid), named)
        }
        Call::DeleteSegment(sid) => {
            let named = format!("segment {sid}");
            (Right::Delete, known.segments.get(sid), named)
        }
        Call::CreateMapping(new) => {
            let named = format!("segment {}", new.segment);
            (
                Right::MapToDestination,
                known.segments.get(&new.segment),
                named,
            )
        }
        _ => return None,
    };
    rights
        .filter(|rights: &&Rights| !rights.has(right) && !covers(**rights, right))
        .map(|_| not_granted(call, right, &object))
}

/// Whether a data source shows the right to create in it at all is not documented: whoever may write it may do that too.
fn covers(rights: Rights, right: Right) -> bool {
    right == Right::Create && rights.has(Right::Write)
}

fn not_granted(call: &Call, right: Right, object: &str) -> Hold {
    Hold::new(
        Reason::AccessDenied,
        format!(
            "Audience Manager does not grant the credential's technical account {right} on {object}, so that it could not \
             {}; nothing was changed. Give the account the right in an Audience Manager RBAC group.",
            call.label()
        ),
    )
}

fn no_administrator(data_source: &str) -> Hold {
    Hold::new(
        Reason::AccessDenied,
        format!(
            "The credential's technical account is no administrator in Audience Manager, so that it could not create data \
             source {data_source:?}; nothing was changed. Make it one, or let an administrator create the data source, \
             with unique integration codes for traits and for segments."
        ),
    )
}
