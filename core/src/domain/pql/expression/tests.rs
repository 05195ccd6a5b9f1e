//! Which spellings of an expression are one, and that a printed expression reads as itself.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use rstest::rstest;

use super::Expression;
use crate::domain::pql::{membership, mirrored};

/// As we wrote it before.
const BEFORE: &str = r#"segmentMembership.get("AAMSegments").get("16450004").status = "realized""#;

fn ours() -> String {
    membership("AAMSegments", "16450004")
}

fn printed(text: &str) -> Option<String> {
    Expression::parse(text)
        .ok()
        .map(|parsed| parsed.to_string())
}

#[rstest]
#[case::as_we_wrote_it(BEFORE)]
#[case::without_white_space(
    r#"segmentMembership.get("AAMSegments").get("16450004").status="realized""#
)]
#[case::with_more(
    " segmentMembership . get( \"AAMSegments\" )\n.get(\"16450004\").status\t= \"realized\" "
)]
#[case::in_parentheses(
    r#"((segmentMembership.get("AAMSegments").get("16450004").status) = ("realized"))"#
)]
#[case::other_quotes("segmentMembership.get('AAMSegments').get('16450004').status = 'realized'")]
#[case::another_sign(
    r#"segmentMembership.get("AAMSegments").get("16450004").status == "realized""#
)]
#[case::turned_round(r#""realized" = segmentMembership.get("AAMSegments").get("16450004").status"#)]
#[case::a_list_of_one(
    r#"segmentMembership.get("AAMSegments").get("16450004").status in (["realized"])"#
)]
#[case::as_functions(
    r#"get(get(segmentMembership, "AAMSegments"), "16450004").status = "realized""#
)]
fn a_spelling_of_ours_is_ours(#[case] text: &str) {
    assert_eq!(printed(text).as_deref(), Some(BEFORE));
    assert_eq!(mirrored(text), Some(ours()));
}

#[rstest]
#[case::another_id(r#"segmentMembership.get("AAMSegments").get("1").status = "realized""#)]
#[case::denied(r#"not segmentMembership.get("AAMSegments").get("16450004").status = "realized""#)]
#[case::unequal(r#"segmentMembership.get("AAMSegments").get("16450004").status != "realized""#)]
#[case::those_who_left(r#"segmentMembership.get("AAMSegments").get("16450004").status = "exited""#)]
#[case::and_more(
    r#"segmentMembership.get("AAMSegments").get("16450004").status = "realized" and a = 1"#
)]
#[case::another_map(r#"identityMap.get("AAMSegments").get("16450004").status = "realized""#)]
#[case::another_namespace(r#"segmentMembership.get("ups").get("16450004").status = "realized""#)]
#[case::cut("segmentMembership.get(\"AAMSegments\").get(\"16450004\").status = \"realiz")]
#[case::nothing("")]
fn what_says_something_else_is_not(#[case] text: &str) {
    assert_ne!(printed(text), printed(&ours()));
    assert_ne!(mirrored(text), Some(ours()));
}

/// The forms that definitions of ours have had, or that Adobe's pages recommend.
#[rstest]
#[case::namespace_in_small_letters(
    r#"segmentMembership.get("aamsegments").get("16450004").status = "realized""#
)]
#[case::without_the_retired_state(BEFORE)]
#[case::the_other_way_round(
    r#"segmentMembership.get("AAMSegments").get("16450004").status in (["existing","realized"])"#
)]
fn every_form_mirrors_the_same_source(#[case] text: &str) {
    assert_ne!(printed(text), printed(&ours()), "it is to be corrected");
    assert_eq!(mirrored(text), Some(ours()), "it is ours");
}

#[rstest]
#[case::as_we_write_it(&ours())]
#[case::without_white_space(
    r#"segmentMembership.get("AAMSegments").get("16450004").status in(["realized","existing"])"#
)]
#[case::without_parentheses(
    r#"segmentMembership.get("AAMSegments").get("16450004").status in ["realized", "existing"]"#
)]
fn a_spelling_of_what_we_write_is_not_corrected(#[case] text: &str) {
    assert_eq!(printed(text), printed(&ours()));
    assert_eq!(mirrored(text), Some(ours()));
}

#[test]
fn logical_words_bind_as_the_language_says() {
    let text = r#"a = 1 or b = 2 and not (c = 3 or d = 4) and inSegment("x")"#;
    assert_eq!(printed(text).as_deref(), Some(text));
    assert_eq!(
        printed("(A = 1) OR ((b = 2) AND NOT c = 3)").as_deref(),
        Some("A = 1 or b = 2 and not c = 3")
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Expression::parse(&deep(64)).is_ok());
    assert!(Expression::parse(&deep(65)).is_err());
    assert!(Expression::parse(&deep(4_000)).is_err());
    let long = format!("a = \"{}\"", "x".repeat(9_000));
    assert!(Expression::parse(&long).is_err());
}

fn expressions() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        "[a-z\"\\\\ é]{0,6}".prop_map(|text| Expression::Text(text.into())),
        "[0-9]{1,4}".prop_map(|word| Expression::Word(word.into())),
        "[a-z]{4,8}".prop_map(|name| Expression::Field {
            object: None,
            name: name.into()
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Expression::List),
            (inner.clone(), "[a-z]{4,8}").prop_map(|(object, name)| Expression::Field {
                object: Some(Box::new(object)),
                name: name.into()
            }),
            vec(inner.clone(), 0..3).prop_map(|parts| Expression::call("count", parts)),
            vec(inner.clone(), 1..4).prop_map(|parts| Expression::call("and", parts)),
            vec(inner.clone(), 2..4).prop_map(|parts| Expression::call("or", parts)),
            inner.prop_map(|part| Expression::call("not", vec![part])),
            pair.clone()
                .prop_map(|(left, right)| Expression::call("=", vec![left, right])),
            pair.prop_map(|(left, right)| Expression::call("in", vec![left, right])),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read(expression in expressions()) {
        prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
    }

    #[test]
    fn no_text_panics(text in "[a-z.()\\[\\],=<>! \"'\\\\é0-9]{0,60}", other in any::<String>()) {
        let _ = (Expression::parse(&text), Expression::parse(&other));
    }

    #[test]
    fn a_membership_is_its_own_mirror(sid in any::<u64>()) {
        for namespace in ["AAMTraits", "AAMSegments"] {
            let text = membership(namespace, &sid.to_string());
            prop_assert_eq!(mirrored(&text), Some(text.clone()));
            // Without the parentheses around the list, which the language asks for and no meaning hangs on.
            let shown = printed(&text).expect("it is read");
            prop_assert_eq!(mirrored(&shown), Some(text));
        }
    }
}
