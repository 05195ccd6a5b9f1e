//! Which control is which label, what is passed over, and the laws of both sets.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use rstest::rstest;

use super::{ExportControl, ExportControls, Restrictions, UsageLabel, UsageLabels, union};

/// audience-manager.md §8.5, by hand.
const TABLE: [(ExportControl, &str); 4] = [
    (ExportControl::PersonalData, "core/C3"),
    (ExportControl::OffSiteAds, "core/C5"),
    (ExportControl::OnSiteAds, "core/C6"),
    (ExportControl::OnSitePersonalization, "core/C7"),
];

fn labels(texts: &[&str]) -> UsageLabels {
    UsageLabels::read(texts.iter().copied())
}

#[test]
fn each_control_is_its_label_in_both_directions() {
    for (control, label) in TABLE {
        let controls = ExportControls::from_iter([control]);
        assert_eq!(ExportControls::of_labels([label]), controls);
        assert_eq!(controls.labels(), labels(&[label]));
    }
    assert_eq!(TABLE.map(|(control, _)| control), ExportControl::ALL);
}

#[rstest]
#[case::contract("core/C1")]
#[case::not_to_other_parties("core/C2")]
#[case::no_data_science("core/C9")]
#[case::like_one_that_counts("core/C33")]
#[case::sensitive("core/S1")]
#[case::another_collection("custom/C3")]
#[case::without_collection("C3")]
#[case::of_a_later_version("core/Z9")]
#[case::nothing("")]
fn a_label_without_a_control_asks_for_nothing(#[case] label: &str) {
    assert_eq!(ExportControls::of_labels([label]), ExportControls::NONE);
    let beside = ExportControls::of_labels([label, "core/c5"]);
    assert_eq!(beside, ExportControls::of_labels(["core/C5"]));
}

#[rstest]
#[case::core("core/C5", Some("core/C5"))]
#[case::the_last("core/C12", Some("core/C12"))]
#[case::in_small_letters("Core/c5", Some("core/C5"))]
#[case::identity("core/I2", Some("core/I2"))]
#[case::sensitive("core/S1", Some("core/S1"))]
#[case::custom("custom/partners-only", Some("custom/partners-only"))]
#[case::too_high("core/C13", None)]
#[case::zero("core/C0", None)]
#[case::leading_zero("core/C05", None)]
#[case::another_kind("core/X1", None)]
#[case::of_several_bytes("core/é1", None)]
#[case::without_collection("C5", None)]
#[case::nameless("custom/", None)]
#[case::with_a_space("custom/partners only", None)]
#[case::with_a_line_break("custom/a\nb", None)]
#[case::nested("custom/a/b", None)]
#[case::nothing("", None)]
fn a_declared_label_is_known_or_refused(#[case] text: &str, #[case] known: Option<&str>) {
    let parsed = UsageLabel::parse(text);
    assert_eq!(parsed.as_ref().ok().map(UsageLabel::as_str), known);
    if let Err(refused) = parsed {
        assert!(
            refused.to_string().contains("core/ and one of C1"),
            "{refused}"
        );
    }
}

#[test]
fn a_declared_label_is_bounded() {
    let of_length = |length: usize| format!("custom/{}", "x".repeat(length - 7));
    assert!(UsageLabel::parse(&of_length(128)).is_ok());
    let refused = UsageLabel::parse(&of_length(129)).expect_err("too long");
    assert!(refused.to_string().len() < 400, "{refused}");
}

#[test]
fn the_first_unknown_label_of_a_declaration_is_named() {
    let refused = UsageLabels::parse(["core/C3", "core/C77", "nothing"]).expect_err("unknown");
    assert!(refused.to_string().starts_with("\"core/C77\""), "{refused}");
}

#[test]
fn sets_are_named_after_their_labels() {
    let names: Vec<String> = ExportControls::combinations()
        .map(|controls| controls.to_string())
        .collect();
    assert_eq!(names.len(), 15);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 15);
    assert_eq!(&names[..5], ["C3", "C5", "C3+C5", "C6", "C3+C6"]);
    for (controls, name) in ExportControls::combinations().zip(&names) {
        assert_eq!(ExportControls::parse(name), Some(controls));
    }
    for other in ["", "C5+C3", "C3+", "c3", "C4"] {
        assert_eq!(ExportControls::parse(other), None, "{other}");
    }
}

