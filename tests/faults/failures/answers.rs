//! What Adobe answers in place of what was asked for: outages, refusals of the gateway, pages, lists with holes.

use std::sync::Arc;

use adobe_simulator::{Fault, FaultKind, Match};
use audience_sharing_core::domain::reason::Reason;
use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use super::{QUIET_HOUR, Scenario, of_audience, of_connection};
use crate::choke_point::{Call, System};
use crate::operator::World;

/// A pass in vain sends its first lists, and is tried again every five minutes.
const LISTS_IN_VAIN: usize = 5 * 13;

/// From now on every call that fits is answered so.
pub(super) fn stand_in(world: &World, fits: fn(&Call) -> bool, answer: fn() -> Response<Body>) {
    world
        .choke_point
        .set_proxy(Some(Arc::new(move |call| fits(call).then(answer))));
}

pub(super) fn clear(world: &World) {
    world.choke_point.set_proxy(None);
}

fn adobe(call: &Call) -> bool {
    matches!(
        call.system,
        System::AudienceManager | System::ExperiencePlatform
    )
}

fn audience_manager(call: &Call) -> bool {
    call.system == System::AudienceManager
}

fn experience_platform(call: &Call) -> bool {
    call.system == System::ExperiencePlatform
}

fn identity_service(call: &Call) -> bool {
    call.system == System::IdentityService
}

