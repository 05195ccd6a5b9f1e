//! Data sources and folders (audience-manager.md §3).

use adobe_simulator::{InUseDelete, Seed};
use serde_json::{Value, json};

use super::{number, segment};
use crate::helper::{seeded, small};

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
    tenant.flags(|flags| flags.audience_manager.unique_flags_change_refused = true);
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
    tenant.flags(|flags| flags.audience_manager.data_source_integration_code_unique = false);
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
    tenant.flags(|flags| flags.audience_manager.data_source_in_use_delete = InUseDelete::Allow);
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
async fn whether_a_new_folder_names_the_company_is_a_switch() {
    let tenant = small().await;
    let me = tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    let create = async |name: &str, pid: Option<Value>| {
        let mut body = json!({"name": name, "parentFolderId": 0});
        if let Some(pid) = pid {
            body["pid"] = pid;
        }
        tenant.aam("POST", "/folders/traits", body).await
    };
    create("without", None).await.expect(201);
    create("with", Some(me["pid"].clone())).await.expect(201);
    create("of another", Some(json!(1))).await.expect(403);
    tenant.flags(|flags| flags.audience_manager.folder_post_needs_pid = true);
    create("needed", None).await.expect(400);
    create("needed", Some(me["pid"].clone())).await.expect(201);
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
    tenant.flags(|flags| flags.audience_manager.folder_traits = false);
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
    tenant.flags(|flags| flags.audience_manager.item_limits.trait_folder_depth = 1);
    let target = format!("/folders/traits/{parent}");
    let body = json!({"folderId": parent, "name": "level five"});
    tenant.aam("PUT", &target, body).await.expect(200);
}
