//! Labels that come and go, call by call: which data source, how the objects get there, what a server may refuse.

use std::time::Duration;

use adobe_simulator::DataSourceChange;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::plan::Left;
use audience_sharing_operator::engine::{Retired, SettleRequest, Settled};
use rstest::rstest;
use serde_json::{Value, json};

use super::reason;
use crate::virtual_time;
use crate::world::{LOYAL_GAMERS, Setting, World, recorded, request, tenant_with};

const NAME: &str = "Adobe Experience Platform Audience Sharing";

fn label(world: &World, source: &str, labels: &[&str]) {
    let labels = json!({"labels": labels});
    world
        .simulator
        .patch_object("audiences", source, &labels)
        .unwrap();
}

fn flags(world: &World, change: impl FnOnce(&mut adobe_simulator::Flags)) {
    let mut flags = world.simulator.flags();
    change(&mut flags);
    world.simulator.set_flags(flags);
}

/// What status would have recorded, and a look with it.
fn known(settled: &Settled) -> SettleRequest {
    let mut request = request("loyal", LOYAL_GAMERS);
    request.recorded = recorded(settled);
    request
}

fn data_sources(world: &World, name: &str) -> Vec<Value> {
    let state = world.tenant();
    let all = state["dataSources"].as_array().unwrap().clone();
    all.into_iter()
        .filter(|found| found["name"] == name)
        .collect()
}

/// A person makes the data source for these labels.
fn by_hand(world: &World, labels: &str, restrictions: &[&str]) -> Value {
    let made = json!({
        "pid": 1794, "name": format!("{NAME} ({labels})"), "description": "for the operator",
        "dataExportRestrictions": restrictions,
        "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true,
    });
    let made = world.simulator.create_object("dataSources", made).unwrap();
    // Found by its name, it gets the mark of the owner.
    world.changes.adopt("dataSources", &made["dataSourceId"]);
    made
}

/// Where trait and segment stand.
fn stand_in(world: &World, settled: &Settled) -> (Value, Value) {
    let recorded = recorded(settled);
    let of = |collection: &str, sid: Option<u64>| {
        world.object(collection, sid.unwrap())["dataSourceId"].clone()
    };
    (
        of("traits", recorded.trait_sid.map(|sid| sid.0)),
        of("segments", recorded.segment_sid.map(|sid| sid.0)),
    )
}

#[tokio::test(start_paused = true)]
async fn a_label_that_appears_costs_a_data_source_and_two_updates_and_no_sid() {
    let world = World::start();
    let before = world.share("loyal", LOYAL_GAMERS).await;
    label(&world, LOYAL_GAMERS, &["core/C3", "custom/finance"]);
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let after = world.settle(known(&before)).await;
    assert_eq!(reason(&after), None);
    let (made, segment) = (
        recorded(&before).trait_sid.unwrap(),
        recorded(&before).segment_sid.unwrap(),
    );
    let mut calls = world.calls();
    // That no data source has the name is said by a second list, too, before one is created.
    assert_eq!(calls.remove(0), "GET /v1/datasources/");
    assert_eq!(calls.remove(0), "POST /v1/datasources/");
    calls.sort();
    assert_eq!(
        calls,
        [
            format!("GET /v1/segments/{segment}"),
            format!("GET /v1/traits/{made}"),
            format!("PUT /v1/segments/{segment}"),
            format!("PUT /v1/traits/{made}"),
        ],
        "what was just made needs no list"
    );
    let controlled = data_sources(&world, &format!("{NAME} (C3)"));
    assert_eq!(controlled.len(), 1);
    assert_eq!(controlled[0]["dataExportRestrictions"], json!(["PII"]));
    let id = &controlled[0]["dataSourceId"];
    assert_eq!(stand_in(&world, &after), (id.clone(), id.clone()));
    assert_eq!(recorded(&after), recorded(&before), "under the same ids");
    assert_eq!(after.controls.to_string(), "C3");

    label(&world, LOYAL_GAMERS, &[]);
    world.engine.refresh().await.unwrap();
    let back = world.settle(known(&after)).await;
    let own = data_sources(&world, NAME)[0]["dataSourceId"].clone();
    assert_eq!(stand_in(&world, &back), (own.clone(), own));
    assert!(back.controls.is_empty());
}

