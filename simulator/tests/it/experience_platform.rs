//! Experience Platform: experience-platform.md §2 to §4.2.

mod writes;

use adobe_simulator::{AudiencePaging, NextSpelling, Seed};
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
        flags.experience_platform.unknown_sandbox_status = 404;
        flags.experience_platform.sandbox_ids_listed = true;
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
        flags.experience_platform.definition_name_unique = false;
        flags.experience_platform.definition_create_status = 201;
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
    tenant.flags(|flags| flags.experience_platform.definition_first_page = 1);
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
    tenant.flags(|flags| {
        flags.experience_platform.inactive_listed = adobe_simulator::InactiveListed::WithAnyQuery
    });
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
        flags.experience_platform.audience_paging = paging;
        flags.experience_platform.next_spelling = spelling;
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
