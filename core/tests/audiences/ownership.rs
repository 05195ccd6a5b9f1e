//! Whose an object is that stands where ours should, and whose the source is.

use audience_sharing_core::compose::AdoptionPolicy;
use audience_sharing_core::domain::audience_manager::TraitKind;
use audience_sharing_core::domain::identifier::SegmentSid;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::to_audience_manager::{ObservedState, RecordedIds};
use rstest::rstest;

use super::{ADDITIONAL, Case, NOTHING, NOW, OTHERS, OURS, SEGMENT, SIBLINGS, TRAIT};
use crate::model::name;

#[test]
fn only_the_holder_of_a_source_acts_and_the_others_say_who_it_is() {
    let mut case = Case::new(&["third"]);
    case.claim(&name("older"), 1);
    case.living.insert(name("older"));
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.blockers[0].reason(), Reason::SourceClaimed);
    assert!(
        plan.blockers[0].message().starts_with(
            "Audience I belongs to SharedAudience marketing/older, which shares the same source"
        ),
        "{}",
        plan.blockers[0].message()
    );
}

/// Whoever plans lives itself: that is no conflict with itself.
#[test]
fn what_carries_our_own_mark_is_ours() {
    let mut case = Case::settled(&[]);
    case.living.insert(name("loyal"));
    case.change_trait(|found| found.name = "Renamed".into());
    assert_eq!(case.reasons(), []);
    assert_eq!(case.steps().len(), 1);
}

#[test]
fn a_held_segment_is_told_by_id_and_name() {
    let mut case = Case::settled(&[]);
    case.change_segment(SEGMENT, |found| {
        found.description = "[audience-sharing:others/marketing/loyal]".into();
    });
    let plan = case.plan();
    let message = plan.blockers[0].message();
    assert!(
        message.starts_with("Segment 1005 \"Loyal gamers\" carries the mark of another owner"),
        "{message}"
    );
}

#[rstest]
#[case::ours(OURS, &[])]
#[case::the_other_claimants("[audience-sharing:us/marketing/older#a1b2c3d4]", &[Reason::SourceClaimed])]
#[case::of_another_owner("[audience-sharing:others/marketing/loyal]", &[Reason::SourceClaimed])]
#[case::of_a_data_source("[audience-sharing:us]", &[Reason::SourceClaimed])]
fn a_claimant_whose_mark_stands_holds_the_source_before_an_older_one(
    #[case] description: &str,
    #[case] reasons: &[Reason],
) {
    let mut case = Case::settled(&[]);
    case.change_trait(|found| found.description = description.into());
    case.claim(&name("older"), 1);
    case.living.insert(name("older"));
    assert_eq!(case.reasons(), reasons);
    assert_eq!(case.steps(), NOTHING);
}

/// Else the older would make the trait and the other keep the segment, and each would wait for the other.
#[rstest]
#[case::its_trait_was_deleted(true)]
#[case::its_trait_lost_the_mark(false)]
fn a_claimant_whose_segment_alone_tells_of_it_holds_the_source_all_the_same(#[case] deleted: bool) {
    let mut case = Case::recorded(&[]);
    match deleted {
        true => drop(
            case.world
                .inventory
                .traits
                .apply_gone(Sequence(NOW), &TRAIT),
        ),
        false => case.change_trait(|found| found.description = "By hand".into()),
    }
    case.living.insert(name("loyal"));
    case.claim(&name("older"), 1);
    case.living.insert(name("older"));
    assert_eq!(case.reasons(), []);
    assert_eq!(case.steps().len(), 1);

    case.share.name = name("older");
    case.recorded = RecordedIds::default();
    assert_eq!(case.reasons(), [Reason::SourceClaimed]);
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn a_trait_of_another_kind_with_our_key_is_left_and_nothing_hangs_on_it() {
    let mut case = Case::recorded(&["third"]);
    case.change_trait(|found| found.kind = TraitKind::RuleBased);
    case.change_segment(SEGMENT, |found| found.name = "Renamed".into());
    case.share.adoption = AdoptionPolicy::Always;
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.blockers[0].reason(), Reason::AdoptionRefused);
    assert!(
        plan.blockers[0]
            .message()
            .starts_with("Trait 1004 \"Loyal gamers\" has the integration code"),
        "{}",
        plan.blockers[0].message()
    );
    assert_eq!(plan.state, ObservedState::default());
}

