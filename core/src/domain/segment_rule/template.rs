//! The rule of an additional segment, as a user writes it: `{trait}` stands for the shared trait.
//!
//! Refuses what Audience Manager is known to refuse, before a call is spent; whether the other traits exist and may be
//! used is left to Audience Manager's validation.

use std::collections::BTreeSet;

use super::{LENGTH_MAX, SegmentRule, Written, read_condition, read_trait};
use crate::domain::identifier::TraitSid;
use crate::domain::text::expression::{Expression, ParseError, Scanner};

/// Traits in one segment (audience-manager.md §5.3).
pub const TRAITS_MAX: usize = 5_000;

/// How the shared trait is written.
const SHARED_TRAIT: &str = "{trait}";

const A_CONDITION: &str = "a trait such as 123T, {trait}, FREQUENCY, NOT or (";

/// A segment rule in which `{trait}` stands for the shared trait, at least once and never under FREQUENCY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTemplate(Expression<super::Condition<Operand>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    /// `{trait}`
    Shared,
    Named(TraitSid),
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
        let rule = Expression::read(text, LENGTH_MAX, |scanner| {
            read_condition(scanner, read_operand, A_CONDITION)
        })
        .map_err(RuleTemplateError::Syntax)?;
        let mut uses_shared = false;
        let mut frequency_over_shared = false;
        let mut has_positive = false;
        let mut named = BTreeSet::new();
        rule.visit(&mut |condition, negated| {
            has_positive |= condition.is_positive() != negated;
            frequency_over_shared |= condition.is_frequency_over(&Operand::Shared);
            for operand in condition.operands() {
                match operand {
                    Operand::Shared => uses_shared = true,
                    Operand::Named(sid) => {
                        named.insert(*sid);
                    }
                }
            }
        });
        let count = named.len() + 1; // and the shared trait
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

    /// The rule with the shared trait's number in the place of `{trait}`.
    pub fn fill(&self, shared: TraitSid) -> SegmentRule {
        let name = |operand: &Operand| match *operand {
            Operand::Shared => shared,
            Operand::Named(sid) => sid,
        };
        self.0.map(&|condition| condition.map(name))
    }
}

fn read_operand(scanner: &mut Scanner<'_>, expected: &'static str) -> Result<Operand, ParseError> {
    match scanner.take(SHARED_TRAIT) {
        true => Ok(Operand::Shared),
        false => read_trait(scanner, expected).map(Operand::Named),
    }
}

impl Written for Operand {
    fn write(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shared => formatter.write_str(SHARED_TRAIT),
            Self::Named(sid) => sid.write(formatter),
        }
    }
}

/// As the user wrote it, in canonical form.
impl std::fmt::Display for RuleTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}
