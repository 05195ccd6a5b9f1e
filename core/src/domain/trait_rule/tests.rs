//! What a trait's rule may look like, and which rules are the same.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use rstest::rstest;

use super::{
    KeyComparison, LENGTH_MAX, Operator, TraitRule, Value, equivalent, experience_platform_segment,
    may_stand_bare,
};
use crate::domain::identifier::AudienceId;
use crate::domain::text::logic::ParseError;
use crate::domain::text::spelling::{Noise, expressions, noises, spelled};

const SHARED: &str = r#"segid == "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11""#;

#[rstest]
#[case::shared(SHARED, SHARED)]
#[case::inbound_file(r#"ic=="123""#, r#"ic == "123""#)]
#[case::bare_number("product==12", "product == 12")]
#[case::range(
    "(price >= 1.00 AND price <= 100.00)",
    "price >= 1.00 AND price <= 100.00"
)]
#[case::negative_number("c_delta<-0.5", "c_delta < -0.5")]
#[case::and_binds_first("a==1 or b==2 and c==3", "a == 1 OR b == 2 AND c == 3")]
#[case::parentheses_that_matter("(a==1 OR b==2) AND c==3", "(a == 1 OR b == 2) AND c == 3")]
#[case::parentheses_that_do_not("((a==1)) AND (b==2)", "a == 1 AND b == 2")]
#[case::not_binds_first("not a==1 and b==2", "NOT a == 1 AND b == 2")]
#[case::not_over_a_list("NOT(a==1 AND b==2)", "NOT (a == 1 AND b == 2)")]
#[case::key_that_begins_like_a_word(
    "order==1 AND android==2 OR not-x==3",
    "order == 1 AND android == 2 OR not-x == 3"
)]
#[case::quoted_key(r#""last page" contains "x""#, r#""last page" contains "x""#)]
#[case::needless_quotes(r#""segid" == "x""#, r#"segid == "x""#)]
#[case::quoted_logical_word(r#""and" == 1"#, r#""and" == 1"#)]
#[case::word_operators(
    r#"a CONTAINS "1" OR a matchesWords "2" OR a startswith "3" OR a endswith "4" OR a matchesregex "\d+\"""#,
    r#"a contains "1" OR a matcheswords "2" OR a startswith "3" OR a endswith "4" OR a matchesregex "\d+\"""#
)]
#[case::symbols(
    "a!=1 AND b>2 AND c>=3 AND d<4 AND e<=5",
    "a != 1 AND b > 2 AND c >= 3 AND d < 4 AND e <= 5"
)]
#[case::quoted_number_compared(r#"price > "5""#, r#"price > "5""#)]
#[case::parentheses_in_a_value(r#"a == "(b OR c""#, r#"a == "(b OR c""#)]
#[case::several_scripts(r#"a == "日本 é 😀""#, r#"a == "日本 é 😀""#)]
fn rules_print_canonically(#[case] text: &str, #[case] canonical: &str) {
    assert_eq!(
        TraitRule::parse(text).expect("a rule").to_string(),
        canonical
    );
}

#[rstest]
#[case::single_equals_of_the_prose(
    "segID = 4b1c",
    "at character 7: expected one of ==, !=, >, >=, <, <=, contains, matcheswords, startswith, endswith, matchesregex, \
     found `= 4b1c`"
)]
#[case::nothing(
    "",
    "at character 1: expected a key (letters, digits, - and _, beginning with a letter; any other key in double \
     quotes), found the end of the rule"
)]
#[case::bare_word_as_value(
    "a == b",
    "at character 6: expected a value in double quotes, or a number, found `b`"
)]
#[case::number_with_letters(
    "a == 12b",
    "at character 6: expected a value in double quotes, or a number, found `12b`"
)]
#[case::open_quote(
    "a == \"b",
    "at character 6: expected a value in double quotes, or a number, found `\"b`"
)]
#[case::escaped_quote(
    r#"a == "b\""#,
    r#"at character 6: expected a value in double quotes, or a number, found `"b\"`"#
)]
#[case::text_compared(
    r#"price > "cheap""#,
    "at character 9: expected a number, since >, >=, < and <= compare numbers, found `\"cheap\"`"
)]
#[case::open_parenthesis(
    "(a == 1",
    "at character 8: expected AND, OR or ), found the end of the rule"
)]
#[case::loose_parenthesis(
    "a == 1)",
    "at character 7: expected AND, OR or the end of the rule, found `)`"
)]
#[case::letters_of_other_scripts_need_quotes(
    "é == 1",
    "at character 1: expected a key (letters, digits, - and _, beginning with a letter; any other key in double \
     quotes), found `é == 1`"
)]
#[case::characters_are_counted_not_bytes(
    r#"a == "日本" b == 2"#,
    "at character 11: expected AND, OR or the end of the rule, found `b == 2`"
)]
#[case::long_rests_are_cut(
    "a == 1 b0123456789012345678901234567890",
    "at character 8: expected AND, OR or the end of the rule, found `b01234567890123456789012…`"
)]
fn errors_say_where_and_what(#[case] text: &str, #[case] message: &str) {
    assert_eq!(
        TraitRule::parse(text).expect_err("no rule").to_string(),
        message
    );
}

