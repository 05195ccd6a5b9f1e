//! The rule of a segment: traits, and how often or lately they were seen (audience-manager.md §5.3).
//!
//! Reads, prints and compares rules, and fills the rules that users write for additional segments
//! ([`RuleTemplate`]). It never asks whether a trait exists; Audience Manager's own validation does.

pub mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use super::identifier::TraitSid;
use super::text::logic::{ParseError, RuleExpression, Scanner};
use super::text::{collapse_white_space, resolve_entities};

/// Bytes: 5,000 traits (§5.3) of twenty digits, with the words and parentheses around them.
pub const LENGTH_MAX: usize = 262_144;

const A_CONDITION: &str = "a trait such as 123T, FREQUENCY, NOT or (";
const A_LISTED_TRAIT: &str = "a trait such as 123T";

/// A segment's rule, as it was read. `SegmentRule::from(sid)` is the rule of one trait.
pub type SegmentRule = RuleExpression<Condition<TraitSid>>;

/// What a rule asks of a visitor, over traits that an `Operand` names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition<Operand> {
    /// `123T`: has the trait.
    Trait(Operand),
    Frequency(Frequency<Operand>),
}

/// `FREQUENCY([123T,456T] <= 5D) >= 2`: how often any of the traits was seen, of late or ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frequency<Operand> {
    /// One or more.
    traits: Vec<Operand>,
    recency: Option<Recency>,
    operator: FrequencyOperator,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Recency {
    operator: RecencyOperator,
    /// Days, at least 1.
    days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RecencyOperator {
    AtLeast,
    AtMost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum FrequencyOperator {
    AtLeast,
    AtMost,
    Equal,
}

impl SegmentRule {
    /// # Errors
    /// The first place where the text is no rule, or that it is over [`LENGTH_MAX`] or
    /// [`DEPTH_MAX`](super::text::logic::DEPTH_MAX).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::read(text, LENGTH_MAX, |scanner| {
            read_condition(scanner, read_trait, A_CONDITION)
        })
    }

    /// Equal for two rules that differ only in white space, redundant parentheses, the case of words, and the
    /// separators of a frequency's list.
    #[must_use]
    pub fn normal_form(&self) -> Self {
        self.clone().flattened()
    }

    /// Every trait that the rule names, in whatever role.
    pub fn traits(&self) -> BTreeSet<TraitSid> {
        let mut traits = BTreeSet::new();
        self.visit(&mut |condition, _| traits.extend(condition.operands()));
        traits
    }

    /// Whether the rule asks how often or lately the trait was seen, which no onboarded trait can answer (§5.3).
    pub fn uses_frequency_on(&self, sid: TraitSid) -> bool {
        let mut uses = false;
        self.visit(&mut |condition, _| uses |= condition.is_frequency_over(&sid));
        uses
    }
}

impl From<TraitSid> for SegmentRule {
    fn from(sid: TraitSid) -> Self {
        Self::Condition(Condition::Trait(sid))
    }
}

/// Whether two rules, escaped or not, say the same; where one does not parse, the texts decide, entities resolved and
/// runs of white space taken as one space.
pub fn equivalent(left: &str, right: &str) -> bool {
    let (left, right) = (resolve_entities(left), resolve_entities(right));
    match (SegmentRule::parse(&left), SegmentRule::parse(&right)) {
        (Ok(left), Ok(right)) => left.normal_form() == right.normal_form(),
        _ => collapse_white_space(&left) == collapse_white_space(&right),
    }
}

impl<Operand> Condition<Operand> {
    fn operands(&self) -> &[Operand] {
        match self {
            Self::Trait(operand) => std::slice::from_ref(operand),
            Self::Frequency(frequency) => &frequency.traits,
        }
    }

    fn is_frequency_over(&self, operand: &Operand) -> bool
    where
        Operand: PartialEq,
    {
        matches!(self, Self::Frequency(frequency) if frequency.traits.contains(operand))
    }

    /// Whether a visitor without any trait fails the condition.
    fn is_positive(&self) -> bool {
        match self {
            Self::Trait(_) => true,
            Self::Frequency(frequency) => match frequency.operator {
                FrequencyOperator::AtLeast | FrequencyOperator::Equal => frequency.count > 0,
                FrequencyOperator::AtMost => false,
            },
        }
    }

