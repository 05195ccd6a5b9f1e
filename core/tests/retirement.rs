//! What is deleted when a shared audience leaves, in which order, and what stands in the way.

use std::collections::BTreeSet;

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::audience_manager::{Segment, Trait};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Coverage, Moment, Sequence, Users};
use audience_sharing_core::ownership::Left;
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput, Successor};
use rstest::rstest;

use crate::model::{Tenant, World, claimant, mark_of, name, of_audience, share, source};

const OURS: &str = "[audience-sharing:us/marketing/loyal#a1b2c3d4]";
const SIBLINGS: &str = "[audience-sharing:us/marketing/other#a1b2c3d4]";
const OTHERS: &str = "[audience-sharing:others/marketing/loyal]";

const DATA_SOURCE: DataSourceId = DataSourceId(1_001);
const TRAIT: TraitSid = TraitSid(1_004);
const SEGMENT: SegmentSid = SegmentSid(1_005);
const ADDITIONAL: SegmentSid = SegmentSid(1_006);
/// Of a world that [`settled`] made: its next call.
const NOW: u64 = 20;

/// Audience "I", shared as marketing/loyal with one additional segment.
fn settled() -> World {
    let mut world = World::over(Tenant::default());
    let plan = world.settle(
        &share("loyal", "I", &["third"]),
        &source("I", "Loyal gamers"),
    );
    assert_eq!(plan.state.trait_sid, Some(TRAIT));
    assert_eq!(plan.state.segment_sid, Some(SEGMENT));
    world
}

fn recorded() -> RecordedIds {
    RecordedIds {
        trait_sid: Some(TRAIT),
        segment_sid: Some(SEGMENT),
        observed: false,
        additional_segments: vec![("third".into(), ADDITIONAL)],
        ..RecordedIds::default()
    }
}

fn plan(world: &World, recorded: &RecordedIds) -> Plan<Left> {
    plan_of(world, recorded, Some("I"), Some(DATA_SOURCE))
}

fn plan_of(
    world: &World,
    recorded: &RecordedIds,
    source: Option<&str>,
    data_source: Option<DataSourceId>,
) -> Plan<Left> {
    let plan = cleanup::plan_cleanup(
        DeletionInput {
            claimant: claimant(&mark_of(&name("loyal")), &existing()),
            source: source.map(of_audience).as_ref(),
            recorded: Made::InAudienceManager(RecordedObjects {
                declares_models: false,
                ids: recorded,
                data_sources: data_source.as_slice(),
                declared: &[],
            }),
            inventory: &world.inventory,
            since: Sequence(NOW),
        },
        Cleanup::Delete,
    );
    world.judge(&plan);
    plan
}

/// Where marketing/other exists.
fn existing() -> BTreeSet<ShareName> {
    [name("other")].into()
}

/// What is due when marketing/other, which keeps the segments of these codes, takes the rest over.
fn handed_over(world: &World, codes: &[&str]) -> Vec<String> {
    let kept = Successor {
        models: BTreeSet::new(),
        trait_codes: BTreeSet::new(),
        mark: mark_of(&name("other")),
        codes: codes
            .iter()
            .map(|code| IntegrationCode::new(*code))
            .collect(),
        destinations: Vec::new(),
    };
    let (mark, existing) = (mark_of(&name("loyal")), existing());
    let departure = DeletionInput {
        claimant: claimant(&mark, &existing),
        source: Some(&of_audience("I")),
        recorded: Made::InAudienceManager(RecordedObjects {
            declares_models: false,
            ids: &recorded(),
            data_sources: &[DATA_SOURCE],
            declared: &[],
        }),
        inventory: &world.inventory,
        since: Sequence(NOW),
    };
    let plan = cleanup::plan_cleanup(departure, Cleanup::HandOver(&kept));
    world.judge(&plan);
    steps(&plan)
}

/// Every step on a line; those that wait for an earlier one say so.
fn steps(plan: &Plan<Left>) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| match step.ready {
            true => step.call.to_string(),
            false => format!("then {}", step.call),
        })
        .collect()
}

