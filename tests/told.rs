//! What is told, and what never is: secrets and tokens reach no log, event, status, metric or audit log.

use std::time::Duration;

use adobe_client::credential::Credential;
use testbed::{AuditEvent, eventually};

use crate::harness::{LOYAL_GAMERS, SECRET, World};

const CANARY: &str = "canary-that-is-wrong";

/// Tokens of the simulator begin like every JSON web token.
const TOKEN: &str = "eyJ";

#[tokio::test]
async fn secrets_and_tokens_are_told_nowhere() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.apply_secret(CANARY).await;
    world
        .until("sharingconnection", "acme", "False", "CredentialsRefused")
        .await;
    let told = [
        (
            "the log",
            std::fs::read_to_string(world.operator.log_file()).unwrap(),
        ),
        ("the metrics", world.operator.metrics().await.unwrap()),
        (
            "the resources and events",
            world
                .kubectl(&[
                    "get",
                    "events,leases,sharedaudiences,sharingconnections",
                    "--output=yaml",
                ])
                .await,
        ),
        ("the audit log", world.audit_log()),
    ];
    for (place, text) in told {
        assert!(!text.is_empty(), "{place} was read");
        for secret in [SECRET, CANARY, "Bearer", TOKEN] {
            assert!(!text.contains(secret), "{place} tells {secret}");
        }
    }
}

#[test]
fn a_panic_over_a_credential_does_not_tell_it() {
    let credential = Credential {
        client_id: "demo-client".into(),
        client_secret: CANARY.to_owned().into(),
        scopes: String::new(),
    };
    let panic = std::panic::catch_unwind(|| panic!("cannot use {credential:?}"));
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("Credential"), "{message}");
    assert!(!message.contains(CANARY), "{message}");
}

/// Requests of the operator that the API server refused: none, however the rights are cut.
#[tokio::test]
async fn a_life_tells_transitions_alone_and_has_no_request_refused() {
    let world = World::start().await;
    for path in ["/livez", "/readyz"] {
        assert!(world.operator.answers(path).await.unwrap(), "{path}");
    }
    assert!(!world.operator.answers("/").await.unwrap());
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    for _ in 0..3 {
        world.look_now("loyal").await;
    }
    let events = world
        .kubectl(&[
            "get",
            "events.events.k8s.io",
            "--output=jsonpath={range .items[*]}{.regarding.kind} {.reason}{'\\n'}{end}",
        ])
        .await;
    let ready = events
        .lines()
        .filter(|line| *line == "SharedAudience Succeeded");
    assert_eq!(ready.count(), 1, "{events}");
    world.delete("loyal").await;
    let ours = |event: &AuditEvent| {
        let object = event.object_ref.as_ref();
        object.is_some_and(|object| object.namespace == world.namespace)
            && !event.user_agent.starts_with("kubectl")
    };
    let refused = eventually("the audit log is read", Duration::from_secs(10), || async {
        world.audit_events().map_err(|error| error.to_string())
    })
    .await
    .unwrap();
    let refused: Vec<_> = refused
        .into_iter()
        .filter(|event| {
            ours(event)
                && event
                    .response_status
                    .is_some_and(|status| matches!(status.code, 400 | 401 | 403 | 405 | 415 | 422))
        })
        .map(|event| format!("{} {}", event.verb, event.request_uri))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}