    fn map<Other>(&self, change: impl Fn(&Operand) -> Other) -> Condition<Other> {
        match self {
            Self::Trait(operand) => Condition::Trait(change(operand)),
            Self::Frequency(Frequency {
                traits,
                recency,
                operator,
                count,
            }) => Condition::Frequency(Frequency {
                traits: traits.iter().map(change).collect(),
                recency: *recency,
                operator: *operator,
                count: *count,
            }),
        }
    }
}

type ReadOperand<Operand> = fn(&mut Scanner<'_>, &'static str) -> Result<Operand, ParseError>;

fn read_condition<Operand>(
    scanner: &mut Scanner<'_>,
    operand: ReadOperand<Operand>,
    expected: &'static str,
) -> Result<Condition<Operand>, ParseError> {
    match scanner.take_word("FREQUENCY") {
        true => read_frequency(scanner, operand).map(Condition::Frequency),
        false => operand(scanner, expected).map(Condition::Trait),
    }
}

fn read_frequency<Operand>(
    scanner: &mut Scanner<'_>,
    operand: ReadOperand<Operand>,
) -> Result<Frequency<Operand>, ParseError> {
    scanner.require("(", "( after FREQUENCY")?;
    scanner.require("[", "[ before the traits of FREQUENCY")?;
    let mut traits = vec![operand(scanner, A_LISTED_TRAIT)?];
    while scanner.take(",") || scanner.take_word("OR") {
        traits.push(operand(scanner, A_LISTED_TRAIT)?);
    }
    scanner.require("]", "a comma, OR or ]")?;
    let recency = read_recency(scanner)?;
    scanner.require(")", "), or a recency such as <= 5D")?;
    let operator = read_frequency_operator(scanner)?;
    let count = read_number(scanner, "", "how often: a whole number")?;
    Ok(Frequency {
        traits,
        recency,
        operator,
        count,
    })
}

fn read_recency(scanner: &mut Scanner<'_>) -> Result<Option<Recency>, ParseError> {
    let operator = if scanner.take(">=") {
        RecencyOperator::AtLeast
    } else if scanner.take("<=") {
        RecencyOperator::AtMost
    } else {
        return Ok(None);
    };
    const DAYS: &str = "days, such as 5D, at least 1D";
    let place = scanner.place();
    match read_number(scanner, "D", DAYS)? {
        0 => Err(scanner.expected_at(place, DAYS)),
        days => Ok(Some(Recency { operator, days })),
    }
}

fn read_frequency_operator(scanner: &mut Scanner<'_>) -> Result<FrequencyOperator, ParseError> {
    [
        FrequencyOperator::AtLeast,
        FrequencyOperator::AtMost,
        FrequencyOperator::Equal,
    ]
    .into_iter()
    .find(|operator| scanner.take(operator.as_str()))
    .ok_or_else(|| scanner.expected("one of >=, <=, == and how often"))
}

fn read_trait(scanner: &mut Scanner<'_>, expected: &'static str) -> Result<TraitSid, ParseError> {
    read_number(scanner, "T", expected).map(TraitSid)
}

/// Digits with a unit behind them, in any case, as one word.
fn read_number<Number: std::str::FromStr>(
    scanner: &mut Scanner<'_>,
    unit: &str,
    expected: &'static str,
) -> Result<Number, ParseError> {
    let place = scanner.place();
    let word = scanner.take_any_word();
    let digits_end = word
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(word.len());
    let (digits, found_unit) = word.split_at(digits_end);
    let number = digits
        .parse()
        .ok()
        .filter(|_| found_unit.eq_ignore_ascii_case(unit));
    number.ok_or_else(|| scanner.expected_at(place, expected))
}

impl RecencyOperator {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
        }
    }
}

impl FrequencyOperator {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Equal => "==",
        }
    }
}

/// How an operand is written inside a rule.
trait Written {
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Written for TraitSid {
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}T")
    }
}

impl<Operand: Written> fmt::Display for Condition<Operand> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trait(operand) => operand.write(formatter),
            Self::Frequency(frequency) => frequency.fmt(formatter),
        }
    }
}

impl<Operand: Written> fmt::Display for Frequency<Operand> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FREQUENCY([")?;
        for (index, operand) in self.traits.iter().enumerate() {
            formatter.write_str(if index == 0 { "" } else { "," })?;
            operand.write(formatter)?;
        }
        formatter.write_str("]")?;
        if let Some(Recency { operator, days }) = self.recency {
            write!(formatter, " {} {days}D", operator.as_str())?;
        }
        write!(formatter, ") {} {}", self.operator.as_str(), self.count)
    }
}
