//! Destinations that the export controls of an audience forbid (audience-manager.md §8.5): found before a segment is
//! mapped there, and before an audience that is mapped there gets a label.

use super::hold::Hold;
use super::source::bounded_list;
use crate::domain::destination::Destination;
use crate::domain::labels::Restrictions;
use crate::domain::reason::Reason;

/// Why an audience in a data source with these controls may not go to all of the destinations; `None` if it may.
///
/// The names are compared as both sides carry them, so that a control is met too whose name this version does not know.
pub fn destinations<'a>(
    controls: &Restrictions,
    destinations: impl IntoIterator<Item = &'a Destination>,
) -> Option<Hold> {
    let told = |destination: &Destination| {
        let met: Vec<&str> = controls.shared_with(&destination.labels).collect();
        let Destination { id, name, .. } = destination;
        (!met.is_empty()).then(|| format!("{id} {name:?} ({})", met.join(", ")))
    };
    let forbidden: Vec<String> = destinations.into_iter().filter_map(told).collect();
    let names: Vec<&str> = forbidden.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        Hold::stalled(
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
