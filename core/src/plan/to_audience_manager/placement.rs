//! An audience whose labels ask for another data source than the one where it is.

use super::input::Situation;
use crate::domain::audience_manager::Trait;
use crate::hold::Hold;
use crate::ownership::label;

/// Why the audience does not stand where its labels ask, and what that leaves open.
pub(super) fn held(situation: &Situation<'_>, hold: &Hold) -> Hold {
    let message = match standing(situation) {
        Some(found) => format!("{} {}", hold.message, exposure(situation, found)),
        None => hold.message.clone(),
    };
    Hold {
        message,
        ..hold.clone()
    }
}

/// The audience's trait, as far as it is known.
fn standing<'a>(situation: &Situation<'a>) -> Option<&'a Trait> {
    let traits = &situation.inventory.traits;
    let recorded = situation
        .recorded
        .trait_sid
        .and_then(|sid| traits.get(&sid));
    let marked = || {
        let code = &situation.desired.code;
        let everywhere = situation.foundation.data_sources();
        let mut found = everywhere.filter_map(|id| traits.find(&(id, code.clone())).next());
        let claimant = situation.claimant();
        found.find(|entry| claimant.is_of_owner(&entry.record.description))
    };
    recorded.or_else(marked).map(|entry| &entry.record)
}

fn exposure(situation: &Situation<'_>, found: &Trait) -> String {
    let wanted = situation.desired.controls.unwrap_or_default();
    let (stands_in, inventory) = (found.data_source, situation.inventory);
    let forbidden = situation.foundation.controls_of(stands_in, inventory);
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
