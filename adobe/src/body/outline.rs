//! What is kept of a list element that is too large to be held: its own members, without what is nested in them and
//! without long texts. That is enough to find its id, which says which object could not be read.

/// Far more than the members of an object take when their values are short.
const OUTLINE_BYTES_MAX: usize = 64 << 10;
/// A longer text becomes an empty one. No id is that long.
const TEXT_BYTES_MAX: usize = 1 << 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Outline {
    kept: Vec<u8>,
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// Where the text begins that is being read.
    text_from: usize,
    text_is_long: bool,
    is_full: bool,
}

impl Outline {
    pub(super) fn push(&mut self, part: &[u8]) {
        for &byte in part {
            self.push_byte(byte);
        }
    }

    /// JSON if the element was; empty if even the outline is too large.
    pub(super) fn finish(self) -> Vec<u8> {
        match self.is_full {
            true => Vec::new(),
            false => self.kept,
        }
    }

    fn push_byte(&mut self, byte: u8) {
        if self.in_text {
            return self.push_in_text(byte);
        }
        match byte {
            b'"' => {
                self.in_text = true;
                self.keep(byte, 1);
                self.text_from = self.kept.len();
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.keep(byte, 2);
            }
            b'}' | b']' => {
                self.keep(byte, 2);
                self.depth = self.depth.saturating_sub(1);
            }
            _ => self.keep(byte, 1),
        }
    }

    fn push_in_text(&mut self, byte: u8) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        if ends {
            (self.in_text, self.text_is_long) = (false, false);
            return self.keep(byte, 1);
        }
        if self.text_is_long || self.depth > 1 {
            return;
        }
        self.keep(byte, 1);
        if self.kept.len() - self.text_from > TEXT_BYTES_MAX {
            self.kept.truncate(self.text_from);
            self.text_is_long = true;
        }
    }

    /// Keeps a byte that is not nested deeper than that.
    fn keep(&mut self, byte: u8, depth_max: usize) {
        if self.depth > depth_max {
            return;
        }
        if self.kept.len() == OUTLINE_BYTES_MAX {
            self.is_full = true;
            return;
        }
        self.kept.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::{Value, json};

    use super::{OUTLINE_BYTES_MAX, Outline, TEXT_BYTES_MAX};

    fn outline(text: &str) -> Vec<u8> {
        let mut outline = Outline::default();
        outline.push(text.as_bytes());
        outline.finish()
    }

    #[test]
    fn members_stay_and_what_is_nested_or_long_goes() {
        let long = "\\u00e4\\\"".repeat(TEXT_BYTES_MAX);
        let text = format!(
            r#"{{"name":"{long}","expression":{{"value":"{long}","n":[1,{{"id":"inner"}}]}},"labels":["a","b"],"id":"a-1","sid":7}}"#
        );
        let kept: Value = serde_json::from_slice(&outline(&text)).expect("JSON");
        let expected = json!({"name": "", "expression": {}, "labels": [], "id": "a-1", "sid": 7});
        assert_eq!(kept, expected);
    }

    #[test]
    fn an_outline_that_is_too_large_is_empty() {
        let members = "\"a\":1,".repeat(OUTLINE_BYTES_MAX / 6 + 1);
        assert_eq!(outline(&format!("{{{members}\"id\":\"x\"}}")), b"");
    }

    proptest! {
        #[test]
        fn an_outline_of_json_is_json_with_the_same_short_members(
            id in "[a-z\"\\\\ä]{0,40}",
            text in any::<String>(),
            times in 0usize..40,
        ) {
            let text = text.repeat(times);
            let element = json!({"text": text, "nested": [text, {"id": text}], "id": id, "n": null}).to_string();
            let kept: Value = serde_json::from_slice(&outline(&element)).expect("JSON");
            prop_assert_eq!(&kept["id"], &json!(id));
            prop_assert_eq!(&kept["nested"], &json!([]));
        }
    }
}
