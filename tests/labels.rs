//! Usage labels of the source: what a user sees of them, in the resources and in Audience Manager.

use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, SECRET, World, audience, connection, ready_message, segment_sid, trait_sid,
};

const NAME: &str = "Adobe Experience Platform Audience Sharing";

async fn label(world: &World, labels: &[&str]) {
    let labels = json!({"labels": labels});
    world
        .control
        .patch("audiences", LOYAL_GAMERS, &labels)
        .await
        .unwrap();
    world.look_now("loyal").await;
}

/// Data source and export controls in the status, once all is as it shall be.
async fn stands(world: &World) -> (Value, Value) {
    let audience = world.ready("loyal").await;
    let told = &audience["status"]["audienceManager"];
    for (collection, sid) in [
        ("traits", trait_sid(&audience)),
        ("segments", segment_sid(&audience)),
    ] {
        let found = world.remote(collection, "sid", &sid).await;
        assert_eq!(found["dataSourceId"], told["dataSourceId"], "{collection}");
    }
    (told["dataSourceId"].clone(), told["exportControls"].clone())
}

async fn data_source(world: &World, labels: &str) -> Value {
    let name = json!(format!("{NAME} ({labels})"));
    world.remote("dataSources", "name", &name).await
}

async fn by_hand(world: &World, labels: &str, restrictions: &[&str]) -> Value {
    let made = json!({
        "pid": 1794, "name": format!("{NAME} ({labels})"), "description": "for the operator", "status": "ACTIVE",
        "dataExportRestrictions": restrictions,
        "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true,
    });
    let made = world.control.create("dataSources", &made).await.unwrap();
    // Found by its name, it gets the mark of the owner.
    world.changes.adopt("dataSources", &made["dataSourceId"]);
    made
}

#[tokio::test]
async fn a_label_that_comes_and_goes_moves_the_audience_under_its_sids() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let (own, none) = stands(&world).await;
    assert_eq!(none, Value::Null);
    label(&world, &["core/C3", "core/C9", "custom/finance"]).await;
    let (controlled, controls) = stands(&world).await;
    assert_eq!(controls, json!(["NoPersonalData"]));
    assert_ne!(controlled, own);
    let made = data_source(&world, "C3").await;
    assert_eq!(made["dataSourceId"], controlled);
    assert_eq!(made["dataExportRestrictions"], json!(["PII"]));
    assert_eq!(made["uniqueTraitIntegrationCodes"], true);
    let now = world.ready("loyal").await;
    assert_eq!(
        (trait_sid(&now), segment_sid(&now)),
        (trait_sid(&shared), segment_sid(&shared))
    );
    let told = world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    assert_eq!(
        told["status"]["audienceManager"]["controlledDataSources"],
        json!([{"labels": "C3", "dataSourceId": controlled}])
    );
    label(&world, &[]).await;
    assert_eq!(stands(&world).await, (own, Value::Null));
    world.delete("loyal").await;
}

#[tokio::test]
async fn a_label_that_no_api_expresses_is_told_until_a_person_made_the_data_source() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    let (own, _) = stands(&world).await;
    label(&world, &["core/C5"]).await;
    let held = world
        .until(
            "sharedaudience",
            "loyal",
            "False",
            "ExportControlUnsupported",
        )
        .await;
    let told = ready_message(&held);
    for part in [
        "labelled core/C5",
        "\"no off-site ad targeting\"",
        "its name is \"Adobe Experience Platform Audience Sharing (C5)\"",
        &format!("stay in data source {own} without it"),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(held["status"]["audienceManager"]["dataSourceId"], own);
    assert_eq!(
        data_source(&world, "C5").await,
        Value::Null,
        "nothing is guessed"
    );
    let made = by_hand(&world, "C5", &["OFF_SITE"]).await;
    world.look_now("loyal").await;
    assert_eq!(
        stands(&world).await,
        (made["dataSourceId"].clone(), json!(["NoOffSiteAds"]))
    );
    let marked = data_source(&world, "C5").await["description"].clone();
    assert!(
        marked
            .as_str()
            .unwrap()
            .starts_with("for the operator [audience-sharing:"),
        "{marked}"
    );
}

#[tokio::test]
async fn a_server_that_moves_nothing_is_told_with_what_it_would_cost() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    let (own, _) = stands(&world).await;
    world
        .control
        .flags(&json!({"dataSourceChange": "refused"}))
        .await
        .unwrap();
    label(&world, &["core/C3"]).await;
    let held = world
        .until("sharedaudience", "loyal", "False", "MoveRefused")
        .await;
    let told = ready_message(&held);
    assert!(
        told.contains("a new sid, no members") && told.contains("stays where it is"),
        "{told}"
    );
    assert_eq!(held["status"]["audienceManager"]["dataSourceId"], own);
    assert_eq!(
        held["status"]["audienceManager"]["exportControls"],
        Value::Null
    );
    // The way out that the message names.
    world.delete("loyal").await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let (controlled, controls) = stands(&world).await;
    assert_eq!(
        (controls, controlled == own),
        (json!(["NoPersonalData"]), false)
    );
}

#[tokio::test]
async fn a_restart_over_labelled_audiences_writes_nothing_and_reads_no_list_more() {
    let mut world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    label(&world, &["core/C3"]).await;
    stands(&world).await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    world.restart_operator().await;
    world.look_now("loyal").await;
    let before = world.kubernetes_writes().len();
    world.control.clear_calls().await.unwrap();
    for _ in 0..3 {
        world.look_now("loyal").await;
    }
    let calls = world.calls().await;
    assert_eq!(
        calls.iter().filter(|call| call.contains("/v1/")).count(),
        15,
        "five lists a pass: {calls:?}"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
    let writes = world.kubernetes_writes().split_off(before);
    assert_eq!(
        writes, ["patch sharedaudiences/status"; 3],
        "the echoes of the requests"
    );
}

#[tokio::test]
async fn a_connection_that_leaves_takes_its_controlled_data_sources_along() {
    let world = World::start().await;
    world.apply_secret(SECRET).await;
    let mut connection = connection();
    connection["spec"]["deletionPolicy"] = json!("Delete");
    world.apply(&connection).await;
    world.share("loyal", LOYAL_GAMERS).await;
    label(&world, &["core/C3"]).await;
    let (controlled, _) = stands(&world).await;
    world.delete("loyal").await;
    world
        .kubectl(&["delete", "sharingconnection", "acme", "--timeout=60s"])
        .await;
    assert_eq!(
        world
            .remote("dataSources", "dataSourceId", &controlled)
            .await,
        Value::Null
    );
    assert_eq!(world.changes.left(), Vec::<&str>::new());
}
