//! Reads a text piece by piece: what the readers of rules and of expressions have in common. What the pieces mean is theirs
//! to say.

/// Parentheses and NOTs around one condition. Rules in use have a handful; the parser recurses, so it needs a bound.
pub const DEPTH_MAX: usize = 64;

/// Characters of the rule that an error shows.
const FOUND_LENGTH_MAX: usize = 24;

/// Why a rule cannot be read; positions are in characters, the first is 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("at character {position}: expected {expected}, found {found}")]
    Unexpected {
        position: usize,
        /// In words for the person who wrote the rule.
        expected: &'static str,
        /// The next few characters, in quotes, or "the end of the rule".
        found: Box<str>,
    },
    #[error("the rule has {length} bytes, more than {length_max}: split it")]
    TooLong { length: usize, length_max: usize },
    #[error(
        "at character {position}: parentheses and NOTs are nested deeper than {DEPTH_MAX}: flatten the rule"
    )]
    TooDeep { position: usize },
}

/// A place in a rule. Every `take` skips white space first and moves only if it finds what it is asked for.
#[derive(Debug)]
pub(in crate::domain) struct Scanner<'a> {
    text: &'a str,
    /// In bytes, always between two characters.
    position: usize,
    depth: usize,
    is_word: fn(char) -> bool,
}

impl<'a> Scanner<'a> {
    /// # Errors
    /// The text is too long.
    pub(in crate::domain) fn new(
        text: &'a str,
        length_max: usize,
        is_word: fn(char) -> bool,
    ) -> Result<Self, ParseError> {
        let length = text.len();
        if length > length_max {
            return Err(ParseError::TooLong { length, length_max });
        }
        Ok(Self {
            text,
            position: 0,
            depth: 0,
            is_word,
        })
    }

    /// Nothing but white space is left.
    pub(in crate::domain) fn end(&mut self, expected: &'static str) -> Result<(), ParseError> {
        self.skip_white_space();
        match self.rest() {
            "" => Ok(()),
            _ => Err(self.expected(expected)),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// One part, or a list of them with the word between each two.
    pub(in crate::domain) fn take_joined<Part>(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Result<Part, ParseError>,
        list: fn(Vec<Part>) -> Part,
    ) -> Result<Part, ParseError> {
        let first = part(self)?;
        if !self.take_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first, part(self)?];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        Ok(list(parts))
    }

    fn skip_white_space(&mut self) {
        self.position = self.text.len() - self.rest().trim_start().len();
    }

    /// Reads what is one level deeper; the readers recurse, so the levels need a bound.
    pub(in crate::domain) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let position = self.characters_before();
            return Err(ParseError::TooDeep { position });
        }
        let inside = read(self)?;
        self.depth -= 1;
        Ok(inside)
    }

    fn characters_before(&self) -> usize {
        self.text[..self.position].chars().count()
    }

    /// Takes a symbol.
    pub(in crate::domain) fn take(&mut self, symbol: &str) -> bool {
        self.skip_white_space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.position += symbol.len();
        }
        found
    }

    /// Takes a symbol that must be there.
    pub(in crate::domain) fn require(
        &mut self,
        symbol: &str,
        expected: &'static str,
    ) -> Result<(), ParseError> {
        match self.take(symbol) {
            true => Ok(()),
            false => Err(self.expected(expected)),
        }
    }

    /// Takes a whole ASCII word, in any case.
    pub(in crate::domain) fn take_word(&mut self, word: &str) -> bool {
        self.skip_white_space();
        let found = self.word().eq_ignore_ascii_case(word);
        if found {
            self.position += word.len();
        }
        found
    }

    /// Takes a whole word; empty if there is none.
    pub(in crate::domain) fn take_any_word(&mut self) -> &'a str {
        self.skip_white_space();
        let word = self.word();
        self.position += word.len();
        word
    }

    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|character| !(self.is_word)(character))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    /// Takes the longest run of characters that fit; empty if there is none.
    pub(in crate::domain) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        self.skip_white_space();
        let rest = self.rest();
        let end = rest
            .find(|character| !fits(character))
            .unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    /// Takes a text between two of these quotes and gives what is between them, escapes as they are: a backslash keeps the
    /// character behind it from ending the text. `None`, without moving, where there is no such text.
    pub(in crate::domain) fn take_quoted(&mut self, quote: char) -> Option<&'a str> {
        self.skip_white_space();
        let inside = self.rest().strip_prefix(quote)?;
        let mut characters = inside.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => {
                    characters.next();
                }
                _ if character == quote => {
                    self.position += index + 2 * quote.len_utf8();
                    return Some(&inside[..index]);
                }
                _ => {}
            }
        }
        None
    }

    /// A mark to come back to, so that an error shows the beginning of what is wrong.
    pub(in crate::domain) fn place(&mut self) -> usize {
        self.skip_white_space();
        self.position
    }

    /// The error at a place that [`Self::place`] gave.
    pub(in crate::domain) fn expected_at(
        &self,
        place: usize,
        expected: &'static str,
    ) -> ParseError {
        let mut there = Self {
            position: place,
            ..*self
        };
        there.expected(expected)
    }

    /// The error at this place, behind white space.
    pub(in crate::domain) fn expected(&mut self, expected: &'static str) -> ParseError {
        self.skip_white_space();
        let rest = self.rest();
        let found = match rest.char_indices().nth(FOUND_LENGTH_MAX) {
            None if rest.is_empty() => "the end of the rule".into(),
            None => format!("`{rest}`").into(),
            Some((end, _)) => format!("`{}…`", &rest[..end]).into(),
        };
        ParseError::Unexpected {
            position: self.characters_before() + 1,
            expected,
            found,
        }
    }
}
