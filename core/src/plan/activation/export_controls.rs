//! Destinations that the export controls of an audience forbid (audience-manager.md §8.5): found before a segment is
//! mapped there, and before an audience that is mapped there gets a label.

use super::destinations::ResolvedDestination;
use super::mappings::{self, KnownMapping};
use crate::blocker::{Blocker, ForbiddenDestination};
use crate::call::Call;
use crate::compose::DesiredObjects;
use crate::domain::destination::Destination;
use crate::domain::identifier::SegmentSid;
use crate::domain::labels::{ExportControls, Restrictions};
use crate::inventory::Inventory;

/// Why an audience in a data source with these controls may not go to all of the destinations; `None` if it may.
///
/// The names are compared as both sides carry them, so that a control is met too whose name this version does not know. A
/// destination whose labels are not shown may carry any of them.
pub fn forbidden<'a>(
    controls: &Restrictions,
    destinations: impl IntoIterator<Item = &'a Destination>,
) -> Option<Blocker> {
    let met = |found: &Destination| {
        forbids(controls, found).then(|| ForbiddenDestination {
            id: found.id,
            name: found.name.clone(),
            controls: found
                .labels
                .as_ref()
                .map(|labels| controls.shared_with(labels).map(Into::into).collect()),
        })
    };
    let forbidden: Vec<_> = destinations.into_iter().filter_map(met).collect();
    (!forbidden.is_empty()).then_some(Blocker::ExportControlsViolated(forbidden))
}

/// Whether an audience in a data source with these controls may not go there.
pub(crate) fn forbids(controls: &Restrictions, destination: &Destination) -> bool {
    match &destination.labels {
        Some(labels) => controls.shared_with(labels).next().is_some(),
        None => controls.names().next().is_some(),
    }
}

/// The destinations among these that must be read before their labels are compared.
pub(crate) fn unread<'a>(
    controls: &Restrictions,
    destinations: impl Iterator<Item = &'a Destination>,
) -> impl Iterator<Item = Call> {
    let unread = destinations.filter(|destination| !destination.is_whole());
    let unread = unread.filter(|_| controls.names().next().is_some());
    unread.map(|destination| Call::read::<Destination>(destination.id))
}

/// Before a data source for `controls` is made: why none is needed, since a destination of the audience forbids the way
/// there.
///
/// `recorded`, `segments`: the mappings and segments that the status names.
///
/// # Errors
/// What must be known first.
pub fn before_data_source(
    desired: &DesiredObjects,
    (recorded, segments): (&[KnownMapping], &[SegmentSid]),
    controls: ExportControls,
    inventory: &Inventory,
) -> Result<Option<Blocker>, Box<Call>> {
    // Any other data source a person makes, with names that only then are known.
    let Some(controls) = controls.restrictions(&inventory.shown_restrictions()) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for (key, declared) in desired.destinations_by_segment() {
        let of_segment = |known: &&KnownMapping| known.segment.as_deref() == key;
        let recorded: Vec<_> = recorded.iter().filter(of_segment).collect();
        match mappings::find_destination(inventory, declared, &recorded) {
            ResolvedDestination::Found(destination) => found.push(destination),
            ResolvedDestination::Ask(call) => return Err(Box::new(call)),
            ResolvedDestination::Blocked(_) => {} // reported by the plan of the audience
        }
    }
    // Those that are no longer declared go before anything moves.
    let undeclared = recorded.iter().filter(|known| {
        let (segment, key) = (known.segment.as_deref(), &known.key);
        !desired.declares_destination(segment, key)
    });
    let undeclared: Vec<_> = undeclared.filter_map(|known| known.mapping).collect();
    let mapped = segments.iter();
    let mapped: Vec<_> = mapped
        .flat_map(|sid| mappings::mapped_to(inventory, Some(*sid), &undeclared))
        .collect();
    if let Some(call) = unread(&controls, mapped.iter().copied()).next() {
        return Err(Box::new(call));
    }
    found.extend(mapped);
    found.sort_by_key(|destination| destination.id);
    found.dedup_by_key(|destination| destination.id);
    Ok(forbidden(&controls, found))
}
