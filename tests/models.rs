//! Algorithmic models on the real API server: made, waited for, changed, replaced and deleted; and each way in which they
//! cannot be.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, ready_message, segment_sid, trait_sid};

/// Of a provider, in the seed.
const PROVIDER: u64 = 6_601;
const HOUR: Duration = Duration::from_secs(3_600);

async fn with_flags(audience_manager: &Value) -> World {
    let world = World::start().await;
    let flags = json!({ "audienceManager": audience_manager });
    world.control.flags(&flags).await.unwrap();
    world.connect().await;
    world
}

fn model() -> Value {
    json!({"key": "look", "name": "Like gamers", "dataSourceIds": [PROVIDER], "lookBackDays": 30,
        "traits": [{"key": "near", "name": "Near", "accuracyPercent": 80}]})
}

fn declaring(target: &Value) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({ "audienceManager": target });
    declared
}

/// With a segment whose rule names the algorithmic trait.
fn with_segment(models: &Value) -> Value {
    let segment = json!({"key": "both", "name": "Both", "rule": "{trait} OR {near}"});
    declaring(&json!({ "models": models, "additionalSegments": [segment] }))
}

async fn models(world: &World) -> Vec<Value> {
    let state = world.tenant().await;
    let all = state["models"].as_array().cloned().unwrap_or_default();
    let ours = |model: &&Value| {
        let text = model["description"].as_str().unwrap_or_default();
        text.contains("[audience-sharing:")
    };
    all.iter().filter(ours).cloned().collect()
}

fn deletions(writes: &[String]) -> Vec<&str> {
    let deletions = writes.iter().filter(|call| call.starts_with("DELETE"));
    deletions
        .map(|call| call.split('/').nth(2).unwrap())
        .collect()
}

#[tokio::test]
async fn a_model_is_made_waited_for_changed_and_deleted_in_order() {
    let world = with_flags(&json!({"modelRunMs": 6 * 24 * 3_600_000_u64})).await;
    world.apply(&with_segment(&json!([model()]))).await;
    let waiting = world
        .until("sharedaudience", "loyal", "False", "ModelRunning")
        .await;
    let message = ready_message(&waiting);
    assert!(
        message.contains("\"Like gamers\" has not run yet"),
        "{message}"
    );
    let made = models(&world).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0]["sid"], trait_sid(&waiting));
    assert_eq!(made[0]["dataSources"], json!([PROVIDER]));
    let recorded = &waiting["status"]["audienceManager"]["models"][0];
    assert_eq!(recorded["id"], made[0]["algoModelId"]);
    assert_eq!(recorded["lastRun"], Value::Null);

    // A look that is asked for costs one list more, and no write.
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    let lists = calls
        .iter()
        .filter(|call| call.starts_with("GET /v1/models"));
    assert_eq!(lists.count(), 1, "{calls:?}");
    assert_eq!(world.writes().await, Vec::<String>::new());

    world.control.advance_clock(7 * 24 * HOUR).await.unwrap();
    world.look_now("loyal").await;
    let ready = world.ready("loyal").await;
    let recorded = &ready["status"]["audienceManager"]["models"][0];
    assert_eq!(recorded["lastRun"], "WithData");
    let near = recorded["traits"][0]["sid"].clone();
    let found = world.remote("traits", "sid", &near).await;
    assert_eq!(found["traitType"], "ALGO_TRAIT", "{found}");
    assert_eq!(
        (&found["thresholdType"], &found["thresholdValue"]),
        (&json!("ACCURACY"), &json!(80))
    );
    let sid = &ready["status"]["audienceManager"]["additionalSegments"][0]["sid"];
    let rule = world.remote("segments", "sid", sid).await["segmentRule"].clone();
    assert!(
        rule.as_str().unwrap().contains(&format!("{near}T")),
        "{rule}"
    );
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    assert_eq!(world.writes().await, Vec::<String>::new());

    // Its texts follow, its basis never does: another key is another model, and then the old one goes.
    let mut renamed = model();
    renamed["name"] = json!("Very like gamers");
    renamed["traits"][0]["accuracyPercent"] = json!(90);
    world.apply(&with_segment(&json!([renamed]))).await;
    world.ready("loyal").await;
    assert_eq!(models(&world).await[0]["name"], "Very like gamers");
    let changed = world.remote("traits", "sid", &near).await;
    assert_eq!(changed["thresholdValue"], 90);
    let mut other = model();
    other["lookBackDays"] = json!(90);
    let refused = world.refusal(&with_segment(&json!([other]))).await;
    assert!(
        refused.contains("what a model is made of cannot change"),
        "{refused}"
    );
    (other["key"], other["traits"][0]["key"]) = (json!("longer"), json!("far"));
    world.apply(&declaring(&json!({"models": [other]}))).await;
    world
        .until("sharedaudience", "loyal", "False", "ModelRunning")
        .await;
    let left = models(&world).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["lookBackPeriod"], 90);

    world.control.clear_calls().await.unwrap();
    world.delete("loyal").await;
    assert_eq!(models(&world).await, Vec::<Value>::new());
    let writes = world.writes().await;
    assert_eq!(deletions(&writes), ["models", "segments", "traits"]);
}

