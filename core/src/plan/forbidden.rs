//! Destinations that the export controls of an audience forbid (audience-manager.md §8.5): found before a segment is
//! mapped there, and before an audience that is mapped there gets a label.

use super::hold::Hold;
use super::source::bounded_list;
use crate::domain::labels::Restrictions;
use crate::domain::reason::Reason;

/// A destination that an audience is mapped to, or shall be.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    pub name: &'a str,
    /// Its `dataExportLabels`: what it uses data for.
    pub labels: &'a Restrictions,
}

/// Why an audience in a data source with these controls may not go to all of the destinations; `None` if it may.
///
/// The names are compared as both sides carry them, so that a control is met too whose name this version does not know.
pub fn destinations<'a>(
    controls: &Restrictions,
    destinations: impl IntoIterator<Item = Labelled<'a>>,
) -> Option<Hold> {
    let told = |Labelled { name, labels }: Labelled<'a>| {
        let met: Vec<&str> = controls.shared_with(labels).collect();
        (!met.is_empty()).then(|| format!("{name:?} ({})", met.join(", ")))
    };
    let forbidden: Vec<String> = destinations.into_iter().filter_map(told).collect();
    let names: Vec<&str> = forbidden.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        Hold::new(
            Reason::ExportControlViolated,
            format!(
                "The labels of the source put the audience under export controls that forbid it to destination {}. Take \
                 it out of the destinations, or change the export labels of the destination, or the labels of the \
                 source.",
                bounded_list(&names)
            ),
        )
    })
}
