//! To have a credential, a body or a query string told, with the log at its loudest and every kind of refusal.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, SECRET, World, audience, ready_message};

const CANARY: &str = "canary-4f1d9b";

/// A refusal that repeats what it was sent, and more: also where a code belongs and nothing but plain characters stands.
fn chatty(status: u16) -> Value {
    let body = json!({
        "error": SECRET, "error_description": CANARY, "code": SECRET, "error_code": SECRET, "message": CANARY, "title": CANARY, "detail": format!("client_secret={SECRET}&{CANARY}"),
        "type": format!("http://{CANARY}/errors/none"), "report": {CANARY: CANARY},
    });
    json!({"error": {"status": status, "body": body}})
}

fn page() -> Value {
    json!({"error": {"status": 502, "body": format!("<html>{CANARY} Bearer {SECRET}</html>")}})
}

#[rstest]
#[case::identity_service("ims", "/ims/", chatty(400))]
#[case::audience_manager("audienceManager", "/v1/", chatty(400))]
#[case::experience_platform("experiencePlatform", "/data/", chatty(403))]
#[case::a_page("audienceManager", "/v1/", page())]
#[tokio::test]
async fn nothing_of_a_request_or_an_answer_is_told(
    #[case] system: &str,
    #[case] path: &str,
    #[case] kind: Value,
) {
    let mut world = World::start().await;
    world.restart_with(&["--log-level", "trace"]).await;
    // A body that is read well holds what nobody needs, too.
    let comments = json!({"createdBy": CANARY, "definition": {CANARY: CANARY}});
    let patched = world
        .control
        .patch("audiences", LOYAL_GAMERS, &comments)
        .await;
    patched.unwrap();
    world
        .control
        .faults(&json!([{
            "match": {"system": system, "pathContains": path}, "times": 0, "kind": kind,
        }]))
        .await
        .unwrap();
    world.connect().await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let refused = world.until("sharingconnection", "acme", "False", "").await;
    assert!(!ready_message(&refused).is_empty(), "{refused}");
    world
        .until("sharedaudience", "loyal", "False", "DependencyNotReady")
        .await;
    let kinds = "events,leases,sharedaudiences,sharingconnections";
    let told = [
        (
            "the log",
            std::fs::read_to_string(world.operator.log_file()).unwrap(),
        ),
        ("the metrics", world.operator.metrics().await.unwrap()),
        (
            "resources and Events",
            world.kubectl(&["get", kinds, "--output=yaml"]).await,
        ),
        ("the audit log", world.audit_log()),
    ];
    for (place, text) in told {
        for secret in [CANARY, SECRET, "Bearer ", "eyJ", "client_secret="] {
            assert!(!text.contains(secret), "{place} tells {secret}");
        }
        for query in [
            "includeDetails",
            "dataSourceId=",
            "includeMappings",
            "limit=100",
            "containsTrait",
        ] {
            assert!(!text.contains(query), "{place} tells the query {query}");
        }
    }
}
