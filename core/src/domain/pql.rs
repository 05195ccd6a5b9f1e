//! How a segment definition of Experience Platform refers to a shared audience (experience-platform.md §5.4).
//!
//! [`expression`] reads and prints expressions, so that two of them are compared by what they say.

pub mod expression;

pub use expression::Expression;

/// How sure it is that an expression has the form that Experience Platform takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Adobe's documentation shows it.
    Documented,
    /// Concluded from what Adobe's samples show; Segment Builder's code view shows it.
    Inferred,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// In the format `pql/text`.
    pub text: String,
    pub text_certainty: Certainty,
    /// In the format `pql/json`.
    pub json: String,
    pub json_certainty: Certainty,
}

/// Of an audience that Experience Platform evaluates, by its id.
pub fn evaluated(id: &str) -> Option<Reference> {
    let id = quoted(id)?;
    Some(Reference {
        text: format!("inSegment({id})"),
        text_certainty: Certainty::Documented,
        json: in_segment(&id),
        json_certainty: Certainty::Inferred,
    })
}

/// Of an external audience, by the key of its memberships on a profile, and its id.
pub fn external(namespace: &str, audience_id: &str, id: &str) -> Option<Reference> {
    quoted(namespace).and(quoted(audience_id))?;
    Some(Reference {
        text: membership(namespace, audience_id),
        text_certainty: Certainty::Inferred,
        json: in_segment(&quoted(id)?),
        json_certainty: Certainty::Inferred,
    })
}

/// The namespaces under which Adobe's source connector delivers memberships (experience-platform.md §5.1, §5.2).
pub const TRAITS: &str = "AAMTraits";
pub const SEGMENTS: &str = "AAMSegments";

/// The texts of `status` for which a profile is a member (experience-platform.md §5.3).
const OF_MEMBERS: [&str; 2] = ["realized", "existing"];

/// The test that [`membership`] writes now for the trait or segment that `expression` tests, in whichever form it tests it: another
/// case of the namespace, or `realized` alone as we wrote it before. `None` if the expression tests anything else.
pub fn mirrored(expression: &str) -> Option<String> {
    let parsed = Expression::parse(expression).ok()?;
    let (field, states) = parsed.membership_test()?;
    let known = [TRAITS, SEGMENTS].into_iter();
    let mut known = known.filter(|known| known.eq_ignore_ascii_case(field.namespace));
    let members = states.iter().all(|state| OF_MEMBERS.contains(state));
    known
        .next()
        .filter(|_| members)
        .map(|namespace| membership(namespace, field.audience_id))
}

/// What replaces an expression that comes in a format of another name: it can be compared, and is never readable, since no expression begins with this sign.
pub fn in_unknown_format(format: &str, value: &str) -> String {
    format!("#{format} {value}")
}

/// Whether the text is an expression of the known part of PQL.
pub fn is_readable(expression: &str) -> bool {
    Expression::parse(expression).is_ok()
}

/// True for the profiles that are in an external audience now, since the last evaluation or for longer: whoever stays is
/// `existing` to some services, and `realized` to others. Neither text may hold a quotation mark.
pub fn membership(namespace: &str, audience_id: &str) -> String {
    let [entered, stayed] = OF_MEMBERS;
    format!(
        r#"segmentMembership.get("{namespace}").get("{audience_id}").status in (["{entered}", "{stayed}"])"#
    )
}

fn in_segment(id: &str) -> String {
    format!(
        r#"{{"nodeType":"fnApply","fnName":"inSegment","params":[{{"nodeType":"literal","literalType":"XString","value":{id}}}]}}"#
    )
}

/// A text as both formats write it; `None` for one that neither could hold unchanged.
fn quoted(plain: &str) -> Option<String> {
    let fits = plain
        .chars()
        .all(|letter| !letter.is_control() && !matches!(letter, '"' | '\\'));
    (fits && !plain.is_empty()).then(|| format!("\"{plain}\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{evaluated, external};

    #[test]
    fn an_audience_is_referred_to_by_its_id_and_an_external_one_by_its_membership() {
        let platform = evaluated("4b1c7c1e").expect("plain");
        assert_eq!(platform.text, r#"inSegment("4b1c7c1e")"#);
        assert_eq!(
            platform.json,
            r#"{"nodeType":"fnApply","fnName":"inSegment","params":[{"nodeType":"literal","literalType":"XString","value":"4b1c7c1e"}]}"#
        );
        let external = external("AAMSegments", "9900123", "QUFN_6ed3").expect("plain");
        assert_eq!(
            external.text,
            r#"segmentMembership.get("AAMSegments").get("9900123").status in (["realized", "existing"])"#
        );
        assert!(external.json.contains("QUFN_6ed3"));
    }

    proptest! {
        #[test]
        fn no_id_can_end_the_text_that_it_stands_in(id in "\\PC{0,12}") {
            let quotes = evaluated(&id).map(|reference| reference.text.matches('"').count());
            prop_assert_eq!(quotes.unwrap_or(2), 2);
        }
    }
}
