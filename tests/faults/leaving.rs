//! A deletion always ends: the Secret, the connection and the audience are deleted in every order, with a new process of
//! the operator in between, and what cannot be deleted is released after ten minutes and told (law L7).

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use crate::choke_point::{System, failure};
use crate::cluster::{Key, finalizers};
use crate::operations::LOYAL_GAMERS;
use crate::operator::{NAMESPACE, SYSTEM_NAMESPACE, World, connection, key_of, secret, set_skew};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

const MINUTE: Duration = Duration::from_secs(60);

/// What is deleted, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Secret,
    Connection,
    Audience,
}

use Part::{Audience, Connection, Secret};

fn delete(world: &World, part: Part) {
    match part {
        Secret => delete_secret(world),
        Connection => world.delete_connection("acme"),
        Audience => world.delete("loyal"),
    }
}

fn delete_secret(world: &World) {
    let key = key_of(&secret());
    world.cluster.delete(&key, &Value::Null).unwrap();
}

/// Another process takes over: it knows what the cluster says, and nothing else.
async fn start_anew(world: &World) {
    world.kill_operator();
    virtual_time::passes(Duration::from_secs(5)).await;
    world.start_operator();
}

fn is_there(world: &World) -> bool {
    !world.audience("loyal").is_null()
}

fn connection_is_there(world: &World) -> bool {
    world.cluster.get(&key_of(&connection("acme")), 0).is_ok()
}

fn our_traits(world: &World) -> usize {
    let state = world.tenant();
    let traits = state["traits"].as_array().unwrap().iter();
    let ours = traits.filter(|found| {
        let description = found["description"].as_str().unwrap_or_default();
        description.contains("/marketing/loyal")
    });
    ours.count()
}

/// What was told on the operator's own Pod.
fn told_on_the_pod(world: &World) -> Vec<String> {
    let (events, _) = world.cluster.list("events.k8s.io/v1/events", None, None, 0);
    let told = events.iter().filter(|event| {
        event["metadata"]["namespace"] == SYSTEM_NAMESPACE && event["regarding"]["kind"] == "Pod"
    });
    told.map(|event| event["note"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn gone_within(world: &World, within: Duration) {
    let began = tokio::time::Instant::now();
    while is_there(world) || connection_is_there(world) {
        assert!(
            began.elapsed() < within,
            "still there: {} {:?}",
            world.audience("loyal"),
            world.connections()
        );
        virtual_time::passes(Duration::from_secs(5)).await;
    }
}

/// The remote objects are deleted, or they stay and that is told with their ids.
fn nothing_was_lost_in_silence(world: &World, trait_sid: &Value) {
    if our_traits(world) > 0 {
        let told = told_on_the_pod(world);
        assert!(
            told.iter()
                .any(|note| note.contains(&format!("trait {trait_sid}"))),
            "{told:?}"
        );
    }
    assert_eq!(world.choke_point.violations(), Vec::<String>::new());
}

/// `new_process`: before the part with this number is deleted, or after all.
#[rstest]
fn a_deletion_ends_in_every_order_and_across_a_restart(
    #[values(
        [Secret, Connection, Audience],
        [Secret, Audience, Connection],
        [Connection, Secret, Audience],
        [Connection, Audience, Secret],
        [Audience, Secret, Connection],
        [Audience, Connection, Secret]
    )]
    order: [Part; 3],
    #[values(0, 1, 2, 3)] new_process: usize,
    #[values("Delete", "Retain")] shared_objects: &str,
    #[values(Duration::ZERO, LOOK)] between: Duration,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.edit_connection("acme", &json!({"spec": {"deletionPolicy": shared_objects}}));
        virtual_time::passes(LOOK).await;
        let sid = world.audience("loyal")["status"]["audienceManager"]["traitSid"].clone();
        for (number, part) in order.into_iter().enumerate() {
            if number == new_process {
                start_anew(&world).await;
            }
            delete(&world, part);
            virtual_time::passes(between).await;
        }
        if new_process == order.len() {
            start_anew(&world).await;
        }
        // A dead process holds the Lease for ninety seconds.
        gone_within(&world, 13 * MINUTE).await;
        nothing_was_lost_in_silence(&world, &sid);
    });
}

