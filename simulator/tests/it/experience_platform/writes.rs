//! Audiences that are made, changed and deleted, and what hides them (experience-platform.md §3.4 to §3.6, §4).

use adobe_simulator::{ExternalAudienceIds, Seed};
use rstest::rstest;
use serde_json::{Value, json};

use super::{LOYAL, audience, definition};
use crate::helper::{seeded, small};

#[tokio::test]
async fn json_patch_knows_add_only() {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    let target = format!("/audiences/{id}");
    let rename = json!([{"op": "add", "path": "/name", "value": "b"}, {"op": "add", "path": "/labels/-", "value": "core/C5"}]);
    let after = tenant.aep("PATCH", &target, rename).await.expect(200);
    assert_eq!(
        (&after["name"], &after["labels"]),
        (&json!("b"), &json!(["core/C5"]))
    );
    let replace = json!([{"op": "replace", "path": "/name", "value": "c"}]);
    tenant
        .aep("PATCH", &target, replace.clone())
        .await
        .expect(400);
    let refused = tenant
        .aep(
            "PATCH",
            &target,
            json!([{"op": "add", "path": "/namespace", "value": "x"}]),
        )
        .await
        .expect(400);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/UPAPI-113434-400"
    );
    assert_eq!(
        refused["errors"]["400"][0]["message"],
        "There is a problem in audience validation. Namespace is immutable field."
    );
    tenant.flags(|flags| {
        flags.experience_platform.json_patch_all_operations = true;
        flags.experience_platform.audience_update_status = 201;
    });
    tenant.aep("PATCH", &target, replace).await.expect(201);
    tenant
        .aep("PATCH", "/audiences/none", json!([]))
        .await
        .expect(404);
}

#[rstest]
#[case("draft", "published", 200)]
#[case("published", "inactive", 200)]
#[case("inactive", "published", 200)]
#[case("published", "draft", 400)]
#[case("draft", "inactive", 400)]
#[case("inactive", "draft", 400)]
#[case("published", "deleted", 400)]
#[case("active", "published", 200)]
#[tokio::test]
async fn the_lifecycle_has_its_steps(#[case] from: &str, #[case] to: &str, #[case] status: u16) {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    tenant
        .simulator
        .patch_object("audiences", &id, &json!({"lifecycleState": from}))
        .unwrap();
    let body = json!([{"op": "add", "path": "/lifecycleState", "value": to}]);
    tenant
        .aep("PATCH", &format!("/audiences/{id}"), body)
        .await
        .expect(status);
}

#[tokio::test]
async fn put_overwrites_and_may_hide_a_permission_in_a_500() {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    let target = format!("/audiences/{id}");
    let mut body = definition("b");
    let after = tenant.aep("PUT", &target, body.clone()).await.expect(200);
    assert_eq!((&after["name"], &after["id"]), (&json!("b"), &json!(id)));
    assert!(
        after.get("mergePolicyId").is_none(),
        "what is left out is gone"
    );
    body["namespace"] = json!("x");
    tenant.aep("PUT", &target, body).await.expect(400);
    tenant.flags(|flags| flags.experience_platform.permission_errors_as_500 = true);
    let refused = tenant
        .aep("PUT", &target, definition("c"))
        .await
        .expect(500);
    assert!(
        refused["type"]
            .as_str()
            .unwrap()
            .ends_with("UPAPI-113751-500")
    );
}

