//! The texts that we write into objects, field by field: their names for people, and when two of them say the same.
//!
//! Nothing is normalised but what a service is known to change. An expression or a rule is compared by what it says.

use std::borrow::Cow;

use super::pql::Expression;
use super::text::resolve_entities;
use super::{segment_rule, trait_rule};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Name,
    Description,
    IntegrationCode,
    TraitRule,
    SegmentRule,
    Expression,
    Url,
    Alias,
    ValueAlias,
}

impl Field {
    /// For messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::IntegrationCode => "integration code",
            Self::TraitRule | Self::SegmentRule => "rule",
            Self::Expression => "expression",
            Self::Url => "url",
            Self::Alias => "alias",
            Self::ValueAlias => "value alias",
        }
    }

    /// Whether a text that was read says what another one says.
    pub fn same(self, found: &str, wanted: &str) -> bool {
        found == wanted
            || match self {
                Self::TraitRule => trait_rule::equivalent(found, wanted),
                Self::SegmentRule => segment_rule::equivalent(found, wanted),
                Self::Expression => canonical(found) == canonical(wanted),
                Self::Name
                | Self::Description
                | Self::IntegrationCode
                | Self::Url
                | Self::Alias
                | Self::ValueAlias => false,
            }
    }
}

/// The one spelling of an expression; one that cannot be read stays as it is.
pub fn canonical(expression: &str) -> Cow<'_, str> {
    match Expression::parse(expression) {
        Ok(parsed) => Cow::Owned(parsed.to_string()),
        Err(_) => Cow::Borrowed(expression.trim()),
    }
}

/// From so many characters on a text that begins another one may be what a service left of it.
const CUT_CHARS_MIN: usize = 50;

/// Whether `found` may be a service's own spelling of what was sent: it differs in white space, signs, case or letters
/// outside of ASCII alone, or is the beginning of it.
pub fn may_be_respelled(found: &str, sent: &str) -> bool {
    let is_cut = found.chars().count() >= CUT_CHARS_MIN && sent.starts_with(found);
    is_cut || skeleton(found).eq(skeleton(sent))
}

/// The letters and digits of ASCII, in small letters, without those that carry a combining mark: what Unicode
/// normalisation and collapsed white space leave alone.
fn skeleton(text: &str) -> impl Iterator<Item = char> {
    let plain = resolve_entities(text).into_owned();
    let letters: Vec<char> = plain.chars().collect();
    let marked = |at: usize| {
        letters
            .get(at + 1)
            .is_some_and(|next| ('\u{300}'..='\u{36f}').contains(next))
    };
    let kept: Vec<char> = (0..letters.len())
        .filter(|at| letters[*at].is_ascii_alphanumeric() && !marked(*at))
        .map(|at| letters[at].to_ascii_lowercase())
        .collect();
    kept.into_iter()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Field, may_be_respelled};

    #[rstest]
    #[case::the_same(Field::Name, "Loyal", "Loyal", true)]
    #[case::entities(Field::Name, "Shoes &amp; Bags", "Shoes & Bags", false)]
    #[case::white_space_at_the_end(Field::Name, "Loyal ", "Loyal", false)]
    #[case::case(Field::Url, "https://a.example/X", "https://a.example/x", false)]
    #[case::a_rule(Field::TraitRule, "SegID  ==  \"x\"", "segid == \"x\"", true)]
    #[case::another_rule(Field::TraitRule, "segid == \"X\"", "segid == \"x\"", false)]
    #[case::a_segment_rule(Field::SegmentRule, "(77T)", "77T", true)]
    #[case::an_expression(Field::Expression, "(a='x')", "a = \"x\"", true)]
    #[case::unreadable(Field::Expression, "later:a", "a = \"x\"", false)]
    #[case::unreadable_but_the_same(Field::Expression, " later:a", "later:a", true)]
    fn texts_are_compared_by_their_field(
        #[case] field: Field,
        #[case] found: &str,
        #[case] wanted: &str,
        #[case] same: bool,
    ) {
        assert_eq!(field.same(found, wanted), same);
        assert_eq!(field.same(wanted, found), same);
    }

    #[rstest]
    #[case::spaces("Cafe au lait", "Cafe  au lait ", true)]
    #[case::composed("Caf\u{e9}", "Cafe\u{301}", true)]
    #[case::entities("Shoes &amp; Bags", "Shoes & Bags", true)]
    #[case::case("loyal gamers", "Loyal Gamers", true)]
    #[case::another_word("Loyal players", "Loyal gamers", false)]
    #[case::a_short_beginning("Loyal", "Loyal gamers", false)]
    fn another_spelling_is_told_from_another_text(
        #[case] found: &str,
        #[case] sent: &str,
        #[case] respelled: bool,
    ) {
        assert_eq!(may_be_respelled(found, sent), respelled);
        let long = "Who plays. ".repeat(20);
        assert!(may_be_respelled(&long[..200], &long));
        assert!(!may_be_respelled(&long[..20], &long));
    }
}
