//! Experience Platform: experience-platform.md §2 to §4.2.

use adobe_simulator::{AudiencePaging, ExternalAudienceIds, NextSpelling, Seed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, seeded, small};

const LOYAL: &str = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";

fn definition(name: &str) -> Value {
    json!({
        "name": name,
        "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "workAddress.country = \"US\""},
    })
}

async fn audience(tenant: &Tenant, name: &str) -> String {
    let mut body = definition(name);
    body["type"] = json!("SegmentDefinition");
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    made["id"].as_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

// ---- sandboxes

#[tokio::test]
async fn sandboxes_have_two_lists_and_a_view_by_name() {
    let tenant = small().await;
    tenant
        .simulator
        .patch_object("sandboxes", "stage", &json!({"state": "resetting"}))
        .unwrap();
    let base = "/data/foundation/sandbox-management";
    let mine = tenant
        .aep_in("none", "GET", &format!("{base}/"), Value::Null)
        .await
        .expect(200);
    assert_eq!(
        mine["sandboxes"].as_array().unwrap().len(),
        1,
        "active ones only"
    );
    assert_eq!(mine["sandboxes"][0]["name"], "prod");
    assert!(
        mine["sandboxes"][0].get("id").is_none(),
        "service callers only"
    );
    assert_eq!(mine["_page"]["count"], 1);
    let all = tenant
        .aep_in("none", "GET", &format!("{base}/sandboxes"), Value::Null)
        .await
        .expect(200);
    assert_eq!(all["sandboxes"].as_array().unwrap().len(), 2);
    let one = tenant
        .aep_in(
            "none",
            "GET",
            &format!("{base}/sandboxes/stage"),
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(one["state"], "resetting");
    tenant
        .aep_in("none", "GET", &format!("{base}/sandboxes/x"), Value::Null)
        .await
        .expect(404);
    tenant
        .aep_in("stage", "GET", "/data/core/ups/audiences", Value::Null)
        .await
        .expect(403);
    tenant.flags(|flags| {
        flags.unknown_sandbox_status = 404;
        flags.sandbox_ids_listed = true;
    });
    tenant
        .aep_in("stage", "GET", "/data/core/ups/audiences", Value::Null)
        .await
        .expect(404);
    let mine = tenant
        .aep_in("none", "GET", base, Value::Null)
        .await
        .expect(200);
    assert_eq!(
        mine["sandboxes"][0]["id"],
        "6ed34f6f-fe21-4a30-934f-6ffe21fa3075"
    );
}

#[tokio::test]
async fn the_administrators_views_need_sandbox_administration() {
    let tenant = small().await;
    let mut state = tenant.simulator.state();
    state["credentials"][0]["sandboxAdministration"] = json!(false);
    state["credentials"][0]["sandboxes"] = json!(["stage"]);
    tenant.simulator.set_state(state).unwrap();
    let base = "/data/foundation/sandbox-management";
    tenant
        .aep_in("none", "GET", &format!("{base}/sandboxes"), Value::Null)
        .await
        .expect(403);
    let mine = tenant
        .aep_in("none", "GET", base, Value::Null)
        .await
        .expect(200);
    assert_eq!(mine["sandboxes"][0]["name"], "stage");
    tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(403);
}

#[tokio::test]
async fn sandboxes_are_apart() {
    let tenant = small().await;
    let id = audience(&tenant, "a").await;
    let target = format!("/data/core/ups/audiences/{id}");
    tenant
        .aep_in("prod", "GET", &target, Value::Null)
        .await
        .expect(200);
    tenant
        .aep_in("stage", "GET", &target, Value::Null)
        .await
        .expect(404);
}

// ---- definitions

#[tokio::test]
async fn a_definition_is_an_audience_too() {
    let tenant = small().await;
    let reply = tenant
        .aep("POST", "/segment/definitions", definition("d"))
        .await;
    let made = reply.expect(200);
    let id = made["id"].as_str().unwrap();
    assert!(
        reply.headers["x-location"]
            .to_str()
            .unwrap()
            .ends_with(&format!("/segment/definitions/{id}"))
    );
    assert_eq!(made["creationTime"], 0, "as in every published sample");
    assert_eq!(
        made["mergePolicyId"],
        "b83185bb-0bc6-489c-9363-0075eb30b4c8"
    );
    assert_eq!(made["evaluationInfo"]["batch"]["enabled"], true);
    assert!(made.get("lifecycleState").is_none());
    let same = tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&same["audienceId"], &same["namespace"]),
        (&json!(id), &json!("AEPSegments"))
    );
    assert_eq!(same["lifecycleState"], "published");
    assert!(same["_etag"].as_str().unwrap().starts_with('"'));
    tenant
        .aep("POST", "/segment/definitions", definition("d"))
        .await
        .expect(422);
    tenant.flags(|flags| {
        flags.definition_name_unique = false;
        flags.definition_create_status = 201;
    });
    tenant
        .aep("POST", "/segment/definitions", definition("d"))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_definition_is_overwritten_by_patch_and_deleted_with_200() {
    let tenant = small().await;
    let made = tenant
        .aep("POST", "/segment/definitions", definition("d"))
        .await
        .expect(200);
    let target = format!("/segment/definitions/{}", made["id"].as_str().unwrap());
    let mut body = definition("e");
    body["id"] = json!("other");
    let after = tenant.aep("PATCH", &target, body).await.expect(200);
    assert_eq!((&after["name"], &after["id"]), (&json!("e"), &made["id"]));
    tenant
        .aep("PATCH", &target, json!({"name": "f"}))
        .await
        .expect(400);
    let gone = tenant.aep("DELETE", &target, Value::Null).await.expect(200);
    assert_eq!(gone["status"], true);
    tenant.aep("GET", &target, Value::Null).await.expect(404);
    tenant
        .aep("POST", "/segment/definitions", definition("g"))
        .await
        .expect(200);
}

#[tokio::test]
async fn definitions_are_listed_by_page() {
    let tenant = small().await;
    for name in ["a", "b", "c"] {
        tenant
            .aep("POST", "/segment/definitions", definition(name))
            .await
            .expect(200);
    }
    let list = tenant
        .aep(
            "GET",
            "/segment/definitions?limit=2&page=1&sort=name:asc",
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(list["segments"][0]["name"], "c");
    assert_eq!(
        list["page"],
        json!({"totalCount": 3, "totalPages": 2, "sortField": "name", "sort": "asc", "pageSize": 1, "limit": 2})
    );
    tenant.flags(|flags| flags.definition_first_page = 1);
    let list = tenant
        .aep(
            "GET",
            "/segment/definitions?limit=2&page=1&sort=name:asc",
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(list["segments"][0]["name"], "a");
    let list = tenant
        .aep(
            "GET",
            "/segment/definitions?evaluationInfo.continuous.enabled=true",
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(list["segments"], json!([]));
}

#[tokio::test]
async fn what_refers_to_audience_manager_is_never_streamed() {
    let tenant = small().await;
    let mut body = definition("mirror");
    body["expression"]["value"] = json!("inSegment(\"AAMSegments\", \"1\")");
    body["evaluationInfo"] = json!({"batch": {"enabled": false}, "continuous": {"enabled": true}, "synchronous": {"enabled": false}});
    let made = tenant
        .aep("POST", "/segment/definitions", body)
        .await
        .expect(200);
    assert_eq!(made["evaluationInfo"]["continuous"]["enabled"], false);
    assert_eq!(made["evaluationInfo"]["batch"]["enabled"], true);
}

// ---- lists of audiences

#[rstest]
#[case("?name=LOYAL&limit=50", vec!["Loyal gamers"])]
#[case("?name=newsletter&sort=updateEpoch:asc", vec!["Newsletter readers", "Newsletter readers"])]
#[case("?description=last%20three", vec!["Newsletter readers"])]
#[case("?property=audienceId%3D%3D16450001", vec!["Spenders who read & <click>"])]
#[case("?property=lifecycleState%3D%3Dinactive", vec!["Summer 2022"])]
#[case("?property=evaluationInfo.continuous.enabled%3D%3Dtrue", vec!["Cart abandoners"])]
#[case("?entityType=_xdm.context.account", vec!["All accounts"])]
#[case("?property=isSystem%3D%3Dtrue", vec!["System audience"])]
#[tokio::test]
async fn filters_narrow_the_list(#[case] query: &str, #[case] expected: Vec<&str>) {
    let tenant = seeded(Seed::realistic()).await;
    let list = tenant
        .aep("GET", &format!("/audiences{query}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(names(&list), expected);
}

#[tokio::test]
async fn inactive_and_system_audiences_are_left_out() {
    let tenant = seeded(Seed::realistic()).await;
    let list = tenant
        .aep("GET", "/audiences?limit=100", Value::Null)
        .await
        .expect(200);
    assert!(!names(&list).contains(&"Summer 2022"));
    assert!(!names(&list).contains(&"System audience"));
    assert_eq!(list["_page"]["totalCount"], 15);
    assert!(list["children"][0].get("metrics").is_none());
    tenant.flags(|flags| flags.inactive_listed = adobe_simulator::InactiveListed::WithAnyQuery);
    let list = tenant
        .aep("GET", "/audiences?limit=100", Value::Null)
        .await
        .expect(200);
    assert!(names(&list).contains(&"Summer 2022"));
}

#[tokio::test]
async fn metrics_come_on_request() {
    let tenant = seeded(Seed::realistic()).await;
    let target = format!("/audiences/{LOYAL}?property=withmetrics==true");
    let read = tenant.aep("GET", &target, Value::Null).await.expect(200);
    assert_eq!(read["metrics"]["data"]["totalProfiles"], 48210);
    let read = tenant
        .aep("GET", &format!("/audiences/{LOYAL}"), Value::Null)
        .await
        .expect(200);
    assert!(read.get("metrics").is_none());
}

#[rstest]
#[case(AudiencePaging::PageIndex, NextSpelling::String, json!("1"))]
#[case(AudiencePaging::ItemOffset, NextSpelling::Integer, json!(2))]
#[tokio::test]
async fn next_is_a_page_or_an_offset(
    #[case] paging: AudiencePaging,
    #[case] spelling: NextSpelling,
    #[case] expected: Value,
) {
    let tenant = small().await;
    for name in ["a", "b", "c"] {
        audience(&tenant, name).await;
    }
    tenant.flags(|flags| {
        flags.audience_paging = paging;
        flags.next_spelling = spelling;
    });
    let first = tenant
        .aep("GET", "/audiences?limit=2&sort=name:asc", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (names(&first), &first["_page"]["next"]),
        (vec!["a", "b"], &expected)
    );
    assert_eq!(first["_page"]["totalCount"], 3);
    let next = expected
        .as_str()
        .map_or(expected.to_string(), str::to_owned);
    assert_eq!(
        first["_links"]["next"]["href"],
        format!("@/audiences?start={next}&limit=2&totalCount=3")
    );
    let target = format!("/audiences?limit=2&sort=name:asc&start={next}");
    let second = tenant.aep("GET", &target, Value::Null).await.expect(200);
    assert_eq!(names(&second), vec!["c"]);
    assert!(second["_page"].get("next").is_none());
}

// ---- writes

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
        flags.json_patch_all_operations = true;
        flags.audience_update_status = 201;
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
    tenant.flags(|flags| flags.permission_errors_as_500 = true);
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
        flags.duplicate_external_audience = adobe_simulator::DuplicateAudience::Allow;
        flags.external_audience_ids = ExternalAudienceIds::Composite;
        flags.audience_create_status = 201;
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
    tenant.flags(|flags| flags.external_segments_enabled = false);
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
    tenant.flags(|flags| flags.hidden_labels = vec!["core/C5".to_owned()]);
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
        flags.read_after_write_delay_ms = 1000;
        flags.deleted_readable_ms = 2000;
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
