//! Who may share a source when several ask for it, and whose turn a change may be.

use std::collections::BTreeSet;

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::plan::Claims;
use audience_sharing_core::plan::claims::CreatedAt;

use crate::model::name;

fn source(id: &str) -> SourceId {
    SourceId::Audience(AudienceId::new(id))
}

/// Claims of source "I", with the second at which each claimant was created.
fn claims(of: &[(&str, i64)]) -> Claims {
    let mut claims = Claims::default();
    for (share, created) in of {
        claims.claim(&name(share), &source("I"), CreatedAt(*created));
    }
    claims
}

/// All but "gone" and "unlisted".
fn living() -> BTreeSet<ShareName> {
    ["a", "b", "c", "first", "second", "third", "later"]
        .map(name)
        .into()
}

fn holder(claims: &Claims, share: &str, of: &str) -> Option<ShareName> {
    let held = claims.holder(&name(share), &source(of), None, &living());
    held.cloned()
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
    assert_eq!(holder(&claims, "second", "I"), Some(name("second")));
    assert_eq!(holder(&claims, "third", "J"), Some(name("first")));
}

#[test]
fn a_share_that_lets_go_concerns_those_that_waited_for_it() {
    let mut claims = claims(&[("first", 1), ("second", 2)]);
    assert_eq!(claims.release(&name("first")), [name("second")]);
    assert_eq!(holder(&claims, "second", "I"), Some(name("second")));
    assert_eq!(claims.release(&name("first")), [], "it held nothing more");
    assert_eq!(claims.release(&name("second")), []);
    assert_eq!(holder(&claims, "second", "I"), None);
}

#[test]
fn the_holder_is_whose_mark_stands_else_the_older_else_the_first_by_name() {
    let holder = |of: &[(&str, i64)], marked: Option<&str>| {
        let marked = marked.map(name);
        let claims = claims(of);
        let held = claims.holder(&name("a"), &source("I"), marked.as_ref(), &living());
        held.cloned()
    };
    let three = [("b", 2), ("a", 2), ("c", 9)];
    assert_eq!(
        holder(&three, Some("c")),
        Some(name("c")),
        "its mark stands"
    );
    assert_eq!(
        holder(&three, Some("later")),
        Some(name("a")),
        "a mark of one who does not claim decides nothing"
    );
    assert_eq!(holder(&three, None), Some(name("a")), "the first by name");
    assert_eq!(
        holder(&[("a", 2), ("b", 1)], None),
        Some(name("b")),
        "the older"
    );
    assert_eq!(holder(&[], None), None);
}

#[test]
fn a_claimant_that_is_gone_holds_nothing_and_one_that_asks_is_there() {
    let claims = claims(&[("gone", 1), ("first", 2), ("unlisted", 3)]);
    assert_eq!(holder(&claims, "first", "I"), Some(name("first")));
    let marked = name("gone");
    let held = claims.holder(&name("first"), &source("I"), Some(&marked), &living());
    assert_eq!(held, Some(&name("first")), "nor does its mark");
    let marked = name("unlisted");
    let held = claims.holder(&marked, &source("I"), Some(&marked), &living());
    assert_eq!(held, Some(&marked), "it asks for itself");
    assert_eq!(holder(&claims, "unlisted", "I"), Some(name("first")));
}
