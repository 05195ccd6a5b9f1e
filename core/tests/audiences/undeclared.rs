//! Additional segments that are no longer declared.

use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid};
use audience_sharing_core::inventory::Sequence;
use rstest::rstest;

use super::{ADDITIONAL, Case, NOTHING, NOW, OTHERS, OURS, SIBLINGS};
use crate::model::target_mut;

#[test]
fn a_segment_that_is_no_longer_declared_goes_unless_it_is_to_be_retained() {
    let mut case = Case::settled(&["third"]);
    target_mut(&mut case.share).additional_segments.clear();
    assert_eq!(case.steps(), ["delete segment 1006 \"With third\""]);
    case.world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &ADDITIONAL);
    assert_eq!(case.steps(), ["read segment 1006"]);
    case.share.retain = true;
    assert_eq!(case.steps(), NOTHING);
    case.share.mode = Mode::Observe;
    case.share.retain = false;
    assert_eq!(case.steps(), NOTHING);
}

#[rstest]
#[case::ours(OURS, false, true)]
#[case::ours_and_recorded(OURS, true, true)]
#[case::a_strangers("", false, false)]
#[case::recorded_its_mark_taken_away("", true, true)]
#[case::a_siblings(SIBLINGS, true, false)]
#[case::another_owners(OTHERS, true, false)]
fn only_what_is_ours_goes_when_it_is_no_longer_declared(
    #[case] description: &str,
    #[case] is_recorded: bool,
    #[case] goes: bool,
) {
    let mut case = Case::settled(&["third"]);
    target_mut(&mut case.share).additional_segments.clear();
    case.change_segment(ADDITIONAL, |found| found.description = description.into());
    if is_recorded {
        case.recorded.additional_segments = vec![("third".into(), ADDITIONAL)];
    }
    assert_eq!(
        case.steps() == ["delete segment 1006 \"With third\""],
        goes,
        "{:?}",
        case.steps()
    );
    assert_eq!(case.steps().is_empty(), !goes);
}

#[test]
fn a_record_of_a_segment_that_is_no_longer_declared_leads_to_it_without_its_key() {
    let mut case = Case::recorded(&["third"]);
    target_mut(&mut case.share).additional_segments.clear();
    case.change_segment(ADDITIONAL, |found| found.integration_code = None);
    assert_eq!(case.steps(), ["delete segment 1006 \"With third\""]);
    case.recorded.additional_segments[0].1 = SegmentSid(9);
    assert_eq!(case.steps(), ["read segment 9"]);
    case.world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SegmentSid(9));
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn of_several_additional_segments_only_the_undeclared_one_goes() {
    let mut case = Case::recorded(&["other", "third"]);
    assert_eq!(case.steps(), NOTHING);
    target_mut(&mut case.share).additional_segments.remove(0);
    assert_eq!(case.steps(), ["delete segment 1006 \"With other\""]);
}

/// A key of another audience or of another data source is none of ours.
#[rstest]
#[case::an_audience_whose_id_begins_like_ours(None, "II.third")]
#[case::an_audience_behind_ours(None, "J.third")]
#[case::the_same_key_elsewhere(Some(DataSourceId(1_002)), "I.third")]
fn what_is_outside_our_keys_is_not_undeclared(
    #[case] elsewhere: Option<DataSourceId>,
    #[case] code: &str,
) {
    let mut case = Case::settled(&["third"]);
    case.change_segment(ADDITIONAL, |found| {
        found.sid = SegmentSid(4_000);
        found.data_source = elsewhere.unwrap_or(found.data_source);
        found.integration_code = Some(IntegrationCode::new(code));
    });
    assert_eq!(case.steps(), NOTHING);
}
