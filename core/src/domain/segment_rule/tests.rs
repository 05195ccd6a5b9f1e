//! What a segment's rule may look like, which rules are the same, and what a user may write for one.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use rstest::rstest;

use super::template::{RuleTemplate, RuleTemplateError};
use super::{
    Condition, Frequency, FrequencyOperator, LENGTH_MAX, Recency, RecencyOperator, SegmentRule,
    equivalent,
};
use crate::domain::identifier::TraitSid;
use crate::domain::text::logic::ParseError;
use crate::domain::text::spelling::{Noise, expressions, noises, spelled};

#[rstest]
#[case::one_trait(" 77t ", "77T")]
#[case::or("123T or 456T", "123T OR 456T")]
#[case::and("(123T AND 456T)", "123T AND 456T")]
#[case::and_not("1T AND NOT 2T", "1T AND NOT 2T")]
#[case::and_binds_first("1T OR (2T AND 3T)", "1T OR 2T AND 3T")]
#[case::or_in_parentheses("1T AND(2T OR 3T)", "1T AND (2T OR 3T)")]
#[case::nesting_stays("(1T OR 2T) OR 3T", "(1T OR 2T) OR 3T")]
#[case::frequency(
    "FREQUENCY([123T,456T] <= 5D) >= 2",
    "FREQUENCY([123T,456T] <= 5D) >= 2"
)]
#[case::frequency_with_or("frequency([1T OR 2T]>=10d)==1", "FREQUENCY([1T,2T] >= 10D) == 1")]
#[case::frequency_ever("frequency([1000T]) <= 5", "FREQUENCY([1000T]) <= 5")]
#[case::frequency_and_a_trait(
    "1T AND frequency ( [ 2T , 3T ] ) <= 5",
    "1T AND FREQUENCY([2T,3T]) <= 5"
)]
#[case::leading_zeros("007T", "7T")]
#[case::the_largest("18446744073709551615T", "18446744073709551615T")]
fn rules_print_canonically(#[case] text: &str, #[case] canonical: &str) {
    assert_eq!(
        SegmentRule::parse(text).expect("a rule").to_string(),
        canonical
    );
}

#[rstest]
#[case::nothing(
    "",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found the end of the rule"
)]
#[case::no_unit(
    "123",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found `123`"
)]
#[case::no_number(
    "T",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found `T`"
)]
#[case::too_large(
    "18446744073709551616T",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found `18446744073709551616T`"
)]
#[case::a_placeholder_is_no_trait(
    "{trait}",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found `{trait}`"
)]
#[case::run_together(
    "1TAND 2T",
    "at character 1: expected a trait such as 123T, FREQUENCY, NOT or (, found `1TAND 2T`"
)]
#[case::no_word(
    "1T 2T",
    "at character 4: expected AND, OR or the end of the rule, found `2T`"
)]
#[case::no_list(
    "FREQUENCY(1T) >= 2",
    "at character 11: expected [ before the traits of FREQUENCY, found `1T) >= 2`"
)]
#[case::empty_list(
    "FREQUENCY([]) >= 2",
    "at character 12: expected a trait such as 123T, found `]) >= 2`"
)]
#[case::and_in_a_list(
    "FREQUENCY([1T AND 2T]) >= 2",
    "at character 15: expected a comma, OR or ], found `AND 2T]) >= 2`"
)]
#[case::zero_days(
    "FREQUENCY([1T] <= 0D) >= 2",
    "at character 19: expected days, such as 5D, at least 1D, found `0D) >= 2`"
)]
#[case::exact_recency(
    "FREQUENCY([1T] == 5D) >= 2",
    "at character 16: expected ), or a recency such as <= 5D, found `== 5D) >= 2`"
)]
#[case::no_unit_of_days(
    "FREQUENCY([1T] <= 5) >= 2",
    "at character 19: expected days, such as 5D, at least 1D, found `5) >= 2`"
)]
#[case::no_frequency(
    "FREQUENCY([1T] <= 5D)",
    "at character 22: expected one of >=, <=, == and how often, found the end of the rule"
)]
#[case::strictly_more(
    "FREQUENCY([1T]) > 2",
    "at character 17: expected one of >=, <=, == and how often, found `> 2`"
)]
#[case::negative_count(
    "FREQUENCY([1T]) >= -2",
    "at character 20: expected how often: a whole number, found `-2`"
)]
fn errors_say_where_and_what(#[case] text: &str, #[case] message: &str) {
    assert_eq!(
        SegmentRule::parse(text).expect_err("no rule").to_string(),
        message
    );
}

