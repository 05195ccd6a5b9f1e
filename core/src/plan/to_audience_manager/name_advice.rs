//! Characters in the name of a trait that Adobe advises against (audience-manager.md §4.5). It is advice: Adobe's own shared
//! traits have some of them, and the name stays as it is.

use crate::domain::audience_manager::Trait;
use crate::ownership::object_name;

/// A sentence for the status.
pub(super) fn advised_against(found: &Trait) -> Option<Box<str>> {
    let characters = [
        (',', "a comma"),
        ('-', "a hyphen"),
        ('–', "a dash"),
        ('—', "a dash"),
        ('|', "a vertical bar"),
    ];
    let mut held: Vec<&str> = characters
        .into_iter()
        .filter(|(character, _)| found.name.contains(*character))
        .map(|(_, words)| words)
        .collect();
    held.dedup();
    let held = match held.split_last()? {
        (last, []) => (*last).to_owned(),
        (last, others) => format!("{} and {last}", others.join(", ")),
    };
    let sentence = format!(
        "The name of {} contains {held}, which Adobe advises against: inbound data files that name traits can fail. The name \
         was kept. If you load such files, set spec.target.audienceManager.name.",
        object_name(found)
    );
    Some(sentence.into())
}
