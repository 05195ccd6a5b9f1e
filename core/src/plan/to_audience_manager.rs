//! One shared audience: its onboarded trait, its segment and the additional segments (design.md §2).

mod activation;
mod adobe_sharing;
mod coded;
pub mod deletion;
mod duplicates;
mod input;
mod models;
mod name_advice;
mod own_models;
mod placement;
mod planner;
mod segments;
mod suspended;
mod undeclared_segments;
mod users;

pub use input::{AdobesPair, KnownModel, ObservedState, RecordedIds};

use self::activation::Activation;
use self::planner::Planner;
use super::difference::Desired as _;
use super::lookup::Lookup;
use super::shared_objects::{ObservedSharedObjects, Place};
use super::{Plan, PlanInput};
use crate::blocker::Blocker;
use crate::call::Step;
use crate::compose::{DesiredObjects, Mode};
use crate::ownership::Ownership;

/// Plans one audience over shared objects that exist. `place`: where its objects belong for their labels, or why they cannot
/// be there; `None` where no data source exists.
pub fn plan_objects(
    input: PlanInput<'_, DesiredObjects, RecordedIds>,
    shared_objects: &ObservedSharedObjects,
    place: Option<Result<Place, Blocker>>,
) -> Plan<ObservedState> {
    match place {
        None => Plan::blocked(Blocker::AwaitingAdobeSharing(input.desired.code.clone())),
        Some(Err(blocker)) => Plan::blocked(placement::misplaced(&input, shared_objects, blocker)),
        Some(Ok(place)) => {
            let mut planner = Planner {
                input,
                shared_objects,
                place,
                plan: Plan::default(),
                forbidden: false,
                asks: false,
                in_vain: false,
                adobes: None,
                waits: None,
                suspended: Vec::new(),
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
    let pair = match planner.adobes_pair() {
        Ok(pair) => pair,
        Err(call) => return planner.plan.steps.push(Step::ready(*call)),
    };
    let owned = matches!(
        found.as_ref().map(|found| &found.ownership),
        Some(Ownership::Owned(_))
    );
    planner.adobes = pair.filter(|pair| planner.is_in_place(found.as_ref(), *pair));
    let found = found.filter(|_| planner.adobes.is_none());
    let manages = planner.input.share.mode == Mode::Manage;
    let activation = match manages {
        true => planner.activation(found.is_none() && planner.may_create()),
        false => Activation::default(),
    };
    let state = planner.shared_trait(&slot, found);
    planner.shared_segment(state, &activation);
    if manages {
        planner.models(state);
        planner.additional_segments(state, &activation);
        planner.undeclared_mappings(&activation);
        planner.unrecorded_mappings(&activation);
        planner.undeclared_segments();
        if owned && planner.adobes.is_some() {
            planner.delete_own_pair(&activation);
        }
    }
    planner.plan.blockers.extend(planner.waits.take());
    planner.report_suspended();
    if !planner.observes() {
        let duplicates = duplicates::steps(planner);
        planner.plan.steps.extend(duplicates);
    }
}