#[test]
fn negations_side_by_side_are_not_nested() {
    let negations = vec!["NOT 1T"; 200].join(" AND ");
    assert!(SegmentRule::parse(&negations).is_ok());
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}1T{}", "(".repeat(depth), ")".repeat(depth));
    assert!(SegmentRule::parse(&nested(64)).is_ok());
    assert_eq!(
        SegmentRule::parse(&nested(65)),
        Err(ParseError::TooDeep { position: 65 })
    );
    assert_eq!(
        SegmentRule::parse(&" ".repeat(262_145)),
        Err(ParseError::TooLong {
            length: 262_145,
            length_max: LENGTH_MAX
        })
    );
}

#[rstest]
#[case::parentheses("77T", " ( 77t ) ", true)]
#[case::nested_and("1T AND (2T AND 3T)", "(1T and 2T) and 3T", true)]
#[case::nested_or("1T OR (2T OR (3T OR 4T))", "1T OR 2T OR 3T OR 4T", true)]
#[case::escaped("FREQUENCY([1T] &lt;= 5D) &gt;= 2", "FREQUENCY([1T]<=5D)>=2", true)]
#[case::list_separators("FREQUENCY([1T,2T]) >= 2", "FREQUENCY([1T OR 2T]) >= 2", true)]
#[case::another_trait("77T", "78T", false)]
#[case::another_word("1T AND 2T", "1T OR 2T", false)]
#[case::grouping_that_matters("(1T OR 2T) AND 3T", "1T OR 2T AND 3T", false)]
#[case::negated("1T", "NOT 1T", false)]
#[case::recency_or_not("FREQUENCY([1T]) >= 2", "FREQUENCY([1T] <= 5D) >= 2", false)]
#[case::another_count("FREQUENCY([1T]) >= 2", "FREQUENCY([1T]) >= 3", false)]
#[case::unreadable_but_the_same("MODEL(7)  IS 1", "MODEL(7) IS 1", true)]
#[case::one_unreadable("1T", "MODEL(1)", false)]
fn rules_are_compared(#[case] left: &str, #[case] right: &str, #[case] same: bool) {
    assert_eq!(equivalent(left, right), same);
    assert_eq!(equivalent(right, left), same);
}

#[test]
fn every_named_trait_is_found() {
    let rule = SegmentRule::parse("3T AND NOT 1T OR FREQUENCY([2T,3T]) >= 2").expect("a rule");
    assert_eq!(
        rule.traits(),
        BTreeSet::from([TraitSid(1), TraitSid(2), TraitSid(3)])
    );
    assert!(!rule.uses_frequency_on(TraitSid(1)));
    assert!(rule.uses_frequency_on(TraitSid(2)));
    assert!(rule.uses_frequency_on(TraitSid(3)), "beside its plain use");
    assert!(!rule.uses_frequency_on(TraitSid(4)));
}

#[test]
fn the_rule_of_one_trait_is_that_trait() {
    assert_eq!(SegmentRule::from(TraitSid(77)).to_string(), "77T");
}

