//! Texts as the two systems hold them: what an escaped text says.
//!
//! [`logic`] is the logic that trait rules and segment rules share.
//! Nothing here knows which field a text comes from, and nothing is cut or rewritten beyond its entities.

pub mod logic;
pub(super) mod scanner;
#[cfg(test)]
pub(super) mod spelling;

use std::borrow::Cow;

/// The longest entity that is looked at, `&#x10FFFF;`, between `&` and `;`.
const ENTITY_LENGTH_MAX: usize = 8;

/// The text with its HTML entities resolved, once: `&amp;lt;` becomes `&lt;`.
///
/// Only for a text that is known to be escaped: another one may hold an entity that a person wrote. Audience Manager
/// escapes the texts of its answers unless told not to (audience-manager.md §1.4). Which characters
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

/// The words of a text with one space between them; how rules that do not parse are compared.
pub(super) fn collapse_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use rstest::rstest;

    use super::resolve_entities;

    #[rstest]
    #[case::the_rule_of_the_reference("segid == &quot;4b1c&quot;", "segid == \"4b1c\"")]
    #[case::each_name("&amp;&lt;&gt;&quot;&apos;&nbsp;", "&<>\"'\u{a0}")]
    #[case::decimal("it&#39;s", "it's")]
    #[case::hexadecimal("&#x27;&#X2F;&#x10FFFF;", "'/\u{10ffff}")]
    #[case::one_pass_only("&amp;lt;&amp;amp;", "&lt;&amp;")]
    #[case::unknown_names_stay("&eacute; &AMP; &;", "&eacute; &AMP; &;")]
    #[case::open_ones_stay("a & b &amp c &", "a & b &amp c &")]
    #[case::far_semicolons_do_not_count("&#00000000039;", "&#00000000039;")]
    #[case::no_character(
        "&#0;&#xD800;&#x110000;&#;&#x;&#+39;&#3a;",
        "&#0;&#xD800;&#x110000;&#;&#x;&#+39;&#3a;"
    )]
    #[case::beside_wide_characters("日&lt;本&é;語", "日<本&é;語")]
    fn entities_are_resolved(#[case] escaped: &str, #[case] plain: &str) {
        assert_eq!(resolve_entities(escaped), plain);
    }

    proptest! {
        #[test]
        fn what_was_escaped_reads_as_it_was(text in any::<String>()) {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            assert_eq!(resolve_entities(&escaped), text);
        }

        #[test]
        fn no_text_of_entity_pieces_panics(text in "[&#;xX0-9a-gé]{0,40}") {
            resolve_entities(&text);
        }
    }
}
