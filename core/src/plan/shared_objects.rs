//! The shared objects of a connection: data sources and folders (design.md §2). The profile merge rule has no API
//! (audience-manager.md §7) and is only named.
//!
//! Its own data source holds what is under no export controls; [`controlled`] are those beside it.

mod contents;
mod controlled;
mod data_source;
pub mod deletion;
mod folders;
mod observed;

use std::collections::BTreeSet;

pub(super) use contents::unlisted;
pub use observed::{Controlled, MergeRule, ObservedSharedObjects, Place, RecordedSharedObjects};

use super::Plan;
use crate::call::{Call, Operation};
use crate::compose::{ConnectionSettings, Mode};
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::ExportControls;
use crate::inventory::Inventory;

/// Plans the shared objects, with a data source for each set of export controls that is `needed`. With
/// [`Mode::Observe`] nothing is created or changed.
pub fn plan_shared_objects(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    needed: &BTreeSet<ExportControls>,
    inventory: &Inventory,
    mode: Mode,
) -> Plan<ObservedSharedObjects> {
    let mut plan: Plan<ObservedSharedObjects> = Plan::default();
    plan.state.merge_rule = merge_rule(settings, inventory);
    data_source::plan_data_source(settings, recorded, inventory, mode, &mut plan);
    folders::plan_folders(settings, recorded, inventory, mode, &mut plan);
    controlled::plan_controlled(settings, recorded, needed, inventory, mode, &mut plan);
    plan
}

fn merge_rule(settings: &ConnectionSettings, inventory: &Inventory) -> MergeRule {
    match settings.merge_rule {
        None => MergeRule::AccountDefault,
        Some(id) if inventory.data_sources.get(&id).is_some() => MergeRule::Listed(id),
        Some(id) => MergeRule::NotListed(id),
    }
}

/// The merge rule's data source that a refused call named and that the account does not list: the likely cause.
pub fn unlisted_merge_rule(call: &Call, inventory: &Inventory) -> Option<DataSourceId> {
    let named = match call {
        Call::Segment(Operation::Create(new)) => new.merge_rule,
        Call::Segment(Operation::Update(_, change)) => change.merge_rule,
        _ => None,
    };
    named.filter(|id| inventory.data_sources.get(id).is_none())
}
