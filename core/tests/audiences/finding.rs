//! How the objects of an audience are found, and what must be asked before one is made.

use audience_sharing_core::domain::audience_manager::Trait;
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitSid,
};
use audience_sharing_core::facts::{self, Answer, At, Response};
use audience_sharing_core::inventory::{Moment, Sequence};

use super::{ADDITIONAL, Case, NOW, SEGMENT, TRAIT};

#[test]
fn before_a_create_a_server_that_enforces_no_key_is_asked_for_it() {
    let mut case = Case::new(&[]);
    case.shared_objects.enforces_trait_codes = false;
    assert_eq!(case.steps(), ["look up trait with integration code I"]);
    let key = (
        case.shared_objects.data_source.unwrap(),
        IntegrationCode::new("I"),
    );
    let traits = &mut case.world.inventory.traits;
    traits.apply_look_up(Sequence(NOW - 1), key.clone(), Vec::new());
    assert_eq!(
        case.steps(),
        ["look up trait with integration code I"],
        "a look-up before this round proves nothing"
    );
    let traits = &mut case.world.inventory.traits;
    traits.apply_look_up(Sequence(NOW), key, Vec::new());
    assert_eq!(case.steps().len(), 2, "{:?}", case.steps());

    case.shared_objects.enforces_segment_codes = false;
    assert_eq!(
        case.steps(),
        [
            "create trait \"Loyal gamers\" rule segid == \"I\"",
            "look up segment with integration code I"
        ]
    );
}

#[test]
fn a_key_whose_create_has_an_unknown_outcome_is_looked_up_even_where_the_server_enforces_it() {
    let mut case = Case::settled(&[]);
    let key = (
        case.shared_objects.data_source.unwrap(),
        IntegrationCode::new("I"),
    );
    case.world
        .inventory
        .segments
        .apply_unresolved(Sequence(NOW), key.clone());
    assert_eq!(case.steps(), ["look up segment with integration code I"]);
    case.world
        .inventory
        .traits
        .apply_unresolved(Sequence(NOW), key);
    assert_eq!(case.steps(), ["look up trait with integration code I"]);
}

#[test]
fn a_data_source_that_was_never_listed_is_listed_first() {
    let mut case = Case::new(&[]);
    case.shared_objects.data_source = Some(DataSourceId(7));
    assert_eq!(case.steps(), ["list traits of data source 7"]);
}

#[test]
fn recorded_objects_are_found_by_their_ids_whatever_their_keys_say() {
    let mut case = Case::recorded(&["third"]);
    case.change_trait(|found| found.integration_code = None);
    for sid in [SEGMENT, ADDITIONAL] {
        case.change_segment(sid, |found| found.integration_code = None);
    }
    let plan = case.plan();
    assert_eq!(plan.state.trait_sid, Some(TRAIT));
    assert_eq!(plan.state.segment_sid, Some(SEGMENT));
    assert_eq!(
        plan.state.additional_segments,
        [("third".into(), ADDITIONAL)]
    );
    let changes: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.call.to_string())
        .collect();
    assert_eq!(
        changes,
        [
            "update trait 1004 \"Loyal gamers\" integration code \"\" → \"I\"",
            "update segment 1005 \"Loyal gamers\" integration code \"\" → \"I\"",
            "update segment 1006 \"With third\" integration code \"\" → \"I.third\"",
        ],
        "and their keys are put back"
    );
}

#[test]
fn recorded_objects_that_are_not_known_or_in_doubt_are_read() {
    let mut case = Case::recorded(&["third"]);
    case.recorded.additional_segments[0].1 = SegmentSid(9);
    case.world
        .inventory
        .segments
        .apply_unknown_outcome(Sequence(NOW), &SEGMENT);
    assert_eq!(case.steps(), ["read segment 1005", "read segment 9"]);
    case.world
        .inventory
        .traits
        .apply_unknown_outcome(Sequence(NOW), &TRAIT);
    assert_eq!(case.steps(), ["read trait 1004"]);
    case.recorded.trait_sid = Some(TraitSid(8));
    assert_eq!(case.steps(), ["read trait 8"]);
    case.world
        .inventory
        .traits
        .apply_gone(Sequence(NOW), &TraitSid(8));
    assert_eq!(
        case.steps(),
        ["read trait 1004"],
        "found by its key, and in doubt"
    );
}

#[test]
fn recorded_objects_that_are_gone_are_made_anew() {
    let mut case = Case::recorded(&[]);
    case.world
        .inventory
        .traits
        .apply_gone(Sequence(NOW), &TRAIT);
    case.world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SEGMENT);
    assert_eq!(
        case.steps(),
        [
            "create trait \"Loyal gamers\" rule segid == \"I\"",
            "then create segment \"Loyal gamers\" rule {trait}"
        ]
    );
}

/// Taken for a second one of ours, it would be in no list, and cost a look at every resync.
#[test]
fn an_answer_about_another_object_is_not_believed() {
    let mut case = Case::recorded(&[]);
    case.source.name = "Another name".into();
    let update = case.plan().steps[0].call.clone();
    let inventory = &mut case.world.inventory;
    let another = Trait {
        sid: TraitSid(4_000),
        ..inventory.traits.get(&TRAIT).unwrap().record.clone()
    };
    let at = At {
        sent: Sequence(NOW),
        answered: Sequence(NOW),
        now: Moment(0),
        recorded: false,
    };
    let answer = Response::Trait(Answer::Written(another));
    facts::apply(inventory, &update, answer, at).unwrap();
    assert_eq!(inventory.traits.get(&TraitSid(4_000)), None);
    assert!(inventory.traits.get(&TRAIT).unwrap().stale);
}
