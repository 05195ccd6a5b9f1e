//! Destinations that the export controls of an audience forbid (audience-manager.md §8.5): found before a segment is
//! mapped there, and before an audience that is mapped there gets a label.

use super::destinations::Resolved;
use super::mappings::{self, KnownMapping};
use crate::blocker::Blocker;
use crate::call::Call;
use crate::compose::Desired;
use crate::domain::destination::Destination;
use crate::domain::identifier::SegmentSid;
use crate::domain::labels::{ExportControls, Restrictions};
use crate::domain::reason::Reason;
use crate::inventory::Inventory;
use crate::plan::source::bounded_list;

/// Why an audience in a data source with these controls may not go to all of the destinations; `None` if it may.
///
/// The names are compared as both sides carry them, so that a control is met too whose name this version does not know.
pub fn forbidden<'a>(
    controls: &Restrictions,
    destinations: impl IntoIterator<Item = &'a Destination>,
) -> Option<Blocker> {
    let told = |destination: &Destination| {
        let met: Vec<&str> = controls.shared_with(&destination.labels).collect();
        let Destination { id, name, .. } = destination;
        (!met.is_empty()).then(|| format!("{id} {name:?} ({})", met.join(", ")))
    };
    let told: Vec<String> = destinations.into_iter().filter_map(told).collect();
    let names: Vec<&str> = told.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        Blocker::new(
            Reason::ExportControlViolated,
            format!(
                "The export controls that the audience belongs under forbid it to destination {}; nothing was mapped to it, \
                 and nothing that stands was moved or torn down. Take the destination out, or change its export labels, or \
                 the labels of the source.",
                bounded_list(&names)
            ),
        )
    })
}

/// Before a data source for `controls` is made: why none is needed, since a destination of the audience forbids the way
/// there.
///
/// `recorded`, `segments`: the mappings and segments that the status names.
///
/// # Errors
/// What must be known first.
pub fn before_data_source(
    desired: &Desired,
    (recorded, segments): (&[KnownMapping], &[SegmentSid]),
    controls: ExportControls,
    inventory: &Inventory,
) -> Result<Option<Blocker>, Box<Call>> {
    // Any other data source a person makes, with names that only then are known.
    let Some(controls) = controls.restrictions() else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for (key, declared) in desired.destinations_by_segment() {
        let of_segment = |known: &&KnownMapping| known.segment.as_deref() == key;
        let recorded: Vec<_> = recorded.iter().filter(of_segment).collect();
        match mappings::find(inventory, declared, &recorded) {
            Resolved::Found(destination) => found.push(destination),
            Resolved::Ask(call) => return Err(Box::new(call)),
            Resolved::Held(_) => {} // told by the plan of the audience
        }
    }
    // Those that are no longer declared go before anything moves.
    let leaving = recorded.iter().filter(|known| {
        let (segment, key) = (known.segment.as_deref(), &known.key);
        !desired.declares_destination(segment, key)
    });
    let leaving: Vec<_> = leaving.filter_map(|known| known.mapping).collect();
    let mapped = segments.iter();
    found.extend(mapped.flat_map(|sid| mappings::mapped_to(inventory, Some(*sid), &leaving)));
    found.sort_by_key(|destination| destination.id);
    found.dedup_by_key(|destination| destination.id);
    Ok(forbidden(&controls, found))
}