#[rstest]
#[case::the_example_of_the_design("{trait} AND (9912T OR 9913T)", "77T AND (9912T OR 9913T)")]
#[case::alone("{trait}", "77T")]
#[case::with_space_inside("{trait }AND{ auto-2 }", "77T AND 9912T")]
#[case::more_than_once("{trait} AND 1T OR {trait} AND 2T", "77T AND 1T OR 77T AND 2T")]
#[case::left_out("1T AND NOT {trait}", "1T AND NOT 77T")]
#[case::beside_a_frequency(
    "{trait} AND frequency([1T] <= 5d) <= 2",
    "77T AND FREQUENCY([1T] <= 5D) <= 2"
)]
#[case::a_negated_negative("NOT (NOT {trait})", "NOT NOT 77T")]
#[case::left_out_of_who_is_seen_often(
    "NOT {trait} AND frequency([1T]) >= 2",
    "NOT 77T AND FREQUENCY([1T]) >= 2"
)]
#[case::a_key("{trait} AND ({auto-2} OR 9913T)", "77T AND (9912T OR 9913T)")]
#[case::a_key_under_frequency(
    "{trait} AND frequency([{auto-2},1T]) >= 2",
    "77T AND FREQUENCY([9912T,1T]) >= 2"
)]
fn templates_are_filled(#[case] template: &str, #[case] rule: &str) {
    let template = RuleTemplate::parse(template).expect("a template");
    let filled = template.fill(TraitSid(77), |key| {
        (key == "auto-2").then_some(TraitSid(9912))
    });
    assert_eq!(filled.map(|rule| rule.to_string()), Ok(rule.to_owned()));
    assert_eq!(RuleTemplate::parse(&template.to_string()), Ok(template));
}

#[rstest]
#[case::missing("1T AND 2T", RuleTemplateError::SharedTraitMissing)]
#[case::over_the_shared_trait(
    "1T AND FREQUENCY([{trait}]) >= 2",
    RuleTemplateError::FrequencyOverSharedTrait
)]
#[case::over_the_shared_trait_among_others(
    "{trait} AND NOT FREQUENCY([1T OR {trait}] <= 5D) >= 2",
    RuleTemplateError::FrequencyOverSharedTrait
)]
#[case::over_the_shared_trait_with_space(
    "{trait} AND FREQUENCY([{ trait }]) >= 2",
    RuleTemplateError::FrequencyOverSharedTrait
)]
#[case::only_negated("NOT {trait}", RuleTemplateError::MatchesEveryone)]
#[case::negated_and_rare(
    "NOT {trait} AND frequency([1000T]) <= 5",
    RuleTemplateError::MatchesEveryone
)]
#[case::never_seen(
    "NOT {trait} AND frequency([1000T]) == 0",
    RuleTemplateError::MatchesEveryone
)]
#[case::negated_as_a_whole("NOT ({trait} OR 1T)", RuleTemplateError::MatchesEveryone)]
fn templates_that_no_segment_can_have_are_refused(
    #[case] template: &str,
    #[case] error: RuleTemplateError,
) {
    assert_eq!(RuleTemplate::parse(template), Err(error));
}

#[test]
fn a_template_with_a_syntax_error_says_where() {
    let error = RuleTemplate::parse("{trait} AND {Trait}").expect_err("the word is lower-case");
    assert_eq!(
        error.to_string(),
        "the rule cannot be read: at character 13: expected {trait}, or {key} for a key of traits: \
         lower-case letters, digits and hyphens, found `{Trait}`"
    );
}

#[test]
fn a_key_that_nobody_names_is_told_and_nothing_is_filled() {
    let template = RuleTemplate::parse("{trait} AND ({auto} OR {pets} OR 5T)").expect("a template");
    assert_eq!(
        template.keys().into_iter().collect::<Vec<_>>(),
        ["auto", "pets"]
    );
    assert_eq!(
        template.numbered().into_iter().collect::<Vec<_>>(),
        [TraitSid(5)]
    );
    let filled = template.fill(TraitSid(77), |key| (key == "auto").then_some(TraitSid(1)));
    assert_eq!(filled, Err("pets"));
}

#[test]
fn a_segment_holds_five_thousand_traits() {
    let with = |others: u64| {
        let others: Vec<_> = (0..others)
            .map(|sid| format!("{}T", 10_000_000 + sid))
            .collect();
        RuleTemplate::parse(&format!("{{trait}} AND ({})", others.join(" OR ")))
    };
    assert!(with(4_999).is_ok());
    assert_eq!(
        with(5_000),
        Err(RuleTemplateError::TooManyTraits { count: 5_001 })
    );

    let repeated = vec!["1T"; 6_000].join(" OR ");
    assert!(
        RuleTemplate::parse(&format!("{{trait}} AND ({repeated})")).is_ok(),
        "a trait counts once"
    );
}