pub(super) fn answer(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

fn gateway(status: u16, code: &str) -> Response<Body> {
    let body = json!({"error_code": code, "message": "canary-of-a-body"});
    answer(status, "application/json", body.to_string())
}

/// Some flags of the simulator, the others as they are.
pub(crate) fn set_flags(world: &World, changes: &Value) {
    let mut flags = serde_json::to_value(world.simulator.flags()).unwrap();
    for (group, switches) in changes.as_object().unwrap() {
        for (name, value) in switches.as_object().unwrap() {
            *flags[group].get_mut(name).unwrap() = value.clone();
        }
    }
    world
        .simulator
        .set_flags(serde_json::from_value(flags).unwrap());
}

/// A fault of the simulator's that lasts.
pub(crate) fn lasting(world: &World, path_contains: &str, method: &str, kind: FaultKind) {
    world.simulator.add_fault(Fault {
        matching: Match {
            path_contains: Some(path_contains.into()),
            method: Some(method.into()),
            ..Match::default()
        },
        skip: 0,
        times: 0,
        kind,
    });
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = gateways();
    scenarios.extend(outages());
    scenarios.extend(not_understood());
    scenarios.extend(tolerated());
    scenarios
}

macro_rules! refused_by_the_gateway {
    ($($reason:ident $status:literal $code:literal $when:literal $calls:expr;)+) => {
        vec![$(
            of_connection(Reason::$reason, $when)
                .happens(|world| stand_in(world, adobe, || gateway($status, $code)))
                .mended_by(clear)
                .calls($calls)
        ),+]
    };
}

fn gateways() -> Vec<Scenario> {
    refused_by_the_gateway! {
        CredentialsRefused 401 "401013" "the gateway takes no token for valid (401013)" LISTS_IN_VAIN;
        CredentialsRefused 403 "403010" "the gateway misses the token (403010)" LISTS_IN_VAIN;
        CredentialsRefused 403 "403000" "the gateway misses the API key (403000)" LISTS_IN_VAIN;
        CredentialsRefused 403 "403003" "the gateway does not know the API key (403003)" LISTS_IN_VAIN;
        CredentialsRefused 403 "403025" "the credential is not of this organisation (403025)" LISTS_IN_VAIN;
        CredentialsRefused 403 "403027" "the credential has no product profile (403027)" LISTS_IN_VAIN;
        RequestRefused 400 "400003" "the gateway misses a header (400003)" LISTS_IN_VAIN;
        UnexpectedAnswer 404 "404003" "the gateway knows no such address (404003)" LISTS_IN_VAIN;
        Throttled 429 "429050" "the gateway asks to wait (429050)" LISTS_IN_VAIN;
    }
}

fn outages() -> Vec<Scenario> {
    vec![
        of_connection(Reason::IdentityServiceUnavailable, "IMS fails")
            .before(|world| {
                stand_in(world, identity_service, || {
                    answer(503, "text/plain", "canary-of-a-body")
                });
                (super::of_audience(Reason::Succeeded, "").before)(world);
            })
            .mended_by(clear)
            .calls(LISTS_IN_VAIN),
        of_connection(Reason::AudienceManagerUnavailable, "Audience Manager fails")
            .happens(|world| {
                stand_in(world, audience_manager, || {
                    answer(503, "text/plain", "canary-of-a-body")
                });
            })
            .mended_by(clear)
            .calls(LISTS_IN_VAIN),
        of_connection(Reason::ExperiencePlatformUnavailable, "Experience Platform fails")
            .happens(|world| {
                stand_in(world, experience_platform, || {
                    answer(503, "text/plain", "canary-of-a-body")
                });
            })
            .mended_by(clear)
            .calls(LISTS_IN_VAIN),
        of_audience(
            Reason::AudienceManagerUnavailable,
            "Audience Manager fails at one kind of call alone",
        )
        .before(|world| {
            lasting(world, "/v1/traits", "POST", FaultKind::Error { status: 500, body: None });
            (super::of_audience(Reason::Succeeded, "").before)(world);
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(QUIET_HOUR + 4 * 24),
        of_connection(Reason::AccessDenied, "Audience Manager denies a list")
            .happens(|world| {
                stand_in(world, audience_manager, || {
                    answer(403, "application/json", r#"{"code": "ACCESS_DENIED"}"#)
                });
            })
            .mended_by(clear)
            .calls(LISTS_IN_VAIN),
        of_connection(
            Reason::AccessDenied,
            "Experience Platform cannot check a right (UPAPI-113751-500)",
        )
        .happens(|world| {
            stand_in(world, experience_platform, || {
                let body = json!({"type": "https://ns.adobe.com/aep/errors/UPAPI-113751-500", "status": 500});
                answer(500, "application/json", body.to_string())
            });
        })
        .mended_by(clear)
        .calls(LISTS_IN_VAIN),
        of_audience(Reason::ChangedMeanwhile, "a created object is said to exist and cannot be found")
            .before(|world| {
                let body = json!({"code": "DUPLICATE", "message": "canary-of-a-body"});
                let kind = FaultKind::Error { status: 409, body: Some(body) };
                lasting(world, "/v1/traits", "POST", kind);
                (super::of_audience(Reason::Succeeded, "").before)(world);
            })
            .mended_by(|world| world.simulator.clear_faults())
            .calls(QUIET_HOUR + 4 * 24),
    ]
}

macro_rules! not_understood {
    ($($when:literal $answer:expr;)+) => {
        vec![$(
            of_connection(Reason::UnexpectedAnswer, $when)
                .happens(|world| stand_in(world, audience_manager, || $answer))
                .mended_by(clear)
                .calls(LISTS_IN_VAIN)
        ),+]
    };
}

fn not_understood() -> Vec<Scenario> {
    not_understood! {
        "a proxy answers with a page of HTML"
            answer(200, "text/html", "<html><body>canary-of-a-body</body></html>");
        "an answer is empty" answer(200, "application/json", "");
        "an answer ends in the middle" answer(200, "application/json", r#"[{"sid": 1, "name": "canary-of-a-b"#);
        "an answer is JSON of another shape" answer(200, "application/json", r#""canary-of-a-body""#);
        "an answer is larger than any list may be" answer(200, "application/json", oversized());
        "an answer has another content type" answer(200, "application/octet-stream", vec![0xff; 64]);
        "an answer leads elsewhere" Response::builder()
            .status(302)
            .header("location", "https://canary.example/of-a-body")
            .body(Body::empty())
            .unwrap();
    }
}

/// More than a tree of folders may be, in one element that is more than any may be.
fn oversized() -> String {
    format!("[{{\"name\": \"{}\"}}]", "x".repeat(5 * 1024 * 1024))
}

fn tolerated() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::Succeeded,
            "every list of Audience Manager's is suddenly empty",
        )
        .happens(|world| {
            for list in ["/datasources", "/traits", "/segments"] {
                lasting(world, list, "GET", FaultKind::EmptyList);
            }
        })
        .calls(QUIET_HOUR + 6 * 6),
        of_audience(
            Reason::Succeeded,
            "Adobe answers with words that are not known",
        )
        .before(|world| {
            (super::of_audience(Reason::Succeeded, "").before)(world);
            let unknown = json!({"lifecycleState": "incubating", "namespace": "Elsewhere"});
            world.person("audiences", crate::operations::LOYAL_GAMERS, &unknown);
            set_flags(world, &json!({"shared": {"unknownFields": true}}));
        }),
    ]
}
