//! Texts as the two systems hold them: what an escaped text says, and when two texts are the same.
//!
//! [`expression`] is the logic that trait rules and segment rules share.
//! Nothing here knows which field a text comes from, and nothing is cut or rewritten beyond its entities.

pub mod expression;

use std::borrow::Cow;

/// The longest entity that is looked at, `&#x10FFFF;`, between `&` and `;`.
const ENTITY_LENGTH_MAX: usize = 8;

/// The text with its HTML entities resolved, once: `&amp;lt;` becomes `&lt;`.
///
/// Audience Manager escapes the texts of its answers unless told not to (audience-manager.md §1.4). Which characters
/// is not documented, so all numeric entities count, and of the names `amp`, `lt`, `gt`, `quot`, `apos` and `nbsp`.
/// Whatever else begins with `&` stays as it is.
pub fn resolve_entities(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('&') else {
        return Cow::Borrowed(text);
    };
    let mut resolved = String::with_capacity(text.len());
    let (before, mut rest) = text.split_at(first);
    resolved.push_str(before);
    while let Some(after) = rest.strip_prefix('&') {
        let tail = match entity(after) {
            Some((character, tail)) => {
                resolved.push(character);
                tail
            }
            None => {
                resolved.push('&');
                after
            }
        };
        let next = tail.find('&').unwrap_or(tail.len());
        resolved.push_str(&tail[..next]);
        rest = &tail[next..];
    }
    Cow::Owned(resolved)
}

/// The character that the entity after an `&` stands for, and the text behind its `;`.
fn entity(after: &str) -> Option<(char, &str)> {
    let end = after
        .bytes()
        .take(ENTITY_LENGTH_MAX + 1)
        .position(|byte| byte == b';')?;
    let (name, tail) = (&after[..end], &after[end + 1..]);
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => numeric_entity(name.strip_prefix('#')?)?,
    };
    Some((character, tail))
}

fn numeric_entity(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|&character| character != '\0')
}

/// Whether two texts say the same: entities resolved on both sides, white space at the ends left out.
/// White space inside counts.
pub fn same_text(left: &str, right: &str) -> bool {
    resolve_entities(left).trim() == resolve_entities(right).trim()
}

/// The words of a text with one space between them; how rules that do not parse are compared.
pub(super) fn collapse_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
