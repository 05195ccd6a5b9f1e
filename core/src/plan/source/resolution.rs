//! What looking for a source comes to.

use crate::blocker::Blocker;
use crate::call::Call;
use crate::plan::gone::Gone;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<Source> {
    Found(Source),
    /// Absence from a list proves nothing: this call decides.
    Ask(Call),
    Held(Blocker),
    /// It was deleted or deactivated; what was made of it may still exist.
    Gone(Gone),
}

/// At most eight names, and how many more there are.
pub(in crate::plan) fn bounded_list(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown = names
        .iter()
        .take(SHOWN_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
