//! Destinations that the export controls of an audience forbid: found before the first write, and nothing is torn down.

use audience_sharing_core::compose::DestinationSelector;
use audience_sharing_core::compose::{DeclaredDestination, Direction};
use audience_sharing_core::domain::destination::MappingKeys;
use audience_sharing_core::domain::identifier::DestinationId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_operator::engine::{SettleRequest, Settled};
use rstest::rstest;
use serde_json::{Value, json};

use super::reason;
use crate::world::{LOYAL_GAMERS, World, recorded, request};

const MAILING: u64 = 4_718;

/// A tenant with one destination, for what may be combined with PII and, so labelled, not with anything else.
fn world(labels: &[&str]) -> World {
    let world = World::start();
    let mailing = json!({"destinationId": MAILING, "pid": 1794, "name": "Mailing", "destinationType": "S2S",
        "dataExportLabels": labels});
    world
        .simulator
        .create_object("destinations", mailing)
        .unwrap();
    world
}

fn mapped(mut request: SettleRequest) -> SettleRequest {
    if let Direction::ToAudienceManager(target) = &mut request.share.direction {
        target.destinations = vec![DeclaredDestination {
            key: "mailing".into(),
            destination: DestinationSelector::Id(DestinationId(MAILING)),
            keys: MappingKeys {
                alias: Some("gamers".into()),
                ..MappingKeys::default()
            },
            start: None,
            end: None,
        }];
    }
    request
}

fn known(name: &str, source: &str, settled: &Settled) -> SettleRequest {
    let mut request = request(name, source);
    request.recorded = recorded(settled);
    request
}

fn label(world: &World, source: &str, labels: &[&str]) {
    let labels = json!({ "labels": labels });
    world
        .simulator
        .patch_object("audiences", source, &labels)
        .unwrap();
}

fn mappings(world: &World) -> Vec<Value> {
    let state = world.tenant();
    let all = state["mappings"].as_array().unwrap().iter();
    all.filter(|mapping| mapping["elementStatus"] != "deleted")
        .cloned()
        .collect()
}

#[track_caller]
fn assert_forbidden(settled: &Settled) {
    let obstacle = settled.obstacle.as_ref().unwrap();
    assert_eq!(obstacle.reason, Reason::ExportControlViolated);
    assert!(
        obstacle.message.contains("4718 \"Mailing\" (PII)"),
        "{}",
        obstacle.message
    );
}

/// The next look says so, and writes nothing.
async fn still_held(world: &World, request: SettleRequest) -> Settled {
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let held = world.settle(request).await;
    assert_forbidden(&held);
    assert_eq!(world.writes(), Vec::<String>::new());
    held
}

/// `beside`: another audience has made the data source for the label already.
#[rstest]
#[case::a_data_source_to_be_made(false)]
#[case::a_data_source_that_stands(true)]
#[tokio::test(start_paused = true)]
async fn a_label_that_a_destination_forbids_moves_nothing_until_the_destination_is_taken_out(
    #[case] beside: bool,
) {
    const OTHER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";
    let world = world(&["PII"]);
    if beside {
        label(&world, OTHER, &["core/C3"]);
        world.share("other", OTHER).await;
    }
    let settled = world.settle(mapped(request("loyal", LOYAL_GAMERS))).await;
    assert_eq!(reason(&settled), None);
    let (before, sids) = (mappings(&world), recorded(&settled));
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    still_held(&world, mapped(known("loyal", LOYAL_GAMERS, &settled))).await;
    assert_eq!(mappings(&world), before);

    // The way out that the message names.
    let settled = world.settle(known("loyal", LOYAL_GAMERS, &settled)).await;
    assert_eq!(reason(&settled), None);
    assert_eq!(settled.controls.to_string(), "C3");
    assert!(mappings(&world).is_empty());
    assert_eq!(recorded(&settled).trait_sid, sids.trait_sid);
}

#[tokio::test(start_paused = true)]
async fn a_labelled_audience_for_such_a_destination_costs_no_object() {
    let world = world(&["PII"]);
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    let held = world.settle(mapped(request("loyal", LOYAL_GAMERS))).await;
    assert_forbidden(&held);
    assert_eq!(world.writes(), Vec::<String>::new());
}

/// Known where destinations are listed, for the sake of any audience.
#[tokio::test(start_paused = true)]
async fn a_mapping_that_a_person_made_counts_too() {
    let world = world(&["PII"]);
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let segment = recorded(&settled).segment_sid.unwrap().0;
    let by_hand = json!({"pid": 1794, "destinationId": MAILING, "sid": segment, "traitType": "SEGMENT",
        "elementStatus": "active", "traitAlias": "x"});
    world.simulator.create_object("mappings", by_hand).unwrap();
    let mut other = mapped(request("other", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01"));
    other.share.retain = true;
    world.settle(other).await;
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    still_held(&world, known("loyal", LOYAL_GAMERS, &settled)).await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_labelled_later_is_told_and_stays_mapped() {
    let world = world(&[]);
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    let settled = world.settle(mapped(request("loyal", LOYAL_GAMERS))).await;
    assert_eq!(reason(&settled), None);
    let labels = json!({"dataExportLabels": ["PII"]});
    world
        .simulator
        .patch_object("destinations", &MAILING.to_string(), &labels)
        .unwrap();
    let held = still_held(&world, mapped(known("loyal", LOYAL_GAMERS, &settled))).await;
    assert_eq!(mappings(&world).len(), 1);
    let standing = held.standing.unwrap();
    assert!(standing.mappings[0].mapping.is_some(), "it stays recorded");
}
