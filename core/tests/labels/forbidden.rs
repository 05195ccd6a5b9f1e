//! Which destinations the controls of an audience forbid.

use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{Destination, DestinationKind};
use audience_sharing_core::domain::identifier::DestinationId;
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::plan::activation::export_controls::forbidden;
use proptest::prelude::proptest;
use proptest::sample::subsequence;

fn restrictions(names: &[&str]) -> Restrictions {
    Restrictions::new(names.iter().copied())
}

fn destination(name: &str, labels: &[&str]) -> Destination {
    Destination {
        id: DestinationId(7),
        name: name.into(),
        kind: DestinationKind::ServerToServer,
        activity: Activity::Active,
        fills_alias: Some(false),
        labels: Some(restrictions(labels)),
        updated: Some(1),
        was_read: false,
        tells_mappings: true,
    }
}

#[test]
fn each_forbidden_destination_is_named_with_what_forbids_it() {
    let all = [
        destination("Partner", &["pii"]),
        destination("Plain", &[]),
        destination("Both", &["ADS", "PII"]),
    ];
    let of = |controls: &[&str]| forbidden(&restrictions(controls), &all);
    let blocker = of(&["PII", "ADS"]).unwrap();
    assert_eq!(blocker.reason(), Reason::ExportControlViolated);
    insta::assert_snapshot!(blocker.message(), @r#"The export controls that the audience belongs under forbid it to destination 7 "Partner" (PII), 7 "Both" (ADS, PII); nothing was mapped to it, and nothing that exists was moved or deleted. Take the destination out, or change its export labels, or the labels of the source."#);
    let blocker = of(&["ADS"]).unwrap();
    assert!(
        blocker
            .message()
            .contains("to destination 7 \"Both\" (ADS); "),
        "{}",
        blocker.message()
    );
    assert_eq!((of(&[]), of(&["OTHER"])), (None, None));
}

/// What is not shown is not "none".
#[test]
fn a_destination_whose_labels_are_not_shown_is_forbidden_to_what_is_under_controls() {
    let unknown = Destination {
        labels: None,
        ..destination("Partner", &[])
    };
    let of = |controls: &[&str]| forbidden(&restrictions(controls), [&unknown]);
    let message = of(&["PII"]).unwrap().message();
    assert!(
        message.contains(
            "to destination 7 \"Partner\" (its export labels are not shown); nothing was mapped"
        ),
        "{message}"
    );
    assert_eq!(of(&[]), None);
}

proptest! {
    /// A destination is forbidden exactly if a name stands on both sides.
    #[test]
    fn names_decide(
        controls in subsequence(vec!["PII", "A", "B", "C"], 0..=4), labels in subsequence(vec!["pii", "A", "b", "D"], 0..=4)
    ) {
        let met = controls.iter().any(|one| labels.iter().any(|other| one.to_uppercase() == other.to_uppercase()));
        let found = forbidden(&restrictions(&controls), [&destination("D", &labels)]);
        assert_eq!(found.is_some(), met);
    }
}