#[rstest]
#[case::the_verified_ones(&["core/C3", "core/C7"], &[], Some(&["PII", "ONSITE_PERSONALIZATION"][..]))]
#[case::none(&[], &[], Some(&[][..]))]
#[case::one_without_a_verified_name(&["core/C5"], &[], None)]
#[case::one_of_two_without(&["core/C3", "core/C6"], &[], None)]
#[case::spelled_by_the_tenant(&["core/C3", "core/C5"], &["Offsite_Targeting", "OTHER"], Some(&["PII", "Offsite_Targeting"][..]))]
#[case::of_another_control(&["core/C6"], &["OFFSITE_TARGETING"], None)]
#[case::one_of_two_spellings(&["core/C6"], &["ONSITE_TARGETING", "ONSITE_ADVERTISING"], None)]
fn only_a_name_that_is_proven_or_shown_by_the_tenant_is_ever_sent(
    #[case] asked: &[&str],
    #[case] shown: &[&str],
    #[case] sent: Option<&[&str]>,
) {
    let shown = Restrictions::new(shown.iter().copied());
    let restrictions = labels(asked).controls().restrictions(&shown);
    let sent = sent.map(|names| Restrictions::new(names.iter().copied()));
    assert_eq!(restrictions, sent);
}

#[rstest]
#[case::the_very_one(&["PII"], &["core/C3"], None)]
#[case::spelled_otherwise(&["pii"], &["core/C3"], None)]
#[case::more_than_asked(&["PII", "SOMETHING"], &["core/C3"], None)]
#[case::nothing_asked(&[], &[], None)]
#[case::nothing_there(&[], &["core/C3"], Some(ExportControl::PersonalData))]
#[case::the_other_proven_one(&["onsite_personalization"], &["core/C7"], None)]
#[case::no_name_for_the_proven_one(&["SOMETHING"], &["core/C7"], Some(ExportControl::OnSitePersonalization))]
#[case::another_there(&["SOMETHING"], &["core/C3"], Some(ExportControl::PersonalData))]
#[case::a_name_that_nobody_knows(&["SOMETHING"], &["core/C5"], None)]
#[case::pii_stands_for_no_other(&["PII"], &["core/C5"], Some(ExportControl::OffSiteAds))]
#[case::one_name_for_two(&["SOMETHING"], &["core/C5", "core/C6"], Some(ExportControl::OnSiteAds))]
#[case::two_names_for_two(&["A", "B"], &["core/C5", "core/C6"], None)]
#[case::all_four(&["A", "B", "ONSITE_PERSONALIZATION", "PII"], &["core/C3", "core/C5", "core/C6", "core/C7"], None)]
fn what_a_data_source_lacks_is_named(
    #[case] names: &[&str],
    #[case] asked: &[&str],
    #[case] missing: Option<ExportControl>,
) {
    let found = Restrictions::new(names.iter().copied());
    assert_eq!(found.missing(labels(asked).controls()), missing);
}

#[rstest]
#[case::met(&["PII"], &["pii"], &["PII"])]
#[case::another(&["PII"], &["OTHER"], &[])]
#[case::unknown_on_both_sides(&["PII", "OTHER"], &["OTHER", "THIRD"], &["OTHER"])]
#[case::a_destination_without_labels(&["PII"], &[], &[])]
#[case::data_without_controls(&[], &["PII"], &[])]
fn a_control_meets_the_same_label_of_a_destination(
    #[case] controls: &[&str],
    #[case] destination: &[&str],
    #[case] met: &[&str],
) {
    let controls = Restrictions::new(controls.iter().copied());
    let destination = Restrictions::new(destination.iter().copied());
    let found: Vec<&str> = controls.shared_with(&destination).collect();
    assert_eq!(found, met);
}

/// Labels of every kind: with a control, without one, unknown ones, in any case.
fn any_labels() -> impl Strategy<Value = Vec<String>> {
    let counting = select(TABLE.map(|(_, label)| label).to_vec());
    let counting = (counting, any::<bool>()).prop_map(|(label, small)| match small {
        true => label.to_ascii_lowercase(),
        false => label.to_owned(),
    });
    let others = prop_oneof![
        "core/[CISX][0-9]{1,2}",
        "custom/[a-zA-Z0-9-]{1,8}",
        ".{0,12}"
    ];
    vec(prop_oneof![counting, others], 0..8)
}

fn controls() -> impl Strategy<Value = ExportControls> {
    subsequence(ExportControl::ALL.to_vec(), 0..=4).prop_map(ExportControls::from_iter)
}

