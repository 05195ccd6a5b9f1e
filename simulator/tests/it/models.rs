//! Algorithmic models (audience-manager.md §6.3) and the validation of rules (§4.2, §5.1, §5.3).

use std::time::Duration;

use adobe_simulator::{InUseDelete, ModelInUseBody, ModelRerun, Seed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{GRANT, Tenant, seeded, small, token};

async fn tenant() -> Tenant {
    seeded(Seed::both_directions()).await
}

fn model(sid: u64) -> Value {
    json!({"name": "m", "dataSources": [29_769], "sid": sid, "algoTypeId": 1, "lookBackPeriod": 30})
}

async fn create(tenant: &Tenant, body: Value, status: u16) -> Value {
    tenant.aam("POST", "/models/", body).await.expect(status)
}

#[rstest]
#[case(16_440_001, json!("RULE_BASED_TRAIT"))]
#[case(16_440_003, json!("ON_BOARDED_TRAIT"))]
#[case(16_448_929, json!("SEGMENT"))]
#[tokio::test]
async fn the_baseline_is_a_trait_or_a_segment(#[case] sid: u64, #[case] kind: Value) {
    let made = create(&tenant().await, model(sid), 201).await;
    assert_eq!(
        (&made["baselineTraitType"], &made["status"]),
        (&kind, &json!("ACTIVE"))
    );
    assert!(made.get("dueMs").is_none());
}

#[rstest]
#[case("sid", json!(99))]
#[case("sid", json!(16_440_009))] // an algorithmic trait
#[case("lookBackPeriod", json!(31))]
#[case("algoTypeId", json!(2))]
#[case("dataSources", json!([]))]
#[case("dataSources", json!([1]))]
#[case("intervalSeconds", json!(5))]
#[case("name", json!(""))]
#[tokio::test]
async fn a_model_that_is_wrong_is_400(#[case] field: &str, #[case] value: Value) {
    let mut body = model(16_440_001);
    body[field] = value;
    create(&tenant().await, body, 400).await;
}

#[tokio::test]
async fn models_are_listed_changed_and_deleted() {
    let tenant = tenant().await;
    let list = tenant
        .aam("GET", "/models/?page=0", Value::Null)
        .await
        .expect(200);
    assert_eq!(list["total"], 2);
    assert_eq!(list["list"][0]["lastRunStatus"], 1);
    let by_source = tenant
        .aam("GET", "/models?usesDataSource=29770", Value::Null)
        .await;
    assert_eq!(by_source.expect(200), json!([]));
    let mut body = tenant
        .aam("GET", "/models/772", Value::Null)
        .await
        .expect(200);
    body["status"] = json!("active");
    body["name"] = json!("renamed");
    let after = tenant.aam("PUT", "/models/772", body).await.expect(200);
    assert_eq!(
        (&after["status"], &after["name"]),
        (&json!("ACTIVE"), &json!("renamed"))
    );
    tenant
        .aam("POST", "/models/bulk-delete/", json!([772]))
        .await
        .expect(204);
    tenant
        .aam("GET", "/models/772", Value::Null)
        .await
        .expect(404);
    let algorithms = tenant
        .aam("GET", "/algorithms/", Value::Null)
        .await
        .expect(200);
    assert_eq!(algorithms[0]["name"], "Trait Weight");
}

#[tokio::test]
async fn a_model_in_use_names_its_traits_or_a_code() {
    let tenant = tenant().await;
    let refused = tenant
        .aam("DELETE", "/models/771", Value::Null)
        .await
        .expect(400);
    assert_eq!(refused, json!([16_440_009]));
    tenant.flags(|flags| flags.audience_manager.model_in_use_body = ModelInUseBody::Error);
    let refused = tenant
        .aam("DELETE", "/models/771", Value::Null)
        .await
        .expect(400);
    assert_eq!(refused["code"], "CANNOT_DELETE_ENTITY_WITH_MAPPINGS");
    let paused = json!({"status": "INACTIVE"});
    tenant
        .simulator
        .patch_object("traits", "16440009", &paused)
        .unwrap();
    tenant
        .aam("DELETE", "/models/771", Value::Null)
        .await
        .expect(204);
}

#[tokio::test]
async fn a_model_by_itself_may_speak_in_numbers() {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.models_in_numbers = true);
    let one = tenant
        .aam("GET", "/models/771", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&one["status"], &one["baselineTraitType"]),
        (&json!(1), &json!(3))
    );
    let list = tenant.aam("GET", "/models", Value::Null).await.expect(200);
    assert_eq!(
        (&list[0]["status"], &list[0]["baselineTraitType"]),
        (&json!("ACTIVE"), &json!("SEGMENT"))
    );
}

