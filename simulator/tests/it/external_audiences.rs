//! External audiences of both services, and what depends on an audience: experience-platform.md §3.3 to §3.8, §5.4, §5.6.

mod references;

use adobe_simulator::{
    AudienceReference, ExternalAudienceErrors, ExternalAudienceLabels, ExternalSegmentsRefusal,
    Fault, FaultKind, Match, System,
};
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

use crate::helper::{ORGANIZATION, Reply, Tenant, send, small};

const METADATA_VERSION: &str = "application/vnd.adobe.external.audiences+json; version=2";

async fn ais(tenant: &Tenant, method: &str, target: &str, body: Value) -> Reply {
    let target = format!("/data/core/ais{target}");
    tenant.aep_in("prod", method, &target, body).await
}

async fn metadata_only(tenant: &Tenant, query: &str, accept: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {}", tenant.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", tenant.client_id.as_str()),
        ("x-gw-ims-org-id", ORGANIZATION),
        ("x-sandbox-name", "prod"),
        ("content-type", "application/json"),
        ("accept", accept),
    ];
    let target = format!("/data/core/ais/audiences{query}");
    send(
        tenant.simulator.router(System::EXPERIENCE_PLATFORM),
        "POST",
        &target,
        &headers,
        body.to_string(),
    )
    .await
}

fn import() -> Value {
    json!({"name": "Console buyers", "customAudienceId": "aam_seg_9900123", "audienceType": "people",
        "originName": "CUSTOM_UPLOAD", "ttlInDays": "40", "labels": ["core/C5"],
        "fields": [{"name": "ecid", "type": "string", "identityNs": "ECID"}],
        "sourceSpec": {"params": {"path": "dlz/aam/9900123.csv", "type": "file", "cloudType": "DLZ"}}})
}

fn metadata() -> Value {
    json!({"name": "Console buyers", "description": "d", "audienceId": "aam_seg_9900123",
        "namespace": "k8sAamShare", "originName": "CUSTOM_UPLOAD"})
}

async fn operation(tenant: &Tenant, id: &Value) -> Value {
    let target = format!("/external-audience/operations/{}", id.as_str().unwrap());
    ais(tenant, "GET", &target, Value::Null).await.expect(200)
}

async fn total(tenant: &Tenant, query: &str) -> Value {
    let target = format!("/audiences?property={query}");
    let list = tenant.aep("GET", &target, Value::Null).await.expect(200);
    list["_page"]["totalCount"].clone()
}

/// An import whose operation has ended; the id of its audience.
async fn imported(tenant: &Tenant) -> String {
    let accepted = ais(tenant, "POST", "/external-audience/", import())
        .await
        .expect(202);
    tenant.simulator.advance(Duration::from_secs(30));
    let ended = operation(tenant, &accepted["operationId"]).await;
    ended["audienceId"].as_str().unwrap().to_owned()
}

fn definition(name: &str, expression: &str) -> Value {
    json!({"name": name, "type": "SegmentDefinition", "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": expression},
        "evaluationInfo": {"batch": {"enabled": false}, "continuous": {"enabled": true}, "synchronous": {"enabled": false}}})
}

// ---- imports

