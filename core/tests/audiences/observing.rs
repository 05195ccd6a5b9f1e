//! What Adobe's own sharing made, and a share that only observes.

use audience_sharing_core::compose::{AdoptionPolicy, Mode};
use audience_sharing_core::domain::identifier::SegmentFolderId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::to_audience_manager::ObservedState;

use super::{ADDITIONAL, Case, DATA_SOURCE, NOTHING, NOW, OTHERS, OURS, SEGMENT, TRAIT};

#[test]
fn a_share_that_observes_reports_what_stands_and_writes_nothing() {
    let mut case = Case::settled(&["third"]);
    case.share.mode = Mode::Observe;
    case.change_trait(|found| found.description = OTHERS.into());
    case.change_segment(SEGMENT, |found| found.name = "Renamed".into());
    let plan = case.plan();
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(
        plan.state,
        ObservedState {
            trait_sid: Some(TRAIT),
            segment_sid: Some(SEGMENT),
            observed: true,
            data_source: Some(DATA_SOURCE),
            additional_segments: Vec::new(),
            ..ObservedState::default()
        }
    );
}

#[test]
fn a_share_that_observes_waits_for_each_object_that_is_not_there() {
    let mut case = Case::settled(&["third"]);
    case.share.mode = Mode::Observe;
    // Nothing will be made, so the list is proof enough.
    (
        case.shared_objects.enforces_trait_codes,
        case.shared_objects.enforces_segment_codes,
    ) = (false, false);
    case.world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SEGMENT);
    assert_eq!(case.reasons(), [Reason::AwaitingAdobeSharing]);
    assert_eq!(case.steps(), NOTHING);
    case.world
        .inventory
        .traits
        .apply_gone(Sequence(NOW), &TRAIT);
    assert_eq!(
        case.reasons(),
        [Reason::AwaitingAdobeSharing],
        "a segment needs its trait"
    );
    assert_eq!(case.steps(), NOTHING);
}

/// The data source is Adobe's; its trait and its segment carry no mark and differ from ours.
fn adobes(additional: &[&str]) -> Case {
    let mut case = Case::settled(additional);
    case.shared_objects.adobes = true;
    (
        case.shared_objects.enforces_trait_codes,
        case.shared_objects.enforces_segment_codes,
    ) = (false, false);
    (
        case.shared_objects.trait_folder,
        case.shared_objects.segment_folder,
    ) = (None, None);
    case.change_trait(|found| {
        (found.description, found.name) = ("".into(), "Adobe's".into());
    });
    case.change_segment(SEGMENT, |found| {
        (found.description, found.name) = ("".into(), "Adobe's".into());
        found.folder = SegmentFolderId(77);
    });
    case
}

#[test]
fn adobes_objects_are_observed_whatever_the_policy() {
    for policy in [
        AdoptionPolicy::IfEqual,
        AdoptionPolicy::Always,
        AdoptionPolicy::Never,
    ] {
        let mut case = adobes(&[]);
        case.share.adoption = policy;
        let plan = case.plan();
        assert!(plan.is_settled(), "{policy:?}: {plan:?}");
        assert_eq!(
            plan.state,
            ObservedState {
                trait_sid: Some(TRAIT),
                segment_sid: Some(SEGMENT),
                observed: true,
                data_source: Some(DATA_SOURCE),
                additional_segments: Vec::new(),
                ..ObservedState::default()
            }
        );
    }
}

#[test]
fn either_of_adobes_objects_makes_the_sharing_an_observed_one() {
    let mut case = adobes(&[]);
    case.change_segment(SEGMENT, |found| {
        (found.description, found.name) = (OURS.into(), "Loyal gamers".into());
    });
    assert!(case.plan().state.observed);
    let mut case = adobes(&[]);
    case.change_trait(|found| {
        (found.description, found.name) = (OURS.into(), "Loyal gamers".into());
    });
    assert!(case.plan().state.observed);
}

#[test]
fn beside_adobes_objects_additional_segments_are_ours_and_stand_in_the_folder_of_its_segment() {
    let mut case = adobes(&["third"]);
    assert_eq!(
        case.steps(),
        ["update segment 1006 \"With third\" folder 1003 → 77"]
    );
    case.world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &ADDITIONAL);
    assert_eq!(
        case.steps(),
        ["look up segment with integration code I.third"],
        "the server enforces no key"
    );
    case.shared_objects.enforces_segment_codes = true;
    let plan = case.plan();
    assert_eq!(
        plan.steps[0].call.to_string(),
        "create segment \"With third\" rule 1004T AND 9912T"
    );
    assert!(format!("{:?}", plan.steps[0].call).contains("SegmentFolderId(77)"));
}

#[test]
fn a_strangers_additional_segment_beside_adobes_objects_is_judged_by_the_policy() {
    let mut case = adobes(&["third"]);
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(ADDITIONAL, |found| found.description = "".into());
    let plan = case.plan();
    assert_eq!(plan.blockers[0].reason(), Reason::AdoptionRefused);
    assert_eq!(plan.state.additional_segments, []);
}