#[rstest]
#[case(InUseDelete::Conflict, 409)]
#[case(InUseDelete::BadRequest, 400)]
#[case(InUseDelete::Allow, 204)]
#[tokio::test]
async fn deleting_a_baseline_is_a_switch(#[case] reading: InUseDelete, #[case] status: u16) {
    let tenant = tenant().await;
    let made = create(&tenant, model(16_440_004), 201).await;
    assert_eq!(made["sid"], 16_440_004);
    tenant.flags(|flags| flags.audience_manager.baseline_delete = reading);
    tenant
        .aam("DELETE", "/traits/16440004", Value::Null)
        .await
        .expect(status);
}

#[tokio::test(start_paused = true)]
async fn an_algorithmic_trait_waits_for_the_first_run() {
    let mut tenant = tenant().await;
    let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
    let algorithmic = json!({"traitType": "ALGO_TRAIT", "name": "a", "dataSourceId": 29_769, "folderId": 0,
        "algoModelId": id, "thresholdType": "REACH", "thresholdValue": 100});
    tenant
        .aam("POST", "/traits", algorithmic.clone())
        .await
        .expect(400);
    tenant.flags(|flags| flags.audience_manager.algorithmic_trait_needs_run = false);
    tenant
        .aam("POST", "/traits", algorithmic.clone())
        .await
        .expect(201);
    tenant.flags(|flags| flags.audience_manager.algorithmic_trait_needs_run = true);
    // The state carries the moment of the run.
    tenant
        .simulator
        .set_state(tenant.simulator.state())
        .unwrap();
    let week = Duration::from_secs(7 * 24 * 3600);
    tenant.simulator.advance(week - Duration::from_millis(1));
    let renewed = token(&tenant.simulator, GRANT).await.expect(200); // the old one lived a day
    tenant.token = renewed["access_token"].as_str().unwrap().to_owned();
    tenant
        .aam("POST", "/traits", algorithmic.clone())
        .await
        .expect(400);
    tenant.simulator.advance(Duration::from_millis(1));
    let target = format!("/models/{id}");
    let ran = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(ran["lastRunStatus"], 1);
    tenant.aam("POST", "/traits", algorithmic).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn a_run_may_bring_nothing_or_fail() {
    let tenant = tenant().await;
    for (status, successful) in [(2, true), (0, false)] {
        tenant.flags(|flags| {
            flags.audience_manager.model_run_ms = 1_000;
            flags.audience_manager.model_run_status = status;
        });
        let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
        tenant.simulator.advance(Duration::from_secs(1));
        let target = format!("/models/{id}");
        let ran = tenant.aam("GET", &target, Value::Null).await.expect(200);
        assert_eq!(ran["lastRunStatus"], status);
        assert_eq!(ran["lastSuccessfulRunTimestamp"].is_u64(), successful);
    }
}

#[tokio::test]
async fn active_models_and_excluded_traits_are_limited() {
    let tenant = tenant().await;
    tenant.flags(|flags| {
        flags.audience_manager.item_limits.active_models = 2;
        flags.audience_manager.item_limits.excluded_traits = 1;
    });
    let mut body = model(16_440_001);
    body["excludedTraits"] = json!([1, 2]);
    create(&tenant, body, 400).await;
    create(&tenant, model(16_440_001), 201).await;
    let refused = create(&tenant, model(16_440_001), 400).await;
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    let mut paused = model(16_440_001);
    paused["status"] = json!("INACTIVE");
    create(&tenant, paused, 201).await;
    let limits = tenant
        .aam("GET", "/models/limits", Value::Null)
        .await
        .expect(200);
    assert_eq!(limits["total"], json!({"used": 2, "limit": 2}));
}

// ---- runs

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where runs follow the daily slot; the clock starts on a Monday at midnight UTC.
async fn in_slots(status: u64) -> Tenant {
    let tenant = tenant().await;
    tenant.flags(|flags| {
        flags.audience_manager.model_runs_in_slot = true;
        flags.audience_manager.model_run_status = status;
    });
    tenant
}

/// The model as the list shows it.
async fn listed(tenant: &mut Tenant, id: &Value) -> Value {
    let renewed = token(&tenant.simulator, GRANT).await.expect(200);
    tenant.token = renewed["access_token"].as_str().unwrap().to_owned();
    let list = tenant.aam("GET", "/models/", Value::Null).await.expect(200);
    let models = list.as_array().unwrap().iter();
    let mut found = models.filter(|model| model["algoModelId"] == *id);
    found.next().unwrap().clone()
}

#[rstest]
#[case::before_the_slot(Duration::ZERO, 22 * HOUR)]
#[case::after_the_slot(23 * HOUR, 46 * HOUR)]
#[tokio::test(start_paused = true)]
async fn the_first_run_is_in_the_daily_slot(#[case] made: Duration, #[case] runs: Duration) {
    let mut tenant = in_slots(1).await;
    tenant.simulator.advance(made);
    let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
    tenant
        .simulator
        .advance(runs - made - Duration::from_millis(1));
    let waiting = listed(&mut tenant, &id).await;
    assert_eq!(waiting["lastRunStatus"], Value::Null);
    tenant.simulator.advance(Duration::from_millis(1));
    let ran = listed(&mut tenant, &id).await;
    assert_eq!(ran["lastRunStatus"], 1);
    assert_eq!(ran["lastSuccessfulRunTimestamp"], ran["lastRunTimestamp"]);
}

#[rstest]
#[case::refused(true, 400)]
#[case::ignored(false, 200)]
#[tokio::test(start_paused = true)]
async fn three_runs_without_data_end_a_model_for_good(#[case] refused: bool, #[case] status: u16) {
    let mut tenant = in_slots(2).await;
    tenant.flags(|flags| flags.audience_manager.ended_model_refused = refused);
    let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
    for _ in 0..2 {
        tenant.simulator.advance(DAY);
        let ran = listed(&mut tenant, &id).await;
        assert_eq!(
            (&ran["lastRunStatus"], &ran["status"]),
            (&json!(2), &json!("ACTIVE"))
        );
    }
    tenant.simulator.advance(DAY);
    let ended = listed(&mut tenant, &id).await;
    assert_eq!(
        (&ended["lastRunStatus"], &ended["status"]),
        (&json!(2), &json!("INACTIVE"))
    );
    assert!(ended.get("emptyRuns").is_none());
    let mut body = model(16_440_001);
    body["status"] = json!("ACTIVE");
    let revived = tenant
        .aam("PUT", &format!("/models/{id}"), body.clone())
        .await;
    assert_eq!(revived.status, status);
    assert_eq!(listed(&mut tenant, &id).await["status"], "INACTIVE");
    body["status"] = json!("INACTIVE");
    body["name"] = json!("renamed");
    tenant
        .aam("PUT", &format!("/models/{id}"), body)
        .await
        .expect(200);
    let last = listed(&mut tenant, &id).await["lastRunTimestamp"].clone();
    tenant.simulator.advance(DAY * 9);
    assert_eq!(listed(&mut tenant, &id).await["lastRunTimestamp"], last);
}

#[tokio::test(start_paused = true)]
async fn a_run_with_data_counts_from_the_start_again() {
    let mut tenant = in_slots(2).await;
    let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
    for status in [2, 2, 0, 2, 2] {
        tenant.flags(|flags| flags.audience_manager.model_run_status = status);
        tenant.simulator.advance(DAY);
        let ran = listed(&mut tenant, &id).await;
        assert_eq!(
            (&ran["lastRunStatus"], &ran["status"]),
            (&json!(status), &json!("ACTIVE"))
        );
    }
}

#[rstest]
#[case::no_trait(ModelRerun::ActiveTrait, "", false)]
#[case::a_trait(ModelRerun::ActiveTrait, "trait", true)]
#[case::not_mapped(ModelRerun::MappedSegment, "segment", false)]
#[case::mapped(ModelRerun::MappedSegment, "mapping", true)]
#[tokio::test(start_paused = true)]
async fn a_model_runs_again_after_a_week_where_it_is_used(
    #[case] reading: ModelRerun,
    #[case] used_by: &str,
    #[case] reruns: bool,
) {
    let mut tenant = in_slots(1).await;
    tenant.flags(|flags| flags.audience_manager.model_rerun = reading);
    let id = create(&tenant, model(16_440_001), 201).await["algoModelId"].clone();
    tenant.simulator.advance(22 * HOUR);
    let first = listed(&mut tenant, &id).await["lastRunTimestamp"].clone();
    let person = |collection, object| tenant.simulator.create_object(collection, object).unwrap();
    if !used_by.is_empty() {
        let used = json!({"traitType": "ALGO_TRAIT", "name": "a", "dataSourceId": 29_769, "algoModelId": id});
        let sid = person("traits", used)["sid"].clone();
        let rule = json!({"name": "s", "dataSourceId": 29_769, "segmentRule": format!("{sid}T")});
        let segment = person("segments", rule)["sid"].clone();
        if used_by == "mapping" {
            person("mappings", json!({"destinationId": 4_711, "sid": segment}));
        }
    }
    tenant.simulator.advance(DAY * 7 - Duration::from_millis(1));
    assert_eq!(listed(&mut tenant, &id).await["lastRunTimestamp"], first);
    tenant.simulator.advance(Duration::from_millis(1));
    let week = if reruns { 7 * 24 * 3_600_000 } else { 0 };
    let last = listed(&mut tenant, &id).await["lastRunTimestamp"].clone();
    assert_eq!(last, first.as_u64().unwrap() + week);
}

#[tokio::test]
async fn a_change_takes_name_description_and_status_alone() {
    let tenant = tenant().await;
    let made = create(&tenant, model(16_440_001), 201).await;
    let target = format!("/models/{}", made["algoModelId"]);
    let mut body = model(16_440_003);
    body["lookBackPeriod"] = json!(90);
    body["dataSources"] = json!([29_770]);
    body["excludedTraits"] = json!([16_440_002]);
    body["name"] = json!("renamed");
    body["description"] = json!("words");
    body["status"] = json!("INACTIVE");
    let after = tenant.aam("PUT", &target, body).await.expect(200);
    for field in [
        "sid",
        "baselineTraitType",
        "lookBackPeriod",
        "dataSources",
        "excludedTraits",
    ] {
        assert_eq!(after[field], made[field], "{field}");
    }
    assert_eq!(
        (&after["name"], &after["status"]),
        (&json!("renamed"), &json!("INACTIVE"))
    );
    assert_eq!(after["description"], "words");
}

#[rstest]
#[case(true)]
#[case(false)]
#[tokio::test]
async fn a_model_by_itself_may_not_show_its_runs(#[case] shown: bool) {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.model_tells_run = shown);
    let one = tenant
        .aam("GET", "/models/771", Value::Null)
        .await
        .expect(200);
    assert_eq!(one.get("lastRunStatus").is_some(), shown);
    assert!(one.get("latestRunTS").is_some());
    let list = tenant.aam("GET", "/models", Value::Null).await.expect(200);
    assert_eq!(list[0]["lastRunStatus"], 1);
}

#[rstest]
#[case(false, 400)]
#[case(true, 201)]
#[tokio::test(start_paused = true)]
async fn a_bad_baseline_is_refused_or_finds_nothing(#[case] accepted: bool, #[case] status: u16) {
    let mut tenant = in_slots(1).await;
    tenant.flags(|flags| flags.audience_manager.bad_baseline_accepted = accepted);
    let made = create(&tenant, model(16_440_009), status).await;
    if accepted {
        tenant.simulator.advance(DAY);
        assert_eq!(
            listed(&mut tenant, &made["algoModelId"]).await["lastRunStatus"],
            2
        );
    }
}

/// A model that is switched off does not run; switched on, it runs in the next slot.
#[tokio::test(start_paused = true)]
async fn a_model_that_is_off_does_not_run() {
    let mut tenant = in_slots(1).await;
    let mut body = model(16_440_001);
    body["status"] = json!("INACTIVE");
    let id = create(&tenant, body.clone(), 201).await["algoModelId"].clone();
    tenant.simulator.advance(DAY * 3);
    assert_eq!(listed(&mut tenant, &id).await["lastRunStatus"], Value::Null);
    body["status"] = json!("ACTIVE");
    tenant
        .aam("PUT", &format!("/models/{id}"), body)
        .await
        .expect(200);
    tenant.simulator.advance(DAY);
    assert_eq!(listed(&mut tenant, &id).await["lastRunStatus"], 1);
}

#[tokio::test]
async fn algorithmic_traits_are_limited() {
    let tenant = tenant().await;
    let limits = tenant
        .aam("GET", "/traits/limits", Value::Null)
        .await
        .expect(200);
    assert_eq!(limits["ALGO_TRAIT"], json!({"used": 1, "limit": 50}));
    let limits = tenant
        .aam("GET", "/models/limits", Value::Null)
        .await
        .expect(200);
    assert_eq!(limits["total"]["limit"], 20);
    tenant.flags(|flags| flags.audience_manager.item_limits.algorithmic_traits = 1);
    let algorithmic = json!({"traitType": "ALGO_TRAIT", "name": "a", "dataSourceId": 29_769, "folderId": 0,
        "algoModelId": 771, "thresholdType": "REACH", "thresholdValue": 100});
    let refused = tenant.aam("POST", "/traits", algorithmic).await.expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
}

// ---- validation of rules

async fn validate(tenant: &Tenant, rule: &str, status: u16) -> Value {
    let body = json!({"rule": rule});
    tenant
        .aam("POST", "/segments/validate/", body)
        .await
        .expect(status)
}

#[tokio::test]
async fn validation_knows_sids_subscriptions_and_limits() {
    let tenant = tenant().await;
    validate(&tenant, "16440001T AND 9912T", 200).await;
    let refused = validate(&tenant, "16440001T AND 404T", 400).await;
    assert_eq!(refused["message"], "Trait 404 does not exist");
    validate(&tenant, "FREQUENCY([9912T]) >= 2", 400).await;
    let mut state = tenant.simulator.state();
    state["accounts"][0]["subscribedDataSourceIds"] = json!([]);
    tenant.simulator.set_state(state).unwrap();
    let refused = validate(&tenant, "16440001T AND 9912T", 400).await;
    assert_eq!(
        refused["message"], "Trait 9912 does not exist",
        "the subscription ended"
    );
    tenant.flags(|flags| flags.audience_manager.item_limits.traits_per_segment = 1);
    validate(&tenant, "16440001T OR 16440002T", 400).await;
}

#[tokio::test]
async fn the_status_of_a_refused_rule_is_a_switch_for_creation_too() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let wrong_trait = json!({"traitType": "RULE_BASED_TRAIT", "name": "t", "dataSourceId": source, "folderId": 0,
        "traitRule": "a = 1"});
    for status in [400, 422] {
        tenant.flags(|flags| flags.audience_manager.rule_refusal_status = status);
        validate(&tenant, "1T AND", status).await;
        let body = json!({"code": "segid = \"x\""});
        let refused = tenant
            .aam("POST", "/traits/validate", body)
            .await
            .expect(status);
        assert_eq!(refused["code"], "INVALID_EXPRESSION");
        tenant
            .aam("POST", "/traits", wrong_trait.clone())
            .await
            .expect(status);
    }
    // Each endpoint has its own key (§4.1, §5.1).
    tenant
        .aam("POST", "/traits/validate", json!({"rule": "a == 1"}))
        .await
        .expect(400);
    tenant
        .aam("POST", "/traits/validate", json!({"code": "a == 1"}))
        .await
        .expect(200);
}

