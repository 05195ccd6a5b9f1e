//! The rule of an additional segment, as a user writes it: `{trait}` is the shared trait, `{key}` a trait that
//! is named beside the rule.
//!
//! Refuses what Audience Manager is known to refuse, before a call is spent; whether the other traits exist and may be
//! used is left to Audience Manager's validation.

use std::collections::BTreeSet;

use super::{LENGTH_MAX, SegmentRule, Written, read_condition, read_trait};
use crate::domain::identifier::TraitSid;
use crate::domain::text::logic::{ParseError, RuleExpression, Scanner};

/// Traits in one segment (audience-manager.md §5.3).
pub const TRAITS_MAX: usize = 5_000;

/// How the shared trait is written.
const SHARED_TRAIT: &str = "{trait}";
const SHARED_KEY: &str = "trait";

const A_CONDITION: &str = "a trait such as 123T, {trait}, {key}, FREQUENCY, NOT or (";
const A_KEY: &str = "{trait}, or {key} for a key of traits: lower-case letters, digits and hyphens";

/// A segment rule in which `{trait}` stands for the shared trait, at least once and never under FREQUENCY, and any other
/// `{key}` for a trait whose sid is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTemplate(RuleExpression<super::Condition<Operand>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operand {
    /// `{trait}`
    Shared,
    /// `123T`
    Numbered(TraitSid),
    /// `{key}`
    Keyed(Box<str>),
}

/// Why a rule cannot be an additional segment's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleTemplateError {
    #[error("the rule cannot be read: {0}")]
    Syntax(ParseError),
    #[error(
        "the rule does not name the shared trait: write {SHARED_TRAIT} where it belongs, as in `{SHARED_TRAIT} AND 123T`"
    )]
    SharedTraitMissing,
    #[error(
        "FREQUENCY over {SHARED_TRAIT}: an onboarded trait has no recency and frequency; use {SHARED_TRAIT} outside of FREQUENCY"
    )]
    FrequencyOverSharedTrait,
    #[error("the rule names {count} traits, a segment holds at most {TRAITS_MAX}: split it")]
    TooManyTraits { count: usize },
    #[error(
        "the rule has only negative conditions and would match everyone: add one that a visitor must meet, as in `{SHARED_TRAIT} AND NOT 123T`"
    )]
    MatchesEveryone,
}

impl RuleTemplate {
    /// # Errors
    /// Why no segment can have this rule, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, RuleTemplateError> {
        let rule = RuleExpression::read(text, LENGTH_MAX, |scanner| {
            read_condition(scanner, read_operand, A_CONDITION)
        })
        .map_err(RuleTemplateError::Syntax)?;
        let mut uses_shared = false;
        let mut frequency_over_shared = false;
        let mut has_positive = false;
        let mut named: BTreeSet<&Operand> = BTreeSet::new();
        rule.visit(&mut |condition, negated| {
            has_positive |= condition.is_positive() != negated;
            frequency_over_shared |= condition.is_frequency_over(&Operand::Shared);
            uses_shared |= condition.operands().contains(&Operand::Shared);
            named.extend(condition.operands());
        });
        let count = named.len();
        if !uses_shared {
            Err(RuleTemplateError::SharedTraitMissing)
        } else if frequency_over_shared {
            Err(RuleTemplateError::FrequencyOverSharedTrait)
        } else if count > TRAITS_MAX {
            Err(RuleTemplateError::TooManyTraits { count })
        } else if !has_positive {
            Err(RuleTemplateError::MatchesEveryone)
        } else {
            Ok(Self(rule))
        }
    }

    /// The keys of the traits that are named beside the rule.
    pub fn keys(&self) -> BTreeSet<&str> {
        let mut keys = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Keyed(key) = operand {
                keys.insert(&**key);
            }
        });
        keys
    }

    /// The traits that the rule names by their numbers.
    pub fn numbered(&self) -> BTreeSet<TraitSid> {
        let mut sids = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Numbered(sid) = operand {
                sids.insert(*sid);
            }
        });
        sids
    }

    fn visit<'a>(&'a self, each: &mut impl FnMut(&'a Operand)) {
        self.0
            .visit(&mut |condition, _| condition.operands().iter().for_each(&mut *each));
    }

    /// The rule with a number in the place of `{trait}` and of each key.
    ///
    /// # Errors
    /// The key of which `named` knows no number.
    pub fn fill(
        &self,
        shared: TraitSid,
        named: impl Fn(&str) -> Option<TraitSid>,
    ) -> Result<SegmentRule, &str> {
        if let Some(unknown) = self.keys().into_iter().find(|key| named(key).is_none()) {
            return Err(unknown);
        }
        let number = |operand: &Operand| match operand {
            Operand::Shared => shared,
            Operand::Numbered(sid) => *sid,
            Operand::Keyed(key) => named(key).unwrap_or(shared),
        };
        Ok(self.0.map(&|condition| condition.map(number)))
    }
}

fn read_operand(scanner: &mut Scanner<'_>, expected: &'static str) -> Result<Operand, ParseError> {
    let place = scanner.place();
    if !scanner.take("{") {
        return read_trait(scanner, expected).map(Operand::Numbered);
    }
    let key = scanner.take_any_word();
    match is_key(key) && scanner.take("}") {
        true if key == SHARED_KEY => Ok(Operand::Shared),
        true => Ok(Operand::Keyed(key.into())),
        false => Err(scanner.expected_at(place, A_KEY)),
    }
}

/// As the schema has it for the keys of `traits`.
fn is_key(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    word.bytes().all(|byte| plain(byte) || byte == b'-')
        && word.bytes().next().is_some_and(plain)
        && word.bytes().next_back().is_some_and(plain)
}

impl Written for Operand {
    fn write(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shared => formatter.write_str(SHARED_TRAIT),
            Self::Numbered(sid) => sid.write(formatter),
            Self::Keyed(key) => write!(formatter, "{{{key}}}"),
        }
    }
}

/// As the user wrote it, in canonical form.
impl std::fmt::Display for RuleTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}
