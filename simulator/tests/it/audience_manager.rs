//! Audience Manager: audience-manager.md §2 to §5.

mod segments;
mod shared_objects;
mod traits;

use adobe_simulator::{Seed, StatusSpelling, System};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, seeded, small};

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

fn sids(list: &Value) -> Vec<u64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| number(item, "sid"))
        .collect()
}

async fn segment(tenant: &Tenant, source: u64, rule: &str) -> crate::helper::Reply {
    let body = json!({"name": "s", "segmentRule": rule, "folderId": 0, "dataSourceId": source});
    tenant.aam("POST", "/segments/", body).await
}

// ---- lists

#[tokio::test]
async fn a_list_is_bare_without_and_an_envelope_with_paging() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    for name in ["c", "A", "b"] {
        tenant.onboarded(source, name, None).await;
    }
    let target = format!("/traits/?dataSourceId={source}");
    let bare = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(bare.as_array().unwrap().len(), 3);
    let target = format!("/traits/?dataSourceId={source}&page=1&pageSize=2&sortBy=name");
    let page = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(
        (&page["total"], &page["page"], &page["pageSize"]),
        (&json!(3), &json!(1), &json!(2))
    );
    assert_eq!(page["list"][0]["name"], "c");
    let target = format!("/traits/?dataSourceId={source}&page=0&sortBy=name&descending=true");
    let page = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(page["pageSize"], 10, "the default");
    assert_eq!(page["list"][2]["name"], "A");
    tenant.flags(|flags| flags.audience_manager.max_page_size = 2);
    let page = tenant
        .aam("GET", "/traits/?pageSize=5000", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&page["pageSize"], page["list"].as_array().unwrap().len()),
        (&json!(2), 2)
    );
}

#[tokio::test]
async fn details_and_metrics_come_on_request() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    tenant.onboarded(source, "t", Some("code")).await;
    let compact = tenant.aam("GET", "/traits/", Value::Null).await.expect(200);
    for field in [
        "ttl",
        "integrationCode",
        "comments",
        "traitRule",
        "traitRuleVersion",
        "type",
    ] {
        assert!(compact[0].get(field).is_none(), "{field} is a detail");
    }
    let target = "/traits/?includeDetails=true&includeMetrics=true";
    let full = tenant.aam("GET", target, Value::Null).await.expect(200);
    assert_eq!(full[0]["ttl"], 120);
    assert_eq!(full[0]["integrationCode"], "code");
    assert_eq!(full[0]["traitRuleVersion"], 0);
    assert_eq!(full[0]["uniques30Day"], 0);
}

#[rstest]
#[case("/traits/?integrationCode=4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11", vec![16440003, 16440004])]
#[case("/traits/?dataSourceId=29772&dataSourceId=29774", vec![16440005, 16440010])]
#[case("/traits/?folderId=325003", vec![16440003, 16440004, 16440006])]
#[case("/traits/?restrictType=ALGO_TRAIT", vec![16440009])]
#[case("/traits/?search=SPENDER", vec![16440002, 16440009])]
#[case("/traits/?dataSourceId=6601", vec![9912, 9913])]
#[case("/segments/?containsTrait=16440002", vec![16450001, 16450003])]
#[case("/segments/?containsTrait=16440002&status=INACTIVE", vec![16450003])]
#[case("/segments/?dataSourceId=29771&containsTrait=16440002&containsTrait=16440003", vec![])]
#[case("/segments/?folderId=325101&containsTrait=16440002", vec![16450001])]
#[case("/segments/?folderId=325101&containsTrait=16440005", vec![])]
#[case("/traits/?containsTrait=16440002&restrictType=ALGO_TRAIT", vec![16440009])]
#[case("/segments/?mergeRuleDataSourceId=29775", vec![16450002])]
#[case("/segments/?status=INACTIVE", vec![16450003])]
#[case("/segments/?folderId=325101", vec![16450001])]
#[case("/segments/?search=gamers", vec![16450002])]
#[tokio::test]
async fn filters_narrow_a_list(#[case] target: &str, #[case] expected: Vec<u64>) {
    let tenant = seeded(Seed::realistic()).await;
    let list = tenant.aam("GET", target, Value::Null).await.expect(200);
    assert_eq!(sids(&list), expected);
}

#[tokio::test]
async fn an_unsupported_parameter_is_404() {
    let tenant = small().await;
    tenant
        .aam(
            "GET",
            "/segments/?containsTraitFromDataSource=1",
            Value::Null,
        )
        .await
        .expect(404);
}

// ---- dressing

#[tokio::test]
async fn text_is_escaped_unless_the_header_says_not() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "R&D <x>", None).await;
    let target = format!("/traits/{}", made["sid"]);
    let escaped = tenant
        .aam_with("GET", &target, &Value::Null, &[])
        .await
        .expect(200);
    assert_eq!(escaped["traitRule"], "segid == &quot;x&quot;");
    assert_eq!(escaped["name"], "R&amp;D &lt;x&gt;");
    let plain = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(plain["traitRule"], "segid == \"x\"");
}

#[rstest]
#[case(StatusSpelling::Upper, json!("ACTIVE"))]
#[case(StatusSpelling::Lower, json!("active"))]
#[case(StatusSpelling::Numeric, json!(1))]
#[tokio::test]
async fn status_has_three_spellings(#[case] spelling: StatusSpelling, #[case] expected: Value) {
    let tenant = small().await;
    let source = tenant.source("a").await;
    tenant.flags(|flags| flags.audience_manager.status_spelling = spelling);
    let read = tenant
        .aam("GET", &format!("/datasources/{source}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(read["status"], expected);
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_415() {
    let tenant = small().await;
    let bearer = format!("Bearer {}", tenant.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", "demo-client"),
        ("content-type", "text/plain"),
    ];
    let reply = crate::helper::send(
        tenant.simulator.router(System::AUDIENCE_MANAGER),
        "POST",
        "/v1/traits",
        &headers,
        "{}".to_owned(),
    )
    .await;
    assert_eq!(reply.status, 415);
}

/// audience-manager.md §4.5
#[tokio::test]
async fn a_removed_provider_takes_its_traits_along_and_suspends_what_uses_them() {
    let tenant = seeded(Seed::realistic()).await;
    let body = json!({"name": "s", "segmentRule": "16440001T AND 9912T", "folderId": 0, "dataSourceId": 29_771});
    let made = tenant.aam("POST", "/segments/", body).await.expect(201);
    tenant
        .simulator
        .delete_object("dataSources", "6601")
        .unwrap();
    tenant
        .aam("GET", "/traits/9912", Value::Null)
        .await
        .expect(404);
    let path = format!("/segments/{}", made["sid"]);
    let found = tenant.aam("GET", &path, Value::Null).await.expect(200);
    assert_eq!(found["status"], "SUSPENDED");
    // A company's own data source takes nothing along.
    tenant
        .simulator
        .delete_object("dataSources", "29771")
        .unwrap();
    tenant
        .aam("GET", "/traits/16440001", Value::Null)
        .await
        .expect(200);
}