/// audience-manager.md §6.4, §4.5
#[tokio::test]
async fn a_derived_signal_is_one_of_its_mapping() {
    let tenant = tenant().await;
    let signal = json!({"sourceKey": "c_sku", "sourceValue": "42", "targetKey": "c_product", "targetValue": "console"});
    let send = async |method: &str, path: &str, body: &Value, status: u16| {
        let answer = tenant.aam(method, path, body.clone()).await;
        answer.expect(status)
    };
    let made = send("POST", "/signals/derived/", &signal, 201).await;
    assert_eq!(
        (&made["version"], &made["targetValue"]),
        (&json!(0), &json!("console"))
    );
    send("POST", "/signals/derived/", &signal, 409).await;
    let path = format!("/signals/derived/{}", made["derivedSignalId"]);
    let mut other = signal.clone();
    other["targetValue"] = json!("game console");
    let changed = send("PUT", &path, &other, 200).await;
    assert_eq!(
        (&changed["version"], &changed["targetValue"]),
        (&json!(1), &json!("game console"))
    );
    assert_eq!(send("GET", &path, &Value::Null, 200).await, changed);
    send("POST", "/signals/derived/", &signal, 201).await;
    for (field, value) in [
        ("sourceKey", json!("")),
        ("targetValue", json!("x".repeat(229))),
    ] {
        let mut wrong = signal.clone();
        wrong[field] = value;
        send("POST", "/signals/derived/", &wrong, 400).await;
    }
    send("DELETE", &path, &Value::Null, 204).await;
    send("GET", &path, &Value::Null, 404).await;
}
