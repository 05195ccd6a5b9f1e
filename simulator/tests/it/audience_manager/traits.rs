//! Traits (audience-manager.md §4), and what holds for every kind of object.

use adobe_simulator::{InUseDelete, RepeatedDataSourceId};
use rstest::rstest;
use serde_json::{Value, json};

use super::{number, segment};
use crate::helper::small;

#[tokio::test]
async fn traits_and_segments_share_one_sequence_of_ids() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let sid = number(&tenant.onboarded(source, "t", None).await, "sid");
    let made = segment(&tenant, source, &format!("{sid}T"))
        .await
        .expect(201);
    assert_eq!(number(&made, "sid"), sid + 1);
    assert_eq!(made["traitDataSourceIds"], json!([source]));
    assert_eq!(made["mergeRuleDataSourceId"], Value::Null);
}

#[tokio::test]
async fn integration_codes_are_unique_by_kind_where_the_source_says_so() {
    let tenant = small().await;
    let strict = tenant.source("a").await;
    let made = tenant.onboarded(strict, "t", Some("I")).await;
    let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "u", "dataSourceId": strict, "folderId": 0, "integrationCode": "I"});
    let refused = tenant
        .aam("POST", "/traits", body.clone())
        .await
        .expect(409);
    assert!(refused["message"].is_string());
    tenant.flags(|flags| flags.audience_manager.duplicate_integration_code_status = 400);
    tenant.aam("POST", "/traits", body).await.expect(400);
    let rule = format!("{}T", made["sid"]);
    let same_code = json!({"name": "s", "segmentRule": rule, "folderId": 0, "dataSourceId": strict, "integrationCode": "I"});
    tenant.aam("POST", "/segments", same_code).await.expect(201);
    let loose = tenant
        .aam("POST", "/datasources", json!({"name": "loose"}))
        .await
        .expect(201);
    let loose = number(&loose, "dataSourceId");
    tenant.onboarded(loose, "t", Some("I")).await;
    tenant.onboarded(loose, "t", Some("I")).await;
}

#[rstest]
#[case::all(RepeatedDataSourceId::All, Some(2))]
#[case::last(RepeatedDataSourceId::Last, Some(1))]
#[case::not_found(RepeatedDataSourceId::NotFound, None)]
#[tokio::test]
async fn whether_several_data_sources_count_in_one_list_is_a_switch(
    #[case] reading: RepeatedDataSourceId,
    #[case] found: Option<usize>,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.audience_manager.repeated_data_source_id = reading);
    let (first, second) = (tenant.source("a").await, tenant.source("b").await);
    for source in [first, second] {
        let made = tenant.onboarded(source, "t", None).await;
        let made = segment(&tenant, source, &format!("{}T", made["sid"])).await;
        made.expect(201);
    }
    for kind in ["traits", "segments"] {
        let target = format!("/{kind}/?dataSourceId={first}&dataSourceId={second}");
        let answer = tenant.aam("GET", &target, Value::Null).await;
        match found {
            None => drop(answer.expect(404)),
            Some(count) => {
                let list = answer.expect(200);
                let list = list.as_array().unwrap();
                assert_eq!(list.len(), count, "{kind}");
                assert_eq!(list[count - 1]["dataSourceId"], second);
            }
        }
        let alone = format!("/{kind}/?dataSourceId={first}");
        let alone = tenant.aam("GET", &alone, Value::Null).await.expect(200);
        assert_eq!(alone.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_object_is_reached_by_its_integration_code() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    tenant.onboarded(source, "t", Some("a/b c")).await;
    let read = tenant
        .aam("GET", "/traits/ic:a%2Fb%20c", Value::Null)
        .await
        .expect(200);
    assert_eq!(read["name"], "t");
    tenant
        .aam("GET", "/traits/ic:none", Value::Null)
        .await
        .expect(404);
    tenant
        .aam("GET", "/segments/ic:a%2Fb%20c", Value::Null)
        .await
        .expect(404);
    tenant
        .aam("DELETE", "/traits/ic:a%2Fb%20c", Value::Null)
        .await
        .expect(204);
}

#[tokio::test]
async fn put_replaces_and_the_lenient_switch_keeps() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "t", "dataSourceId": source.to_string(),
        "folderId": "0", "traitRule": "a == 1", "ttl": 30, "description": "d", "integrationCode": "I"});
    let made = tenant.aam("POST", "/traits", body).await.expect(201);
    assert_eq!(
        made["dataSourceId"], source,
        "ids are accepted as strings, answered as numbers"
    );
    let target = format!("/traits/{}", made["sid"]);
    let least = json!({"traitType": "ON_BOARDED_TRAIT", "name": "u", "dataSourceId": source, "folderId": 0, "traitRule": "a == 2"});
    tenant.flags(|flags| flags.audience_manager.put_lenient = true);
    let kept = tenant.aam("PUT", &target, least.clone()).await.expect(200);
    assert_eq!(
        (
            &kept["ttl"],
            &kept["description"],
            &kept["traitRuleVersion"]
        ),
        (&json!(30), &json!("d"), &json!(1))
    );
    tenant.flags(|flags| flags.audience_manager.put_lenient = false);
    let reset = tenant.aam("PUT", &target, least.clone()).await.expect(200);
    assert_eq!(
        (
            &reset["ttl"],
            &reset["description"],
            &reset["integrationCode"]
        ),
        (&json!(120), &Value::Null, &Value::Null)
    );
    assert_eq!(reset["traitRuleVersion"], 1, "the rule stayed");
    tenant
        .aam("PUT", &target, json!({"name": "u"}))
        .await
        .expect(400);
    let mut other_type = least;
    other_type["traitType"] = json!("RULE_BASED_TRAIT");
    tenant.aam("PUT", &target, other_type).await.expect(400);
}

