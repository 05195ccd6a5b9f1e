//! The switches that no other case turns, and what holds for any input.

use adobe_simulator::{
    DataSourceChange, DefinitionExpressions, StatusSpelling, StoredTexts, TraitDataSources,
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, small};

async fn read_trait(tenant: &Tenant, sid: &Value) -> Value {
    tenant
        .aam("GET", &format!("/traits/{sid}"), Value::Null)
        .await
        .expect(200)
}

#[tokio::test]
async fn answers_can_leave_out_nulls_and_carry_news() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "t", None).await;
    let read = read_trait(&tenant, &made["sid"]).await;
    assert!(read["comments"].is_null() && read.get("comments").is_some());
    tenant.flags(|flags| {
        flags.audience_manager.omit_nulls = true;
        flags.shared.unknown_fields = true;
    });
    let read = read_trait(&tenant, &made["sid"]).await;
    assert!(read.get("comments").is_none());
    assert!(read.get("xAddedLater").is_some());
    let list = tenant
        .aam("GET", "/traits?page=0", Value::Null)
        .await
        .expect(200);
    assert!(list["list"][0].get("xAddedLater").is_some());
    let list = tenant
        .aep("GET", "/config/mergePolicies", Value::Null)
        .await
        .expect(200);
    assert!(list["children"][0].get("xAddedLater").is_some());
}

#[tokio::test]
async fn the_set_of_escaped_characters_is_a_switch() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "<'&'>", None).await;
    let target = format!("/traits/{}", made["sid"]);
    tenant.flags(|flags| flags.audience_manager.escaped_characters = "<'".to_owned());
    let read = tenant
        .aam_with("GET", &target, &Value::Null, &[])
        .await
        .expect(200);
    assert_eq!(read["name"], "&lt;&#39;&&#39;>");
    tenant.flags(|flags| flags.audience_manager.escape_html = false);
    let read = tenant
        .aam_with("GET", &target, &Value::Null, &[])
        .await
        .expect(200);
    assert_eq!(read["name"], "<'&'>");
}

#[rstest]
#[case::as_sent(StoredTexts::AsSent, None, "Cafe\u{301}  au lait")]
#[case::spaces(StoredTexts::SpacesCollapsed, None, "Cafe\u{301} au lait")]
#[case::composed(StoredTexts::Composed, None, "Caf\u{e9}  au lait")]
#[case::cut(StoredTexts::Composed, Some(4), "Caf\u{e9}")]
#[tokio::test]
async fn texts_are_stored_as_the_switches_say(
    #[case] texts: StoredTexts,
    #[case] length: Option<usize>,
    #[case] stored: &str,
) {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "plain", None).await;
    tenant.flags(|flags| {
        flags.shared.stored_texts = texts;
        flags.shared.description_characters_max = length;
    });
    let mut changed = made.clone();
    changed["description"] = json!("Cafe\u{301}  au lait");
    let target = format!("/traits/{}", made["sid"]);
    let answer = tenant.aam("PUT", &target, changed).await.expect(200);
    assert_eq!(answer["description"], stored);
    assert_eq!(
        read_trait(&tenant, &made["sid"]).await["description"],
        stored
    );
    let body = json!({"type": "ExternalSegment", "audienceId": "a", "name": "a", "namespace": "n"});
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    let patch = json!([{"op": "add", "path": "/description", "value": "Cafe\u{301}  au lait"}]);
    let answer = tenant.aep("PATCH", &target, patch).await.expect(200);
    assert_eq!(answer["description"], stored);
}

