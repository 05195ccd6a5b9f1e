//! Cuts a JSON list into its elements while it arrives (measured.md §8): no thread, and no more memory than one element.
//! One that is too large is skipped, and only its outline is handed out: it must not hide the others.
//!
//! It looks at brackets, strings and commas only. Whether an element is valid JSON is for its decoder to say.

use super::outline::Outline;

/// One object of a list. A trait or an audience with its rule takes some KiB.
pub(crate) const ELEMENT_BYTES_MAX: usize = 256 << 10;
/// Twice the 100,000 traits that a tenant may have (audience-manager.md §2.7).
pub(crate) const ELEMENTS_MAX: usize = 200_000;
/// What surrounds the list: page numbers and links.
const ENVELOPE_BYTES_MAX: usize = 64 << 10;

/// One element of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    Whole(&'a [u8]),
    /// Too large to be read. Its own members with short values, if they fit; else nothing.
    Outline(&'a [u8]),
}

/// What takes the elements of a list, one by one.
pub(crate) type Each<'a> = dyn FnMut(Element<'_>) + Send + 'a;

/// Why a body is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    NoList,
    CutOff,
    EnvelopeTooLarge,
    TooManyElements,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Before,
    Envelope,
    List,
    After,
}

#[derive(Clone, Debug)]
pub(crate) struct Splitter {
    /// The member that holds the list; absent for a bare list.
    member: Option<&'static str>,
    may_be_bare: bool,
    position: Position,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The beginning of an element whose end has not arrived.
    element: Vec<u8>,
    /// In its position, of one that is too large.
    outline: Option<Outline>,
    envelope: Vec<u8>,
    element_bytes_max: usize,
    count: usize,
    found: bool,
}

impl Splitter {
    /// For a body that is an object whose `member` is the list.
    pub(crate) fn inside(member: &'static str) -> Self {
        Self::new(member, false)
    }

    /// For a body that is such an object, or the list itself.
    pub(crate) fn bare_or_inside(member: &'static str) -> Self {
        Self::new(member, true)
    }

    /// For a list whose elements hold lists of their own.
    pub(crate) fn with_elements_up_to(self, element_bytes_max: usize) -> Self {
        Self {
            element_bytes_max,
            ..self
        }
    }

    fn new(member: &'static str, may_be_bare: bool) -> Self {
        Self {
            member: Some(member),
            may_be_bare,
            position: Position::Before,
            depth: 0,
            in_string: false,
            escaped: false,
            element: Vec::new(),
            outline: None,
            envelope: Vec::new(),
            element_bytes_max: ELEMENT_BYTES_MAX,
            count: 0,
            found: false,
        }
    }

    /// Takes the next bytes, wherever they were cut.
    pub(crate) fn push(&mut self, chunk: &[u8], each: &mut Each<'_>) -> Result<(), Malformed> {
        let mut start = 0;
        for (index, &byte) in chunk.iter().enumerate() {
            match self.position {
                Position::Before => {
                    self.open(byte)?;
                    start = index + 1;
                }
                Position::Envelope => {
                    self.in_envelope(byte)?;
                    start = index + 1;
                }
                Position::List => {
                    if self.ends_element(byte)? {
                        self.end_element(&chunk[start..index], byte == b']', each)?;
                        start = index + 1;
                    }
                }
                Position::After if byte.is_ascii_whitespace() => {}
                Position::After => return Err(Malformed::NoList),
            }
        }
        if self.position == Position::List {
            self.keep(&chunk[start..]);
        }
        Ok(())
    }