#[rstest]
#[case::digits_only_in_quotes(r#""123" == 1"#)]
#[case::empty_key(r#""" == 1"#)]
#[case::key_that_begins_with_a_digit("1a == 1")]
#[case::logical_word_as_key("and == 1")]
#[case::missing_operand("a == 1 AND")]
#[case::missing_value("a ==")]
#[case::operator_run_into_its_number("a contains5")]
#[case::number_without_fraction("a == 1.")]
#[case::two_fractions("a == 1.2.3")]
fn what_is_no_rule_is_refused(#[case] text: &str) {
    assert!(
        matches!(TraitRule::parse(text), Err(ParseError::Unexpected { .. })),
        "{text}"
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}a == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(TraitRule::parse(&nested(64)).is_ok());
    assert_eq!(
        TraitRule::parse(&nested(65)),
        Err(ParseError::TooDeep { position: 65 })
    );
    let negated = |depth: usize| format!("{}a == 1", "NOT ".repeat(depth));
    assert!(TraitRule::parse(&negated(64)).is_ok());
    assert!(matches!(
        TraitRule::parse(&negated(65)),
        Err(ParseError::TooDeep { .. })
    ));

    let side_by_side = ["(a == 1)"; 1_000].join(" AND ");
    assert!(
        TraitRule::parse(&side_by_side).is_ok(),
        "depth is not counted over neighbours"
    );

    let of_length = |length: usize| format!("a == \"{}\"", "x".repeat(length - 7));
    assert!(TraitRule::parse(&of_length(65_536)).is_ok());
    assert_eq!(
        TraitRule::parse(&of_length(65_537)),
        Err(ParseError::TooLong {
            length: 65_537,
            length_max: LENGTH_MAX
        })
    );
}

#[rstest]
#[case::escaped(
    SHARED,
    "segid == &quot;4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11&quot;",
    true
)]
#[case::key_case(SHARED, r#"segID=="4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11""#, true)]
#[case::value_case(SHARED, r#"segid == "4B1C7C1E-5D7B-4B57-9D2C-0A6C0B8F3E11""#, false)]
#[case::another_key(SHARED, r#"seg_id == "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11""#, false)]
#[case::parentheses("a == 1 and (b == 2 and c == 3)", "((A==1) AND B==2) AND C==3", true)]
#[case::escaped_comparison("a &gt;= 1", "a >= 1", true)]
#[case::grouping_that_matters(
    "(a == 1 OR b == 2) AND c == 3",
    "a == 1 OR b == 2 AND c == 3",
    false
)]
#[case::another_operator("a == 1", "a != 1", false)]
#[case::text_and_number("a == 1", r#"a == "1""#, false)]
#[case::fractions("a == 1", "a == 1.0", false)]
#[case::white_space_in_a_value(r#"a == "b c""#, r#"a == "b  c""#, false)]
#[case::unreadable_but_the_same("segID =  4b1c\n", "segID = 4b1c", true)]
#[case::unreadable_key_case("segID = 4b1c", "segid = 4b1c", false)]
#[case::one_unreadable("a == 1", "a = 1", false)]
#[case::no_rule_on_either_side("", " ", true)]
#[case::no_rule_on_one_side("", "a == 1", false)]
fn rules_are_compared(#[case] left: &str, #[case] right: &str, #[case] same: bool) {
    assert_eq!(equivalent(left, right), same);
    assert_eq!(equivalent(right, left), same);
}