#[tokio::test(start_paused = true)]
async fn an_import_is_an_operation_that_takes_its_time() {
    let tenant = small().await;
    let accepted = ais(&tenant, "POST", "/external-audience/", import())
        .await
        .expect(202);
    assert!(
        accepted.get("audienceId").is_none(),
        "there is no audience yet"
    );
    assert_eq!(
        accepted["operationDetails"]["ttlInDays"], 40,
        "a text comes back as a number"
    );
    let id = &accepted["operationId"];
    tenant.simulator.advance(Duration::from_millis(29_999));
    let working = operation(&tenant, id).await;
    assert_eq!(
        (&working["status"], working.get("audienceId")),
        (&json!("PROCESSING"), None)
    );
    assert_eq!(working["createdAt"], 1_767_571_200);
    for hidden in ["dueMs", "audience", "sandbox", "imsOrgId"] {
        assert!(
            working.get(hidden).is_none(),
            "{hidden} is the simulator's own"
        );
    }
    assert_eq!(total(&tenant, "audienceId%3D%3Daam_seg_9900123").await, 0);
    tenant.simulator.advance(Duration::from_millis(1));
    let done = operation(&tenant, id).await;
    assert_eq!(
        (&done["status"], &done["updatedAt"]),
        (&json!("SUCCESS"), &json!(1_767_571_230))
    );
    let target = format!("/audiences/{}", done["audienceId"].as_str().unwrap());
    let audience = tenant.aep("GET", &target, Value::Null).await.expect(200);
    for (field, value) in [
        ("audienceId", json!("aam_seg_9900123")),
        ("namespace", json!("CustomerAudienceUpload")),
        ("originName", json!("CUSTOM_UPLOAD")),
        ("type", json!("ExternalSegment")),
        ("lifecycleState", json!("published")),
        ("labels", json!(["core/C5"])),
    ] {
        assert_eq!(audience[field], value, "{field}");
    }
    assert!(audience.get("import").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_operation_under_way_survives_the_state_document() {
    let tenant = small().await;
    let accepted = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(202);
    tenant
        .simulator
        .set_state(tenant.simulator.state())
        .unwrap();
    tenant.simulator.advance(Duration::from_secs(30));
    assert_eq!(
        operation(&tenant, &accepted["operationId"]).await["status"],
        "SUCCESS"
    );
    let target = format!(
        "/external-audience/operations/{}",
        accepted["operationId"].as_str().unwrap()
    );
    let elsewhere = format!("/data/core/ais{target}");
    tenant
        .aep_in("stage", "GET", &elsewhere, Value::Null)
        .await
        .expect(404);
}

#[tokio::test(start_paused = true)]
async fn an_operation_may_fail_by_itself_or_since_the_key_was_taken_meanwhile() {
    let tenant = small().await;
    tenant.flags(|flags| flags.external_audiences.operation_fails = true);
    let accepted = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(202);
    tenant.simulator.advance(Duration::from_secs(30));
    let failed = operation(&tenant, &accepted["operationId"]).await;
    assert_eq!(
        (&failed["status"], failed.get("audienceId")),
        (&json!("FAILED"), None)
    );
    tenant.flags(|flags| flags.external_audiences.operation_fails = false);
    let first = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(202);
    let second = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(202);
    tenant.simulator.advance(Duration::from_secs(30));
    let mut ends = [
        operation(&tenant, &first["operationId"]).await["status"].clone(),
        operation(&tenant, &second["operationId"]).await["status"].clone(),
    ];
    ends.sort_by_key(Value::to_string);
    assert_eq!(ends, [json!("FAILED"), json!("SUCCESS")]);
    let refused = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(409);
    assert_eq!(refused["title"], "DUPLICATE_RESOURCE");
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/AIS-100950-409"
    );
}

#[rstest]
#[case("/name", Value::Null)]
#[case("/originName", Value::Null)]
#[case("/ttlInDays", json!(91))]
#[case("/ttlInDays", json!("soon"))]
#[case("/audienceType", json!("accounts"))]
#[case("/fields", json!([]))]
#[case("/fields/0/identityNs", Value::Null)]
#[case("/fields/0/type", json!("text"))]
#[case("/sourceSpec/params/path", json!("with blank"))]
#[case("/sourceSpec/params/type", json!("tape"))]
#[case("/sourceSpec/params/cloudType", json!("FTP"))]
#[case("/sourceSpec/params/cloudType", json!("S3"))] // needs a base connection
#[case("/customAudienceId", json!("9900123"))]
#[case("/customAudienceId", json!("aam seg"))]
#[tokio::test]
async fn an_import_that_is_wrong_is_400(#[case] path: &str, #[case] value: Value) {
    let tenant = small().await;
    let mut body = import();
    *body.pointer_mut(path).unwrap() = value;
    let refused = ais(&tenant, "POST", "/external-audience", body.clone())
        .await
        .expect(400);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/AIS-100910-400"
    );
    if path == "/customAudienceId" {
        tenant.flags(|flags| flags.external_audiences.custom_audience_id_checked = false);
        ais(&tenant, "POST", "/external-audience", body)
            .await
            .expect(202);
    }
}

