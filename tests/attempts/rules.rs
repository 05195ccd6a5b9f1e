//! To get more into a rule or into PQL than the one value that belongs there.

use audience_sharing_core::domain::identifier::{AudienceId, TraitSid};
use audience_sharing_core::domain::pql;
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;
use audience_sharing_core::domain::trait_rule::{self, TraitRule};
use rstest::rstest;

/// An id that no manifest may hold comes with an audience that is shared by its name.
#[rstest]
#[case::another_condition(r#"x" OR segid != "x"#)]
#[case::an_open_quote(r#"x" OR ""#)]
#[case::an_escape(r"x\")]
#[case::an_escaped_quote(r#"x\" OR 1 == \"1"#)]
#[case::parentheses(r#"x") OR ("a" == "a"#)]
#[case::entities("x&quot; OR segid != &quot;x")]
#[case::a_line_break("x\" \nOR segid != \"x")]
fn an_id_stays_one_value_of_the_traits_rule(#[case] id: &str) {
    let written = trait_rule::experience_platform_segment("segid", &AudienceId::new(id));
    let rule = TraitRule::parse(&written).unwrap();
    let mut conditions = 0;
    rule.visit(&mut |_, _| conditions += 1);
    assert_eq!(conditions, 1, "{written}");
}

/// A template is read as a rule before anything stands in its places: what closes one early is no rule.
#[rstest]
#[case::closed_early("{trait}) OR (1T")]
#[case::a_key_that_closes("{trait} AND {a}}")]
#[case::nested_braces("{{trait}}")]
#[case::a_key_with_a_rule("{trait} AND {a OR 1T}")]
#[case::text("{trait} OR \"x\"")]
#[case::a_statement("{trait}; 1T")]
#[case::a_comment("{trait} -- AND 1T")]
#[case::trait_rule("{trait} OR segid == \"x\"")]
#[case::a_trait_as_a_word("{trait} AND {trait}T")]
#[case::a_key_in_capitals("{trait} AND {TRAIT}")]
fn a_template_holds_nothing_but_traits(#[case] text: &str) {
    RuleTemplate::parse(text).unwrap_err();
}

/// What a key stands for is a number, whatever it was found by.
#[test]
fn a_key_becomes_a_number() {
    let template = RuleTemplate::parse("{trait} AND NOT {a}").unwrap();
    let filled = template.fill(TraitSid(7), |_| Some(TraitSid(8))).unwrap();
    assert_eq!(filled.to_string(), "7T AND NOT 8T");
}

#[rstest]
#[case::a_quote(r#"x") or inSegment("y"#)]
#[case::an_escape(r"x\")]
#[case::a_line_break("x\ny")]
#[case::nothing("")]
fn an_id_that_could_end_its_text_has_no_reference(#[case] id: &str) {
    assert_eq!(pql::evaluated(id), None);
    assert_eq!(pql::external("AAMSegments", "1", id), None);
    assert_eq!(pql::external("AAMSegments", id, "1"), None);
    assert_eq!(pql::external(id, "1", "1"), None);
}
