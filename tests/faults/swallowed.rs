//! One call to the API server that is never answered, of every kind: the operator gives it up and goes on (law L10).

use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::json;

use crate::fault::Fault;
use crate::operations::{LOYAL_GAMERS, OTHER, target};
use crate::operator::{World, audience, connection, secret, seed};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

/// A deadline, the pause before the next try, and the work itself.
const WITHIN: Duration = Duration::from_secs(120);

fn is_ready(world: &World, name: &str) -> bool {
    let conditions = world.audience(name)["status"]["conditions"].clone();
    let mut conditions = conditions.as_array().into_iter().flatten();
    conditions.any(|found| found["type"] == "Ready" && found["status"] == "True")
}

#[rstest]
fn the_operator_starts_although_a_call_was_swallowed(
    #[values(
        (Method::GET, "/sharedaudiences?&limit"),
        (Method::GET, "/sharedaudiences?&watch"),
        (Method::GET, "/sharingconnections?&limit"),
        (Method::GET, "/sharingconnections?&watch"),
        (Method::GET, "/secrets?"),
        (Method::GET, "/secrets/adobe-oauth"),
        (Method::GET, "/leases?"),
        (Method::GET, "/leases/"),
        (Method::POST, "/leases"),
        (Method::PATCH, "/sharedaudiences/loyal?"),
        (Method::PATCH, "/sharedaudiences/loyal/status"),
        (Method::PATCH, "/sharingconnections/acme/status"),
        (Method::POST, "/events")
    )]
    (method, path): (Method, &str),
) {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        let point = &world.choke_point;
        point.plan_next(method.clone(), path, Fault::Swallowed);
        world.start_operator();
        virtual_time::passes(WITHIN).await;
        // What came after the call, and may only be told by a watch.
        world.apply(audience("readers", OTHER));
        virtual_time::passes(WITHIN).await;
        assert_eq!(point.played().len(), 1, "{method} {path} was not called");
        assert!(is_ready(&world, "loyal"), "{}", world.audience("loyal"));
        assert!(is_ready(&world, "readers"), "{}", world.audience("readers"));
    });
}

/// A watch that began and tells nothing any more, without an end, is begun again.
#[rstest]
fn a_watch_that_begins_again_and_is_swallowed_is_begun_once_more(
    #[values("/sharedaudiences?&watch", "/sharingconnections?&watch")] path: &str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        virtual_time::passes(LOOK).await;
        let point = &world.choke_point;
        point.plan_next(Method::GET, path, Fault::Swallowed);
        // The watches of before end by themselves within five minutes.
        virtual_time::passes(Duration::from_secs(300)).await;
        assert_eq!(point.played().len(), 1);
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        world.edit_connection("acme", &json!({"spec": {"resyncInterval": "5m"}}));
        virtual_time::passes(WITHIN).await;
        let loyal = world.audience("loyal");
        assert_eq!(
            loyal["status"]["observedGeneration"],
            loyal["metadata"]["generation"]
        );
        let acme = world.connections()[0].clone();
        assert_eq!(
            acme["status"]["observedGeneration"],
            acme["metadata"]["generation"]
        );
    });
}
