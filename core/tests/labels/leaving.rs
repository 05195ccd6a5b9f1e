//! Audiences and connections that leave from several data sources.

use std::collections::BTreeSet;

use audience_sharing_core::call::Step;
use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::shared_objects::{self, ObservedSharedObjects};
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput};

use super::{OURS, data_source, settle, unlabelled};
use crate::model::strangers::Strangers;
use crate::model::{World, claimant, mark_of, name, of_audience};

const OWN: DataSourceId = DataSourceId(1_001);
const CONTROLLED: DataSourceId = DataSourceId(1_006);

fn state(world: &World, recorded: &shared_objects::RecordedSharedObjects) -> ObservedSharedObjects {
    let (needed, mode) = (BTreeSet::new(), Mode::Observe);
    shared_objects::plan_shared_objects(&world.settings, recorded, &needed, &world.inventory, mode)
        .state
}

fn found(world: &World) -> ObservedSharedObjects {
    state(world, &shared_objects::RecordedSharedObjects::default())
}

fn lines(steps: Vec<Step>) -> Vec<String> {
    steps.iter().map(|step| step.call.to_string()).collect()
}

/// Labelled, so that it stands in 1006; the status was lost.
fn controlled() -> World {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C3"]);
    world.refresh();
    world
}

#[test]
fn an_audience_that_leaves_is_found_in_each_of_our_data_sources() {
    let world = controlled();
    let leave = |data_sources: &[DataSourceId]| {
        let plan = cleanup::plan_cleanup(
            DeletionInput {
                claimant: claimant(&mark_of(&name("loyal")), &BTreeSet::new()),
                source: Some(&of_audience("I")),
                recorded: Made::InAudienceManager(RecordedObjects {
                    declares_models: false,
                    ids: &RecordedIds::default(),
                    data_sources,
                    declared: &[],
                }),
                inventory: &world.inventory,
                since: Sequence(50),
            },
            Cleanup::Delete,
        );
        lines(plan.steps)
    };
    let all: Vec<DataSourceId> = found(&world).data_sources().collect();
    assert_eq!(all, [OWN, CONTROLLED]);
    assert_eq!(leave(&all), ["read the users of trait 1004"]);
    assert_eq!(leave(&[OWN]), [""; 0]);
}

#[test]
fn a_connection_that_leaves_takes_its_empty_data_sources_along() {
    let mut world = controlled();
    let left = |world: &World| {
        lines(shared_objects::deletion::delete_shared_objects(
            &world.settings,
            &found(world),
            &world.inventory,
        ))
    };
    assert_eq!(left(&world), [""; 0], "one of them is in use");
    world.tenant.traits.clear();
    world.tenant.segments.clear();
    world.tenant.strangers = Strangers::of_every_world();
    world.inventory = world.tenant.listed(60);
    assert_eq!(
        left(&world),
        [
            "delete data source 1001 \"Sharing\"",
            "delete data source 1006 \"Sharing (C3)\""
        ]
    );
    // One that a person made, and nobody used, stays.
    world
        .tenant
        .data_sources
        .get_mut(&CONTROLLED)
        .unwrap()
        .description = "by hand".into();
    world.inventory = world.tenant.listed(61);
    assert_eq!(left(&world), ["delete data source 1001 \"Sharing\""]);
}

#[test]
fn an_empty_twin_of_a_controlled_data_source_goes() {
    let mut world = controlled();
    let twin = data_source(9_000, "Sharing (C3)", OURS, &["PII"]);
    world.tenant.data_sources.insert(twin.id, twin);
    world.refresh();
    let swept = shared_objects::deletion::duplicate_data_sources(
        &world.settings,
        &found(&world),
        &world.inventory,
    );
    assert_eq!(lines(swept), ["delete data source 9000 \"Sharing (C3)\""]);
}

#[test]
fn in_a_recorded_data_source_our_objects_are_found_although_it_is_not_shown_to_be_ours() {
    let mut world = controlled();
    let renamed = world.tenant.data_sources.get_mut(&CONTROLLED).unwrap();
    (renamed.name, renamed.description) = ("Renamed".into(), "".into());
    world.refresh();
    assert_eq!(found(&world).controlled, []);
    let controls = ExportControls::of_labels(["core/C3"]);
    let recorded = shared_objects::RecordedSharedObjects {
        controlled: vec![(controls, CONTROLLED)],
        ..shared_objects::RecordedSharedObjects::default()
    };
    let state = state(&world, &recorded);
    assert_eq!(state.data_sources().collect::<Vec<_>>(), [OWN, CONTROLLED]);
    assert_eq!(state.controls_of(CONTROLLED, &world.inventory), controls);
    assert!(state.controls_of(OWN, &world.inventory).is_empty());
    let needed = BTreeSet::from([controls]);
    let plan = shared_objects::plan_shared_objects(
        &world.settings,
        &recorded,
        &needed,
        &world.inventory,
        Mode::Manage,
    );
    assert_eq!(
        lines(plan.steps),
        [""; 0],
        "a recorded id alone is one sign"
    );
    let blockers = plan
        .state
        .controlled
        .iter()
        .filter_map(|found| found.blocker.as_ref());
    let reasons: Vec<Reason> = blockers.map(|blocker| blocker.reason()).collect();
    assert_eq!(reasons, [Reason::OwnershipLost]);
}