/// Operator stopped; all three deleted at once; operator started.
async fn pruned_while_nobody_ran() -> World {
    let world = World::sharing("loyal", LOYAL_GAMERS).await;
    world.kill_operator();
    virtual_time::passes(Duration::from_secs(5)).await;
    for part in [Secret, Connection, Audience] {
        delete(&world, part);
    }
    virtual_time::passes(2 * MINUTE).await;
    world.start_operator();
    world
}

#[test]
fn the_connection_says_that_its_secret_is_missing_and_does_not_blame_its_audiences() {
    on_virtual_time(async {
        let world = pruned_while_nobody_ran().await;
        virtual_time::passes(MINUTE).await;
        let connections = world.connections();
        let conditions = connections[0]["status"]["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|found| found["type"] == "Ready");
        let ready = ready.unwrap();
        assert_eq!(ready["reason"], "SecretNotFound", "{ready}");
        let message = ready["message"].as_str().unwrap();
        assert!(message.contains("adobe-oauth"), "{message}");
        assert!(message.contains("loyal"), "{message}");
    });
}

#[test]
fn ten_minutes_are_counted_across_processes() {
    on_virtual_time(async {
        let world = pruned_while_nobody_ran().await;
        let began = tokio::time::Instant::now();
        while is_there(&world) {
            assert!(began.elapsed() < 16 * MINUTE, "{}", world.audience("loyal"));
            virtual_time::passes(3 * MINUTE + Duration::from_secs(30)).await;
            if is_there(&world) {
                start_anew(&world).await;
            }
        }
        assert!(began.elapsed() > 9 * MINUTE, "{:?}", began.elapsed());
    });
}

#[test]
fn a_process_that_never_lives_long_comes_to_the_end_too() {
    on_virtual_time(async {
        let world = pruned_while_nobody_ran().await;
        let began = tokio::time::Instant::now();
        while is_there(&world) {
            assert!(began.elapsed() < 60 * MINUTE, "{}", world.audience("loyal"));
            virtual_time::passes(Duration::from_secs(40)).await;
            start_anew(&world).await;
        }
    });
}

/// By which the next process' clock is wrong.
#[rstest]
fn a_wrong_clock_releases_nothing_early_and_holds_nothing_for_long(#[values(-24, 24)] hours: i64) {
    on_virtual_time(async {
        let world = pruned_while_nobody_ran().await;
        virtual_time::passes(3 * MINUTE).await;
        world.kill_operator();
        set_skew(SignedDuration::from_hours(hours));
        world.start_operator();
        virtual_time::passes(4 * MINUTE).await;
        assert!(is_there(&world), "released after seven minutes");
        gone_within(&world, 8 * MINUTE).await;
    });
}

#[test]
fn a_secret_that_comes_back_in_time_lets_the_objects_be_deleted() {
    on_virtual_time(async {
        let world = pruned_while_nobody_ran().await;
        virtual_time::passes(9 * MINUTE).await;
        assert!(is_there(&world));
        world.apply(secret());
        gone_within(&world, 5 * MINUTE).await;
        assert_eq!(our_traits(&world), 0);
    });
}

/// The cluster that the operator sees lacks nothing: IMS does not answer.
#[test]
fn an_outage_of_any_length_releases_nothing() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world
            .choke_point
            .set_proxy(Some(std::sync::Arc::new(|call| {
                let of_adobe = call.system != System::Kubernetes;
                of_adobe.then(|| failure(call.system, 503, "ServiceUnavailable", None))
            })));
        world.delete("loyal");
        for _ in 0..5 {
            start_anew(&world).await;
            virtual_time::passes(15 * MINUTE).await;
            assert!(is_there(&world));
        }
        world.choke_point.set_proxy(None);
        virtual_time::passes(15 * MINUTE).await;
        assert!(!is_there(&world));
        assert_eq!(our_traits(&world), 0);
    });
}

fn definition(plural: &str) -> Key {
    Key {
        resource: "apiextensions.k8s.io/v1/customresourcedefinitions".into(),
        namespace: String::new(),
        name: format!("{plural}.audience-sharing.dev"),
    }
}

