//! How long the texts are that we write.

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
