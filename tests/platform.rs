//! Traits and segments of Audience Manager on the real API server: made, changed, observed, taken over and deleted in
//! Experience Platform.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{World, audience, ready_message};

/// Of the seed for both directions: one that nothing delivers, and one that the connector does.
const GOLD_MEMBERS: u64 = 16_450_002;
const CONSOLE_BUYERS: u64 = 16_450_001;

async fn world() -> World {
    let world = World::with_seed("both-directions.json").await;
    world.connect().await;
    world
}

fn shared(name: &str, source: &Value, target: &Value) -> Value {
    let mut declared = audience(name, "");
    declared["spec"]["source"] = json!({"audienceManager": source});
    declared["spec"]["target"] = json!({"experiencePlatform": target});
    declared
}

fn segment(name: &str, sid: u64, target: &Value) -> Value {
    shared(name, &json!({"segment": {"sid": sid}}), target)
}

async fn stands(world: &World, object: &Value) -> Value {
    let id = &object["status"]["experiencePlatform"]["id"];
    world.remote("audiences", "id", id).await
}

#[rstest]
#[case::external("ExternalAudience", "AAMSegments", "16450002")]
#[case::metadata("MetadataOnly", "AudienceManagerSharing", "aam_seg_16450002")]
#[tokio::test]
async fn a_segment_is_shared_renamed_corrected_and_deleted(
    #[case] strategy: &str,
    #[case] namespace: &str,
    #[case] audience_id: &str,
) {
    let world = world().await;
    world
        .apply(&segment(
            "gold",
            GOLD_MEMBERS,
            &json!({"strategy": strategy}),
        ))
        .await;
    let ready = world.ready("gold").await;
    let status = &ready["status"];
    assert_eq!(status["source"]["direction"], "ToExperiencePlatform");
    assert_eq!(status["source"]["kind"], "Segment");
    assert_eq!(status["experiencePlatform"]["namespace"], namespace);
    assert_eq!(status["experiencePlatform"]["audienceId"], audience_id);
    assert_eq!(
        status["pql"]["text"],
        format!(
            "segmentMembership.get(\"{namespace}\").get(\"{audience_id}\").status = \"realized\""
        )
    );
    assert_eq!(stands(&world, &ready).await["name"], "Gold members");
    assert_eq!(
        status["experiencePlatform"]["dataUsageLabels"],
        json!(["core/C3"]),
        "of the data source of its trait"
    );

    // The manifest names it otherwise, then a person does.
    world
        .apply(&segment(
            "gold",
            GOLD_MEMBERS,
            &json!({"strategy": strategy, "name": "Our gold members", "dataUsageLabels": ["custom/partners-only"]}),
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

#[tokio::test]
async fn what_the_connector_delivers_is_reported_and_mirrored_and_never_written() {
    let world = world().await;
    world
        .apply(&segment("buyers", CONSOLE_BUYERS, &json!({})))
        .await;
    let observed = world
        .until("sharedaudience", "buyers", "True", "DeliveredByConnector")
        .await;
    assert_eq!(observed["status"]["experiencePlatform"]["observed"], true);
    assert_eq!(world.writes().await, Vec::<String>::new());
    world.delete("buyers").await;
    assert_eq!(world.writes().await, Vec::<String>::new());

    let mirror = json!({"strategy": "SegmentDefinition", "name": "Console buyers, mirrored"});
    world
        .apply(&segment("mirror", CONSOLE_BUYERS, &mirror))
        .await;
    // A person's definition tests the same segment: it has the natural key, and is left.
    world
        .until("sharedaudience", "mirror", "False", "AdoptionRefused")
        .await;
    assert_eq!(world.writes().await, Vec::<String>::new());
    let persons = "c0013556-2222-4222-8333-0000000ffafb";
    world.control.delete("audiences", persons).await.unwrap();
    world.look_now("mirror").await;
    let ready = world.ready("mirror").await;
    assert!(ready_message(&ready).contains("in batches, once a day"));
    assert_eq!(
        stands(&world, &ready).await["expression"]["value"],
        "segmentMembership.get(\"AAMSegments\").get(\"16450001\").status = \"realized\""
    );
    world.delete("mirror").await;
    assert_eq!(world.changes.left(), Vec::<&str>::new());
}

#[tokio::test]
async fn somebodys_audience_with_the_key_is_taken_over_only_by_an_explicit_policy() {
    let world = world().await;
    // "Buyers who intend", made by a client of somebody's.
    let labels = json!({"dataUsageLabels": ["core/C2"]});
    let mut declared = segment("intend", 16_450_004, &labels);
    world.apply(&declared).await;
    let refused = world
        .until("sharedaudience", "intend", "False", "AdoptionRefused")
        .await;
    assert_eq!(world.writes().await, Vec::<String>::new(), "{refused}");
    let theirs = json!("5d0c7c8e-1a2b-4c3d-8e4f-000000000001");
    world.changes.adopt("audiences", &theirs);
    declared["spec"]["adoptionPolicy"] = json!("Adopt");
    world.apply(&declared).await;
    let ready = world.ready("intend").await;
    assert_eq!(ready["status"]["experiencePlatform"]["id"], theirs);
    let labels = stands(&world, &ready).await["labels"].clone();
    assert_eq!(labels, json!(["core/C2"]));
}

#[rstest]
#[case::missing(json!({"segment": {"sid": 1}}), json!({}), "SourceNotFound", "no segment 1")]
#[case::a_name_of_nothing(
    json!({"trait": {"name": "Nobody"}}), json!({}), "SourceNotFound", "named \"Nobody\""
)]
#[case::third_party(json!({"trait": {"sid": 9912}}), json!({}), "SourceNotShareable", "third-party data")]
#[case::a_control_without_a_label(
    json!({"trait": {"sid": 16_440_004}}), json!({}), "UsageLabelsUnknown", "the export control \"SOMETHING_NEW\""
)]
#[case::labels_of_a_provider_unknown(
    json!({"segment": {"sid": 16_450_004}}), json!({"strategy": "MetadataOnly"}), "UsageLabelsUnknown", "data source 6601"
)]
#[case::inactive(json!({"segment": {"sid": 16_450_003}}), json!({}), "SourceInactive", "inactive")]
#[case::of_adobes_sharing(
    json!({"segment": {"sid": 16_448_929}}), json!({}), "SharingLoop", "not shared back"
)]
#[case::without_members(
    json!({"segment": {"sid": GOLD_MEMBERS}}), json!({"strategy": "SegmentDefinition"}),
    "NoMemberSource", "source connector does not deliver"
)]
#[tokio::test]
async fn what_cannot_be_shared_says_why_and_writes_nothing(
    #[case] source: Value,
    #[case] target: Value,
    #[case] reason: &str,
    #[case] told: &str,
) {
    let world = world().await;
    world.apply(&shared("gold", &source, &target)).await;
    let judged = world.until("sharedaudience", "gold", "False", reason).await;
    assert!(ready_message(&judged).contains(told), "{judged}");
    assert_eq!(world.writes().await, Vec::<String>::new());
    world.delete("gold").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_audience_of_ours_is_not_shared_back_and_a_strategy_cannot_change() {
    let world = world().await;
    let metadata = json!({"strategy": "MetadataOnly"});
    world.apply(&segment("gold", GOLD_MEMBERS, &metadata)).await;
    let ready = world.ready("gold").await;
    let id = ready["status"]["experiencePlatform"]["id"]
        .as_str()
        .unwrap();
    world.apply(&audience("back", id)).await;
    let back = world
        .until("sharedaudience", "back", "False", "SharingLoop")
        .await;
    assert!(ready_message(&back).contains("carries the mark"), "{back}");
    let refusal = world
        .refusal(&segment(
            "gold",
            GOLD_MEMBERS,
            &json!({"strategy": "ExternalAudience"}),
        ))
        .await;
    assert!(refusal.contains("strategy cannot change"), "{refusal}");
}

#[tokio::test]
async fn a_renamed_manifest_hands_the_audience_over_under_its_id() {
    let world = world().await;
    world
        .apply(&segment("gold", GOLD_MEMBERS, &json!({})))
        .await;
    let ready = world.ready("gold").await;
    world
        .apply(&segment("renamed", GOLD_MEMBERS, &json!({})))
        .await;
    world
        .until("sharedaudience", "renamed", "False", "SourceClaimed")
        .await;
    world.delete("gold").await;
    let successor = world.ready("renamed").await;
    assert_eq!(
        successor["status"]["experiencePlatform"]["id"],
        ready["status"]["experiencePlatform"]["id"]
    );
    let writes = world.writes().await;
    assert!(
        !writes.iter().any(|call| call.starts_with("DELETE")),
        "{writes:?}"
    );
}