#[rstest]
#[case(json!({"name": "x".repeat(256)}))]
#[case(json!({"name": ""}))]
#[case(json!({"dataSourceId": 1}))]
#[case(json!({"folderId": 77}))]
#[case(json!({"traitType": "SOMETHING"}))]
#[case(json!({"traitRule": "segid = \"x\""}))]
#[case(json!({"ttl": -1}))]
#[case(json!({"status": "SLEEPING"}))]
#[tokio::test]
async fn a_trait_with_a_wrong_member_is_400(#[case] wrong: Value) {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let mut body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "t", "dataSourceId": source, "folderId": 0});
    tenant
        .aam("POST", "/traits", body.clone())
        .await
        .expect(201);
    body.as_object_mut()
        .unwrap()
        .extend(wrong.as_object().unwrap().clone());
    tenant.aam("POST", "/traits", body).await.expect(400);
}

#[tokio::test]
async fn a_name_of_255_characters_of_any_script_is_fine() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let name = "長".repeat(255);
    assert_eq!(tenant.onboarded(source, &name, None).await["name"], name);
}

#[rstest]
#[case("a == \"x\"", true)]
#[case("(price >= 1.00 AND price <= 100.00) OR c_x contains \"y\"", true)]
#[case("\"key with space\" matchesregex \"a|b\"", true)]
#[case("NOT a == 12", true)]
#[case("a > \"word\"", false)]
#[case("123 == 4", false)]
#[case("a == b", false)]
#[case("a == \"x\" AND", false)]
#[case("(a == 1", false)]
#[case("a == \"x", false)]
#[case("a like \"x\"", false)]
#[tokio::test]
async fn the_grammar_of_trait_rules(#[case] rule: &str, #[case] valid: bool) {
    let tenant = small().await;
    let reply = tenant
        .aam("POST", "/traits/validate", json!({"code": rule}))
        .await;
    assert_eq!(reply.status == 200, valid, "{rule}: {}", reply.text);
}

#[tokio::test]
async fn a_trait_in_use_is_deleted_as_the_switch_says() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let sid = number(&tenant.onboarded(source, "t", None).await, "sid");
    segment(&tenant, source, &format!("{sid}T"))
        .await
        .expect(201);
    let target = format!("/traits/{sid}");
    let refused = tenant.aam("DELETE", &target, Value::Null).await.expect(409);
    assert_eq!(refused["code"], "CANNOT_DELETE_ENTITY_MAPPED");
    tenant.flags(|flags| flags.audience_manager.trait_in_use_delete = InUseDelete::BadRequest);
    tenant.aam("DELETE", &target, Value::Null).await.expect(400);
    tenant.flags(|flags| flags.audience_manager.trait_in_use_delete = InUseDelete::Allow);
    tenant.aam("DELETE", &target, Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_bulk_deletion_deletes_what_it_can() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let free = number(&tenant.onboarded(source, "free", None).await, "sid");
    let used = number(&tenant.onboarded(source, "used", None).await, "sid");
    segment(&tenant, source, &format!("{used}T"))
        .await
        .expect(201);
    let refused = tenant
        .aam("POST", "/traits/bulk-delete", json!([free, used]))
        .await
        .expect(409);
    assert_eq!(refused["childMessages"].as_array().unwrap().len(), 1);
    tenant
        .aam("GET", &format!("/traits/{free}"), Value::Null)
        .await
        .expect(404);
    tenant
        .aam("GET", &format!("/traits/{used}"), Value::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn item_limits_refuse_the_next_object() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    tenant.flags(|flags| flags.audience_manager.item_limits.onboarded_traits = 1);
    tenant.onboarded(source, "one", None).await;
    let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "two", "dataSourceId": source, "folderId": 0});
    let refused = tenant.aam("POST", "/traits", body).await.expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    let limits = tenant
        .aam("GET", "/traits/limits", Value::Null)
        .await
        .expect(200);
    assert_eq!(limits["ON_BOARDED_TRAIT"], json!({"used": 1, "limit": 1}));
    let another_companys = json!({"pid": 220, "traitType": "RULE_BASED_TRAIT", "name": "foreign"});
    tenant
        .simulator
        .create_object("traits", another_companys)
        .expect("a person makes it");
    let limits = tenant.aam("GET", "/traits/limits", Value::Null).await;
    assert_eq!(
        limits.expect(200)["total"],
        json!({"used": 1, "limit": 100_000})
    );
}