#[rstest]
#[case::as_sent(
    DefinitionExpressions::AsSent,
    "pql/text",
    "segmentMembership.get(\"A\")"
)]
#[case::json(DefinitionExpressions::Json, "pql/json", "{\"")]
#[case::reformatted(
    DefinitionExpressions::Reformatted,
    "pql/text",
    "(segmentMembership.get( \"A\" )"
)]
#[case::unknown(DefinitionExpressions::Unknown, "pql/later", "later:segmentMembership")]
#[tokio::test]
async fn an_expression_is_answered_as_the_switch_says(
    #[case] form: DefinitionExpressions,
    #[case] format: &str,
    #[case] begins: &str,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.experience_platform.definition_expressions = form);
    let expression = "segmentMembership.get(\"A\").get(\"1\").status = \"realized\"";
    let body = json!({
        "type": "SegmentDefinition", "name": "a", "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": expression},
    });
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    let read = tenant.aep("GET", &target, Value::Null).await.expect(200);
    let list = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    let listed = list["children"].as_array().unwrap().iter();
    let listed = listed.filter(|found| found["id"] == made["id"]);
    for answer in listed.chain([&made, &read]) {
        assert_eq!(answer["expression"]["format"], format);
        let value = answer["expression"]["value"].as_str().unwrap();
        assert!(value.starts_with(begins), "{value}");
    }
}

#[tokio::test]
async fn an_expression_that_says_more_than_a_membership_loses_none_of_it() {
    let tenant = small().await;
    let json = DefinitionExpressions::Json;
    tenant.flags(|flags| flags.experience_platform.definition_expressions = json);
    let membership = "segmentMembership.get(\"A\").get(\"1\").status = \"realized\"";
    let expression = format!("{membership} and person.age > 18");
    let body = json!({
        "type": "SegmentDefinition", "name": "a", "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": expression},
    });
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    assert_eq!(made["expression"]["value"], expression);
}

#[tokio::test]
async fn mixed_spellings_differ_between_objects() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    for name in ["a", "b", "c"] {
        tenant.onboarded(source, name, None).await;
    }
    tenant.flags(|flags| flags.audience_manager.status_spelling = StatusSpelling::Mixed);
    let list = tenant.aam("GET", "/traits", Value::Null).await.expect(200);
    let spellings: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    for spelling in [json!("ACTIVE"), json!("active"), json!(1)] {
        assert!(
            spellings.contains(&&spelling),
            "{spelling} among {spellings:?}"
        );
    }
}

#[tokio::test]
async fn a_created_folder_may_hide_its_id_and_a_conflict_be_400() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.audience_manager.folder_post_answers_id = false;
        flags.audience_manager.folder_conflict_status = 400;
    });
    let made = tenant
        .aam("POST", "/folders/segments", json!({"name": "A"}))
        .await
        .expect(201);
    assert!(made.get("folderId").is_none());
    tenant
        .aam("POST", "/folders/segments", json!({"name": "A"}))
        .await
        .expect(400);
    let tree = tenant
        .aam("GET", "/folders/segments", Value::Null)
        .await
        .expect(200);
    assert!(tree[0]["subFolders"][0]["folderId"].is_u64());
}

#[tokio::test]
async fn a_bulk_deletion_may_answer_an_error_although_it_deleted() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let sid = tenant.onboarded(source, "t", None).await["sid"].clone();
    tenant.flags(|flags| flags.audience_manager.bulk_delete_errors_after_effect = true);
    tenant
        .aam("POST", "/traits/bulk-delete", json!([sid]))
        .await
        .expect(500);
    tenant
        .aam("GET", &format!("/traits/{sid}"), Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn whether_an_object_can_be_moved_to_another_data_source_is_a_switch() {
    let tenant = small().await;
    let (first, second) = (tenant.source("a").await, tenant.source("b").await);
    let made = tenant.onboarded(first, "t", None).await;
    let target = format!("/traits/{}", made["sid"]);
    let mut moved = made.clone();
    moved["dataSourceId"] = json!(second);
    let segment = json!({"name": "s", "segmentRule": format!("{}T", made["sid"]), "folderId": 0, "dataSourceId": first});
    let segment = tenant.aam("POST", "/segments", segment).await.expect(201);
    let segment_target = format!("/segments/{}", segment["sid"]);
    let mut moved_segment = segment.clone();
    moved_segment["dataSourceId"] = json!(second);
    for (change, status, stands_in) in [
        (DataSourceChange::Refused, 400, first),
        (DataSourceChange::Ignored, 200, first),
        (DataSourceChange::Follows, 200, second),
    ] {
        tenant.flags(|flags| flags.audience_manager.data_source_change = change);
        for (target, moved) in [(&segment_target, &moved_segment), (&target, &moved)] {
            tenant
                .aam("PUT", target, moved.clone())
                .await
                .expect(status);
            let read = tenant.aam("GET", target, Value::Null).await.expect(200);
            assert_eq!(read["dataSourceId"], stands_in, "{change:?}");
            assert_eq!(read["sid"], moved["sid"]);
        }
        let segment = tenant
            .aam("GET", &segment_target, Value::Null)
            .await
            .expect(200);
        let sources = &segment["traitDataSourceIds"];
        assert_eq!(*sources, json!([stands_in]), "{change:?}: by its trait");
    }
    // A PUT that leaves the data source as it is was never refused.
    tenant.flags(|flags| flags.audience_manager.data_source_change = DataSourceChange::Refused);
    tenant.aam("PUT", &target, moved).await.expect(200);
}

#[tokio::test]
async fn the_status_of_a_reached_limit_is_a_switch() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.audience_manager.item_limits.trait_folders = 0;
        flags.audience_manager.item_limit_status = 409;
    });
    tenant
        .aam("POST", "/folders/traits", json!({"name": "A"}))
        .await
        .expect(409);
}

