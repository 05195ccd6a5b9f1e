//! A segment of Audience Manager on the real API server: made, changed and deleted in Experience Platform.

use serde_json::{Value, json};

use crate::harness::{World, audience};

/// With `Gold members` of the seed for both directions as its source.
fn gold(target: &Value) -> Value {
    let mut declared = audience("gold", "");
    declared["spec"]["source"] = json!({"audienceManager": {"segment": {"sid": 16_450_002}}});
    declared["spec"]["target"] = json!({"experiencePlatform": target});
    declared
}

async fn stands(world: &World, object: &Value) -> Value {
    let id = &object["status"]["experiencePlatform"]["id"];
    world.remote("audiences", "id", id).await
}

#[tokio::test]
async fn a_segment_is_shared_renamed_corrected_and_deleted() {
    let world = World::with_seed("both-directions.json").await;
    let labels = json!({"experiencePlatform": {"externalAudienceLabels": "stored"}});
    world.control.flags(&labels).await.unwrap();
    world.connect().await;
    world.apply(&gold(&json!({}))).await;
    let ready = world.ready("gold").await;
    let status = &ready["status"];
    assert_eq!(status["source"]["direction"], "ToExperiencePlatform");
    assert_eq!(status["source"]["kind"], "Segment");
    assert_eq!(status["experiencePlatform"]["namespace"], "AAMSegments");
    assert_eq!(status["experiencePlatform"]["audienceId"], "16450002");
    assert_eq!(
        status["pql"]["text"],
        "segmentMembership.get(\"AAMSegments\").get(\"16450002\").status = \"realized\""
    );
    assert_eq!(stands(&world, &ready).await["name"], "Gold members");
    assert_eq!(
        status["experiencePlatform"]["dataUsageLabels"],
        json!(["core/C3"]),
        "of the data source of its trait"
    );

    // The manifest names it otherwise, then a person does.
    world
        .apply(&gold(
            &json!({"name": "Our gold members", "dataUsageLabels": ["custom/partners-only"]}),
        ))
        .await;
    let renamed = world.ready("gold").await;
    let labels = json!(["core/C3", "custom/partners-only"]);
    assert_eq!(stands(&world, &renamed).await["labels"], labels);
    assert_eq!(stands(&world, &renamed).await["name"], "Our gold members");
    let id = status["experiencePlatform"]["id"].as_str().unwrap();
    world
        .control
        .patch("audiences", id, &json!({"name": "Edited by hand"}))
        .await
        .unwrap();
    world.look_now("gold").await;
    let corrected = world.ready("gold").await;
    assert_eq!(stands(&world, &corrected).await["name"], "Our gold members");

    world.delete("gold").await;
    assert_eq!(stands(&world, &corrected).await, Value::Null);
    assert_eq!(world.changes.left(), Vec::<&str>::new());
}
