//! That a rule, read and printed, means what it meant: truth tables of random rules, by an evaluator of its own.

mod evaluator;

use std::collections::BTreeSet;

use audience_sharing_core::domain::identifier::TraitSid;
use audience_sharing_core::domain::segment_rule::{self, SegmentRule, template::RuleTemplate};
use audience_sharing_core::domain::trait_rule::{self, TraitRule};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Strategy, proptest};
use proptest::sample::select;

use evaluator::{Meaning, Visitor, asked, is_met, read, traits, truth_table};

/// Rules as people write them: NOTs and parentheses where they fall, words in any case.
fn rules(conditions: Vec<&'static str>) -> impl Strategy<Value = String> {
    let conditions = select(conditions).prop_map(str::to_owned);
    conditions.prop_recursive(5, 8, 2, |part| {
        let word = select(vec!["AND", "OR", "and", "Or"]);
        let around = || select(vec!["", "", "(", "NOT ", "not ("]);
        let surrounded = |around: &str, part: String| {
            let closing = if around.ends_with('(') { ")" } else { "" };
            format!("{around}{part}{closing}")
        };
        let parts = (around(), part.clone(), word, around(), part);
        parts.prop_map(move |(first, left, word, second, right)| {
            let (left, right) = (surrounded(first, left), surrounded(second, right));
            format!("{left} {word} {right}")
        })
    })
}

const SEGMENT_CONDITIONS: [&str; 9] = [
    "1T",
    "2T",
    "3t",
    "FREQUENCY([1T]) >= 2",
    "frequency([1T,2T] <= 5D) >= 2",
    "FREQUENCY([2T OR 3T] >= 3d) == 1",
    "FREQUENCY([1T]  <= 2D) <= 0",
    "FREQUENCY([3T, 1T]) == 0",
    "FREQUENCY([3T])<=3",
];

const TRAIT_CONDITIONS: [&str; 10] = [
    "a == 1",
    "A==\"1\"",
    "a == 1.0",
    "\"a\" != 1",
    "order >= 12",
    "b contains \"x OR y\"",
    "b CONTAINS \"x OR Y\"",
    "\"b c\" startswith \"(\"",
    "c matchesregex \"\\\"and\\\" NOT\"",
    "price < -0.5",
];

fn visitors() -> impl Strategy<Value = Vec<Visitor>> {
    vec(btree_map(1_u64..4, vec(0_u32..8, 0..4), 0..4), 24)
}

/// Where each of the visitors belongs.
fn members(rule: &Meaning, visitors: &[Visitor]) -> Vec<bool> {
    let belongs = |visitor: &Visitor| rule.blockers(&|condition| is_met(condition, visitor));
    // Nobody, and one of each combination of traits, beside those that chance brought.
    let plain = (0..8_u64).map(|bits| {
        let has = |sid: &u64| bits >> (sid - 1) & 1 == 1;
        (1..4).filter(has).map(|sid| (sid, vec![1])).collect()
    });
    let plain: Vec<Visitor> = plain.collect();
    plain.iter().chain(visitors).map(belongs).collect()
}

fn all_asked(rules: &[&Meaning]) -> BTreeSet<(String, String, String)> {
    let conditions = rules.iter().flat_map(|rule| rule.conditions());
    conditions.map(asked).collect()
}