#[tokio::test]
async fn the_switches_of_definitions_and_audiences() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.experience_platform.definition_delete_body = false;
        flags.experience_platform.audience_put_keeps_missing = true;
        flags.experience_platform.audience_default_limit = 1;
        flags.experience_platform.audience_max_limit = 2;
        flags.experience_platform.catalog_datasets = vec!["d1".to_owned()];
    });
    for name in ["a", "b", "c"] {
        let body = json!({"name": name, "type": "ExternalSegment", "description": "kept", "datasetId": "d1"});
        tenant.aep("POST", "/audiences", body).await.expect(200);
    }
    let list = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    assert_eq!(list["_page"]["pageSize"], 1);
    let list = tenant
        .aep("GET", "/audiences?limit=500", Value::Null)
        .await
        .expect(200);
    assert_eq!(list["_page"]["pageSize"], 2);
    let target = format!("/audiences/{}", list["children"][0]["id"].as_str().unwrap());
    let after = tenant
        .aep("PUT", &target, json!({"name": "z"}))
        .await
        .expect(200);
    assert_eq!(
        (&after["name"], &after["description"]),
        (&json!("z"), &json!("kept"))
    );
    let body = json!({"name": "d", "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "true"}});
    let made = tenant
        .aep("POST", "/segment/definitions", body)
        .await
        .expect(200);
    let target = format!("/segment/definitions/{}", made["id"].as_str().unwrap());
    let reply = tenant.aep("DELETE", &target, Value::Null).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
}

#[tokio::test]
async fn ids_are_never_given_twice() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let first = tenant.onboarded(source, "t", None).await["sid"]
        .as_u64()
        .unwrap();
    tenant
        .aam("DELETE", &format!("/traits/{first}"), Value::Null)
        .await
        .expect(204);
    tenant
        .simulator
        .set_state(tenant.simulator.state())
        .unwrap();
    let second = tenant.onboarded(source, "t", None).await["sid"]
        .as_u64()
        .unwrap();
    assert_eq!(second, first + 1);
}