/// What the labels forbid, read off the table of the reference and not by the code under test.
fn forbidden(labels: &[String]) -> BTreeSet<ExportControl> {
    let upper = |text: &String| text.to_ascii_uppercase();
    let all: BTreeSet<String> = labels.iter().map(upper).collect();
    TABLE
        .into_iter()
        .filter(|(_, label)| all.contains(&label.to_ascii_uppercase()))
        .map(|(control, _)| control)
        .collect()
}

fn as_read(texts: &[String]) -> UsageLabels {
    UsageLabels::read(texts.iter().map(String::as_str))
}

proptest! {
    #[test]
    fn labels_ask_for_what_the_table_says(texts in any_labels()) {
        let asked = ExportControls::of_labels(texts.iter().map(String::as_str));
        assert_eq!(asked.iter().collect::<BTreeSet<_>>(), forbidden(&texts));
        assert_eq!(as_read(&texts).controls(), asked);
    }

    #[test]
    fn controls_survive_the_way_there_and_back(controls in controls()) {
        assert_eq!(controls.labels().controls(), controls);
    }

    /// Back from Audience Manager comes what counts there, and nothing else.
    #[test]
    fn labels_come_back_as_those_that_count(texts in any_labels()) {
        let there = as_read(&texts);
        let back = there.controls().labels();
        assert!(back.missing_from(&there).is_empty(), "nothing is invented: {back:?}");
        assert_eq!(back.controls(), there.controls());
        assert_eq!(back.iter().count(), forbidden(&texts).len());
    }

    #[test]
    fn a_union_forbids_what_any_of_its_sources_forbids(sources in vec(controls(), 0..6), other in controls()) {
        let whole = union(sources.iter().copied());
        let wanted: BTreeSet<ExportControl> = sources.iter().flat_map(|source| source.iter()).collect();
        assert_eq!(whole.controls().iter().collect::<BTreeSet<_>>(), wanted);
        let reversed = union(sources.iter().rev().copied());
        let twice = union(sources.iter().chain(&sources).copied());
        assert_eq!((&reversed, &twice), (&whole, &whole));
        // One source more never takes a label away.
        let more = union(sources.iter().copied().chain([other]));
        assert!(whole.missing_from(&more).is_empty());
        let by_parts = union([whole.controls(), other]);
        assert_eq!(by_parts, more);
    }

    #[test]
    fn a_declaration_adds_and_never_takes_away(found in any_labels(), declared in any_labels(), later in any_labels()) {
        let (found, declared, later) = (as_read(&found), as_read(&declared), as_read(&later));
        let once = found.clone().with(&declared);
        assert!(found.missing_from(&once).is_empty() && declared.missing_from(&once).is_empty());
        assert_eq!(once.clone().with(&declared), once);
        // What is written is exactly what lacks.
        let lacking = declared.missing_from(&found);
        assert!(lacking.iter().all(|label| !found.iter().any(|known| known == label)));
        assert_eq!(found.clone().with(&lacking), once);
        // A declaration that shrinks takes nothing away either, one that grows only adds.
        assert!(once.missing_from(&once.clone().with(&later)).is_empty());
        let controls = |labels: &UsageLabels| labels.controls().iter().collect::<BTreeSet<_>>();
        assert!(controls(&once).is_superset(&controls(&found)));
    }

    #[test]
    fn a_declared_label_is_itself(texts in any_labels()) {
        for text in &texts {
            let Ok(label) = UsageLabel::parse(text) else { continue };
            assert_eq!(UsageLabel::parse(label.as_str()), Ok(label.clone()));
            assert!(label.as_str().eq_ignore_ascii_case(text));
        }
    }

    /// A data source that gets another name never lacks more than before; one that carries all that is asked lacks none.
    #[test]
    fn further_names_never_take_a_control_away(
        names in btree_set("(PII|[A-D])", 0..5), more in "[E-H]", wanted in controls()
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = Restrictions::new(names.clone());
        let grown = Restrictions::new(names.into_iter().chain([more.as_str()]));
        if found.missing(wanted).is_none() {
            assert_eq!(grown.missing(wanted), None);
        }
        if let Some(sent) = wanted.restrictions(&Restrictions::default()) {
            assert_eq!(sent.missing(wanted), None);
            assert_eq!(sent.controls(), wanted);
        }
    }
}
