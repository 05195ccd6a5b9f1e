//! What came from the other system is not shared back: every sign of it, on the real API server, in both directions and
//! through a second connection to the same tenant; and what else may not pass.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, World, audience, connection, ready_message, segment_sid, trait_sid,
};

const GOLD_MEMBERS: u64 = 16_450_002;
/// Of Experience Platform, in the seed for both directions.
const DELIVERED: &str = "AAMSegments/16450001";

async fn world() -> World {
    let world = World::with_seed("both-directions.json").await;
    world.connect().await;
    world
}

fn shared(name: &str, source: &Value) -> Value {
    let mut declared = audience(name, "");
    declared["spec"]["source"] = source.clone();
    declared
}

fn of_audience_manager(kind: &str, sid: &Value) -> Value {
    json!({"audienceManager": {kind: {"sid": sid}}})
}

/// Says why, and costs no object.
async fn is_refused(world: &World, declared: &Value, reason: &str, told: &str) {
    let name = declared["metadata"]["name"].as_str().unwrap();
    world.control.clear_calls().await.unwrap();
    world.apply(declared).await;
    let judged = world.until("sharedaudience", name, "False", reason).await;
    assert!(ready_message(&judged).contains(told), "{judged}");
    assert_eq!(world.writes().await, Vec::<String>::new());
    world.delete(name).await;
}

/// A trait or segment that a person made, with one sign of having come from Experience Platform.
#[rstest]
#[case::its_rule_names_an_audience(
    "traits", "trait", json!({"traitType": "ON_BOARDED_TRAIT", "traitRule": "segid == \"4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11\""}),
    "as its rule says"
)]
#[case::its_code_is_an_audiences_id(
    "segments", "segment", json!({"segmentRule": "16440001T", "integrationCode": LOYAL_GAMERS}), "as its integration code"
)]
#[case::it_carries_a_mark_of_another_owner(
    "segments", "segment",
    json!({"segmentRule": "16440001T", "description": "x [audience-sharing:somebody/team/theirs]"}), "carries the mark"
)]
#[case::it_stands_in_the_data_source_of_sharing(
    "segments", "segment", json!({"segmentRule": "16440001T", "dataSourceId": 29_901}), "stands in data source"
)]
#[tokio::test]
async fn each_sign_of_having_come_over_is_told(
    #[case] collection: &str,
    #[case] kind: &str,
    #[case] sign: Value,
    #[case] told: &str,
) {
    let world = world().await;
    let mut made = json!({"pid": 1794, "name": "Came over", "dataSourceId": 29_769, "folderId": 0, "status": "ACTIVE"});
    for (field, value) in sign.as_object().unwrap() {
        made[field] = value.clone();
    }
    let made = world.control.create(collection, &made).await.unwrap();
    let declared = shared("back", &of_audience_manager(kind, &made["sid"]));
    is_refused(&world, &declared, "SharingLoop", told).await;
}

/// By namespace and origin.
#[tokio::test]
async fn what_the_connector_delivered_does_not_go_back_to_audience_manager() {
    let world = world().await;
    let state = world.tenant().await;
    let (namespace, audience_id) = DELIVERED.split_once('/').unwrap();
    let all = state["audiences"].as_array().unwrap().iter();
    let mut delivered = all.filter(|found| {
        let same = found["namespace"]
            .as_str()
            .unwrap()
            .eq_ignore_ascii_case(namespace);
        same && found["audienceId"] == audience_id
    });
    let id = delivered.next().unwrap()["id"].clone();
    let declared = shared("back", &json!({"experiencePlatform": {"id": id}}));
    is_refused(&world, &declared, "SharingLoop", "").await;
}

/// A second connection to the same tenant, with a data source and folders of its own.
async fn connect_again(world: &World) {
    let mut second = connection();
    second["metadata"]["name"] = json!("second");
    second["spec"]["audienceManager"] = json!({
        "dataSource": "Another data source", "traitFolder": "Other traits", "segmentFolder": "Other segments",
    });
    world.apply(&second).await;
}

fn through_second(mut declared: Value) -> Value {
    declared["spec"]["connectionRef"]["name"] = json!("second");
    declared
}

#[tokio::test]
async fn a_second_connection_is_no_way_back_to_audience_manager() {
    let world = world().await;
    connect_again(&world).await;
    let gold = of_audience_manager("segment", &json!(GOLD_MEMBERS));
    world.apply(&shared("gold", &gold)).await;
    let there = world.ready("gold").await;
    let id = &there["status"]["experiencePlatform"]["id"];
    let back = through_second(shared("back", &json!({"experiencePlatform": {"id": id}})));
    is_refused(&world, &back, "SharingLoop", "").await;
}

#[tokio::test]
async fn a_second_connection_is_no_way_back_to_experience_platform() {
    let world = World::start().await;
    world.connect().await;
    connect_again(&world).await;
    let there = world.share("loyal", LOYAL_GAMERS).await;
    for (kind, sid) in [
        ("segment", segment_sid(&there)),
        ("trait", trait_sid(&there)),
    ] {
        let back = through_second(shared("back", &of_audience_manager(kind, &sid)));
        is_refused(&world, &back, "SharingLoop", "carries the mark").await;
    }
}

#[rstest]
#[case::of_another_company(
    "segments", json!({"pid": 220, "name": "Theirs", "segmentRule": "9912T", "dataSourceId": 6601, "folderId": 0, "status": "ACTIVE"}),
    "segment", "SourceNot"
)]
#[case::a_folder_trait(
    "traits", json!({"pid": 1794, "name": "Folder", "traitType": "FOLDER_TRAIT", "dataSourceId": 29_769, "folderId": 0, "status": "ACTIVE"}),
    "trait", "SourceNotShareable"
)]
#[tokio::test]
async fn what_is_no_audience_of_the_company_may_not_pass(
    #[case] collection: &str,
    #[case] object: Value,
    #[case] kind: &str,
    #[case] reason: &str,
) {
    let world = world().await;
    let made = world.control.create(collection, &object).await.unwrap();
    let declared = shared("other", &of_audience_manager(kind, &made["sid"]));
    world.apply(&declared).await;
    let judged = world.until_settled("sharedaudience", "other").await;
    let ready = crate::harness::ready_condition(&judged);
    assert!(
        ready["reason"].as_str().unwrap().starts_with(reason),
        "{ready}"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
}
