//! What reaches the API server, and what is not worth an Event.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::api::coordination::v1::Lease;
use kube::client::Body;
use kube::runtime::events::Reporter;
use kube::{Client, Resource};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Condition, Recorder, on_transition};

/// The Events that one change of conditions sends to an API server that answers `status`.
async fn told(status: StatusCode, known: &[Condition], now: &[Condition]) -> Vec<(String, Value)> {
    let requests: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let seen = requests.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let seen = seen.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let event = serde_json::from_slice(&body).unwrap();
            seen.lock().unwrap().push((parts.uri.path().into(), event));
            let answer = Response::builder().status(status).body(Full::new(body));
            Ok::<_, Infallible>(answer.unwrap())
        }
    });
    let reporter = Reporter {
        controller: "audience-sharing".into(),
        instance: Some("pod-1".into()),
    };
    let recorder = Recorder::new(Client::new(service, "default"), reporter);
    let object = serde_json::from_value::<Lease>(json!({
        "metadata": {"name": "loyal-gamers", "namespace": "marketing"},
    }));
    on_transition(&recorder, &object.unwrap().object_ref(&()), known, now).await;
    std::mem::take(&mut *requests.lock().unwrap())
}

fn ready(status: &str, reason: &str, message: &str) -> Condition {
    serde_json::from_value(json!({
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

#[rstest]
#[case::first_verdict(None, ready("True", "Succeeded", "Shared."), Some("Normal"))]
#[case::at_rest(
    Some(ready("True", "Succeeded", "Shared.")),
    ready("True", "Succeeded", "Shared."),
    None
)]
#[case::another_message(
    Some(ready("False", "Throttled", "a")),
    ready("False", "Throttled", "b"),
    None
)]
#[case::another_reason(
    Some(ready("False", "Throttled", "")),
    ready("False", "SharingLoop", ""),
    Some("Warning")
)]
#[case::another_status(
    Some(ready("True", "Succeeded", "")),
    ready("False", "RuleInvalid", ""),
    Some("Warning")
)]
#[case::under_way(
    Some(ready("True", "Succeeded", "")),
    ready("False", "Progressing", ""),
    Some("Normal")
)]
#[tokio::test]
async fn an_event_is_told_on_a_transition_alone(
    #[case] known: Option<Condition>,
    #[case] now: Condition,
    #[case] expected: Option<&str>,
) {
    let known = Vec::from_iter(known);
    let requests = told(StatusCode::CREATED, &known, &[now]).await;
    let types: Vec<_> = requests
        .iter()
        .map(|(_, event)| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, Vec::from_iter(expected));
}

#[tokio::test]
async fn an_event_stands_in_the_namespace_of_its_object() {
    let now = ready(
        "False",
        "SharingLoop",
        "Audience 7 came from Experience Platform.",
    );
    let requests = told(StatusCode::CREATED, &[], &[now]).await;
    let (path, event) = &requests[0];
    assert_eq!(path, "/apis/events.k8s.io/v1/namespaces/marketing/events");
    let fields = ["reason", "action", "note"].map(|field| event[field].as_str().unwrap());
    assert_eq!(
        fields,
        [
            "SharingLoop",
            "Reconcile",
            "Audience 7 came from Experience Platform."
        ]
    );
    assert_eq!(event["regarding"]["name"], "loyal-gamers");
}

#[tokio::test]
async fn a_long_note_is_cut_at_a_character() {
    let now = ready("True", "Succeeded", &"€".repeat(500));
    let requests = told(StatusCode::CREATED, &[], &[now]).await;
    assert_eq!(
        requests[0].1["note"],
        "€".repeat(341),
        "1,023 bytes; one more would be 1,026"
    );
}

#[tokio::test]
async fn a_refusal_is_swallowed_after_one_try() {
    let now = ready("True", "Succeeded", "Shared.");
    assert_eq!(told(StatusCode::FORBIDDEN, &[], &[now]).await.len(), 1);
}