    /// What surrounds the list, the list itself emptied.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Malformed> {
        match self.position {
            Position::After if self.found => Ok(self.envelope),
            Position::After => Err(Malformed::NoList),
            Position::Before | Position::Envelope | Position::List => Err(Malformed::CutOff),
        }
    }

    fn open(&mut self, byte: u8) -> Result<(), Malformed> {
        match (byte, self.member) {
            (b'[', _) if self.may_be_bare => {
                self.member = None;
                (self.position, self.found) = (Position::List, true);
            }
            (b'{', Some(_)) => {
                self.envelope.push(byte);
                self.position = Position::Envelope;
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => return Err(Malformed::NoList),
        }
        Ok(())
    }

    fn in_envelope(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.envelope.len() == ENVELOPE_BYTES_MAX {
            return Err(Malformed::EnvelopeTooLarge);
        }
        self.envelope.push(byte);
        if self.inside_string(byte) {
            return Ok(());
        }
        match byte {
            b'[' if self.depth == 0 && !self.found && self.at_member() => {
                (self.position, self.found) = (Position::List, true)
            }
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' if self.depth == 0 => self.position = Position::After,
            b']' | b'}' => self.depth -= 1,
            _ => {}
        }
        Ok(())
    }

    /// Whether the bracket just read opens the list: the member's name and a colon come before it.
    fn at_member(&self) -> bool {
        let before = self.envelope[..self.envelope.len() - 1].trim_ascii_end();
        let name = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        let Some((name, member)) = name.zip(self.member) else {
            return false;
        };
        name.strip_suffix(format!("\"{member}\"").as_bytes())
            .is_some_and(|before| matches!(before.trim_ascii_end().last(), Some(b'{' | b',')))
    }

    /// Follows strings; `true` for a byte that is part of one.
    fn inside_string(&mut self, byte: u8) -> bool {
        if !self.in_string {
            self.in_string = byte == b'"';
            return self.in_string;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        true
    }

    fn ends_element(&mut self, byte: u8) -> Result<bool, Malformed> {
        if self.inside_string(byte) {
            return Ok(false);
        }
        match byte {
            b',' | b']' if self.depth == 0 => return Ok(true),
            b'}' if self.depth == 0 => return Err(Malformed::NoList),
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth -= 1,
            _ => {}
        }
        Ok(false)
    }

    fn end_element(
        &mut self,
        end: &[u8],
        last: bool,
        each: &mut Each<'_>,
    ) -> Result<(), Malformed> {
        if last {
            self.position = match self.member {
                None => Position::After,
                Some(_) => {
                    self.envelope.push(b']');
                    Position::Envelope
                }
            };
        }
        let is_at_hand = self.element.is_empty()
            && self.outline.is_none()
            && end.len() <= self.element_bytes_max;
        if !is_at_hand {
            self.keep(end);
        }
        if let Some(outline) = self.outline.take() {
            self.count_one()?;
            each(Element::Outline(&outline.finish()));
            return Ok(());
        }
        let whole = if is_at_hand { end } else { &self.element };
        let trimmed = whole.trim_ascii();
        if trimmed.is_empty() {
            // Only `[]` has nothing between its brackets.
            return if last && self.count == 0 {
                Ok(())
            } else {
                Err(Malformed::NoList)
            };
        }
        each(Element::Whole(trimmed));
        self.element.clear();
        self.count_one()
    }

    fn count_one(&mut self) -> Result<(), Malformed> {
        self.count += 1;
        match self.count > ELEMENTS_MAX {
            true => Err(Malformed::TooManyElements),
            false => Ok(()),
        }
    }

    /// Keeps part of an element whose end has not arrived.
    fn keep(&mut self, part: &[u8]) {
        if let Some(outline) = &mut self.outline {
            outline.push(part);
        } else if self.element.len() + part.len() > self.element_bytes_max {
            let mut outline = Outline::default();
            outline.push(&std::mem::take(&mut self.element));
            outline.push(part);
            self.outline = Some(outline);
        } else {
            self.element.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
    use serde_json::{Value, json};

    use super::{
        ELEMENT_BYTES_MAX, ELEMENTS_MAX, ENVELOPE_BYTES_MAX, Element, Malformed, Splitter,
    };

    fn split<'a>(
        mut splitter: Splitter,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Vec<String>, String), Malformed> {
        let mut elements = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, &mut |element| {
                elements.push(match element {
                    Element::Whole(text) => String::from_utf8_lossy(text).into_owned(),
                    Element::Outline(text) => format!("outline {}", String::from_utf8_lossy(text)),
                });
            })?;
        }
        let rest = splitter.finish()?;
        Ok((elements, String::from_utf8_lossy(&rest).into_owned()))
    }

    fn bare(body: &str) -> Result<Vec<String>, Malformed> {
        split(Splitter::bare_or_inside("list"), [body.as_bytes()]).map(|(elements, _)| elements)
    }

    #[test]
    fn brackets_and_commas_inside_strings_cut_nothing() {
        let body = r#" [ {"a":"],[{\"\\"} , [1,[2]] ,"x,]",4 ] "#;
        assert_eq!(
            bare(body).expect("a list"),
            [r#"{"a":"],[{\"\\"}"#, "[1,[2]]", r#""x,]""#, "4"]
        );
        assert_eq!(bare(" [ ] ").expect("an empty list"), [""; 0]);
    }

    #[test]
    fn what_is_no_list_or_not_all_of_it_is_told() {
        for (body, because) in [
            ("", Malformed::CutOff),
            ("[", Malformed::CutOff),
            ("[{\"a\":1}", Malformed::CutOff),
            ("[{\"a\":1},{\"b", Malformed::CutOff),
            ("<html>", Malformed::NoList),
            ("{\"other\":[]}", Malformed::NoList),
            ("[1,]", Malformed::NoList),
            ("[1,,2]", Malformed::NoList),
            ("[1}", Malformed::NoList),
            ("[1] x", Malformed::NoList),
        ] {
            assert_eq!(bare(body), Err(because), "{body}");
        }
    }

    #[test]
    fn elements_have_bounds() {
        let many = format!("[{}1]", "1,".repeat(ELEMENTS_MAX));
        assert_eq!(bare(&many), Err(Malformed::TooManyElements));
        let around = format!(
            "{{\"note\":\"{}\",\"list\":[]}}",
            "x".repeat(ENVELOPE_BYTES_MAX)
        );
        assert_eq!(bare(&around), Err(Malformed::EnvelopeTooLarge));
    }

    #[test]
    fn an_element_that_is_too_large_is_skipped_and_hides_no_other() {
        let text = "x".repeat(ELEMENT_BYTES_MAX);
        let body = format!(r#"[{{"id":1}},{{"text":"{text}","id":2,"in":["{text}"]}},{{"id":3}}]"#);
        for size in [1, 7, 4_096, body.len()] {
            let chunks = body.as_bytes().chunks(size);
            let (elements, _) = split(Splitter::bare_or_inside("list"), chunks).expect("a list");
            assert_eq!(
                elements,
                [
                    r#"{"id":1}"#,
                    r#"outline {"text":"","id":2,"in":[]}"#,
                    r#"{"id":3}"#
                ],
                "in chunks of {size}"
            );
        }
        let only = format!("[\"{text}\"]");
        assert_eq!(bare(&only), Ok(vec!["outline \"\"".to_owned()]));
    }

    #[test]
    fn a_list_in_an_envelope_leaves_the_envelope() {
        let body = r#"{"note":"\"children\":[","nested":{"children":[9]},"children" : [ {"id":1},{"id":2} ],"_page":{"next":"1"}}"#;
        let (elements, rest) =
            split(Splitter::inside("children"), [body.as_bytes()]).expect("a list");
        assert_eq!(elements, [r#"{"id":1}"#, r#"{"id":2}"#]);
        let rest: Value = serde_json::from_str(&rest).expect("an object");
        assert_eq!(rest["_page"]["next"], "1");
        assert_eq!(
            split(Splitter::inside("children"), [&b"{\"children\":null}"[..]])
                .expect_err("no list"),
            Malformed::NoList,
        );
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_elements(
            texts in proptest::collection::vec(any::<String>().prop_map(|text| json!({"t": text, "l": [text, 1]})), 0..8),
            cuts in proptest::collection::vec(1usize..9, 1..64),
        ) {
            let expected: Vec<String> = texts.iter().map(Value::to_string).collect();
            let body = json!({"a": {"children": []}, "children": texts, "z": "]"}).to_string();
            let mut rest = body.as_bytes();
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, left) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = left;
            }
            let (elements, envelope) = split(Splitter::inside("children"), chunks).expect("a list");
            prop_assert_eq!(elements, expected);
            prop_assert_eq!(
                serde_json::from_str::<Value>(&envelope).expect("an object"),
                json!({"a": {"children": []}, "children": [], "z": "]"})
            );
        }
    }
}
