//! Segments (audience-manager.md §5).

use adobe_simulator::Seed;
use rstest::rstest;
use serde_json::{Value, json};

use super::{number, segment};
use crate::helper::{seeded, small};

#[rstest]
#[case("{o}T", 201, "")]
#[case("({r}T AND NOT {o}T) OR {o}T", 201, "")]
#[case("FREQUENCY([{r}T] <= 5D) >= 2", 201, "")]
#[case("frequency([{r}T]) <= 5 AND {o}T", 201, "")]
#[case("frequency([{r}T]) <= 5", 400, "matches everyone")]
#[case("FREQUENCY([{o}T]) >= 2", 400, "Recency and frequency cannot be used")]
#[case("99T", 400, "Trait 99 does not exist")]
#[case("{o}", 400, "expected a trait such as 123T")]
#[case("{o}T {r}T", 400, "expected AND, OR or the end")]
#[case("FREQUENCY([{r}T] <= 0D) >= 2", 400, "greater than 0")]
#[tokio::test]
async fn the_grammar_of_segment_rules(
    #[case] rule: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let onboarded = number(&tenant.onboarded(source, "o", None).await, "sid");
    let body = json!({"traitType": "RULE_BASED_TRAIT", "name": "r", "dataSourceId": source, "folderId": 0, "traitRule": "a == 1"});
    let rule_based = number(
        &tenant.aam("POST", "/traits", body).await.expect(201),
        "sid",
    );
    let rule = rule
        .replace("{o}", &onboarded.to_string())
        .replace("{r}", &rule_based.to_string());
    let answer = segment(&tenant, source, &rule).await.expect(status);
    assert!(
        answer["message"]
            .as_str()
            .unwrap_or_default()
            .contains(message),
        "{answer}"
    );
    let validated = tenant
        .aam("POST", "/segments/validate/", json!({"rule": rule}))
        .await;
    assert_eq!(
        validated.status == 200,
        status == 201,
        "validation agrees with creation"
    );
}

#[tokio::test]
async fn validation_answers_the_expression_tree() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let sid = number(&tenant.onboarded(source, "o", None).await, "sid");
    let rule = format!("NOT {sid}T OR {sid}T");
    let answer = tenant
        .aam("POST", "/segments/validate", json!({"rule": rule}))
        .await
        .expect(200);
    assert_eq!(
        answer["expressionTree"],
        json!({"expressionName": "or", "expr1": {"expressionName": "not", "expr": {"sid": sid}}, "expr2": {"sid": sid}})
    );
    assert_eq!(
        (&answer["codeViewOnly"], &answer["traits"][0]["name"]),
        (&json!(false), &json!("o"))
    );
}

#[tokio::test]
async fn a_status_that_nobody_knows_goes_round() {
    let tenant = seeded(Seed::realistic()).await;
    // "PENDING_REVIEW", as an account that is newer than the references would say.
    let target = "/segments/16450004";
    let mut whole = tenant.aam("GET", target, Value::Null).await.expect(200);
    whole["name"] = json!("Renamed");
    let written = tenant.aam("PUT", target, whole.clone()).await.expect(200);
    assert_eq!(
        (&written["name"], &written["status"]),
        (&json!("Renamed"), &json!("PENDING_REVIEW"))
    );
    whole["status"] = json!("SOMETHING_ELSE");
    tenant.aam("PUT", target, whole).await.expect(400);
}

#[tokio::test]
async fn a_segment_is_paused_with_its_status_alone() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let sid = number(&tenant.onboarded(source, "o", None).await, "sid");
    let made = segment(&tenant, source, &format!("{sid}T"))
        .await
        .expect(201);
    let target = format!("/segments/{}", made["sid"]);
    let paused = tenant
        .aam("PUT", &target, json!({"status": "INACTIVE"}))
        .await
        .expect(200);
    assert_eq!(
        (&paused["status"], &paused["name"]),
        (&json!("INACTIVE"), &json!("s"))
    );
    tenant
        .aam("PUT", &target, json!({"name": "only"}))
        .await
        .expect(400);
}

#[tokio::test]
async fn a_new_segment_gets_the_default_merge_rule() {
    let tenant = small().await;
    let mut state = tenant.simulator.state();
    state["accounts"][0]["defaultMergeRuleDataSourceId"] = json!(88);
    tenant.simulator.set_state(state).unwrap();
    let source = tenant.source("a").await;
    let sid = number(&tenant.onboarded(source, "o", None).await, "sid");
    let made = segment(&tenant, source, &format!("{sid}T"))
        .await
        .expect(201);
    assert_eq!(made["mergeRuleDataSourceId"], 88);
    let body = json!({"name": "s", "segmentRule": format!("{sid}T"), "folderId": 0, "dataSourceId": source, "mergeRuleDataSourceId": 99});
    tenant
        .aam("POST", "/segments", body.clone())
        .await
        .expect(201);
    tenant.flags(|flags| flags.audience_manager.validate_merge_rule = true);
    tenant.aam("POST", "/segments", body).await.expect(400);
    let swap = json!({"existingMergeRuleDataSourceId": 99, "replaceWithMergeRuleDataSourceId": 88});
    tenant
        .aam("POST", "/segments/bulk-merge-rule-replace", swap)
        .await
        .expect(204);
    let none = tenant
        .aam("GET", "/segments?mergeRuleDataSourceId=99", Value::Null)
        .await
        .expect(200);
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn a_mapped_segment_cannot_be_deleted() {
    let tenant = seeded(Seed::realistic()).await;
    let single = tenant
        .aam("DELETE", "/segments/16450003", Value::Null)
        .await
        .expect(400);
    assert!(single.get("code").is_none());
    let bulk = tenant
        .aam("POST", "/segments/bulk-delete", json!([16450003]))
        .await
        .expect(400);
    assert_eq!(bulk["code"], "CANNOT_DELETE_ENTITY_MAPPED");
    let read = tenant
        .aam(
            "GET",
            "/segments/16450003?includeInUseStatus=true",
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(read["inUse"], true);
}

#[tokio::test]
async fn another_companys_trait_can_be_used_and_not_changed() {
    let tenant = seeded(Seed::realistic()).await;
    segment(&tenant, 29770, "16440003T AND 9912T")
        .await
        .expect(201);
    segment(&tenant, 29770, "FREQUENCY([9912T]) >= 1")
        .await
        .expect(400);
    tenant
        .aam("DELETE", "/traits/9913", Value::Null)
        .await
        .expect(403);
}

#[tokio::test]
async fn the_etag_switch_refuses_a_stale_write() {
    let tenant = small().await;
    tenant.flags(|flags| flags.audience_manager.etags = true);
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "t", None).await;
    let target = format!("/traits/{}", made["sid"]);
    let read = tenant.aam("GET", &target, Value::Null).await;
    let etag = read.headers["etag"].to_str().unwrap().to_owned();
    let stale = [("if-match", "\"1\"")];
    tenant
        .aam_with("PUT", &target, &made, &stale)
        .await
        .expect(412);
    let fresh = [("if-match", etag.as_str())];
    tenant
        .aam_with("PUT", &target, &made, &fresh)
        .await
        .expect(200);
}