/// As Adobe's own samples write one.
#[tokio::test]
async fn an_id_with_hyphens_is_taken() {
    let tenant = small().await;
    let mut body = import();
    body["customAudienceId"] = json!("test-external-audience-id");
    ais(&tenant, "POST", "/external-audience", body)
        .await
        .expect(202);
}

#[tokio::test(start_paused = true)]
async fn an_import_is_changed_extended_and_deleted() {
    let tenant = small().await;
    let id = imported(&tenant).await;
    let target = format!("/external-audience/{id}");
    let change = json!({"description": "new", "labels": ["core/C6"], "ttlInDays": 60});
    let after = ais(&tenant, "PATCH", &target, change).await.expect(200);
    assert_eq!(
        (&after["description"], &after["ttlInDays"]),
        (&json!("new"), &json!(60))
    );
    assert_eq!(
        (&after["audienceId"], &after["customAudienceId"]),
        (&json!(id), &json!("aam_seg_9900123"))
    );
    ais(&tenant, "PATCH", &target, json!({"name": "x"}))
        .await
        .expect(400);
    ais(&tenant, "PATCH", &target, json!({"ttlInDays": 0}))
        .await
        .expect(400);
    let read = tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&read["description"], &read["labels"]),
        (&json!("new"), &json!(["core/C6"]))
    );
    // Only the listed fields change.
    let tier = json!({"fields": [{"name": "tier", "type": "string"}]});
    let after = ais(&tenant, "PATCH", &target, tier).await.expect(200);
    assert_eq!(after["fields"][0]["identityNs"], "ECID");
    let lost = json!({"fields": [{"name": "ecid", "type": "string"}]});
    ais(&tenant, "PATCH", &target, lost).await.expect(400);
    // A write to the other service leaves what belongs to this one.
    let renamed = json!({"name": "renamed"});
    tenant
        .aep("PUT", &format!("/audiences/{id}"), renamed)
        .await
        .expect(200);
    let extend = format!("/external-audience/extend-ttl/{id}");
    let extended = ais(&tenant, "POST", &extend, Value::Null).await.expect(200);
    assert_eq!(extended, json!({"audienceId": id, "name": "renamed"}));
    tenant.flags(|flags| flags.external_audiences.delete_status = 202);
    ais(&tenant, "DELETE", &target, Value::Null)
        .await
        .expect(202);
    let missing = ais(&tenant, "DELETE", &target, Value::Null)
        .await
        .expect(404);
    assert_eq!(missing["title"], "NOT_FOUND");
    let again = imported(&tenant).await;
    tenant.flags(|flags| flags.external_audiences.delete_status = 204);
    ais(
        &tenant,
        "DELETE",
        &format!("/external-audience/{again}"),
        Value::Null,
    )
    .await
    .expect(204);
}

#[tokio::test(start_paused = true)]
async fn which_id_stands_in_a_path_is_a_switch() {
    let tenant = small().await;
    let id = imported(&tenant).await;
    let body = json!({"description": "x"});
    let by_custom = "/external-audience/aam_seg_9900123";
    ais(&tenant, "PATCH", by_custom, body.clone())
        .await
        .expect(404);
    tenant.flags(|flags| flags.external_audiences.path = AudienceReference::AudienceId);
    ais(&tenant, "PATCH", by_custom, body.clone())
        .await
        .expect(200);
    ais(&tenant, "PATCH", &format!("/external-audience/{id}"), body)
        .await
        .expect(404);
}

