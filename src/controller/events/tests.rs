//! What reaches the API server, and that a refusal reaches nobody.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use kube::runtime::events::Reporter;
use serde_json::{Value, json};

use super::{EventType, ObjectReference, Reason, Recorder, publish};

type Requests = Arc<Mutex<Vec<(String, Value)>>>;

fn recorder(status: StatusCode) -> (Recorder, Requests) {
    let requests = Requests::default();
    let seen = requests.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let seen = seen.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            seen.lock().unwrap().push((
                parts.uri.path().into(),
                serde_json::from_slice(&body).unwrap(),
            ));
            let answer = if status.is_success() {
                body
            } else {
                let text =
                    json!({"status": "Failure", "message": "", "reason": "Forbidden", "code": 403});
                Bytes::from(text.to_string())
            };
            Ok::<_, Infallible>(
                Response::builder()
                    .status(status)
                    .body(Full::new(answer))
                    .unwrap(),
            )
        }
    });
    let reporter = Reporter {
        controller: "audience-sharing-operator".into(),
        instance: Some("pod-1".into()),
    };
    (
        Recorder::new(Client::new(service, "default"), reporter),
        requests,
    )
}

fn object() -> ObjectReference {
    ObjectReference {
        kind: Some("SharedAudience".into()),
        namespace: Some("marketing".into()),
        name: Some("loyal-gamers".into()),
        ..ObjectReference::default()
    }
}

#[tokio::test]
async fn an_event_stands_in_the_namespace_of_its_object() {
    let (recorder, requests) = recorder(StatusCode::CREATED);
    publish(
        &recorder,
        &object(),
        EventType::Warning,
        Reason::SharingLoop,
        "Audience 7 came from Experience Platform.",
    )
    .await;
    let requests = requests.lock().unwrap();
    let (path, body) = &requests[0];
    assert_eq!(path, "/apis/events.k8s.io/v1/namespaces/marketing/events");
    let told = ["type", "reason", "action", "note"].map(|field| body[field].as_str().unwrap());
    assert_eq!(
        told,
        [
            "Warning",
            "SharingLoop",
            "Reconcile",
            "Audience 7 came from Experience Platform."
        ]
    );
    assert_eq!(body["regarding"]["name"], "loyal-gamers");
}

#[tokio::test]
async fn a_long_note_is_cut_at_a_character() {
    let (recorder, requests) = recorder(StatusCode::CREATED);
    publish(
        &recorder,
        &object(),
        EventType::Normal,
        Reason::Succeeded,
        "€".repeat(500),
    )
    .await;
    let note = requests.lock().unwrap()[0].1["note"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        note,
        "€".repeat(341),
        "1,023 bytes; one more character would be 1,026"
    );
}

#[tokio::test]
async fn a_refusal_is_swallowed_after_one_try() {
    let (recorder, requests) = recorder(StatusCode::FORBIDDEN);
    publish(
        &recorder,
        &object(),
        EventType::Normal,
        Reason::Succeeded,
        "Shared.",
    )
    .await;
    assert_eq!(requests.lock().unwrap().len(), 1);
}
