//! Which destinations the controls of an audience forbid.

use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::plan::forbidden::{Labelled, destinations};
use proptest::prelude::proptest;
use proptest::sample::subsequence;

fn restrictions(names: &[&str]) -> Restrictions {
    Restrictions::new(names.iter().copied())
}

#[test]
fn each_forbidden_destination_is_named_with_what_forbids_it() {
    let (pii, ads, none) = (
        restrictions(&["pii"]),
        restrictions(&["ADS", "PII"]),
        restrictions(&[]),
    );
    let of = |controls: &[&str]| {
        let all = [("Partner", &pii), ("Plain", &none), ("Both", &ads)];
        let all = all.map(|(name, labels)| Labelled { name, labels });
        destinations(&restrictions(controls), all)
    };
    let hold = of(&["PII", "ADS"]).unwrap();
    assert_eq!(hold.reason, Reason::ExportControlViolated);
    insta::assert_snapshot!(hold.message, @r#"The labels of the source put the audience under export controls that forbid it to destination "Partner" (PII), "Both" (ADS, PII). Take it out of the destinations, or change the export labels of the destination, or the labels of the source."#);
    let hold = of(&["ADS"]).unwrap();
    assert!(
        hold.message.contains("to destination \"Both\" (ADS). "),
        "{}",
        hold.message
    );
    assert_eq!((of(&[]), of(&["OTHER"])), (None, None));
}

proptest! {
    /// A destination is forbidden exactly if a name stands on both sides.
    #[test]
    fn names_decide(
        controls in subsequence(vec!["PII", "A", "B", "C"], 0..=4), labels in subsequence(vec!["pii", "A", "b", "D"], 0..=4)
    ) {
        let met = controls.iter().any(|one| labels.iter().any(|other| one.to_uppercase() == other.to_uppercase()));
        let labels = restrictions(&labels);
        let found = destinations(&restrictions(&controls), [Labelled { name: "D", labels: &labels }]);
        assert_eq!(found.is_some(), met);
    }
}