#[tokio::test(start_paused = true)]
async fn runs_take_time_and_go_one_after_the_other() {
    let tenant = small().await;
    let id = imported(&tenant).await;
    let runs = format!("/external-audience/{id}/runs");
    ais(&tenant, "POST", &runs, json!({})).await.expect(400);
    let window = json!({"dataFilterStartTime": 1_767_571_200});
    let started = ais(&tenant, "POST", &runs, window.clone())
        .await
        .expect(200);
    assert!(started.get("status").is_none());
    ais(&tenant, "POST", &runs, window).await.expect(422);
    let run = format!("{runs}/{}", started["runId"].as_str().unwrap());
    let working = ais(&tenant, "GET", &run, Value::Null).await.expect(200);
    assert_eq!(working["status"], "PROCESSING");
    tenant
        .simulator
        .set_state(tenant.simulator.state())
        .unwrap();
    tenant.simulator.advance(Duration::from_secs(30));
    let done = ais(&tenant, "GET", &run, Value::Null).await.expect(200);
    assert_eq!(
        (&done["status"], &done["details"][1]["stage"]),
        (&json!("SUCCESS"), &json!("PROFILE_STORE_INGEST"))
    );
    let list = ais(&tenant, "GET", &runs, Value::Null).await.expect(200);
    assert_eq!(list["runs"].as_array().unwrap().len(), 1);
    tenant.simulator.add_fault(Fault {
        matching: Match::default(),
        skip: 0,
        times: 1,
        kind: FaultKind::EmptyList,
    });
    let list = ais(&tenant, "GET", &runs, Value::Null).await.expect(200);
    assert_eq!(list, json!({"runs": []}));
}

// ---- metadata only

#[tokio::test]
async fn metadata_alone_is_an_audience_at_once() {
    let tenant = small().await;
    let query = "?createAudienceMetaOnly=true";
    let made = metadata_only(&tenant, query, METADATA_VERSION, &metadata())
        .await
        .expect(200);
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["audienceId", "id", "name"]);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    let read = tenant.aep("GET", &target, Value::Null).await.expect(200);
    assert_eq!(
        (&read["namespace"], &read["description"]),
        (&json!("k8sAamShare"), &json!("d"))
    );
    metadata_only(&tenant, query, METADATA_VERSION, &metadata())
        .await
        .expect(409);
    metadata_only(&tenant, query, "application/json", &metadata())
        .await
        .expect(400);
    metadata_only(&tenant, "", METADATA_VERSION, &metadata())
        .await
        .expect(400);
    for field in ["name", "audienceId", "namespace", "originName"] {
        let mut body = metadata();
        body.as_object_mut().unwrap().remove(field);
        metadata_only(&tenant, query, METADATA_VERSION, &body)
            .await
            .expect(400);
    }
    // Changed and deleted through the other service; through this one by a switch.
    let patch = json!([{"op": "add", "path": "/name", "value": "renamed"}]);
    tenant.aep("PATCH", &target, patch).await.expect(200);
    let own = format!("/external-audience/{}", made["id"].as_str().unwrap());
    ais(&tenant, "PATCH", &own, json!({"description": "x"}))
        .await
        .expect(404);
    tenant.flags(|flags| flags.external_audiences.metadata_only_changeable = true);
    ais(&tenant, "PATCH", &own, json!({"description": "x"}))
        .await
        .expect(200);
    ais(&tenant, "DELETE", &own, Value::Null).await.expect(204);
    tenant.aep("GET", &target, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_namespace_may_have_to_be_enabled_first() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.external_audiences.enabled_namespaces = vec!["partnerTool".to_owned()]
    });
    let query = "?createAudienceMetaOnly=true";
    let refused = metadata_only(&tenant, query, METADATA_VERSION, &metadata())
        .await
        .expect(400);
    assert!(refused["detail"].as_str().unwrap().contains("k8sAamShare"));
    let mut body = metadata();
    body["namespace"] = json!("partnerTool");
    metadata_only(&tenant, query, METADATA_VERSION, &body)
        .await
        .expect(200);
}

// ---- entitlements

#[tokio::test]
async fn an_organisation_without_the_service_is_told_so_in_one_of_two_shapes() {
    let tenant = small().await;
    tenant.flags(|flags| flags.external_audiences.entitled = false);
    let refused = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(401);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/AIS-100922-401"
    );
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("external audiences")
    );
    tenant.flags(|flags| flags.external_audiences.errors = ExternalAudienceErrors::Code);
    let query = "?createAudienceMetaOnly=true";
    let refused = metadata_only(&tenant, query, METADATA_VERSION, &metadata())
        .await
        .expect(401);
    assert_eq!(refused["error_code"], "100922-401");
}