#[test]
fn no_rule_and_no_body_brings_a_service_down() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let tenant = runtime.block_on(small());
    let rule = prop_oneof![
        "[ ()\\[\\]0-9T\",<>=ANDORNTfrequency.\\\\é]{0,60}",
        proptest::collection::vec(
            prop::sample::select(vec![
                "1T",
                "AND",
                "OR",
                "NOT",
                "(",
                ")",
                "FREQUENCY([1T]",
                "<= 5D",
                ") >= 2",
                "a == \"x\""
            ]),
            0..30,
        )
        .prop_map(|words| words.join(" ")),
    ];
    proptest!(ProptestConfig::with_cases(100), |(rule in rule)| {
        runtime.block_on(async {
            for (target, member) in [("/traits/validate", "code"), ("/segments/validate", "rule")] {
                let reply = tenant.aam("POST", target, json!({member: rule})).await;
                prop_assert!(reply.status == 200 || reply.status == 400, "{}", reply.text);
            }
            for path in [
                "/datasources", "/traits", "/segments", "/folders/traits", "/destinations",
                "/destinations/1/mappings", "/destinations/1/bulk-create", "/models",
            ] {
                let reply = tenant.aam("POST", path, json!({"name": rule, "status": [rule], "ttl": {}})).await;
                prop_assert!(reply.status < 500, "{}", reply.text);
            }
            for path in ["/ups/audiences", "/ups/segment/definitions", "/ais/external-audience", "/ais/audiences"] {
                let expression = json!({"type": "PQL", "format": "pql/text", "value": format!("inSegment{rule}")});
                let body = json!({"name": rule, "expression": expression, "schema": {"name": rule}, "labels": [rule]});
                let target = format!("/data/core{path}");
                let reply = tenant.aep_in("prod", "POST", &target, body).await;
                prop_assert!(reply.status < 500, "{}", reply.text);
            }
            Ok(())
        })?;
    });
}

#[tokio::test]
async fn a_rule_that_is_nested_without_end_is_refused() {
    let tenant = small().await;
    for rule in ["(".repeat(200_000), "NOT ".repeat(200_000)] {
        tenant
            .aam("POST", "/traits/validate", json!({"code": rule}))
            .await
            .expect(400);
        tenant
            .aam("POST", "/segments/validate", json!({"rule": rule}))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn when_a_segment_names_the_data_sources_of_its_traits_is_a_switch() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "t", None).await;
    let segment = json!({"name": "s", "segmentRule": format!("{}T", made["sid"]), "folderId": 0, "dataSourceId": source});
    let made = tenant.aam("POST", "/segments/", segment).await.expect(201);
    for (told, plain, asked) in [
        (TraitDataSources::Always, true, true),
        (TraitDataSources::OnRequest, false, true),
        (TraitDataSources::Never, false, false),
    ] {
        tenant.flags(|flags| flags.audience_manager.trait_data_sources = told);
        for (query, told) in [("", plain), ("?includeTraitDataSourceIds=true", asked)] {
            let target = format!("/segments/{}{query}", made["sid"]);
            let read = tenant.aam("GET", &target, Value::Null).await.expect(200);
            let named = told.then(|| json!([source]));
            assert_eq!(read.get("traitDataSourceIds"), named.as_ref());
        }
    }
}

#[rstest]
#[case::whole(true)]
#[case::as_the_samples_are(false)]
#[tokio::test]
async fn what_answers_about_audiences_leave_out_is_a_switch(#[case] whole: bool) {
    let tenant = small().await;
    let body = json!({
        "type": "ExternalSegment", "audienceId": "a", "name": "a", "namespace": "n",
        "description": "d", "labels": ["core/C3"],
    });
    let mut made = tenant.aep("POST", "/audiences", body).await.expect(200);
    let id = made["id"].as_str().unwrap().to_owned();
    tenant.flags(|flags| {
        let platform = &mut flags.experience_platform;
        platform.bulk_get_whole = whole;
        platform.audience_put_shows_labels = whole;
        if !whole {
            platform.audience_list_leaves_out = vec!["labels".to_owned()];
        }
    });
    made["name"] = json!("b");
    let target = format!("/audiences/{id}");
    let put = tenant.aep("PUT", &target, made).await.expect(200);
    assert_eq!(put.get("labels").is_some(), whole);
    let ids = json!({"ids": [{"id": id}]});
    let bulk = tenant.aep("POST", "/audiences/bulk-get", ids).await;
    let bulk = &bulk.expect(207)["results"][&id];
    for field in ["labels", "description", "createdBy"] {
        assert_eq!(bulk.get(field).is_some(), whole, "{field}");
    }
    let list = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    let mut listed = list["children"].as_array().unwrap().iter();
    let listed = listed.find(|found| found["id"] == id).unwrap();
    assert_eq!(listed.get("labels").is_some(), whole);
    let read = tenant.aep("GET", &target, Value::Null).await.expect(200);
    assert_eq!(read["labels"], json!(["core/C3"]), "its own answer has all");
}
