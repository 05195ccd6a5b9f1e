//! The texts that we write: how long they are, and the codes that we derive.

use crate::domain::identifier::{AudienceId, IntegrationCode};

/// Names of traits and segments (audience-manager.md §4.1).
const NAME_CHARS_MAX: usize = 255;

/// Of the descriptions that we write. Neither system states a bound (audience-manager.md §4.5); as for names.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 255;

/// As both systems keep it: a tab or line break, which breaks data files that name the object (audience-manager.md §4.5),
/// becomes a space.
pub(super) fn object_name(name: &str) -> Box<str> {
    let in_one_line = |character: char| match character.is_control() {
        true => ' ',
        false => character,
    };
    name.chars().take(NAME_CHARS_MAX).map(in_one_line).collect()
}

/// The integration code of a segment or trait beside the shared one: `<I>.<key>` (design.md §4.4).
pub fn additional_code(source: &AudienceId, key: &str) -> IntegrationCode {
    IntegrationCode::new(format!("{source}.{key}"))
}