#[tokio::test]
async fn a_credential_that_may_only_read_is_refused_in_the_services_shape() {
    let tenant = small().await;
    let mut state = tenant.simulator.state();
    state["credentials"][0]["aepAccess"] = json!("read");
    tenant.simulator.set_state(state).unwrap();
    let refused = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(401);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/AIS-100922-401"
    );
}

#[tokio::test]
async fn without_external_segments_the_list_is_refused_or_only_creates() {
    let tenant = small().await;
    tenant.flags(|flags| flags.experience_platform.external_segments_enabled = false);
    let body = json!({"name": "x", "type": "ExternalSegment"});
    let refused = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(403);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/UPAPI-113740-403"
    );
    tenant
        .aep("POST", "/audiences", body.clone())
        .await
        .expect(403);
    tenant.flags(|flags| {
        flags.experience_platform.external_segments_refusal = ExternalSegmentsRefusal::CreateOnly
    });
    tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    tenant.aep("POST", "/audiences", body).await.expect(403);
}

#[tokio::test]
async fn a_fault_at_the_service_has_the_services_shape() {
    let tenant = small().await;
    tenant.simulator.add_fault(Fault {
        matching: Match {
            path_contains: Some("/core/ais".to_owned()),
            ..Match::default()
        },
        skip: 0,
        times: 1,
        kind: FaultKind::EffectThenError { status: 502 },
    });
    let failed = ais(&tenant, "POST", "/external-audience", import())
        .await
        .expect(502);
    assert_eq!(
        failed["type"],
        "https://ns.adobe.com/aep/errors/AIS-100970-502"
    );
    assert_eq!(
        tenant.simulator.state()["externalAudienceOperations"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "the effect took place"
    );
}

// ---- the older way, through segmentation

#[tokio::test]
async fn a_client_does_not_pose_as_audience_manager_unless_it_may() {
    let tenant = small().await;
    let body = json!({"name": "x", "type": "ExternalSegment", "namespace": "AAMSegments", "audienceId": "1",
        "originName": "AUDIENCE_MANAGER"});
    tenant
        .aep("POST", "/audiences", body.clone())
        .await
        .expect(400);
    tenant.flags(|flags| flags.experience_platform.audience_manager_origin_accepted = true);
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    // And has made something it cannot change.
    tenant.aep("DELETE", &target, Value::Null).await.expect(400);
}

#[rstest]
#[case(ExternalAudienceLabels::Stored, 200, json!(["core/C5"]))]
#[case(ExternalAudienceLabels::Ignored, 200, json!([]))]
#[case(ExternalAudienceLabels::Refused, 400, Value::Null)]
#[tokio::test]
async fn labels_on_an_external_audience_are_a_switch(
    #[case] reading: ExternalAudienceLabels,
    #[case] status: u16,
    #[case] labels: Value,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.experience_platform.external_audience_labels = reading);
    let body = json!({"name": "x", "type": "ExternalSegment", "labels": ["core/C5"]});
    let made = tenant.aep("POST", "/audiences", body).await.expect(status);
    assert_eq!(made.get("labels").cloned().unwrap_or_default(), labels);
    let plain = json!({"name": "y", "type": "ExternalSegment"});
    let made = tenant.aep("POST", "/audiences", plain).await.expect(200);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    let patch = json!([{"op": "add", "path": "/labels", "value": ["core/C5"]}]);
    tenant.aep("PATCH", &target, patch).await.expect(status);
    let wrong = json!([{"op": "add", "path": "/labels", "value": "core/C5"}]);
    tenant.aep("PATCH", &target, wrong).await.expect(400);
    // A definition takes them in every reading.
    let mut body = definition("d", "true");
    body["labels"] = json!(["core/C5"]);
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    assert_eq!(made["labels"], json!(["core/C5"]));
}
