//! Objects of ours in another data source than the one where they belong: labels change, and a trait keeps its sid on the
//! way from one data source to the next.

use super::audience::Situation;
use super::difference::trait_label;
use super::found::Found;
use super::hold::Hold;
use crate::domain::audience_manager::Trait;
use crate::domain::identifier::DataSourceId;

/// Looks into each of our other data sources; only what carries a mark of our owner is taken for the object.
pub(super) fn find<'a, R>(
    situation: &Situation<'a>,
    place: DataSourceId,
    description: impl Fn(&R) -> &str,
    look: impl Fn(DataSourceId) -> Found<'a, R>,
) -> Found<'a, R> {
    let claimant = situation.claimant();
    let others = situation.foundation.data_sources();
    for data_source in others.filter(|id| *id != place) {
        match look(data_source) {
            Found::Present(found) if claimant.marked_share(description(found)).is_none() => {}
            Found::Absent => {}
            found => return found,
        }
    }
    Found::Absent
}

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
        found.find(|entry| claimant.marked_share(&entry.record.description).is_some())
    };
    recorded.or_else(marked).map(|entry| &entry.record)
}

fn exposure(situation: &Situation<'_>, found: &Trait) -> String {
    let wanted = situation.desired.controls.unwrap_or_default();
    let (stands_in, inventory) = (found.data_source, situation.inventory);
    let forbidden = situation.foundation.controls_of(stands_in, inventory);
    let label = trait_label(found);
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
