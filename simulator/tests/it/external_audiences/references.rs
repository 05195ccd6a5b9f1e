//! What refers to which audience, and what follows from it (experience-platform.md §3.3, §5.4).

use adobe_simulator::{AudienceReference, Seed};
use serde_json::{Value, json};

use super::{ais, definition};
use crate::helper::{Tenant, seeded, small};

async fn audience(tenant: &Tenant, id: &str) -> Value {
    tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(200)
}

async fn made(tenant: &Tenant, body: Value) -> String {
    let made = tenant.aep("POST", "/audiences", body).await.expect(200);
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_definition_that_refers_to_an_audience_depends_on_it() {
    let tenant = seeded(Seed::both_directions()).await;
    let parent = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";
    let child = made(
        &tenant,
        definition("child", &format!("inSegment(\"{parent}\")")),
    )
    .await;
    assert_eq!(
        audience(&tenant, &child).await["dependencies"],
        json!([parent])
    );
    assert_eq!(
        audience(&tenant, &child).await["evaluationInfo"]["continuous"]["enabled"],
        true
    );
    assert_eq!(
        audience(&tenant, parent).await["dependents"],
        json!([child])
    );
    let refused = tenant
        .aep("DELETE", &format!("/audiences/{parent}"), Value::Null)
        .await
        .expect(400);
    assert_eq!(
        refused["type"],
        "https://ns.adobe.com/aep/errors/UPAPI-113631-403"
    );
    let inactive = json!([{"op": "add", "path": "/lifecycleState", "value": "inactive"}]);
    tenant
        .aep("PATCH", &format!("/audiences/{parent}"), inactive)
        .await
        .expect(400);
    // It turns to another one, by the other resource, and back by this one.
    let target = format!("/segment/definitions/{child}");
    let import = "8a3f1c52-4d0e-4b7a-9c11-5e2f7d9b6a04";
    let other = definition("child", &format!("inSegment(\"{import}\")"));
    tenant.aep("PATCH", &target, other).await.expect(200);
    assert_eq!(audience(&tenant, parent).await["dependents"], json!([]));
    assert_eq!(
        audience(&tenant, import).await["dependents"],
        json!([child])
    );
    let own = format!("/external-audience/{import}");
    ais(&tenant, "DELETE", &own, Value::Null).await.expect(422);
    let value =
        json!({"type": "PQL", "format": "pql/text", "value": format!("inSegment(\"{parent}\")")});
    let patch = json!([{"op": "add", "path": "/expression", "value": value}]);
    tenant
        .aep("PATCH", &format!("/audiences/{child}"), patch)
        .await
        .expect(200);
    assert_eq!(audience(&tenant, import).await["dependents"], json!([]));
    tenant.aep("DELETE", &target, Value::Null).await.expect(200);
    assert_eq!(audience(&tenant, parent).await["dependents"], json!([]));
    tenant
        .aep("DELETE", &format!("/audiences/{parent}"), Value::Null)
        .await
        .expect(204);
}

#[tokio::test]
async fn what_refers_to_audience_manager_by_id_is_batch_as_well() {
    let tenant = seeded(Seed::both_directions()).await;
    let segment = "QUFNU2VnbWVudHNfMTY0NTAwMDE_6ed34f6f-fe21-4a30-934f-6ffe21fa3075";
    let child = made(
        &tenant,
        definition("mirror", &format!("inSegment(\"{segment}\")")),
    )
    .await;
    let info = &audience(&tenant, &child).await["evaluationInfo"];
    assert_eq!(
        (&info["batch"]["enabled"], &info["continuous"]["enabled"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn what_in_segment_names_is_a_switch() {
    let tenant = seeded(Seed::both_directions()).await;
    let by_audience_id = definition("one", "inSegment(\"gold_upload\")");
    let child = made(&tenant, by_audience_id).await;
    assert_eq!(audience(&tenant, &child).await["dependencies"], json!([]));
    tenant
        .flags(|flags| flags.experience_platform.in_segment_names = AudienceReference::AudienceId);
    let child = made(&tenant, definition("two", "inSegment(\"gold_upload\")")).await;
    let import = "8a3f1c52-4d0e-4b7a-9c11-5e2f7d9b6a04";
    assert_eq!(
        audience(&tenant, &child).await["dependencies"],
        json!([import])
    );
}

#[tokio::test]
async fn whether_a_look_at_the_membership_is_a_dependency_is_a_switch() {
    let tenant = seeded(Seed::both_directions()).await;
    let expression =
        "segmentMembership.get(\"aamsegments\").get(\"16450004\").status = \"realized\"";
    let child = made(&tenant, definition("one", expression)).await;
    let client_made = "5d0c7c8e-1a2b-4c3d-8e4f-000000000001";
    assert_eq!(
        audience(&tenant, &child).await["dependencies"],
        json!([client_made])
    );
    tenant.flags(|flags| flags.experience_platform.membership_is_dependency = false);
    let child = made(&tenant, definition("two", expression)).await;
    assert_eq!(audience(&tenant, &child).await["dependencies"], json!([]));
}

#[tokio::test]
async fn whether_an_audience_that_is_not_there_is_noticed_is_a_switch() {
    let tenant = small().await;
    made(&tenant, definition("one", "inSegment(\"nothing\")")).await;
    tenant.flags(|flags| flags.experience_platform.unknown_audience_refused = true);
    let body = definition("two", "inSegment(\"nothing\")");
    tenant
        .aep("POST", "/segment/definitions", body)
        .await
        .expect(400);
}

#[tokio::test]
async fn a_parent_is_published_before_its_child() {
    let tenant = small().await;
    let mut draft = definition("parent", "true");
    draft["lifecycleState"] = json!("draft");
    let parent = made(&tenant, draft).await;
    let mut child = definition("child", &format!("inSegment(\"{parent}\")"));
    tenant
        .aep("POST", "/audiences", child.clone())
        .await
        .expect(400);
    child["lifecycleState"] = json!("draft");
    let child = made(&tenant, child).await;
    let publish = json!([{"op": "add", "path": "/lifecycleState", "value": "published"}]);
    let target = format!("/audiences/{child}");
    tenant
        .aep("PATCH", &target, publish.clone())
        .await
        .expect(400);
    tenant
        .aep("PATCH", &format!("/audiences/{parent}"), publish.clone())
        .await
        .expect(200);
    tenant.aep("PATCH", &target, publish).await.expect(200);
}