#[tokio::test]
async fn an_audience_without_a_name_has_three_reasons() {
    let tenant = small().await;
    let refused = tenant
        .aep("POST", "/audiences", json!({"type": "ExternalSegment"}))
        .await
        .expect(400);
    assert!(
        refused["type"]
            .as_str()
            .unwrap()
            .ends_with("UPLIB-101206-500")
    );
    assert_eq!(refused["errors"]["400"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn external_audiences_have_defaults_a_key_and_an_entitlement() {
    let tenant = small().await;
    let body = json!({"name": "x", "type": "ExternalSegment", "namespace": "AAMSegments", "audienceId": "9900123"});
    let made = tenant
        .aep("POST", "/audiences", body.clone())
        .await
        .expect(200);
    assert_eq!(
        (&made["originName"], &made["lifecycleState"]),
        (&json!("CUSTOM_UPLOAD"), &json!("published"))
    );
    assert_ne!(made["id"], made["audienceId"]);
    tenant
        .aep("POST", "/audiences", body.clone())
        .await
        .expect(409);
    tenant.flags(|flags| {
        flags.experience_platform.duplicate_external_audience =
            adobe_simulator::DuplicateAudience::Allow;
        flags.experience_platform.external_audience_ids = ExternalAudienceIds::Composite;
        flags.experience_platform.audience_create_status = 201;
    });
    let made = tenant
        .aep("POST", "/audiences", body.clone())
        .await
        .expect(201);
    assert_eq!(
        made["id"],
        "QUFNU2VnbWVudHNfOTkwMDEyMw_6ed34f6f-fe21-4a30-934f-6ffe21fa3075"
    );
    let mut with_dataset = body.clone();
    with_dataset["datasetId"] = json!("d1");
    let refused = tenant
        .aep("POST", "/audiences", with_dataset)
        .await
        .expect(400);
    assert!(
        refused["type"]
            .as_str()
            .unwrap()
            .ends_with("UPLIB-101554-503")
    );
    tenant.flags(|flags| flags.experience_platform.external_segments_enabled = false);
    let refused = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(403);
    assert!(
        refused["type"]
            .as_str()
            .unwrap()
            .ends_with("UPAPI-113740-403")
    );
    tenant.aep("POST", "/audiences", body).await.expect(403);
}

#[tokio::test]
async fn an_audience_with_dependents_stays() {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    let target = format!("/audiences/{id}");
    tenant
        .simulator
        .patch_object("audiences", &id, &json!({"dependents": ["other"]}))
        .unwrap();
    // A client cannot argue them away.
    let mut whole = tenant.aep("GET", &target, Value::Null).await.expect(200);
    whole["dependents"] = json!([]);
    tenant.aep("PUT", &target, whole).await.expect(200);
    let patch = json!([{"op": "add", "path": "/dependents", "value": []}]);
    tenant.aep("PATCH", &target, patch).await.expect(200);
    let refused = tenant.aep("DELETE", &target, Value::Null).await.expect(400);
    assert!(
        refused["type"]
            .as_str()
            .unwrap()
            .ends_with("UPAPI-113631-403")
    );
    tenant
        .simulator
        .patch_object("audiences", &id, &json!({"dependents": []}))
        .unwrap();
    let reply = tenant.aep("DELETE", &target, Value::Null).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    let missing = tenant.aep("GET", &target, Value::Null).await.expect(404);
    assert!(
        missing["type"]
            .as_str()
            .unwrap()
            .ends_with("UPAPI-113430-404")
    );
}

#[tokio::test]
async fn bulk_get_answers_207_with_the_missing_named() {
    let tenant = seeded(Seed::realistic()).await;
    for path in ["/audiences/bulk-get", "/segment/definitions/bulk-get"] {
        let body = json!({"ids": [{"id": LOYAL}, {"id": "none"}]});
        let found = tenant.aep("POST", path, body).await.expect(207);
        assert_eq!(found["results"][LOYAL]["name"], "Loyal gamers");
        assert_eq!(
            found["results"]["none"]["errors"],
            json!({"404": [{"code": 404, "message": "Not found."}]})
        );
        let nothing = tenant
            .aep("POST", path, json!({"ids": [{"id": "none"}]}))
            .await
            .expect(404);
        assert!(
            nothing["type"]
                .as_str()
                .unwrap()
                .ends_with("UPAPI-113000-404")
        );
        tenant
            .aep("POST", path, json!({"ids": []}))
            .await
            .expect(400);
        let many: Vec<Value> = (0..101).map(|id| json!({"id": id.to_string()})).collect();
        tenant
            .aep("POST", path, json!({"ids": many}))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn hidden_labels_hide_from_lists_and_refuse_by_id() {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    tenant
        .simulator
        .patch_object("audiences", &id, &json!({"labels": ["core/C5"]}))
        .unwrap();
    tenant.flags(|flags| flags.experience_platform.hidden_labels = vec!["core/C5".to_owned()]);
    let list = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    assert_eq!(list["children"], json!([]));
    let refused = tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(403);
    assert_eq!(refused["errors"]["403"][0]["code"], "UPAPI-113752-403");
}

#[tokio::test(start_paused = true)]
async fn reads_lag_behind_writes_where_the_switch_says_so() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.experience_platform.read_after_write_delay_ms = 1000;
        flags.experience_platform.deleted_readable_ms = 2000;
    });
    let id = audience(&tenant, "a").await;
    let target = format!("/audiences/{id}");
    tenant.aep("GET", &target, Value::Null).await.expect(404);
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    tenant.aep("GET", &target, Value::Null).await.expect(200);
    tenant.aep("DELETE", &target, Value::Null).await.expect(204);
    tenant.aep("GET", &target, Value::Null).await.expect(200);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    tenant.aep("GET", &target, Value::Null).await.expect(404);
}

#[tokio::test]
async fn merge_policies_are_listed_and_read() {
    let tenant = seeded(Seed::realistic()).await;
    let path = "/config/mergePolicies";
    let list = tenant.aep("GET", path, Value::Null).await.expect(200);
    assert_eq!(list["_page"], json!({"count": 2}));
    let list = tenant
        .aep(
            "GET",
            &format!("{path}?default=true&schema.name=_xdm.context.profile"),
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(list["children"][0]["name"], "Default Timebased");
    let first = tenant
        .aep("GET", &format!("{path}?limit=1"), Value::Null)
        .await
        .expect(200);
    let next = first["_page"]["next"].as_str().unwrap();
    let second = tenant
        .aep("GET", &format!("{path}?limit=1&start={next}"), Value::Null)
        .await
        .expect(200);
    assert_ne!(first["children"][0]["id"], second["children"][0]["id"]);
    let id = second["children"][0]["id"].as_str().unwrap();
    tenant
        .aep("GET", &format!("{path}/{id}"), Value::Null)
        .await
        .expect(200);
    tenant
        .aep("GET", &format!("{path}/none"), Value::Null)
        .await
        .expect(404);
}

/// What a client of ours would otherwise send wrong without noticing.
#[rstest]
#[case::type_of_an_expression("/expression/type", json!("nonsense"))]
#[case::format_of_an_expression("/expression/format", json!("nonsense"))]
#[case::json_that_is_none("/expression/format", json!("pql/json"))]
#[case::an_expression_that_is_a_text("/expression", json!("a = b"))]
#[case::a_description_that_is_a_list("/description", json!(["a"]))]
#[case::a_merge_policy_that_is_not_there("/mergePolicyId", json!("made-up"))]
#[tokio::test]
async fn a_malformed_write_is_refused(#[case] path: &str, #[case] value: Value) {
    let tenant = small().await;
    let mut wrong = definition("wrong");
    wrong["description"] = json!("");
    wrong["mergePolicyId"] = json!("");
    *wrong.pointer_mut(path).unwrap() = value;
    if path != "/mergePolicyId" {
        wrong.as_object_mut().unwrap().remove("mergePolicyId");
    }
    let created = tenant.aep("POST", "/segment/definitions", wrong.clone());
    created.await.expect(400);
    let id = audience(&tenant, "right").await;
    let target = format!("/audiences/{id}");
    let member = path.split('/').nth(1).unwrap();
    let patch = json!([{"op": "add", "path": format!("/{member}"), "value": wrong[member]}]);
    tenant.aep("PATCH", &target, patch).await.expect(400);
    let definition = format!("/segment/definitions/{id}");
    tenant.aep("PATCH", &definition, wrong).await.expect(400);
}

#[rstest]
#[case("/audiences?limit=0")]
#[case("/segment/definitions?limit=0")]
#[case("/config/mergePolicies?limit=0")]
#[tokio::test]
async fn a_page_of_nothing_is_refused(#[case] target: &str) {
    let tenant = small().await;
    tenant.aep("GET", target, Value::Null).await.expect(400);
}

#[tokio::test]
async fn the_search_counts_the_audiences_of_each_namespace() {
    let tenant = small().await;
    audience(&tenant, "a").await;
    let target = "/search/namespaces?schema.name=_xdm.context.segmentdefinition";
    let found = tenant.aep("GET", target, Value::Null).await.expect(200);
    let mut namespaces = found["namespaces"].as_array().unwrap().iter();
    let platform = namespaces.find(|found| found["namespace"] == "AEPSegments");
    assert!(platform.unwrap()["count"].as_u64() > Some(0), "{found}");
    tenant
        .aep("GET", "/search/namespaces", Value::Null)
        .await
        .expect(400);
}
