//! AND, OR, NOT and parentheses over conditions: what trait rules and segment rules have in common.
//!
//! It reads, prints and flattens; what a condition is, each rule language says itself
//! ([`trait_rule`](crate::domain::trait_rule), [`segment_rule`](crate::domain::segment_rule)).
//! It never reorders or drops a condition.

use std::fmt;

pub(in crate::domain) use super::scanner::Scanner;
pub use super::scanner::{DEPTH_MAX, ParseError};

/// Conditions under logical operators. NOT binds before AND, AND before OR (audience-manager.md §4.2).
///
/// `Or` and `And` hold two or more. Nesting is kept as it was read, so that printing and reading again gives the same
/// value; [`Self::flattened`] removes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleExpression<Condition> {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Condition(Condition),
}

impl<Condition> RuleExpression<Condition> {
    /// The same expression over other conditions.
    pub fn map<Other>(&self, change: &impl Fn(&Condition) -> Other) -> RuleExpression<Other> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.map(change)).collect();
        match self {
            Self::Or(parts) => RuleExpression::Or(all(parts)),
            Self::And(parts) => RuleExpression::And(all(parts)),
            Self::Not(part) => RuleExpression::Not(Box::new(part.map(change))),
            Self::Condition(condition) => RuleExpression::Condition(change(condition)),
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
        let mut scanner = Scanner::new(text, length_max, is_word_character)?;
        let expression = read_or(&mut scanner, condition)?;
        scanner.end("AND, OR or the end of the rule")?;
        Ok(expression)
    }
}

/// Canonical: upper-case words, one space, and only the parentheses that reading it again needs.
impl<Condition: fmt::Display> fmt::Display for RuleExpression<Condition> {
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

impl<Condition> RuleExpression<Condition> {
    fn is_list(&self) -> bool {
        matches!(self, Self::Or(_) | Self::And(_))
    }
}

fn write_parts<Condition: fmt::Display>(
    formatter: &mut fmt::Formatter<'_>,
    parts: &[RuleExpression<Condition>],
    word: &str,
    in_parentheses: impl Fn(&RuleExpression<Condition>) -> bool,
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
    part: &RuleExpression<Condition>,
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
) -> Result<RuleExpression<Condition>, ParseError> {
    let all = |scanner: &mut Scanner<'_>| {
        let one = |scanner: &mut Scanner<'_>| read_operand(scanner, condition);
        scanner.take_joined("AND", one, RuleExpression::And)
    };
    scanner.take_joined("OR", all, RuleExpression::Or)
}

fn read_operand<Condition>(
    scanner: &mut Scanner<'_>,
    condition: ReadCondition<Condition>,
) -> Result<RuleExpression<Condition>, ParseError> {
    if scanner.take_word("NOT") {
        let part = scanner.nested(|scanner| read_operand(scanner, condition))?;
        return Ok(RuleExpression::Not(Box::new(part)));
    }
    if scanner.take("(") {
        let part = scanner.nested(|scanner| read_or(scanner, condition))?;
        scanner.require(")", "AND, OR or )")?;
        return Ok(part);
    }
    condition(scanner).map(RuleExpression::Condition)
}

/// Of a key, a trait reference, an operator or a logical word.
pub(in crate::domain) fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}
