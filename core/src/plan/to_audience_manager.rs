//! One shared audience: its onboarded trait, its segment and the additional segments (design.md §2).

mod activation;
mod coded;
pub mod deletion;
mod duplicates;
mod input;
mod placement;
mod planner;
mod segments;
mod undeclared;

pub use input::{ObservedState, PlanInput, RecordedIds};

use self::activation::Activation;
use self::planner::Planner;
use super::Plan;
use super::difference::Desired as _;
use super::lookup::Lookup;
use crate::blocker::Blocker;
use crate::call::Step;
use crate::compose::Mode;

/// Plans one audience over shared objects that exist.
pub fn plan(situation: PlanInput<'_>) -> Plan<ObservedState> {
    match situation.place {
        None => {
            let code = situation.desired.code.clone();
            Plan::blocked(Blocker::AwaitingAdobeSharing(code))
        }
        Some(Err(blocker)) => Plan::blocked(placement::misplaced(&situation, blocker.clone())),
        Some(Ok(place)) => {
            let mut planner = Planner {
                situation,
                place,
                plan: Plan::default(),
                forbidden: false,
                asks: false,
                in_vain: false,
                declared_trait: None,
                declared_segments: Vec::new(),
            };
            audience(&mut planner);
            planner.plan
        }
    }
}

fn audience(planner: &mut Planner<'_>) {
    let slot = planner.trait_slot();
    let found = match slot.find(|found| planner.desired_trait(found).equals(slot.inventory, found))
    {
        Lookup::Ask(call) => return planner.plan.steps.push(Step::ready(*call)),
        Lookup::Found(found) => Some(found),
        Lookup::Absent => None,
    };
    if let Some(blocker) = planner.claimed_by_another(found.as_ref().map(|found| found.record)) {
        return planner.plan.blockers.push(blocker);
    }
    let manages = planner.situation.mode == Mode::Manage;
    let activation = match manages {
        true => planner.activation(found.is_none() && planner.may_create()),
        false => Activation::default(),
    };
    let state = planner.shared_trait(&slot, found);
    planner.shared_segment(state, &activation);
    if manages {
        planner.additional_segments(state, &activation);
        planner.undeclared_mappings(&activation);
        planner.unrecorded_mappings(&activation);
        planner.undeclared_segments();
    }
    if !planner.observes() {
        let duplicates = duplicates::steps(planner);
        planner.plan.steps.extend(duplicates);
    }
}
