//! Rules of additional segments on the real API server: traits that they name, and Audience Manager's validation.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, trait_sid};

fn ruled(rule: &str, traits: &Value) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    let segment = json!({"key": "third", "name": "Third", "rule": rule, "traits": traits});
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [segment]}});
    declared
}

/// With a trait of another provider that has an integration code.
async fn tenant() -> World {
    let world = World::start().await;
    let template = world.remote("traits", "sid", &json!(9912)).await;
    let mut made = template.clone();
    let code = json!({"sid": 9915, "name": "Boat owners", "integrationCode": "boats"});
    let code = code.as_object().unwrap().clone();
    made.as_object_mut().unwrap().extend(code);
    world.control.create("traits", &made).await.unwrap();
    world
}

fn validations(calls: &[String]) -> usize {
    calls
        .iter()
        .filter(|call| call.ends_with("/segments/validate/"))
        .count()
}

#[tokio::test]
async fn traits_are_found_once_pinned_and_the_rule_is_validated_once_for_its_content() {
    let world = tenant().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.control.clear_calls().await.unwrap();
    let traits = json!([
        {"key": "auto", "name": "Auto intenders", "dataSourceId": 6601},
        {"key": "boats", "integrationCode": "boats"},
    ]);
    world
        .apply(&ruled("{trait} AND ({auto} OR {boats} OR 9913T)", &traits))
        .await;
    let ready = world.ready("loyal").await;
    let mut calls = world.calls().await;
    assert_eq!(
        calls.split_off(2),
        ["POST /v1/segments/validate/", "POST /v1/segments/"]
    );
    assert_eq!(
        calls,
        ["GET /v1/traits/", "GET /v1/traits/"],
        "one look for each name"
    );
    let told = &ready["status"]["audienceManager"]["additionalSegments"][0];
    assert_eq!(
        told["traits"],
        json!([
            {"key": "auto", "foundBy": "name \"Auto intenders\" in data source 6601", "sid": 9912},
            {"key": "boats", "foundBy": "integration code boats", "sid": 9915},
        ])
    );
    let made = world.remote("segments", "sid", &told["sid"]).await;
    let sid = trait_sid(&ready);
    assert_eq!(
        made["segmentRule"],
        format!("{sid}T AND (9912T OR 9915T OR 9913T)")
    );

    // The name belongs to another trait by now: the sid stays.
    world
        .control
        .patch("traits", "9912", &json!({"name": "Auto buyers"}))
        .await
        .unwrap();
    // In the first pass it shows that the two data sources, ours and Adobe's, must be listed apart.
    world.look_now("loyal").await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    assert_eq!(validations(&calls), 0, "nothing is asked at rest");
    assert_eq!(calls.len(), 8, "the lists of a pass: {calls:?}");

    world.control.clear_calls().await.unwrap();
    world
        .apply(&ruled("{trait} AND ({auto} OR {boats})", &traits))
        .await;
    world.ready("loyal").await;
    let calls = world.calls().await;
    assert_eq!(validations(&calls), 1, "another content: {calls:?}");
    let made = world.remote("segments", "sid", &told["sid"]).await;
    assert_eq!(made["segmentRule"], format!("{sid}T AND (9912T OR 9915T)"));
}