/// The trait's users, as a look-up of now answers.
fn used_by(world: &mut World, segments: &[(u64, &str)]) {
    let users = Users {
        seen: Sequence(NOW),
        segments: segments
            .iter()
            .map(|(sid, name)| (SegmentSid(*sid), (*name).into()))
            .collect(),
    };
    world.inventory.trait_users.insert(TRAIT, users);
}

fn put_trait(world: &mut World, change: impl FnOnce(&mut Trait)) {
    let mut found = world.inventory.traits.get(&TRAIT).unwrap().record.clone();
    change(&mut found);
    world
        .inventory
        .traits
        .apply_written(Sequence(NOW), Moment(0), found);
}

fn put_segment(world: &mut World, from: SegmentSid, change: impl FnOnce(&mut Segment)) {
    let mut found = world.inventory.segments.get(&from).unwrap().record.clone();
    change(&mut found);
    world
        .inventory
        .segments
        .apply_written(Sequence(NOW), Moment(0), found);
}

#[test]
fn users_are_looked_up_then_segments_go_and_the_trait_goes_last() {
    let mut world = settled();
    assert_eq!(
        steps(&plan(&world, &recorded())),
        ["read the users of trait 1004"]
    );
    used_by(
        &mut world,
        &[(1_005, "Loyal gamers"), (1_006, "With third")],
    );
    assert_eq!(
        steps(&plan(&world, &recorded())),
        [
            "delete segment 1006 \"With third\"",
            "delete segment 1005 \"Loyal gamers\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
    world.inventory.segments.apply_gone(Sequence(NOW), &SEGMENT);
    world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &ADDITIONAL);
    assert_eq!(
        steps(&plan(&world, &recorded())),
        ["delete trait 1004 \"Loyal gamers\""]
    );
    world.inventory.traits.apply_gone(Sequence(NOW), &TRAIT);
    assert!(plan(&world, &recorded()).is_settled(), "nothing is left");
}

#[test]
fn objects_whose_ids_were_never_written_down_are_found_by_their_keys() {
    let mut world = settled();
    used_by(&mut world, &[]);
    let none = RecordedIds::default();
    assert_eq!(
        steps(&plan(&world, &none)),
        [
            "delete segment 1005 \"Loyal gamers\"",
            "delete segment 1006 \"With third\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
    assert!(
        plan_of(&world, &none, None, Some(DATA_SOURCE)).is_settled(),
        "nothing leads to them without the source"
    );
}

#[test]
fn recorded_objects_go_without_source_and_data_source() {
    let mut world = settled();
    used_by(&mut world, &[]);
    assert_eq!(
        steps(&plan_of(&world, &recorded(), None, None)),
        [
            "delete segment 1006 \"With third\"",
            "delete segment 1005 \"Loyal gamers\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
}

#[test]
fn without_a_list_of_the_data_source_nothing_is_deleted() {
    let mut world = settled();
    used_by(&mut world, &[]);
    let unlisted = DataSourceId(7);
    let of = |world: &World| steps(&plan_of(world, &recorded(), Some("I"), Some(unlisted)));
    assert_eq!(
        of(&world),
        [
            "list traits of data source 7",
            "list segments of data source 7"
        ]
    );
    let coverage = Coverage::DataSource(unlisted);
    let traits = &mut world.inventory.traits;
    traits.apply_list(Sequence(2), Moment(0), coverage, Vec::new(), &[]);
    assert_eq!(of(&world), ["list segments of data source 7"]);
}

#[test]
fn what_is_in_doubt_or_unknown_is_read_before_anything_is_deleted() {
    let mut world = settled();
    used_by(&mut world, &[]);
    world
        .inventory
        .traits
        .apply_unknown_outcome(Sequence(NOW), &TRAIT);
    world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &ADDITIONAL);
    let mut recorded = recorded();
    recorded.segment_sid = Some(SegmentSid(9));
    assert_eq!(
        steps(&plan(&world, &recorded)),
        ["read segment 1006", "read segment 9", "read trait 1004"]
    );
    recorded.trait_sid = Some(TraitSid(8));
    world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SegmentSid(9));
    assert_eq!(
        steps(&plan(&world, &recorded)),
        ["read segment 1006", "read trait 8", "read trait 1004"],
        "what is gone is not asked for again"
    );
}

#[test]
fn a_create_whose_outcome_is_unknown_is_looked_up_first() {
    let mut world = settled();
    used_by(&mut world, &[]);
    let key = (DATA_SOURCE, IntegrationCode::new("I"));
    world
        .inventory
        .traits
        .apply_unresolved(Sequence(NOW), key.clone());
    world
        .inventory
        .segments
        .apply_unresolved(Sequence(NOW), key);
    assert_eq!(
        steps(&plan(&world, &recorded())),
        [
            "look up segment with integration code I",
            "look up trait with integration code I"
        ]
    );
}

#[test]
fn a_use_that_is_not_ours_blocks_the_whole_deletion_and_is_named() {
    let mut world = settled();
    used_by(
        &mut world,
        &[(1_005, "Loyal gamers"), (3_000, "Their segment")],
    );
    let blocked = plan(&world, &recorded());
    assert_eq!(blocked.steps, []);
    assert_eq!(blocked.blockers.len(), 1);
    assert_eq!(blocked.blockers[0].reason(), Reason::DeletionBlocked);
    assert_eq!(
        blocked.blockers[0].reason().disposition(),
        Disposition::Stalled
    );
    assert!(
        blocked.blockers[0].message().starts_with(
            "Trait 1004 is used by segment 3000 \"Their segment\"; nothing was deleted."
        ),
        "{}",
        blocked.blockers[0].message()
    );
    world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SegmentSid(3_000));
    assert_eq!(
        steps(&plan(&world, &recorded())).len(),
        3,
        "a user that is gone since blocks nothing"
    );
}

#[rstest]
#[case::before_this_round(NOW - 1, false)]
#[case::in_this_round(NOW, true)]
#[case::later(NOW + 1, true)]
fn only_a_look_up_of_users_in_this_round_counts(#[case] seen: u64, #[case] counts: bool) {
    let mut world = settled();
    used_by(&mut world, &[]);
    world.inventory.trait_users.get_mut(&TRAIT).unwrap().seen = Sequence(seen);
    let asked = steps(&plan(&world, &recorded())) == ["read the users of trait 1004"];
    assert_eq!(asked, !counts);
}

#[test]
fn what_is_only_observed_is_adobes_and_stays() {
    let mut world = settled();
    put_trait(&mut world, |found| found.description = "".into());
    put_segment(&mut world, SEGMENT, |found| found.description = "".into());
    let mut observed = recorded();
    observed.observed = true;
    assert_eq!(
        steps(&plan(&world, &observed)),
        ["delete segment 1006 \"With third\""]
    );
}

#[rstest]
#[case::ours(OURS, true, true)]
#[case::unmarked_by_hand("", true, true)]
#[case::handed_over(SIBLINGS, true, false)]
#[case::taken_by_another_owner(OTHERS, true, false)]
#[case::never_written_down(OURS, false, true)]
#[case::a_strangers_object_with_our_key("", false, false)]
#[case::another_owners_object_with_our_key(OTHERS, false, false)]
fn of_what_has_our_key_ours_is_what_carries_our_mark_or_is_recorded_and_unmarked(
    #[case] description: &str,
    #[case] is_recorded: bool,
    #[case] goes: bool,
) {
    let mut world = settled();
    used_by(&mut world, &[]);
    put_trait(&mut world, |found| found.description = description.into());
    for sid in [SEGMENT, ADDITIONAL] {
        put_segment(&mut world, sid, |found| {
            found.description = description.into()
        });
    }
    let recorded = match is_recorded {
        true => recorded(),
        false => RecordedIds::default(),
    };
    assert_eq!(
        steps(&plan(&world, &recorded)).len(),
        if goes { 3 } else { 0 }
    );
}

#[test]
fn a_record_of_one_object_makes_no_other_ours() {
    let mut world = settled();
    used_by(&mut world, &[]);
    put_segment(&mut world, SEGMENT, |found| {
        found.sid = SegmentSid(4_000);
        found.description = "copied by hand".into();
    });
    put_trait(&mut world, |found| {
        found.sid = TraitSid(4_001);
        found.description = "copied by hand".into();
    });
    assert_eq!(
        steps(&plan(&world, &recorded())),
        [
            "delete segment 1006 \"With third\"",
            "delete segment 1005 \"Loyal gamers\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
}

#[test]
fn twins_of_ours_go_too() {
    let mut world = settled();
    used_by(&mut world, &[]);
    world.inventory.trait_users.insert(
        TraitSid(4_001),
        Users {
            seen: Sequence(NOW),
            segments: vec![(SegmentSid(4_000), "Loyal gamers".into())],
        },
    );
    put_segment(&mut world, SEGMENT, |found| found.sid = SegmentSid(4_000));
    put_trait(&mut world, |found| found.sid = TraitSid(4_001));
    assert_eq!(
        steps(&plan(&world, &recorded())),
        [
            "delete segment 4000 \"Loyal gamers\"",
            "then delete segment 1006 \"With third\"",
            "then delete segment 1005 \"Loyal gamers\"",
            "then delete trait 4001 \"Loyal gamers\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
}

/// A key of another audience or of another data source is none of ours, and doubt about it costs no call.
#[rstest]
#[case::an_audience_whose_id_begins_like_ours(DATA_SOURCE, "II.third")]
#[case::an_audience_behind_ours(DATA_SOURCE, "J.third")]
#[case::the_same_key_elsewhere(DataSourceId(1_002), "I.third")]
#[case::an_earlier_data_source(DataSourceId(1_000), "I.third")]
fn nothing_outside_our_keys_is_looked_at(#[case] data_source: DataSourceId, #[case] code: &str) {
    let mut world = settled();
    used_by(&mut world, &[]);
    put_segment(&mut world, ADDITIONAL, |found| {
        found.sid = SegmentSid(4_000);
        found.data_source = data_source;
        found.integration_code = Some(IntegrationCode::new(code));
    });
    world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &SegmentSid(4_000));
    assert_eq!(
        steps(&plan(&world, &recorded())),
        [
            "delete segment 1006 \"With third\"",
            "delete segment 1005 \"Loyal gamers\"",
            "then delete trait 1004 \"Loyal gamers\""
        ]
    );
}

/// Each object has one owner at every moment: first all that is kept carries the next owner's mark.
#[test]
fn a_hand_over_marks_what_the_successor_declares_and_then_deletes_the_rest() {
    let mut world = settled();
    assert_eq!(
        handed_over(&world, &["I.other"]),
        [
            format!("update trait 1004 \"Loyal gamers\" description {OURS:?} → {SIBLINGS:?}"),
            format!("update segment 1005 \"Loyal gamers\" description {OURS:?} → {SIBLINGS:?}"),
        ]
    );
    assert_eq!(handed_over(&world, &["I.third"]).len(), 3);
    put_trait(&mut world, |found| found.description = SIBLINGS.into());
    put_segment(&mut world, SEGMENT, |found| {
        found.description = SIBLINGS.into()
    });
    assert_eq!(
        handed_over(&world, &["I.other"]),
        ["delete segment 1006 \"With third\""]
    );
    put_segment(&mut world, ADDITIONAL, |found| {
        found.description = SIBLINGS.into()
    });
    assert_eq!(handed_over(&world, &["I.third"]), [""; 0]);
}

#[test]
fn a_hand_over_leaves_what_is_not_ours() {
    let mut world = settled();
    for sid in [SEGMENT, ADDITIONAL] {
        put_segment(&mut world, sid, |found| found.description = OTHERS.into());
    }
    put_trait(&mut world, |found| found.description = OTHERS.into());
    assert_eq!(handed_over(&world, &[]), [""; 0]);
}

#[test]
fn a_hand_over_too_asks_for_what_is_not_known_before_anything_is_deleted() {
    let mut world = settled();
    world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &SEGMENT);
    assert_eq!(handed_over(&world, &[]), ["read segment 1005"]);
}
