//! How long the texts are that we write.

/// Names of traits and segments (audience-manager.md §4.1).
const NAME_CHARS_MAX: usize = 255;

/// Of the descriptions that we write. Neither system states a bound (audience-manager.md §4.5); as for names.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 255;

pub(super) fn bounded(name: &str) -> Box<str> {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => name[..end].into(),
        None => name.into(),
    }
}