fn conditions() -> impl Strategy<Value = Condition<TraitSid>> {
    let sids = || any::<u64>().prop_map(TraitSid);
    let recency = (
        select(vec![RecencyOperator::AtLeast, RecencyOperator::AtMost]),
        1u32..,
    )
        .prop_map(|(operator, days)| Recency { operator, days });
    let operators = select(vec![
        FrequencyOperator::AtLeast,
        FrequencyOperator::AtMost,
        FrequencyOperator::Equal,
    ]);
    let frequencies = (
        vec(sids(), 1..4),
        option::of(recency),
        operators,
        any::<u32>(),
    )
        .prop_map(|(traits, recency, operator, count)| {
            Condition::Frequency(Frequency {
                traits,
                recency,
                operator,
                count,
            })
        });
    prop_oneof![2 => sids().prop_map(Condition::Trait), 1 => frequencies]
}

fn spelled_condition(condition: &Condition<TraitSid>, noise: &mut Noise) -> String {
    let Condition::Frequency(Frequency {
        traits,
        recency,
        operator,
        count,
    }) = condition
    else {
        return noise.case(&condition.to_string());
    };
    let separator = [",", " , ", " or ", " OR "][noise.below(4)];
    let traits: Vec<_> = traits
        .iter()
        .map(|sid| noise.case(&format!("{sid}T")))
        .collect();
    let recency = recency.map(|Recency { operator, days }| {
        format!(
            "{}{}{}",
            operator.as_str(),
            noise.gap(),
            noise.case(&format!("{days}D"))
        )
    });
    format!(
        "{}{}({}[{}]{}{}){}{}{}{count}",
        noise.case("frequency"),
        noise.gap(),
        noise.gap(),
        traits.join(separator),
        noise.gap(),
        recency.unwrap_or_default(),
        noise.gap(),
        operator.as_str(),
        noise.gap(),
    )
}

proptest! {
    #[test]
    fn printing_and_reading_gives_the_same_rule(rule in expressions(conditions())) {
        assert_eq!(SegmentRule::parse(&rule.to_string()), Ok(rule));
    }

    #[test]
    fn the_normal_form_is_its_own(rule in expressions(conditions())) {
        let normal = rule.normal_form();
        assert_eq!(normal.normal_form(), normal);
        assert_eq!(normal.traits(), rule.traits());
        assert_eq!(SegmentRule::parse(&normal.to_string()), Ok(normal));
    }

    #[test]
    fn spelling_changes_nothing(rule in expressions(conditions()), mut noise in noises()) {
        let other = spelled(&rule, &mut noise, &spelled_condition);
        assert!(SegmentRule::parse(&other).is_ok(), "{other}");
        assert!(equivalent(&rule.to_string(), &other), "{rule}\n{other}");
    }

    #[test]
    fn a_filled_template_is_the_rule_with_the_number_in_place(
        others in vec(1u64..1_000, 1..5), shared in 1_000u64..
    ) {
        let others: Vec<_> = others.iter().map(|sid| format!("{sid}T")).collect();
        let written = format!("{{trait}} AND ({{trait}} OR {})", others.join(" OR "));
        let template = RuleTemplate::parse(&written).expect("a template");
        let expected = written.replace("{trait}", &format!("{shared}T"));
        assert_eq!(template.fill(TraitSid(shared), |_| None).ok(), SegmentRule::parse(&expected).ok());
    }

    #[test]
    fn no_text_panics(text in any::<String>(), other in r"[ 0-9TDANORFfrequency\[\](){}trait,<>=é-]{0,40}") {
        assert!(equivalent(&text, &text) && equivalent(&other, &other));
        for text in [&text, &other] {
            let _ = RuleTemplate::parse(text);
            assert!(SegmentRule::parse(text).map_or(true, |rule| SegmentRule::parse(&rule.to_string()) == Ok(rule)));
        }
    }
}