/// Who made the trait and the segment of an audience that is found to stand, and what is done with them.
#[rstest]
#[case::of_a_living_sibling(
    SIBLINGS,
    true,
    false,
    AdoptionPolicy::Always,
    Err(Reason::SourceClaimed)
)]
#[case::of_a_sibling_that_went(SIBLINGS, false, false, AdoptionPolicy::Never, Ok(true))]
#[case::of_another_owner(
    OTHERS,
    false,
    true,
    AdoptionPolicy::Always,
    Err(Reason::ManagementConflict)
)]
#[case::another_owners_data_source_mark(
    "[audience-sharing:others]",
    false,
    true,
    AdoptionPolicy::Always,
    Err(Reason::ManagementConflict)
)]
#[case::our_data_source_mark(
    "[audience-sharing:us]",
    false,
    false,
    AdoptionPolicy::Never,
    Err(Reason::AdoptionRefused)
)]
#[case::our_data_source_mark_on_a_recorded_one(
    "[audience-sharing:us]",
    false,
    true,
    AdoptionPolicy::Never,
    Ok(true)
)]
#[case::a_recorded_one_that_lost_its_mark("", false, true, AdoptionPolicy::Never, Ok(true))]
#[case::a_strangers("", false, false, AdoptionPolicy::Never, Err(Reason::AdoptionRefused))]
#[case::a_strangers_that_is_equal("", false, false, AdoptionPolicy::IfEqual, Ok(true))]
#[case::a_strangers_with_another_text(
    "By hand",
    false,
    false,
    AdoptionPolicy::IfEqual,
    Err(Reason::AdoptionRefused)
)]
#[case::a_strangers_that_may_be_taken("By hand", false, false, AdoptionPolicy::Always, Ok(true))]
#[case::ours(OURS, false, false, AdoptionPolicy::Never, Ok(false))]
fn what_stands_already_is_kept_or_marked_or_left(
    #[case] description: &str,
    #[case] sibling_lives: bool,
    #[case] is_recorded: bool,
    #[case] policy: AdoptionPolicy,
    #[case] outcome: Result<bool, Reason>,
) {
    let marked = |object: &str| {
        format!("update {object} \"Loyal gamers\" description {description:?} → {OURS:?}")
    };
    let mut case = match is_recorded {
        true => Case::recorded(&[]),
        false => Case::settled(&[]),
    };
    case.share.adoption = policy;
    if sibling_lives {
        case.living.insert(name("sibling"));
    }
    case.change_segment(SEGMENT, |found| found.description = description.into());
    let of_segment = (case.steps(), case.reasons(), case.plan().state.segment_sid);
    case.change_segment(SEGMENT, |found| found.description = OURS.into());
    case.change_trait(|found| found.description = description.into());
    let of_trait = (case.steps(), case.reasons(), case.plan().state.trait_sid);
    match outcome {
        Ok(written) => {
            let due = |object| {
                if written {
                    vec![marked(object)]
                } else {
                    Vec::new()
                }
            };
            assert_eq!(of_segment, (due("segment 1005"), vec![], Some(SEGMENT)));
            assert_eq!(of_trait, (due("trait 1004"), vec![], Some(TRAIT)));
        }
        Err(reason) => {
            assert_eq!(of_segment, (vec![], vec![reason], None));
            assert_eq!(of_trait, (vec![], vec![reason], None));
        }
    }
}

#[test]
fn what_was_only_observed_is_not_recorded_as_ours() {
    let mut case = Case::recorded(&[]);
    case.recorded.observed = true;
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(SEGMENT, |found| found.description = "".into());
    assert_eq!(case.reasons(), [Reason::AdoptionRefused]);
    case.change_trait(|found| found.description = "".into());
    assert_eq!(case.reasons(), [Reason::AdoptionRefused]);
}

#[rstest]
#[case::recorded_under_its_key("third", ADDITIONAL, &[])]
#[case::another_one_is_recorded("third", SEGMENT, &[Reason::AdoptionRefused])]
#[case::recorded_under_another_key("other", ADDITIONAL, &[Reason::AdoptionRefused])]
fn an_additional_segment_without_its_mark_is_ours_only_as_it_was_recorded(
    #[case] key: &str,
    #[case] sid: SegmentSid,
    #[case] reasons: &[Reason],
) {
    let mut case = Case::settled(&["third"]);
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(ADDITIONAL, |found| found.description = "".into());
    case.recorded.additional_segments = vec![(key.into(), sid)];
    if sid == SEGMENT {
        // The recorded object went; what stands under the key now is another.
        case.world
            .inventory
            .segments
            .apply_gone(Sequence(NOW), &SEGMENT);
    }
    assert_eq!(case.reasons(), reasons);
}
