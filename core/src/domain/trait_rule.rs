//! The rule of a trait: comparisons of keys with values (audience-manager.md §4.2).
//!
//! Reads, prints and compares rules, so that a rule that Audience Manager merely spells otherwise is never written
//! again. It never judges whether a rule is wise, and never changes a value.

#[cfg(test)]
mod tests;

use std::fmt;

use super::identifier::AudienceId;
use super::text::logic::{ParseError, RuleExpression, Scanner, is_word_character};
use super::text::{collapse_white_space, resolve_entities};

/// Bytes. No limit is documented; the rules that we write have some fifty.
pub const LENGTH_MAX: usize = 65_536;

const A_KEY: &str =
    "a key (letters, digits, - and _, beginning with a letter; any other key in double quotes)";
const AN_OPERATOR: &str =
    "one of ==, !=, >, >=, <, <=, contains, matcheswords, startswith, endswith, matchesregex";
const A_VALUE: &str = "a value in double quotes, or a number";
const A_NUMBER: &str = "a number, since >, >=, < and <= compare numbers";

/// A trait's rule, as it was read.
pub type TraitRule = RuleExpression<KeyComparison>;

/// `key operator value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyComparison {
    /// Without quotes, escapes as they were read.
    key: Box<str>,
    operator: Operator,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operator {
    Equal,
    NotEqual,
    AtLeast,
    Above,
    AtMost,
    Below,
    Contains,
    MatchesWords,
    StartsWith,
    EndsWith,
    MatchesRegex,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    /// Without quotes, escapes as they were read.
    Text(Box<str>),
    /// As it was written: `1.00` is not `1`.
    Number(Box<str>),
}

impl Operator {
    /// A symbol comes after any longer one that it begins.
    const ALL: &[Self] = &[
        Self::Equal,
        Self::NotEqual,
        Self::AtLeast,
        Self::Above,
        Self::AtMost,
        Self::Below,
        Self::Contains,
        Self::MatchesWords,
        Self::StartsWith,
        Self::EndsWith,
        Self::MatchesRegex,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Contains => "contains",
            Self::MatchesWords => "matcheswords",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::MatchesRegex => "matchesregex",
        }
    }

    const fn compares_numbers(self) -> bool {
        matches!(
            self,
            Self::AtLeast | Self::Above | Self::AtMost | Self::Below
        )
    }

    const fn is_word(self) -> bool {
        matches!(
            self,
            Self::Contains
                | Self::MatchesWords
                | Self::StartsWith
                | Self::EndsWith
                | Self::MatchesRegex
        )
    }
}

impl TraitRule {
    /// # Errors
    /// The first place where the text is no rule, or that it is over [`LENGTH_MAX`] or
    /// [`DEPTH_MAX`](super::text::logic::DEPTH_MAX).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::read(text, LENGTH_MAX, read_comparison)
    }

    /// Equal for two rules that differ only in white space, redundant parentheses, and the case of logical words,
    /// operators and keys. Values keep their case (audience-manager.md §4.3).
    #[must_use]
    pub fn normal_form(&self) -> Self {
        self.map(&|comparison| KeyComparison {
            key: comparison.key.to_lowercase().into(),
            ..comparison.clone()
        })
        .flattened()
    }
}

/// Whether two rules, escaped or not, say the same.
///
/// Where one does not parse, the texts decide, entities resolved and runs of white space taken as one space: a rule
/// that this version cannot read is still recognised when it comes back unchanged.
pub fn equivalent(left: &str, right: &str) -> bool {
    let (left, right) = (resolve_entities(left), resolve_entities(right));
    match (TraitRule::parse(&left), TraitRule::parse(&right)) {
        (Ok(left), Ok(right)) => left.normal_form() == right.normal_form(),
        _ => collapse_white_space(&left) == collapse_white_space(&right),
    }
}

/// The rule of the trait for a shared audience: `segid == "<id>"` (audience-manager.md §4.3).
pub fn experience_platform_segment(key: &str, audience: &AudienceId) -> String {
    let comparison = KeyComparison {
        key: escaped(key),
        operator: Operator::Equal,
        value: Value::Text(escaped(audience.as_str())),
    };
    comparison.to_string()
}

/// The audience that a rule of that very form names.
pub fn audience_of(key: &str, rule: &str) -> Option<AudienceId> {
    match TraitRule::parse(&resolve_entities(rule)).ok()? {
        RuleExpression::Condition(KeyComparison {
            key: found,
            operator: Operator::Equal,
            value: Value::Text(id),
        }) if found.eq_ignore_ascii_case(&escaped(key)) => Some(AudienceId::new(id)),
        _ => None,
    }
}

/// A plain text as it is written between double quotes.
fn escaped(plain: &str) -> Box<str> {
    plain.replace('\\', r"\\").replace('"', r#"\""#).into()
}

fn read_comparison(scanner: &mut Scanner<'_>) -> Result<KeyComparison, ParseError> {
    let key = read_key(scanner)?;
    let operator = read_operator(scanner)?;
    let value = read_value(scanner, operator)?;
    Ok(KeyComparison {
        key,
        operator,
        value,
    })
}

fn read_key(scanner: &mut Scanner<'_>) -> Result<Box<str>, ParseError> {
    let place = scanner.place();
    let key = match scanner.take_quoted('"') {
        Some(quoted) => Some(quoted).filter(|key| !key.bytes().all(|byte| byte.is_ascii_digit())),
        None => Some(scanner.take_any_word()).filter(|key| may_stand_bare(key)),
    };
    key.map(Into::into)
        .ok_or_else(|| scanner.expected_at(place, A_KEY))
}

fn read_operator(scanner: &mut Scanner<'_>) -> Result<Operator, ParseError> {
    Operator::ALL
        .iter()
        .copied()
        .find(|operator| match operator.is_word() {
            true => scanner.take_word(operator.as_str()),
            false => scanner.take(operator.as_str()),
        })
        .ok_or_else(|| scanner.expected(AN_OPERATOR))
}

fn read_value(scanner: &mut Scanner<'_>, operator: Operator) -> Result<Value, ParseError> {
    let place = scanner.place();
    let number_due = operator.compares_numbers();
    if let Some(text) = scanner.take_quoted('"') {
        return match number_due && !is_number(text) {
            true => Err(scanner.expected_at(place, A_NUMBER)),
            false => Ok(Value::Text(text.into())),
        };
    }
    let number = scanner.take_while(|character| is_word_character(character) || character == '.');
    match is_number(number) {
        true => Ok(Value::Number(number.into())),
        false => Err(scanner.expected_at(place, if number_due { A_NUMBER } else { A_VALUE })),
    }
}

/// Digits, with a sign and a fraction where needed.
fn is_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole.strip_prefix('-').unwrap_or(whole)) && are_digits(fraction)
}

/// Whether a key needs no quotes. A logical word needs them, since it would be read as one.
fn may_stand_bare(key: &str) -> bool {
    let is_logical_word = ["AND", "OR", "NOT"]
        .iter()
        .any(|word| key.eq_ignore_ascii_case(word));
    key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(is_word_character)
        && !is_logical_word
}

impl fmt::Display for KeyComparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            operator,
            value,
        } = self;
        match may_stand_bare(key) {
            true => write!(formatter, "{key} {} ", operator.as_str())?,
            false => write!(formatter, "\"{key}\" {} ", operator.as_str())?,
        }
        match value {
            Value::Text(text) => write!(formatter, "\"{text}\""),
            Value::Number(number) => formatter.write_str(number),
        }
    }
}
