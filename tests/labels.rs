//! Usage labels of the source: what a user sees of them, in the resources and in Audience Manager.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, segment_sid, trait_sid};

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

#[tokio::test]
async fn a_label_that_comes_and_goes_moves_the_audience_under_its_sids() {
    let world = World::start().await;
    let moves = json!({"audienceManager": {"dataSourceChange": "follows"}});
    world.control.flags(&moves).await.unwrap();
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
