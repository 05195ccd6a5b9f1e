//! An audience whose labels ask for another data source than the one where it is.

use super::input::PlanInput;
use crate::blocker::Blocker;
use crate::domain::audience_manager::Trait;
use crate::ownership::label;

/// Why the audience does not stand where its labels ask, and what that leaves open.
pub(super) fn held(situation: &PlanInput<'_>, blocker: &Blocker) -> Blocker {
    let message = match state(situation) {
        Some(found) => format!("{} {}", blocker.message, exposure(situation, found)),
        None => blocker.message.clone(),
    };
    Blocker {
        message,
        ..blocker.clone()
    }
}

/// The audience's trait, as far as it is known.
fn state<'a>(situation: &PlanInput<'a>) -> Option<&'a Trait> {
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

fn exposure(situation: &PlanInput<'_>, found: &Trait) -> String {
    let wanted = situation.desired.controls.unwrap_or_default();
    let (stands_in, inventory) = (found.data_source, situation.inventory);
    let forbidden = situation.shared_objects.controls_of(stands_in, inventory);
    let label = label(found);
    match wanted.iter().find(|control| !forbidden.contains(*control)) {
        Some(control) => format!(
            "{label} and its segments stay in data source {} without it: until then Audience Manager lets their data be \
             used against {} ({}).",
            found.data_source,
            control.label(),
            control.in_words(),
        ),
        None => format!(
            "{label} and its segments stay in data source {}, whose export controls forbid as much.",
            found.data_source
        ),
    }
}
