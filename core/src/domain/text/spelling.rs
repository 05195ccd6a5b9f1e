//! For tests: any expression, and any other spelling of one.
//!
//! The noise is a list of small numbers, used in turn and then again from the start.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use super::logic::RuleExpression;

/// Expressions over the given conditions, up to four levels deep, nested lists of one kind included.
pub(in crate::domain) fn expressions<Condition: Clone + std::fmt::Debug + 'static>(
    condition: impl Strategy<Value = Condition> + 'static,
) -> impl Strategy<Value = RuleExpression<Condition>> {
    condition
        .prop_map(RuleExpression::Condition)
        .prop_recursive(4, 24, 4, |inner| {
            proptest::prop_oneof![
                vec(inner.clone(), 2..4).prop_map(RuleExpression::Or),
                vec(inner.clone(), 2..4).prop_map(RuleExpression::And),
                inner.prop_map(|part| RuleExpression::Not(Box::new(part))),
            ]
        })
}

pub(in crate::domain) fn noises() -> impl Strategy<Value = Noise> {
    vec(any::<u8>(), 1..40).prop_map(|choices| Noise { choices, next: 0 })
}

#[derive(Debug, Clone)]
pub(in crate::domain) struct Noise {
    choices: Vec<u8>,
    next: usize,
}

impl Noise {
    pub(in crate::domain) fn below(&mut self, bound: u8) -> usize {
        let choice = self.choices[self.next % self.choices.len()];
        self.next += 1;
        usize::from(choice % bound)
    }

    /// White space that may be missing.
    pub(in crate::domain) fn gap(&mut self) -> &'static str {
        ["", " ", "\t", "  \n "][self.below(4)]
    }

    /// Each ASCII letter in a case of its own.
    pub(in crate::domain) fn case(&mut self, word: &str) -> String {
        let recase = |letter: char| match self.below(2) {
            0 => letter.to_ascii_lowercase(),
            _ => letter.to_ascii_uppercase(),
        };
        word.chars().map(recase).collect()
    }
}

/// The expression in another spelling: white space, parentheses that change nothing,
/// words in any case.
pub(in crate::domain) fn spelled<Condition>(
    expression: &RuleExpression<Condition>,
    noise: &mut Noise,
    condition: &impl Fn(&Condition, &mut Noise) -> String,
) -> String {
    let inside = match expression {
        RuleExpression::Or(parts) => joined(parts, "or", noise, condition),
        RuleExpression::And(parts) => joined(parts, "and", noise, condition),
        RuleExpression::Not(part) => {
            let part = in_parentheses(&spelled(part, noise, condition), noise);
            format!("{} {part}", noise.case("not"))
        }
        RuleExpression::Condition(leaf) => condition(leaf, noise),
    };
    match noise.below(4) {
        0 => in_parentheses(&inside, noise),
        _ => format!("{}{inside}{}", noise.gap(), noise.gap()),
    }
}

fn joined<Condition>(
    parts: &[RuleExpression<Condition>],
    word: &str,
    noise: &mut Noise,
    condition: &impl Fn(&Condition, &mut Noise) -> String,
) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        // What is written so far, with more to come, is a group of its own: `(a OR b) OR c`.
        if index > 1 && noise.below(2) == 0 {
            text = in_parentheses(&text, noise);
        }
        if index > 0 {
            text += &format!(" {} ", noise.case(word));
        }
        let part = spelled(part, noise, condition);
        text += &in_parentheses(&part, noise);
    }
    text
}

fn in_parentheses(inside: &str, noise: &mut Noise) -> String {
    format!("({}{inside}{})", noise.gap(), noise.gap())
}
