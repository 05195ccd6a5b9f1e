//! The printed rule means what the written one meant: random rules, judged for every visitor by an evaluator that shares
//! nothing with the parser.

use std::collections::BTreeSet;

use audience_sharing_core::domain::identifier::TraitSid;
use audience_sharing_core::domain::segment_rule::{RuleTemplate, SegmentRule};
use proptest::prelude::*;

/// Traits that a visitor may have: every rule is judged for every set of them.
const TRAITS: [u64; 5] = [11, 12, 13, 14, 15];

#[derive(Clone, Debug)]
enum Rule {
    Trait(usize),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Rule {
    fn holds(&self, visitor: &BTreeSet<u64>) -> bool {
        match self {
            Self::Trait(at) => visitor.contains(&TRAITS[*at]),
            Self::Not(part) => !part.holds(visitor),
            Self::And(parts) => parts.iter().all(|part| part.holds(visitor)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(visitor)),
        }
    }

    /// With every parenthesis; `name` writes a trait.
    fn written(&self, name: &impl Fn(usize) -> String) -> String {
        let joined = |parts: &[Self], word: &str| {
            let parts: Vec<_> = parts.iter().map(|part| part.written(name)).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::Trait(at) => name(*at),
            Self::Not(part) => format!("not ({})", part.written(name)),
            Self::And(parts) => joined(parts, "  AND "),
            Self::Or(parts) => joined(parts, " or "),
        }
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let leaf = (0..TRAITS.len()).prop_map(Rule::Trait);
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Rule::Not(Box::new(part))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::And),
            prop::collection::vec(inner, 2..4).prop_map(Rule::Or),
        ]
    })
}

fn visitors() -> impl Iterator<Item = BTreeSet<u64>> {
    (0..1_u32 << TRAITS.len()).map(|bits| {
        let has = |(at, sid): (usize, u64)| (bits & (1 << at) != 0).then_some(sid);
        TRAITS.into_iter().enumerate().filter_map(has).collect()
    })
}

/// Judges a printed rule by rewriting it until one word is left.
fn judge(printed: &str, visitor: &BTreeSet<u64>) -> bool {
    let mut text = format!(" {printed} ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    for sid in TRAITS {
        let value = if visitor.contains(&sid) { " 1 " } else { " 0 " };
        text = text.replace(&format!(" {sid}T "), value);
    }
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // NOT binds before AND, AND before OR; a parenthesis goes when one value is left in it.
    let steps = [
        &[
            ("( 0 )", "0"),
            ("( 1 )", "1"),
            ("NOT 0", "1"),
            ("NOT 1", "0"),
        ][..],
        &[
            ("0 AND 0", "0"),
            ("0 AND 1", "0"),
            ("1 AND 0", "0"),
            ("1 AND 1", "1"),
        ][..],
        &[
            ("0 OR 0", "0"),
            ("0 OR 1", "1"),
            ("1 OR 0", "1"),
            ("1 OR 1", "1"),
        ][..],
    ];
    loop {
        if let Some(value) = match text.as_str() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        } {
            return value;
        }
        // Inside the innermost parenthesis only: there the order of the steps is that of the operators.
        let end = text.find(')').map_or(text.len(), |at| at + 1);
        let begin = text[..end].rfind('(').unwrap_or(0);
        let mut inner = text[begin..end].to_owned();
        let found = steps
            .iter()
            .flat_map(|step| step.iter())
            .find(|(from, _)| inner.contains(from));
        let (from, to) = found.unwrap_or_else(|| panic!("{printed}: stuck at {text}"));
        inner = inner.replacen(from, to, 1);
        text.replace_range(begin..end, &inner);
    }
}

proptest! {
    #[test]
    fn a_rule_that_was_read_and_printed_means_the_same(rule in rules()) {
        let written = rule.written(&|at| format!("{}T", TRAITS[at]));
        let printed = SegmentRule::parse(&written).unwrap().to_string();
        for visitor in visitors() {
            prop_assert_eq!(judge(&printed, &visitor), rule.holds(&visitor), "{} for {:?}", printed, visitor);
        }
    }

    /// The first trait is the shared one, the second is named by a key, the others by their numbers.
    #[test]
    fn a_template_that_was_filled_means_the_same(rule in rules()) {
        let written = rule.written(&|at| match at {
            0 => "{trait}".to_owned(),
            1 => "{auto}".to_owned(),
            _ => format!("{}T", TRAITS[at]),
        });
        // What has no shared trait, or fits everyone, is refused before.
        if let Ok(template) = RuleTemplate::parse(&written) {
            let filled = template.fill(TraitSid(TRAITS[0]), |_| Some(TraitSid(TRAITS[1])));
            let printed = filled.unwrap().to_string();
            for visitor in visitors() {
                prop_assert_eq!(judge(&printed, &visitor), rule.holds(&visitor), "{} for {:?}", printed, visitor);
            }
        }
    }
}