proptest! {
    #[test]
    fn a_printed_segment_rule_means_what_was_read(
        text in rules(SEGMENT_CONDITIONS.to_vec()), visitors in visitors()
    ) {
        let rule = SegmentRule::parse(&text).unwrap();
        let meant = members(&read(&text), &visitors);
        for printed in [rule.to_string(), rule.normal_form().to_string()] {
            assert_eq!(members(&read(&printed), &visitors), meant, "{text}\n{printed}");
        }
        let named: BTreeSet<u64> = read(&text).conditions().into_iter().flat_map(traits).collect();
        assert_eq!(rule.traits(), named.into_iter().map(TraitSid).collect());
        for sid in 1..4 {
            let meaning = read(&text);
            let mut counted = meaning.conditions().into_iter().filter(|condition| condition.len() > 1);
            let counted = counted.any(|condition| traits(condition).contains(&sid));
            assert_eq!(rule.uses_frequency_on(TraitSid(sid)), counted, "{sid} in {text}");
        }
    }

    #[test]
    fn a_filled_template_means_what_the_user_wrote(
        text in rules(vec!["{trait}", "{trait}", "{auto}", "1T", "FREQUENCY([2T]) >= 2"]), visitors in visitors()
    ) {
        // What has no shared trait, or fits everyone, is refused.
        let Ok(template) = RuleTemplate::parse(&text) else { return Ok(()) };
        let meant = members(&read(&text.replace("{trait}", "2T").replace("{auto}", "3T")), &visitors);
        let filled = template.fill(TraitSid(2), |_| Some(TraitSid(3))).unwrap().to_string();
        assert_eq!(members(&read(&filled), &visitors), meant, "{text}\n{filled}");
        let again = RuleTemplate::parse(&template.to_string()).unwrap();
        assert_eq!(again, template);
    }

    /// A rule that is taken for unchanged is not written again: it must mean the same.
    #[test]
    fn segment_rules_that_are_called_the_same_mean_the_same(
        left in rules(vec!["1T", "2T"]), right in rules(vec!["1t", "2T", "(1T)"]), visitors in visitors()
    ) {
        if segment_rule::equivalent(&left, &right) {
            assert_eq!(members(&read(&left), &visitors), members(&read(&right), &visitors), "{left}\n{right}");
        }
    }

    #[test]
    fn a_printed_trait_rule_means_what_was_read(text in rules(TRAIT_CONDITIONS.to_vec())) {
        let rule = TraitRule::parse(&text).unwrap();
        let meaning = read(&text);
        let meant = truth_table(&meaning, &all_asked(&[&meaning]));
        for printed in [rule.to_string(), rule.normal_form().to_string()] {
            let printed_meaning = read(&printed);
            let all = all_asked(&[&meaning, &printed_meaning]);
            assert_eq!(all, all_asked(&[&meaning]), "nothing else is asked: {text}\n{printed}");
            assert_eq!(truth_table(&printed_meaning, &all), meant, "{text}\n{printed}");
        }
    }

    #[test]
    fn trait_rules_that_are_called_the_same_mean_the_same(
        left in rules(vec!["a == 1", "b == 1"]), right in rules(vec!["A==1", "(b==1)", "a == \"1\""])
    ) {
        if trait_rule::equivalent(&left, &right) {
            let (left, right) = (read(&left), read(&right));
            let all = all_asked(&[&left, &right]);
            assert_eq!(truth_table(&left, &all), truth_table(&right, &all));
        }
    }
}

/// The evaluator itself, by hand.
#[test]
fn the_evaluator_knows_precedence_and_frequency() {
    let visitor = |seen: &[(u64, &[u32])]| -> Visitor {
        seen.iter()
            .map(|(sid, days)| (*sid, days.to_vec()))
            .collect()
    };
    let blockers = |rule: &str, visitor: &Visitor| {
        read(rule).blockers(&|condition| is_met(condition, visitor))
    };
    let often = visitor(&[(1, &[1, 4, 9]), (3, &[])]);
    for (rule, expected) in [
        ("1T OR 2T AND 2T", true),
        ("(1T OR 2T) AND 2T", false),
        ("NOT 2T AND 1T", true),
        ("NOT (2T OR 1T)", false),
        ("3T", false),
        ("FREQUENCY([1T]) == 3", true),
        ("FREQUENCY([1T] <= 4D) >= 3", false),
        ("FREQUENCY([1T,2T] >= 4D) == 2", true),
        ("FREQUENCY([2T OR 3T]) <= 0", true),
    ] {
        assert_eq!(blockers(rule, &often), expected, "{rule}");
    }
    // Of the equal and the different among random rules both occur.
    assert!(segment_rule::equivalent(
        "1T or (2T or 1T)",
        "(1T OR 2T) OR 1T"
    ));
    assert!(!segment_rule::equivalent("1T OR 2T", "2T OR 1T"));
}
