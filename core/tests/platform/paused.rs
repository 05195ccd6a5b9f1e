//! An audience whose source is gone, where its policy says to pause it.

use super::*;

#[test]
fn an_audience_of_ours_is_taken_out_of_use_once() {
    let mut world = World::over([]);
    let wanted = desired("gamers", Strategy::ExternalAudience, "Console buyers");
    let id = world.settle("gamers", &wanted).state.audience.unwrap();
    world.refresh();
    let pause = |world: &World| {
        cleanup::plan_cleanup(
            DeletionInput {
                claimant: claimant(&mark_of(&name("gamers")), &BTreeSet::new()),
                source: Some(&SourceId::of(SourceKind::Segment, 7)),
                recorded: Made::InExperiencePlatform(&world.recorded),
                inventory: &world.inventory,
                since: Sequence(1),
            },
            Cleanup::Pause,
        )
    };
    let plan = pause(&world);
    world.carry_out(&plan.steps[0].call);
    assert_eq!(world.audiences[&id].lifecycle, Lifecycle::Inactive);
    assert!(pause(&world).is_settled());
}

/// A service may show for a while what it deleted.
#[test]
fn a_recorded_audience_that_is_shown_as_deleted_is_made_again() {
    let mut world = World::over([]);
    let wanted = desired("gamers", Strategy::ExternalAudience, "Console buyers");
    let id = world.settle("gamers", &wanted).state.audience.unwrap();
    world.audiences.get_mut(&id).unwrap().lifecycle = Lifecycle::Deleted;
    world.refresh();
    world.recorded.audience = Some(id.clone());
    let made = world.settle("gamers", &wanted).state.audience;
    assert_ne!(made.expect("another one"), id);
}