#[rstest]
#[case::default_key("segid", "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11", SHARED)]
#[case::another_key("segID", "x", r#"segID == "x""#)]
#[case::key_with_a_space("seg id", "x", r#""seg id" == "x""#)]
#[case::quotes_in_the_id("segid", r#"a"b\c"#, r#"segid == "a\"b\\c""#)]
fn shared_audiences_have_a_rule(#[case] key: &str, #[case] id: &str, #[case] rule: &str) {
    assert_eq!(experience_platform_segment(key, &AudienceId::new(id)), rule);
    assert!(TraitRule::parse(rule).is_ok());
}

fn comparisons() -> impl Strategy<Value = KeyComparison> {
    let keys = prop_oneof![
        "[A-Za-z][A-Za-z0-9_-]{0,8}",
        r#"([a-zA-Z0-9 .é]|\\["\\]){1,8}"#,
        select(vec!["and", "Or", "NOT", "contains"]).prop_map(str::to_owned),
    ]
    .prop_filter("a key has more than digits", |key| {
        !key.bytes().all(|byte| byte.is_ascii_digit())
    });
    let numbers = r"-?[0-9]{1,5}(\.[0-9]{1,3})?".prop_map(|number| Value::Number(number.into()));
    // No `&`: comparing resolves entities first.
    let texts = r#"([^"\\&]|\\.){0,12}"#.prop_map(|text| Value::Text(text.into()));
    let (above, other): (Vec<_>, Vec<_>) = Operator::ALL
        .iter()
        .copied()
        .partition(|operator| operator.compares_numbers());
    let right = prop_oneof![
        (select(above), numbers.clone()),
        (select(other.clone()), numbers),
        (select(other), texts),
        (
            Just(Operator::Equal),
            Just(Value::Text("(a OR b) AND NOT".into()))
        ),
    ];
    (keys, right).prop_map(|(key, (operator, value))| KeyComparison {
        key: key.into(),
        operator,
        value,
    })
}

fn spelled_comparison(comparison: &KeyComparison, noise: &mut Noise) -> String {
    let KeyComparison {
        key,
        operator,
        value,
    } = comparison;
    let recased = noise.case(key);
    let key = match may_stand_bare(key) && noise.below(2) == 0 {
        true => recased,
        false => format!("\"{recased}\""),
    };
    let value = match value {
        Value::Text(text) => format!("\"{text}\""),
        Value::Number(number) => number.to_string(),
    };
    // A word needs white space around it, a symbol does not.
    let gap = if operator.is_word() { " " } else { "" };
    format!(
        "{key}{gap}{}{}{}{gap}{}{value}",
        noise.gap(),
        noise.case(operator.as_str()),
        gap,
        noise.gap()
    )
}

proptest! {
    #[test]
    fn printing_and_reading_gives_the_same_rule(rule in expressions(comparisons())) {
        assert_eq!(TraitRule::parse(&rule.to_string()), Ok(rule));
    }

    #[test]
    fn the_normal_form_is_its_own(rule in expressions(comparisons())) {
        let normal = rule.normal_form();
        assert_eq!(normal.normal_form(), normal);
        assert_eq!(TraitRule::parse(&normal.to_string()), Ok(normal));
    }

    #[test]
    fn spelling_changes_nothing(rule in expressions(comparisons()), mut noise in noises()) {
        let other = spelled(&rule, &mut noise, &spelled_comparison);
        assert!(TraitRule::parse(&other).is_ok(), "{other}");
        assert!(equivalent(&rule.to_string(), &other), "{rule}\n{other}");
    }

    #[test]
    fn another_value_is_another_rule(rule in expressions(comparisons())) {
        let other = rule.map(&|comparison| KeyComparison { value: Value::Text("another one".into()), ..comparison.clone() });
        assert!(!equivalent(&rule.to_string(), &other.to_string()));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), other in r#"[ a-cANDORT()"\\=<>!&;1.é-]{0,40}"#) {
        assert!(equivalent(&text, &text) && equivalent(&other, &other));
        assert!(TraitRule::parse(&text).map_or(true, |rule| TraitRule::parse(&rule.to_string()) == Ok(rule)));
        assert!(TraitRule::parse(&other).map_or(true, |rule| TraitRule::parse(&rule.to_string()) == Ok(rule)));
    }
}