#[tokio::test]
async fn every_field_reaches_audience_manager() {
    let world = with_flags(&json!({"modelRunMs": 0})).await;
    let mut full = model();
    full["description"] = json!("Who is like them");
    full["baseline"] = json!("Segment");
    full["lookBackDays"] = json!(60);
    full["excludedTraits"] = json!([16_440_001]);
    full["traits"] = json!([{"key": "far", "name": "Far", "description": "Farther", "reach": 5_000, "ttlDays": 30}]);
    world.apply(&declaring(&json!({"models": [full]}))).await;
    world
        .until("sharedaudience", "loyal", "False", "ModelRunning")
        .await;
    world.control.advance_clock(HOUR).await.unwrap();
    world.look_now("loyal").await;
    let ready = world.ready("loyal").await;
    let made = &models(&world).await[0];
    let description = made["description"].as_str().unwrap();
    assert!(
        description.starts_with("Who is like them [audience-sharing:"),
        "{made}"
    );
    assert_eq!(made["sid"], segment_sid(&ready));
    assert_eq!(
        (&made["lookBackPeriod"], &made["excludedTraits"]),
        (&json!(60), &json!([16_440_001]))
    );
    let sid = &ready["status"]["audienceManager"]["models"][0]["traits"][0]["sid"];
    let far = world.remote("traits", "sid", sid).await;
    let description = far["description"].as_str().unwrap();
    assert!(
        description.starts_with("Farther [audience-sharing:"),
        "{far}"
    );
    assert_eq!(
        (&far["thresholdType"], &far["thresholdValue"], &far["ttl"]),
        (&json!("REACH"), &json!(5_000), &json!(30))
    );
}

/// Adobe tries a model without data twice more, then ends it for good.
#[rstest]
#[case::without_data(2, "ModelWithoutData", "ran without data")]
#[case::failed(0, "ModelRunning", "failed in its last run")]
#[tokio::test]
async fn a_run_that_yields_nothing_is_said(
    #[case] status: u64,
    #[case] reason: &str,
    #[case] says: &str,
) {
    let world = with_flags(&json!({"modelRunMs": 1_000, "modelRunStatus": status})).await;
    world.apply(&declaring(&json!({"models": [model()]}))).await;
    world
        .until("sharedaudience", "loyal", "False", "ModelRunning")
        .await;
    world.control.advance_clock(HOUR).await.unwrap();
    world.look_now("loyal").await;
    let waiting = world
        .until("sharedaudience", "loyal", "False", reason)
        .await;
    let message = ready_message(&waiting);
    assert!(message.contains(says), "{message}");
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_twenty_first_active_model_is_refused_before_a_write() {
    let world = with_flags(&json!({})).await;
    for number in 0..20 {
        let made = json!({"pid": 1794, "name": format!("M{number}"), "sid": 16_440_001, "dataSources": [29_769],
            "algoTypeId": 1, "lookBackPeriod": 30, "status": "ACTIVE"});
        world.control.create("models", &made).await.unwrap();
    }
    world.apply(&declaring(&json!({"models": [model()]}))).await;
    let full = world
        .until("sharedaudience", "loyal", "False", "LimitExceeded")
        .await;
    let message = ready_message(&full);
    assert!(
        message.contains("20 algorithmic models are active"),
        "{message}"
    );
    assert_eq!(models(&world).await, Vec::<Value>::new());
    let writes = world.writes().await;
    let posts = writes
        .iter()
        .filter(|call| call.starts_with("POST /v1/models"));
    assert_eq!(posts.count(), 0, "{writes:?}");
}

/// A person's segment over the algorithmic trait keeps it, and with it the model.
#[tokio::test]
async fn what_somebody_uses_is_not_deleted() {
    let world = with_flags(&json!({"modelRunMs": 0})).await;
    world.apply(&declaring(&json!({"models": [model()]}))).await;
    world.control.advance_clock(HOUR).await.unwrap();
    world.look_now("loyal").await;
    let ready = world.ready("loyal").await;
    let near = &ready["status"]["audienceManager"]["models"][0]["traits"][0]["sid"];
    let foreign = json!({"pid": 1794, "name": "A person's", "segmentRule": format!("{near}T"), "folderId": 0,
        "dataSourceId": 29_769, "status": "ACTIVE"});
    let foreign = world.control.create("segments", &foreign).await.unwrap();
    world.apply(&declaring(&json!({}))).await;
    let blocked = world
        .until("sharedaudience", "loyal", "False", "DeletionBlocked")
        .await;
    let message = ready_message(&blocked);
    assert!(message.contains("A person's"), "{message}");
    assert_eq!(models(&world).await.len(), 1);
    let id = foreign["sid"].to_string();
    world.control.delete("segments", &id).await.unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    assert_eq!(models(&world).await, Vec::<Value>::new());
}