/// design.md §8: five calls, and at most one more for each further data source. One list tells of all of them.
#[tokio::test(start_paused = true)]
async fn further_data_sources_cost_no_list_more_at_rest() {
    let mut world = World::with(Setting {
        seed: tenant_with(60),
        ..Setting::default()
    });
    by_hand(&world, "C5", &["OFF_SITE"]);
    let sets: [&[&str]; 3] = [&[], &["core/C3"], &["core/C5"]];
    for index in 0..60 {
        let source = format!("audience-{index}");
        label(&world, &source, sets[index % 3]);
    }
    for index in 0..60 {
        world
            .share(&format!("share-{index}"), &format!("audience-{index}"))
            .await;
    }
    for labels in ["C3", "C5"] {
        let of_set = data_sources(&world, &format!("{NAME} ({labels})"));
        assert_eq!(of_set.len(), 1, "{labels}");
        let id = &of_set[0]["dataSourceId"];
        let inside = world
            .marked()
            .iter()
            .filter(|found| found["dataSourceId"] == *id)
            .count();
        assert_eq!(inside, 2 * 20, "{labels}");
    }
    world.engine.refresh().await.unwrap();
    while world.woken.try_recv().is_ok() {}
    world.simulator.clear_calls();
    for _ in 0..10 {
        world.engine.refresh().await.unwrap();
    }
    let calls = world.calls();
    let audience_manager = calls.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(
        audience_manager, 50,
        "five lists a pass, for three data sources as for one"
    );
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(world.woken.try_recv().is_err(), "nothing to look at again");
}

#[tokio::test(start_paused = true)]
async fn a_new_process_finds_a_labelled_audience_and_writes_nothing() {
    let world = World::start();
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    let first = world.share("loyal", LOYAL_GAMERS).await;
    let world = world.restarted();
    world.simulator.clear_calls();
    let again = world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(again.standing, first.standing);
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(
        world
            .calls()
            .iter()
            .filter(|call| call.contains("/v1/"))
            .count(),
        6,
        "a pass, and who we are"
    );
}

/// Labels that change while nobody looks, and a status that is lost: what stands in the other data source is found.
#[rstest]
#[case::gained(&[], &["core/C3"])]
#[case::lost(&["core/C3"], &[])]
#[tokio::test(start_paused = true)]
async fn a_new_process_finds_what_stands_in_the_other_data_source(
    #[case] before: &[&str],
    #[case] after: &[&str],
) {
    let world = World::start();
    label(&world, LOYAL_GAMERS, before);
    let first = world.share("loyal", LOYAL_GAMERS).await;
    label(&world, LOYAL_GAMERS, after);
    let world = world.restarted();
    let moved = world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(recorded(&moved), recorded(&first));
    assert_ne!(
        stand_in(&world, &moved).0,
        json!(first.standing.unwrap().data_source.unwrap().0)
    );
    assert_eq!(world.marked().len(), 2);
    let gone = world.retire("loyal", LOYAL_GAMERS, &moved).await;
    assert_eq!(
        (gone, world.marked().len()),
        (Retired::Gone(Left::default()), 0)
    );
}

#[rstest]
#[case::refused(DataSourceChange::Refused)]
#[case::answered_as_done(DataSourceChange::Ignored)]
#[tokio::test(start_paused = true)]
async fn a_server_that_moves_nothing_is_told_with_what_stands_open(
    #[case] change: DataSourceChange,
) {
    let world = World::start();
    let before = world.share("loyal", LOYAL_GAMERS).await;
    flags(&world, |flags| flags.data_source_change = change);
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    world.engine.refresh().await.unwrap();
    let held = world.settle(known(&before)).await;
    let obstacle = held.obstacle.clone().unwrap();
    assert_eq!(obstacle.reason, Reason::MoveRefused, "{}", obstacle.message);
    for told in [
        "stays where it is and is used under",
        "a new sid, no members",
        "take back the change of the labels",
    ] {
        assert!(
            obstacle.message.contains(told),
            "{told}: {}",
            obstacle.message
        );
    }
    assert_eq!(stand_in(&world, &held), stand_in(&world, &before));
    assert!(
        held.controls.is_empty(),
        "the status does not claim what is not there"
    );
    // Looked at again it costs the same few calls, whatever the server answers.
    world.simulator.clear_calls();
    let again = world.settle(known(&held)).await;
    assert_eq!(reason(&again), Some(Reason::MoveRefused));
    assert_eq!(world.calls().len(), 4, "{:?}", world.calls());
    // And when it moves objects after all, they go.
    flags(&world, |flags| {
        flags.data_source_change = DataSourceChange::Follows
    });
    let moved = world.settle(known(&again)).await;
    assert_eq!(
        (reason(&moved), moved.controls.to_string().as_str()),
        (None, "C3")
    );
}

