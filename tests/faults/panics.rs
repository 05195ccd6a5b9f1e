//! A panic at one resource stops nothing else, and one in an engine costs a full pass (law L10).

mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::choke_point::{Call, System};
use crate::operations::{LOYAL_GAMERS, OTHER, target};
use crate::operator::{World, audience};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

/// Panics in whoever makes such a call, so many times; how often it did.
fn panic_at(
    world: &World,
    times: usize,
    at: impl Fn(&Call) -> bool + Send + Sync + 'static,
) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let panicked = count.clone();
    world.choke_point.set_proxy(Some(Arc::new(move |call| {
        if at(call) && panicked.load(Ordering::Relaxed) < times {
            panicked.fetch_add(1, Ordering::Relaxed);
            panic!("a defect that a test plays");
        }
        None
    })));
    count
}

fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|found| found["type"] == "Ready")
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_panic_at_one_audience_is_told_there_and_stops_nothing_else() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let count = panic_at(&world, 1, |call| {
            call.method == "PATCH" && call.path.contains("/sharedaudiences/loyal/status")
        });
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        virtual_time::passes(LOOK).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let told = ready(&world.audience("loyal"));
        assert_eq!(told["reason"], "InternalError", "{told}");
        assert!(told["message"].as_str().unwrap().ends_with('.'), "{told}");
        assert!(!told.to_string().contains("a defect that a test plays"));
        // Everybody else goes on.
        world.apply(audience("readers", OTHER));
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.audience("readers"))["status"], "True");
        // Nothing is tried again.
        let before = world.audience("loyal");
        virtual_time::passes(Duration::from_secs(3_600)).await;
        assert_eq!(world.audience("loyal"), before);
        // Until it changes.
        world.edit("loyal", &target(json!({"ttlDays": 31})));
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.audience("loyal"))["status"], "True");
    });
}

#[test]
fn a_panic_at_a_connection_is_told_there_and_its_audiences_go_on() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let count = panic_at(&world, 1, |call| {
            call.method == "PATCH" && call.path.contains("/sharingconnections/acme/status")
        });
        world.edit_connection("acme", &json!({"spec": {"resyncInterval": "5m"}}));
        virtual_time::passes(LOOK).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let told = ready(&world.connections()[0]);
        assert_eq!(told["reason"], "InternalError", "{told}");
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.audience("loyal"))["status"], "True");
        world.edit_connection("acme", &json!({"spec": {"resyncInterval": "6m"}}));
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.connections()[0])["status"], "True");
    });
}

/// In a list of a pass, and in a write of an audience: both are polled by the engine's own task.
#[rstest]
fn a_panic_in_the_engine_costs_a_full_pass_and_nothing_else(
    #[values("GET", "PUT")] method: &'static str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let count = panic_at(&world, 1, move |call| {
            call.system == System::AudienceManager
                && call.method == method
                && call.path.contains("/traits/")
        });
        let before = world.choke_point.count();
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        world.look_now("loyal");
        virtual_time::passes(Duration::from_secs(60)).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let told = ready(&world.audience("loyal"));
        assert_eq!(told["status"], "True", "{told}");
        assert_eq!(
            told["observedGeneration"],
            world.audience("loyal")["metadata"]["generation"]
        );
        let calls = world.choke_point.calls().split_off(before);
        let listed = calls.iter().filter(|call| {
            call.system == System::AudienceManager && call.path.contains("/datasources/")
        });
        assert!(listed.count() > 0, "no full pass followed");
        assert_eq!(world.choke_point.violations(), Vec::<String>::new());
    });
}

/// What panics each time costs less and less, is told, and ends.
#[test]
fn an_engine_that_cannot_live_is_told_and_begun_less_and_less_often() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let count = panic_at(&world, usize::MAX, |call| {
            call.system == System::AudienceManager
        });
        world.look_now("loyal");
        virtual_time::passes(Duration::from_secs(3_600)).await;
        let panics = count.load(Ordering::Relaxed);
        assert!((3..20).contains(&panics), "{panics} in an hour");
        let told = ready(&world.connections()[0]);
        assert_eq!(told["reason"], "InternalError", "{told}");
        world.choke_point.set_proxy(None);
        virtual_time::passes(Duration::from_secs(1_300)).await;
        assert_eq!(ready(&world.connections()[0])["status"], "True");
        assert_eq!(ready(&world.audience("loyal"))["status"], "True");
    });
}
