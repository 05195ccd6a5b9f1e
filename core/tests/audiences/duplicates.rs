//! Second objects of one key.

use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::identifier::{SegmentSid, TraitSid};
use audience_sharing_core::inventory::{Moment, Sequence, Users};

use super::{ADDITIONAL, Case, NOTHING, NOW, SEGMENT, SIBLINGS};

/// A second trait of our key, and who uses it.
fn with_duplicate(seen: u64, users: &[SegmentSid]) -> Case {
    let mut case = Case::settled(&["third"]);
    case.change_trait(|found| found.sid = TraitSid(4_000));
    let segments = users.iter().map(|sid| (*sid, "A user".into())).collect();
    let users = Users {
        seen: Sequence(seen),
        segments,
    };
    case.world
        .inventory
        .trait_users
        .insert(TraitSid(4_000), users);
    case
}

#[test]
fn a_duplicate_of_the_trait_goes_once_nobody_is_known_to_use_it() {
    assert_eq!(
        with_duplicate(NOW, &[]).steps(),
        ["delete trait 4000 \"Loyal gamers\""]
    );
    assert_eq!(
        with_duplicate(NOW - 1, &[]).steps(),
        ["read the users of trait 4000"],
        "a look-up before this round proves nothing"
    );
    assert_eq!(
        with_duplicate(NOW, &[SEGMENT]).steps(),
        NOTHING,
        "its user stays"
    );
    let mut doubted = with_duplicate(NOW, &[]);
    doubted
        .world
        .inventory
        .traits
        .apply_unknown_outcome(Sequence(NOW), &TraitSid(4_000));
    assert_eq!(doubted.steps(), ["read trait 4000"]);
    let mut freed = with_duplicate(NOW, &[SegmentSid(4_001)]);
    assert_eq!(freed.steps(), NOTHING);
    freed
        .world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SegmentSid(4_001));
    assert_eq!(
        freed.steps(),
        ["delete trait 4000 \"Loyal gamers\""],
        "its user is gone since"
    );
}

#[test]
fn a_duplicate_that_the_duplicate_segments_use_goes_after_them() {
    let mut case = with_duplicate(NOW, &[SegmentSid(4_001)]);
    case.change_segment(SEGMENT, |found| found.sid = SegmentSid(4_001));
    case.change_segment(ADDITIONAL, |found| found.sid = SegmentSid(4_002));
    assert_eq!(
        case.steps(),
        [
            "delete segment 4001 \"Loyal gamers\"",
            "delete segment 4002 \"With third\"",
            "then delete trait 4000 \"Loyal gamers\""
        ]
    );
    case.world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &SegmentSid(4_001));
    assert_eq!(case.steps()[0], "read segment 4001");
    case.share.mode = Mode::Observe;
    assert_eq!(
        case.steps(),
        ["read segment 4001"],
        "and nothing is deleted"
    );
}

#[test]
fn a_copy_without_our_mark_is_no_twin() {
    let mut case = with_duplicate(NOW, &[]);
    case.change_segment(SEGMENT, |found| {
        (found.sid, found.description) = (SegmentSid(4_001), SIBLINGS.into());
    });
    let traits = &mut case.world.inventory.traits;
    let mut copy = traits.get(&TraitSid(4_000)).unwrap().record.clone();
    copy.description = "copied by hand".into();
    traits.apply_written(Sequence(NOW), Moment(0), copy);
    assert_eq!(case.steps(), NOTHING);
}

/// A person edits ours and copies it with the edit: beside what differs from the declaration no copy is a duplicate.
#[test]
fn a_copy_of_ours_as_a_person_edited_it_is_left() {
    let mut case = Case::recorded(&["third"]);
    case.change_trait(|found| found.name = "Edited by hand".into());
    case.change_trait(|found| found.sid = TraitSid(4_000));
    case.change_segment(SEGMENT, |found| found.name = "Edited by hand".into());
    case.change_segment(SEGMENT, |found| found.sid = SegmentSid(4_001));
    let users = Users {
        seen: Sequence(NOW),
        segments: Vec::new(),
    };
    let known = &mut case.world.inventory.trait_users;
    known.insert(TraitSid(4_000), users);
    let steps = case.steps();
    assert_eq!(steps.len(), 2, "ours are put back: {steps:?}");
    assert!(
        steps.iter().all(|step| step.starts_with("update ")),
        "{steps:?}"
    );
}
