//! AND, OR, NOT and parentheses over conditions: what trait rules and segment rules have in common.
//!
//! It reads, prints and flattens; what a condition is, each rule language says itself
//! ([`trait_rule`](crate::domain::trait_rule), [`segment_rule`](crate::domain::segment_rule)).
//! It never reorders or drops a condition.

use std::fmt;

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

/// Conditions under logical operators. NOT binds before AND, AND before OR (audience-manager.md §4.2).
///
/// `Or` and `And` hold two or more. Nesting is kept as it was read, so that printing and reading again gives the same
/// value; [`Self::flattened`] removes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expression<Condition> {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Condition(Condition),
}

impl<Condition> Expression<Condition> {
    /// The same expression over other conditions.
    pub fn map<Other>(&self, change: &impl Fn(&Condition) -> Other) -> Expression<Other> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.map(change)).collect();
        match self {
            Self::Or(parts) => Expression::Or(all(parts)),
            Self::And(parts) => Expression::And(all(parts)),
            Self::Not(part) => Expression::Not(Box::new(part.map(change))),
            Self::Condition(condition) => Expression::Condition(change(condition)),
        }
    }

    /// An OR inside an OR, and an AND inside an AND, become one.
    #[must_use]
    pub fn flattened(self) -> Self {
        let flat = |parts: Vec<Self>| parts.into_iter().map(Self::flattened);
        match self {
            Self::Or(parts) => Self::Or(
                flat(parts)
                    .flat_map(|part| match part {
                        Self::Or(inside) => inside,
                        other => vec![other],
                    })
                    .collect(),
            ),
            Self::And(parts) => Self::And(
                flat(parts)
                    .flat_map(|part| match part {
                        Self::And(inside) => inside,
                        other => vec![other],
                    })
                    .collect(),
            ),
            Self::Not(part) => Self::Not(Box::new(part.flattened())),
            Self::Condition(condition) => Self::Condition(condition),
        }
    }

    /// Calls `visit` for each condition, from left to right, with whether an odd number of NOTs applies to it.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Condition, bool)) {
        self.visit_under(false, visit);
    }

    fn visit_under<'a>(&'a self, negated: bool, visit: &mut impl FnMut(&'a Condition, bool)) {
        match self {
            Self::Or(parts) | Self::And(parts) => parts
                .iter()
                .for_each(|part| part.visit_under(negated, visit)),
            Self::Not(part) => part.visit_under(!negated, visit),
            Self::Condition(condition) => visit(condition, negated),
        }
    }

    /// Reads a whole text; `condition` reads one condition at the scanner's place.
    pub(in crate::domain) fn read(
        text: &str,
        length_max: usize,
        condition: fn(&mut Scanner<'_>) -> Result<Condition, ParseError>,
    ) -> Result<Self, ParseError> {
        if text.len() > length_max {
            return Err(ParseError::TooLong {
                length: text.len(),
                length_max,
            });
        }
        let mut scanner = Scanner {
            text,
            position: 0,
            depth: 0,
        };
        let expression = read_or(&mut scanner, condition)?;
        scanner.skip_white_space();
        match scanner.rest() {
            "" => Ok(expression),
            _ => Err(scanner.expected("AND, OR or the end of the rule")),
        }
    }
}

/// Canonical: upper-case words, one space, and only the parentheses that reading it again needs.
impl<Condition: fmt::Display> fmt::Display for Expression<Condition> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(parts) => {
                write_parts(formatter, parts, " OR ", |part| matches!(part, Self::Or(_)))
            }
            Self::And(parts) => write_parts(formatter, parts, " AND ", Self::is_list),
            Self::Not(part) => {
                formatter.write_str("NOT ")?;
                write_part(formatter, part, part.is_list())
            }
            Self::Condition(condition) => condition.fmt(formatter),
        }
    }
}

impl<Condition> Expression<Condition> {
    fn is_list(&self) -> bool {
        matches!(self, Self::Or(_) | Self::And(_))
    }
}

fn write_parts<Condition: fmt::Display>(
    formatter: &mut fmt::Formatter<'_>,
    parts: &[Expression<Condition>],
    word: &str,
    in_parentheses: impl Fn(&Expression<Condition>) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(word)?;
        }
        write_part(formatter, part, in_parentheses(part))?;
    }
    Ok(())
}

fn write_part<Condition: fmt::Display>(
    formatter: &mut fmt::Formatter<'_>,
    part: &Expression<Condition>,
    in_parentheses: bool,
) -> fmt::Result {
    if in_parentheses {
        write!(formatter, "({part})")
    } else {
        fmt::Display::fmt(part, formatter)
    }
}

type ReadCondition<Condition> = fn(&mut Scanner<'_>) -> Result<Condition, ParseError>;

fn read_or<Condition>(
    scanner: &mut Scanner<'_>,
    condition: ReadCondition<Condition>,
) -> Result<Expression<Condition>, ParseError> {
    let all = |scanner: &mut Scanner<'_>| {
        let one = |scanner: &mut Scanner<'_>| read_operand(scanner, condition);
        scanner.take_joined("AND", one, Expression::And)
    };
    scanner.take_joined("OR", all, Expression::Or)
}

fn read_operand<Condition>(
    scanner: &mut Scanner<'_>,
    condition: ReadCondition<Condition>,
) -> Result<Expression<Condition>, ParseError> {
    if scanner.take_word("NOT") {
        scanner.descend()?;
        let part = read_operand(scanner, condition)?;
        scanner.depth -= 1;
        return Ok(Expression::Not(Box::new(part)));
    }
    if scanner.take("(") {
        scanner.descend()?;
        let part = read_or(scanner, condition)?;
        scanner.depth -= 1;
        return if scanner.take(")") {
            Ok(part)
        } else {
            Err(scanner.expected("AND, OR or )"))
        };
    }
    condition(scanner).map(Expression::Condition)
}

/// A place in a rule. Every `take` skips white space first and moves only if it finds what it is asked for.
#[derive(Debug)]
pub(in crate::domain) struct Scanner<'a> {
    text: &'a str,
    /// In bytes, always between two characters.
    position: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// One part, or a list of them with the word between each two.
    fn take_joined<Part>(
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

    fn descend(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ParseError::TooDeep {
                position: self.characters_before(),
            });
        }
        Ok(())
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

    /// Takes a whole ASCII word, in any case.
    pub(in crate::domain) fn take_word(&mut self, word: &str) -> bool {
        self.skip_white_space();
        let found = self.word().eq_ignore_ascii_case(word);
        if found {
            self.position += word.len();
        }
        found
    }

    /// Takes letters, digits, `-` and `_`; empty if there is none.
    pub(in crate::domain) fn take_any_word(&mut self) -> &'a str {
        self.skip_white_space();
        let word = self.word();
        self.position += word.len();
        word
    }

    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|character| !is_word_character(character))
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

    /// Takes a text in double quotes and gives what is between them, escapes as they are: a backslash keeps the
    /// character behind it from ending the text. `None`, without moving, where there is no such text.
    pub(in crate::domain) fn take_quoted(&mut self) -> Option<&'a str> {
        self.skip_white_space();
        let inside = self.rest().strip_prefix('"')?;
        let mut characters = inside.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.position += index + 2; // both quotes
                    return Some(&inside[..index]);
                }
                '\\' => {
                    characters.next();
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
        Scanner {
            text: self.text,
            position: place,
            depth: 0,
        }
        .expected(expected)
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

/// Of a key, a trait reference, an operator or a logical word.
pub(in crate::domain) fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}
