//! An audience whose labels ask for another data source than the one where it is.

use super::input::RecordedIds;
use crate::blocker::Blocker;
use crate::compose::DesiredObjects;
use crate::domain::audience_manager::Trait;
use crate::ownership::object_name;
use crate::plan::PlanInput;
use crate::plan::shared_objects::ObservedSharedObjects;

type PlacementInput<'a> = PlanInput<'a, DesiredObjects, RecordedIds>;

/// Why the audience is not where its labels ask, and what that leaves open.
pub(super) fn misplaced(
    input: &PlacementInput<'_>,
    shared_objects: &ObservedSharedObjects,
    because: Blocker,
) -> Blocker {
    let Some(found) = shared_trait(input, shared_objects) else {
        return because;
    };
    let data_source = found.data_source;
    let wanted = input.desired.controls.unwrap_or_default();
    let forbidden = shared_objects.controls_of(data_source, input.inventory);
    Blocker::Misplaced {
        because: Box::new(because),
        shared_trait: object_name(found),
        data_source,
        lacking: wanted.iter().find(|control| !forbidden.contains(*control)),
    }
}

/// The audience's trait, as far as it is known.
fn shared_trait<'a>(
    input: &PlacementInput<'a>,
    shared_objects: &ObservedSharedObjects,
) -> Option<&'a Trait> {
    let traits = &input.inventory.traits;
    let recorded = input.recorded.trait_sid.and_then(|sid| traits.get(&sid));
    let marked = || {
        let code = &input.desired.code;
        let everywhere = shared_objects.data_sources();
        let mut found = everywhere.filter_map(|id| traits.find(&(id, code.clone())).next());
        let claimant = input.claimant;
        found.find(|entry| claimant.is_of_owner(&entry.record.description))
    };
    recorded.or_else(marked).map(|entry| &entry.record)
}