/// The API server says nothing of the definitions: no right to read them, no answer, or an answer from elsewhere.
fn hide_definitions(world: &World, code: u16) {
    world
        .choke_point
        .set_proxy(Some(std::sync::Arc::new(move |call| {
            let hidden = call.path.contains("customresourcedefinitions");
            hidden.then(|| failure(System::Kubernetes, code, "Hidden", None))
        })));
}

#[rstest]
fn what_cannot_be_known_to_stay_defined_loses_nothing_and_goes_in_the_end(
    #[values(403, 404, 500, 503)] code: u16,
    #[values(false, true)] new_process: bool,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sid = world.audience("loyal")["status"]["audienceManager"]["traitSid"].clone();
        world.edit_connection("acme", &json!({"spec": {"deletionPolicy": "Delete"}}));
        virtual_time::passes(LOOK).await;
        hide_definitions(&world, code);
        let before = world.choke_point.count();
        world.delete("loyal");
        world.delete_connection("acme");
        virtual_time::passes(6 * MINUTE).await;
        assert!(is_there(&world), "released too early");
        let ready = world.audience("loyal")["status"]["conditions"][0].clone();
        assert_eq!(ready["reason"], "RemovalUnknown", "{ready}");
        if new_process {
            start_anew(&world).await;
        }
        // The connection counts for itself.
        gone_within(&world, 20 * MINUTE).await;
        let calls = world.choke_point.calls().split_off(before);
        let written: Vec<_> = calls.iter().filter(|call| call.is_remote_write()).collect();
        assert!(written.is_empty(), "{written:?}");
        nothing_was_lost_in_silence(&world, &sid);
        let told = told_on_the_pod(&world);
        assert!(
            told.iter().any(|note| note.contains("data source")),
            "{told:?}"
        );
    });
}

#[test]
fn once_the_definition_can_be_read_again_the_objects_are_deleted() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        hide_definitions(&world, 403);
        world.delete("loyal");
        virtual_time::passes(6 * MINUTE).await;
        world.choke_point.set_proxy(None);
        virtual_time::passes(2 * MINUTE).await;
        assert!(!is_there(&world));
        assert_eq!(our_traits(&world), 0);
    });
}

/// Whoever removes a definition removes the operator, not what it made: of both kinds.
#[test]
fn a_connection_whose_definition_is_being_removed_leaves_the_shared_objects() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.edit_connection("acme", &json!({"spec": {"deletionPolicy": "Delete"}}));
        world.delete("loyal");
        virtual_time::passes(LOOK).await;
        let key = definition("sharingconnections");
        let mut known = Arc::unwrap_or_clone(world.cluster.get(&key, 0).unwrap());
        known["metadata"]["finalizers"] = json!(["customresourcecleanup.apiextensions.k8s.io"]);
        world.cluster.replace(&key, known).unwrap();
        world.cluster.delete(&key, &Value::Null).unwrap();
        let before = world.choke_point.count();
        world.delete_connection("acme");
        virtual_time::passes(2 * MINUTE).await;
        assert!(!connection_is_there(&world));
        let calls = world.choke_point.calls().split_off(before);
        assert!(
            !calls
                .iter()
                .any(|call| call.method == Method::DELETE && call.is_remote_write())
        );
    });
}

/// The API server tells of a change a while after it happened, as it may.
#[test]
fn a_connection_that_waits_for_its_audiences_goes_as_soon_as_they_have_gone() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.choke_point.plan_next(
            Method::GET,
            "/sharedaudiences?&watch",
            crate::fault::Fault::Stale,
        );
        // Until the watch that begins next, which is the slow one.
        virtual_time::passes(6 * MINUTE).await;
        assert_eq!(world.choke_point.played().len(), 1);
        world.delete_connection("acme");
        world.delete("loyal");
        gone_within(&world, 2 * MINUTE).await;
        let leaving = world.cluster.changes();
        assert!(leaving.iter().any(
            |change| change.key.namespace == NAMESPACE && finalizers(&change.object).is_empty()
        ));
    });
}
