//! Audience Manager: audience-manager.md §2 to §5.

use adobe_simulator::{InUseDelete, Seed, StatusSpelling};
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
    tenant.flags(|flags| flags.max_page_size = 2);
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
    tenant.flags(|flags| flags.status_spelling = spelling);
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
        tenant.simulator.audience_manager(),
        "POST",
        "/v1/traits",
        &headers,
        "{}".to_owned(),
    )
    .await;
    assert_eq!(reply.status, 415);
}

// ---- data sources

#[tokio::test]
async fn the_unique_flags_of_a_data_source_are_set_only_at_creation() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let target = format!("/datasources/{source}");
    let read = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(read["uniqueTraitIntegrationCodes"], true);
    let mut changed = read.clone();
    changed["uniqueTraitIntegrationCodes"] = json!(false);
    changed["name"] = json!("b");
    let after = tenant
        .aam("PUT", &target, changed.clone())
        .await
        .expect(200);
    assert_eq!(
        (&after["name"], &after["uniqueTraitIntegrationCodes"]),
        (&json!("b"), &json!(true))
    );
    tenant.flags(|flags| flags.unique_flags_change_refused = true);
    tenant.aam("PUT", &target, changed).await.expect(400);
}

#[tokio::test]
async fn data_sources_are_found_by_code_as_an_array() {
    let tenant = small().await;
    let source = tenant.source("shop").await;
    let found = tenant
        .aam("GET", "/datasources?integrationCode=shop", Value::Null)
        .await
        .expect(200);
    assert_eq!(found[0]["dataSourceId"], source);
    let none = tenant
        .aam("GET", "/datasources?integrationCode=none", Value::Null)
        .await
        .expect(200);
    assert_eq!(none, json!([]));
    let again = json!({"name": "other", "integrationCode": "shop"});
    tenant
        .aam("POST", "/datasources", again.clone())
        .await
        .expect(409);
    tenant.flags(|flags| flags.data_source_integration_code_unique = false);
    tenant.aam("POST", "/datasources", again).await.expect(201);
    tenant
        .aam(
            "POST",
            "/datasources",
            json!({"name": "x", "idType": "CROSS_DEVICE"}),
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn a_data_source_in_use_is_not_deleted_unless_the_switch_allows_it() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    tenant.onboarded(source, "t", None).await;
    let target = format!("/datasources/{source}");
    tenant.aam("DELETE", &target, Value::Null).await.expect(409);
    tenant.flags(|flags| flags.data_source_in_use_delete = InUseDelete::Allow);
    let reply = tenant.aam("DELETE", &target, Value::Null).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    tenant.aam("GET", &target, Value::Null).await.expect(404);
}

// ---- folders

#[tokio::test]
async fn folders_are_a_tree_below_the_root() {
    let tenant = small().await;
    let top = tenant
        .aam(
            "POST",
            "/folders/traits/",
            json!({"name": "A", "parentFolderId": 0}),
        )
        .await
        .expect(201);
    let id = number(&top, "folderId");
    tenant
        .aam(
            "POST",
            "/folders/traits",
            json!({"name": "B", "parentFolderId": id}),
        )
        .await
        .expect(201);
    let tree = tenant
        .aam("GET", "/folders/traits/", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&tree[0]["folderId"], &tree[0]["name"]),
        (&json!(0), &json!("All Traits"))
    );
    assert_eq!(
        tree[0]["subFolders"][0]["subFolders"][0]["path"],
        "/All Traits/A/B"
    );
    let one = tenant
        .aam("GET", &format!("/folders/traits/{id}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&one["folderCount"], &one["subFolders"]),
        (&json!(1), &json!([]))
    );
    let segments = tenant
        .aam("GET", "/folders/segments/", Value::Null)
        .await
        .expect(200);
    assert_eq!(segments[0]["name"], "All Segments");
    assert_eq!(segments[0]["subFolders"], json!([]), "the kinds are apart");
}

#[tokio::test]
async fn a_cycle_of_folders_ends_no_process() {
    let tenant = seeded(Seed::realistic()).await;
    tenant
        .simulator
        .patch_object("traitFolders", "325001", &json!({"parentFolderId": 325002}))
        .expect("a person may make any odd object");
    let target = "/folders/traits/325001?includeSubFolders=true";
    let folder = tenant.aam("GET", target, Value::Null).await.expect(200);
    assert_eq!(folder["subFolders"][0]["folderId"], 325002);
    // And out of the cycle again.
    let body = json!({"folderId": 325001, "name": "Web", "parentFolderId": 0});
    let moved = tenant.aam("PUT", "/folders/traits/325001", body).await;
    assert_eq!(moved.expect(200)["path"], "/All Traits/Web");
}

#[tokio::test]
async fn folders_refuse_taken_names_cycles_and_deletion_with_content() {
    let tenant = small().await;
    let make = async |name: &str, parent: u64| {
        let body = json!({"name": name, "parentFolderId": parent});
        tenant.aam("POST", "/folders/segments", body).await
    };
    let a = number(&make("A", 0).await.expect(201), "folderId");
    make("A", 0).await.expect(409);
    let b = number(&make("B", a).await.expect(201), "folderId");
    make("A", a).await.expect(201);
    let cycle = json!({"folderId": a, "name": "A", "parentFolderId": b});
    tenant
        .aam("PUT", &format!("/folders/segments/{a}"), cycle)
        .await
        .expect(400);
    tenant
        .aam("DELETE", &format!("/folders/segments/{a}"), Value::Null)
        .await
        .expect(409);
    tenant
        .aam("DELETE", &format!("/folders/segments/{b}"), Value::Null)
        .await
        .expect(204);
    let moved = json!({"folderId": a, "name": "Renamed", "parentFolderId": 0});
    let after = tenant
        .aam("PUT", &format!("/folders/segments/{a}"), moved)
        .await
        .expect(200);
    assert_eq!(after["path"], "/All Segments/Renamed");
}

#[tokio::test]
async fn a_trait_folder_brings_its_folder_trait_and_takes_it_along() {
    let tenant = small().await;
    let folder = tenant
        .aam("POST", "/folders/traits", json!({"name": "Web"}))
        .await
        .expect(201);
    let id = number(&folder, "folderId");
    let target = format!("/traits/?folderId={id}");
    let inside = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(
        (&inside[0]["name"], &inside[0]["traitType"]),
        (&json!("Web Folder Trait"), &json!("FOLDER_TRAIT"))
    );
    let sid = number(&inside[0], "sid");
    tenant
        .aam("DELETE", &format!("/traits/{sid}"), Value::Null)
        .await
        .expect(400);
    let source = tenant.source("a").await;
    segment(&tenant, source, &format!("FREQUENCY([{sid}T]) >= 2"))
        .await
        .expect(201);
    tenant
        .aam("DELETE", &format!("/folders/traits/{id}"), Value::Null)
        .await
        .expect(409);
    tenant.flags(|flags| flags.folder_traits = false);
    let plain = tenant
        .aam("POST", "/folders/traits", json!({"name": "Other"}))
        .await
        .expect(201);
    let none = tenant
        .aam(
            "GET",
            &format!("/traits/?folderId={}", plain["folderId"]),
            Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn trait_folders_are_at_most_five_deep() {
    let tenant = small().await;
    let mut parent = 0;
    for level in 1..=5 {
        let body = json!({"name": format!("level {level}"), "parentFolderId": parent});
        parent = number(
            &tenant
                .aam("POST", "/folders/traits", body)
                .await
                .expect(201),
            "folderId",
        );
    }
    let body = json!({"name": "level 6", "parentFolderId": parent});
    let refused = tenant
        .aam("POST", "/folders/traits", body)
        .await
        .expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    let body = json!({"name": "elsewhere", "parentFolderId": 0});
    let elsewhere = tenant.aam("POST", "/folders/traits", body).await;
    let elsewhere = number(&elsewhere.expect(201), "folderId");
    let target = format!("/folders/traits/{elsewhere}");
    let body = json!({"folderId": elsewhere, "name": "elsewhere", "parentFolderId": parent});
    let refused = tenant.aam("PUT", &target, body).await.expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    // A rename moves nothing.
    tenant.flags(|flags| flags.item_limits.trait_folder_depth = 1);
    let target = format!("/folders/traits/{parent}");
    let body = json!({"folderId": parent, "name": "level five"});
    tenant.aam("PUT", &target, body).await.expect(200);
}

// ---- traits

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
    tenant.flags(|flags| flags.duplicate_integration_code_status = 400);
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
    tenant.flags(|flags| flags.put_lenient = true);
    let kept = tenant.aam("PUT", &target, least.clone()).await.expect(200);
    assert_eq!(
        (
            &kept["ttl"],
            &kept["description"],
            &kept["traitRuleVersion"]
        ),
        (&json!(30), &json!("d"), &json!(1))
    );
    tenant.flags(|flags| flags.put_lenient = false);
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
    tenant.flags(|flags| flags.trait_in_use_delete = InUseDelete::BadRequest);
    tenant.aam("DELETE", &target, Value::Null).await.expect(400);
    tenant.flags(|flags| flags.trait_in_use_delete = InUseDelete::Allow);
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
    tenant.flags(|flags| flags.item_limits.onboarded_traits = 1);
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

// ---- segments

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
    tenant.flags(|flags| flags.validate_merge_rule = true);
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
    tenant.flags(|flags| flags.etags = true);
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
