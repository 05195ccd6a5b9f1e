//! An audience whose labels ask for another data source than the one where it is.

use super::input::PlanInput;
use crate::blocker::Blocker;
use crate::domain::audience_manager::Trait;
use crate::ownership::object_name;

/// Why the audience is not where its labels ask, and what that leaves open.
pub(super) fn misplaced(situation: &PlanInput<'_>, because: Blocker) -> Blocker {
    let Some(found) = shared_trait(situation) else {
        return because;
    };
    let (data_source, inventory) = (found.data_source, situation.inventory);
    let wanted = situation.desired.controls.unwrap_or_default();
    let forbidden = situation.shared_objects.controls_of(data_source, inventory);
    Blocker::Misplaced {
        because: Box::new(because),
        shared_trait: object_name(found),
        data_source,
        lacking: wanted.iter().find(|control| !forbidden.contains(*control)),
    }
}

/// The audience's trait, as far as it is known.
fn shared_trait<'a>(situation: &PlanInput<'a>) -> Option<&'a Trait> {
    let traits = &situation.inventory.traits;
    let recorded = situation
        .recorded
        .trait_sid
        .and_then(|sid| traits.get(&sid));
    let marked = || {
        let code = &situation.desired.code;
        let everywhere = situation.shared_objects.data_sources();
        let mut found = everywhere.filter_map(|id| traits.find(&(id, code.clone())).next());
        let claimant = situation.claimant();
        found.find(|entry| claimant.is_of_owner(&entry.record.description))
    };
    recorded.or_else(marked).map(|entry| &entry.record)
}