#[rstest]
#[case::fields_that_are_ignored(None, Reason::ExportControlMissing)]
#[case::a_name_that_is_refused(Some("OTHER"), Reason::RequestRefused)]
#[tokio::test(start_paused = true)]
async fn where_controls_cannot_be_set_nothing_is_put(
    #[case] only: Option<&str>,
    #[case] told: Reason,
) {
    let world = World::start();
    flags(&world, |flags| match only {
        None => flags.export_controls_settable = false,
        Some(name) => flags.export_control_names = vec![name.to_owned()],
    });
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    let held = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&held), Some(told), "{:?}", held.obstacle);
    for _ in 0..3 {
        world.engine.refresh().await.unwrap();
        world.settle(request("loyal", LOYAL_GAMERS)).await;
    }
    assert_eq!(
        world.marked(),
        Vec::<Value>::new(),
        "nothing stands without its control"
    );
    let made = data_sources(&world, &format!("{NAME} (C3)")).len();
    assert_eq!(
        made,
        usize::from(only.is_none()),
        "and no second data source"
    );
    // Others are not held up.
    let other = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";
    world.share("other", other).await;
}

#[tokio::test(start_paused = true)]
async fn a_data_source_that_a_person_makes_is_found_in_the_next_pass() {
    let mut world = World::start();
    label(&world, LOYAL_GAMERS, &["core/C5"]);
    let held = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&held), Some(Reason::ExportControlUnsupported));
    while world.woken.try_recv().is_ok() {}
    let made = by_hand(&world, "C5", &["OFF_SITE"]);
    world.engine.refresh().await.unwrap();
    assert!(
        world.woken.try_recv().is_ok(),
        "whoever waits for it is looked at"
    );
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let id = made["dataSourceId"].clone();
    assert_eq!(stand_in(&world, &settled), (id.clone(), id));
    assert_eq!(settled.controls.to_string(), "C5");
    // Who takes the control away again opens the audience, and it is told: a minute after our own write a list is believed.
    virtual_time::passes(Duration::from_secs(90)).await;
    let id = made["dataSourceId"].to_string();
    let opened = json!({"dataExportRestrictions": []});
    world
        .simulator
        .patch_object("dataSources", &id, &opened)
        .unwrap();
    while world.woken.try_recv().is_ok() {}
    world.engine.refresh().await.unwrap();
    assert!(
        world.woken.try_recv().is_ok(),
        "whoever stands there is looked at"
    );
    let opened = world.settle(known(&settled)).await;
    assert_eq!(reason(&opened), Some(Reason::ExportControlMissing));
    assert!(
        opened
            .obstacle
            .unwrap()
            .message
            .contains("used against core/C5")
    );
}

/// No answer that says nothing of labels takes a control away, not even from a process that knows of nothing else.
#[tokio::test(start_paused = true)]
async fn an_answer_without_labels_moves_nothing() {
    let world = World::start();
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    let before = world.share("loyal", LOYAL_GAMERS).await;
    let silent = json!({"labels": null});
    world
        .simulator
        .patch_object("audiences", LOYAL_GAMERS, &silent)
        .unwrap();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let after = world.settle(known(&before)).await;
    assert_eq!(
        (reason(&after), after.controls.to_string().as_str()),
        (None, "C3")
    );
    assert_eq!(world.writes(), Vec::<String>::new());
    let world = world.restarted();
    world.simulator.clear_calls();
    let again = world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(again.standing, before.standing);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[rstest]
#[case::effect_then_reset(json!("effectThenReset"))]
#[case::effect_then_error(json!({"effectThenError": {"status": 503}}))]
#[case::no_effect(json!("crashBeforeSend"))]
#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_on_the_way_ends_in_one_place(
    #[case] kind: Value,
    #[values("/datasources", "/traits/", "/segments/")] path: &str,
) {
    let world = World::start();
    let mut settled = world.share("loyal", LOYAL_GAMERS).await;
    label(&world, LOYAL_GAMERS, &["core/C3"]);
    world.engine.refresh().await.unwrap();
    let method = if path == "/datasources" {
        "POST"
    } else {
        "PUT"
    };
    world.fault(json!({"match": {"method": method, "pathContains": path}, "kind": kind}));
    for _ in 0..5 {
        let next = world.settle(known(&settled)).await;
        if next.standing.is_some() {
            settled = next;
        }
        if settled.obstacle.is_none() && settled.controls.to_string() == "C3" {
            break;
        }
        virtual_time::passes(Duration::from_secs(120)).await;
    }
    assert_eq!(settled.obstacle, None, "it heals by itself");
    assert_eq!(world.marked().len(), 2);
    let controlled = data_sources(&world, &format!("{NAME} (C3)"));
    assert_eq!(controlled.len(), 1);
    let id = controlled[0]["dataSourceId"].clone();
    assert_eq!(stand_in(&world, &settled), (id.clone(), id));
}
