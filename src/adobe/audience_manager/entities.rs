//! HTML entities in texts: without the header, and perhaps with it, Audience Manager escapes them
//! (audience-manager.md §1.4).

use std::borrow::Cow;

/// The text with its entities resolved once; what is no known entity stays as it is.
pub(super) fn resolve_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        resolved.push_str(&rest[..start]);
        rest = &rest[start..];
        match entity(rest) {
            Some((character, length)) => {
                resolved.push(character);
                rest = &rest[length..];
            }
            None => {
                resolved.push('&');
                rest = &rest[1..];
            }
        }
    }
    resolved.push_str(rest);
    Cow::Owned(resolved)
}

fn entity(text: &str) -> Option<(char, usize)> {
    /// `&#x10FFFF;` is the longest.
    const LENGTH_MAX: usize = 10;
    let end = text
        .bytes()
        .take(LENGTH_MAX)
        .position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::resolve_entities;

    #[test]
    fn entities_are_resolved_once() {
        for (text, resolved) in [
            ("plain", "plain"),
            ("segid == &quot;a&quot;", "segid == \"a\""),
            (
                "a &lt; b &gt; c &amp; d &#39;e&#x27; &apos;",
                "a < b > c & d 'e' '",
            ),
            ("&amp;quot;", "&quot;"),
            ("R&D; &unknown; &", "R&D; &unknown; &"),
            ("&#xD800; &#; &é;", "&#xD800; &#; &é;"),
        ] {
            assert_eq!(resolve_entities(text), resolved, "{text}");
        }
    }
}
