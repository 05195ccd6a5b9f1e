//! Something between the operator and Adobe answers in Adobe's place: that proves nothing about an object and nothing
//! about the credential (laws L2 and L7).

use std::sync::Arc;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use axum::body::Body;
use http::{Method, Response};
use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{HOUR, MINUTE};
use crate::choke_point::{Call, System, failure};
use crate::operations::LOYAL_GAMERS;
use crate::operator::{World, connection, secret, seed, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::{verdict, virtual_time};

const PAGE: &str = "<html><body>Blocked by the proxy</body></html>";

fn answer(status: u16, content_type: &str, body: &'static str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Body::from(body))
        .unwrap()
}

/// A trait of Audience Manager that somebody shares, to be deleted with its source.
fn shared_trait() -> Value {
    let mut shared = shared_segment("loyal", &json!(null), "MetadataOnly");
    shared["spec"]["source"] = json!({"audienceManager": {"trait": {"sid": 16_440_001}}});
    shared["spec"]["sourceGonePolicy"] = json!("Delete");
    shared
}

fn audiences_named(world: &World, id: &Value) -> usize {
    let state = world.simulator.state();
    let audiences = state["audiences"].as_array().unwrap().iter();
    audiences.filter(|audience| audience["id"] == *id).count()
}

#[rstest]
#[case::html("text/html; charset=utf-8", PAGE)]
#[case::markup_of_another_type("application/json", PAGE)]
#[case::the_gateways_form("application/json", r#"{"error_code":"404003","message":"no route"}"#)]
#[case::nothing("application/json", "")]
#[case::unknown("application/json", r#"{"message":"no such thing"}"#)]
fn a_404_that_is_not_the_services_own_does_not_delete_what_was_made_of_the_source(
    #[case] content_type: &'static str,
    #[case] body: &'static str,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(shared_trait());
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let shared = world.audience("loyal");
        assert_eq!(verdict::ready(&shared).0, "True", "{shared}");
        let id = shared["status"]["experiencePlatform"]["id"].clone();
        // Every list lacks the trait, and every read of it meets the proxy.
        world.simulator.add_fault(SimulatorFault {
            matching: Match {
                method: Some("GET".into()),
                path_contains: Some("/v1/traits/?".into()),
                ..Match::default()
            },
            skip: 0,
            times: 0,
            kind: FaultKind::EmptyList,
        });
        world
            .choke_point
            .set_proxy(Some(Arc::new(move |call: &Call| {
                let is_read = call.path.starts_with("/v1/traits/16440001");
                is_read.then(|| answer(404, content_type, body))
            })));
        world.look_now("loyal");
        virtual_time::passes(2 * HOUR).await;
        assert_eq!(audiences_named(&world, &id), 1);
        let (_, reason) = verdict::ready(&world.audience("loyal"));
        assert_ne!(reason, "SourceNotFound");
        world.choke_point.set_proxy(None);
        world.simulator.clear_faults();
        virtual_time::passes(HOUR).await;
        assert_eq!(verdict::ready(&world.audience("loyal")).0, "True");
        // The service's own word counts.
        world.person_deletes("traits", "16440001");
        virtual_time::passes(HOUR).await;
        assert_eq!(audiences_named(&world, &id), 0);
    });
}

/// What leaves waits for the identity service as long as it takes, and nothing of it is left behind.
#[rstest]
fn a_refusal_that_is_not_the_identity_services_own_releases_nobody(
    #[values(400, 401, 403)] status: u16,
    #[values(
        ("text/html", PAGE),
        ("application/json", r#"{"error_code":"403000","message":"blocked"}"#),
        ("application/json", ""),
    )]
    page: (&'static str, &'static str),
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let (content_type, body) = page;
        // The services have forgotten the token, so that another one is asked for.
        world
            .choke_point
            .set_proxy(Some(Arc::new(move |call: &Call| match call.system {
                System::Kubernetes => None,
                System::IdentityService => Some(answer(status, content_type, body)),
                _ => Some(failure(call.system, 401, "", None)),
            })));
        world.delete("loyal");
        virtual_time::passes(30 * MINUTE).await;
        let waits = world.audience("loyal");
        assert!(!waits.is_null(), "it was released");
        let refused = world.cluster.changes().into_iter().any(|change| {
            let (_, reason) = verdict::ready(&change.object);
            reason == "CredentialsRefused"
        });
        assert!(!refused, "the credential was never refused");
        world.choke_point.set_proxy(None);
        virtual_time::passes(30 * MINUTE).await;
        assert!(world.audience("loyal").is_null());
        let deleted = world.choke_point.calls().into_iter();
        let deleted = deleted.filter(|call| call.method == Method::DELETE);
        assert!(
            deleted.filter(Call::is_remote_write).count() >= 2,
            "trait and segment"
        );
    });
}

/// One audience of 300 kB that belongs to somebody else stops nothing, wherever its id is.
#[rstest]
fn a_list_element_that_is_too_large_stops_nothing(#[values(true, false)] is_ours: bool) {
    on_virtual_time(async {
        let mut state =
            serde_json::to_value(crate::tenants::realistic(crate::operator::SECRET)).unwrap();
        let audiences = state["audiences"].as_array_mut().unwrap();
        let mut large = audiences[0].clone();
        if !is_ours {
            large["id"] = json!("too-large");
            large["audienceId"] = json!("too-large");
            large["name"] = json!("Too large");
        }
        large["description"] = json!("x".repeat(300_000));
        if is_ours {
            audiences[0] = large;
        } else {
            audiences.insert(0, large);
        }
        let source = audiences[usize::from(is_ours)]["id"].clone();
        let source = if is_ours { json!(LOYAL_GAMERS) } else { source };
        let world = World::new(state);
        world.choke_point.keep_no_snapshots();
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(crate::operator::audience("loyal", source.as_str().unwrap()));
        world.start_operator();
        virtual_time::passes(MINUTE).await;
        let acme = &world.connections()[0];
        assert_eq!(verdict::ready(acme).0, "True", "{acme}");
        let loyal = world.audience("loyal");
        let (ready, reason) = verdict::ready(&loyal);
        assert_eq!((ready.as_str(), reason.as_str()), ("True", "Succeeded"));
    });
}
