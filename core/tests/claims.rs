//! Who may share a source when several ask for it, and whose turn a change may be.

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::plan::Claims;
use audience_sharing_core::plan::claims::CreatedAt;

use crate::model::name;

fn source(id: &str) -> AudienceId {
    AudienceId::new(id)
}

/// Claims of source "I", with the second at which each claimant was created.
fn claims(of: &[(&str, i64)]) -> Claims {
    let mut claims = Claims::default();
    for (share, created) in of {
        claims.claim(&name(share), &source("I"), CreatedAt(*created));
    }
    claims
}

#[test]
fn a_new_claim_concerns_the_others_of_its_source_and_repeating_it_nobody() {
    let mut claims = claims(&[("first", 1), ("second", 2)]);
    let concerned = claims.claim(&name("third"), &source("I"), CreatedAt(3));
    assert_eq!(concerned, [name("first"), name("second")]);
    assert_eq!(
        claims.claim(&name("third"), &source("I"), CreatedAt(3)),
        [],
        "nothing changed"
    );
    assert_eq!(
        claims.claim(&name("other"), &source("J"), CreatedAt(4)),
        [],
        "it is alone there"
    );
}

#[test]
fn a_share_that_turns_to_another_source_frees_its_own() {
    let mut claims = claims(&[("first", 1), ("second", 2)]);
    claims.claim(&name("third"), &source("J"), CreatedAt(3));
    let concerned = claims.claim(&name("first"), &source("J"), CreatedAt(1));
    assert_eq!(
        concerned,
        [name("second"), name("third")],
        "the one that was left and the one that was met"
    );
    assert_eq!(claims.holder(&source("I"), None), Some(&name("second")));
    assert_eq!(claims.holder(&source("J"), None), Some(&name("first")));
}

#[test]
fn a_share_that_lets_go_concerns_those_that_waited_for_it() {
    let mut claims = claims(&[("first", 1), ("second", 2)]);
    assert_eq!(claims.release(&name("first")), [name("second")]);
    assert_eq!(claims.holder(&source("I"), None), Some(&name("second")));
    assert_eq!(claims.release(&name("first")), [], "it held nothing more");
    assert_eq!(claims.release(&name("second")), []);
    assert_eq!(claims.holder(&source("I"), None), None);
}

#[test]
fn the_holder_is_whose_mark_stands_else_the_older_else_the_first_by_name() {
    let holder = |of: &[(&str, i64)], marked: Option<&str>| -> Option<ShareName> {
        let marked = marked.map(name);
        claims(of).holder(&source("I"), marked.as_ref()).cloned()
    };
    let three = [("b", 2), ("a", 2), ("c", 9)];
    assert_eq!(
        holder(&three, Some("c")),
        Some(name("c")),
        "its mark stands"
    );
    assert_eq!(
        holder(&three, Some("gone")),
        Some(name("a")),
        "a mark of nobody who claims decides nothing"
    );
    assert_eq!(holder(&three, None), Some(name("a")), "the first by name");
    assert_eq!(
        holder(&[("a", 2), ("z", 1)], None),
        Some(name("z")),
        "the older"
    );
    assert_eq!(holder(&[], None), None);
}

#[test]
fn the_successor_is_the_oldest_other_claimant() {
    let claims = claims(&[
        ("oldest", 1),
        ("later", 3),
        ("young", 5),
        ("twin-of-later", 3),
    ]);
    let successor = |share: &str| claims.successor(&name(share), &source("I")).cloned();
    assert_eq!(successor("oldest"), Some(name("later")));
    assert_eq!(successor("later"), Some(name("oldest")));
    assert_eq!(
        claims.successor(&name("oldest"), &source("J")),
        None,
        "nobody else asks for that source"
    );
}

#[test]
fn nobody_succeeds_a_share_that_was_alone() {
    assert_eq!(
        claims(&[("only", 1)]).successor(&name("only"), &source("I")),
        None
    );
}
