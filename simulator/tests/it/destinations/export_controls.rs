//! Data export controls against the labels of destinations (audience-manager.md §8.5).

use serde_json::json;

use super::{get, mapping, tenant};
use crate::helper::small;

#[tokio::test]
async fn a_control_that_meets_a_label_forbids_the_mapping() {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.ui_only_mappings = true);
    let target = "/destinations/4706/mappings"; // labelled PII
    // By the trait's source, and by the merge rule; not by the segment's own source.
    for (sid, status) in [(16_450_001, 201), (16_450_002, 400), (16_450_003, 400)] {
        let answer = tenant
            .aam("POST", target, mapping(sid, json!({})))
            .await
            .expect(status);
        if status == 400 {
            assert!(
                answer["message"].as_str().unwrap().contains("PII"),
                "{answer}"
            );
        }
    }
    let own = json!({"dataSourceId": 29_770});
    tenant
        .simulator
        .patch_object("segments", "16450004", &own)
        .unwrap();
    tenant
        .aam("POST", target, mapping(16_450_004, json!({})))
        .await
        .expect(201);
    let unlabelled = mapping(16_450_002, json!({"url": "https://adobe.com"}));
    tenant
        .aam("POST", "/destinations/4701/mappings", unlabelled)
        .await
        .expect(201);
    tenant.flags(|flags| flags.audience_manager.export_control_status = Some(403));
    tenant
        .aam("POST", target, mapping(16_450_002, json!({})))
        .await
        .expect(403);
    tenant.flags(|flags| flags.audience_manager.export_control_status = None);
    tenant
        .aam("POST", target, mapping(16_450_002, json!({})))
        .await
        .expect(201);
}

#[tokio::test]
async fn the_merge_rules_own_source_counts() {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.ui_only_mappings = true);
    let rule = json!({"dataExportRestrictions": ["PII"]});
    tenant
        .simulator
        .patch_object("dataSources", "29775", &rule)
        .unwrap();
    let free = json!({"segmentRule": "16440001T"});
    tenant
        .simulator
        .patch_object("segments", "16450002", &free)
        .unwrap();
    tenant
        .aam(
            "POST",
            "/destinations/4706/mappings",
            mapping(16_450_002, json!({})),
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn a_mapped_segment_takes_no_trait_or_merge_rule_that_a_label_forbids() {
    let tenant = tenant().await; // 16450001 is mapped to 4707, which is labelled PII
    let segment = get(&tenant, "/segments/16450001").await;
    let mut changed = segment.clone();
    changed["segmentRule"] = json!("16440001T OR 16440003T");
    tenant
        .aam("PUT", "/segments/16450001", changed)
        .await
        .expect(400);
    let mut changed = segment.clone();
    changed["mergeRuleDataSourceId"] = json!(88_001);
    tenant
        .aam("PUT", "/segments/16450001", changed.clone())
        .await
        .expect(400);
    assert_eq!(
        get(&tenant, "/segments/16450001").await["segmentRule"],
        segment["segmentRule"]
    );
    // A control that came later locks nothing: the segment can still be renamed.
    let later = json!({"dataExportRestrictions": ["PII"]});
    tenant
        .simulator
        .patch_object("dataSources", "29769", &later)
        .unwrap();
    let mut renamed = segment.clone();
    renamed["name"] = json!("renamed");
    tenant
        .aam("PUT", "/segments/16450001", renamed)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_segment_over_different_controls_is_a_switch() {
    let tenant = tenant().await;
    let body = json!({"name": "mixed", "segmentRule": "16440001T OR 16440003T", "folderId": 0, "dataSourceId": 29_769});
    tenant
        .aam("POST", "/segments", body.clone())
        .await
        .expect(201);
    tenant.flags(|flags| flags.audience_manager.mixed_export_controls_refused = true);
    tenant.aam("POST", "/segments", body).await.expect(400);
    let same = json!({"name": "same", "segmentRule": "16440001T OR 16440002T", "folderId": 0, "dataSourceId": 29_769});
    tenant.aam("POST", "/segments", same).await.expect(201);
}

#[tokio::test]
async fn whether_and_which_controls_a_client_sets_are_switches() {
    let tenant = small().await;
    let body =
        |name: &str, control: &str| json!({"name": name, "dataExportRestrictions": [control]});
    for (control, status) in [
        ("PII", 201),
        ("ONSITE_PERSONALIZATION", 201),
        ("ANYTHING", 400),
    ] {
        let made = tenant
            .aam("POST", "/datasources", body(control, control))
            .await;
        made.expect(status);
    }
    tenant.flags(|flags| flags.audience_manager.export_control_names.clear());
    let made = tenant
        .aam("POST", "/datasources", body("a", "ANYTHING"))
        .await
        .expect(201);
    assert_eq!(made["dataExportRestrictions"], json!(["ANYTHING"]));
    tenant.flags(|flags| flags.audience_manager.export_control_names = vec!["PII".to_owned()]);
    let refused = tenant
        .aam("POST", "/datasources", body("b", "ANYTHING_ELSE"))
        .await
        .expect(400);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("ANYTHING_ELSE")
    );
    tenant
        .aam("POST", "/datasources", body("c", "PII"))
        .await
        .expect(201);
    // What it has, a source keeps.
    let target = format!("/datasources/{}", made["dataSourceId"]);
    tenant
        .aam("PUT", &target, body("a", "ANYTHING"))
        .await
        .expect(200);
    tenant.flags(|flags| flags.audience_manager.export_controls_settable = false);
    let ignored = tenant
        .aam("POST", "/datasources", body("d", "PII"))
        .await
        .expect(201);
    assert_eq!(ignored["dataExportRestrictions"], json!([]));
    let kept = tenant
        .aam("PUT", &target, json!({"name": "a"}))
        .await
        .expect(200);
    assert_eq!(kept["dataExportRestrictions"], json!(["ANYTHING"]));
}
