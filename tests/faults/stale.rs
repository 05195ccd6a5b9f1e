//! Caches that are behind, histories that nobody saw, watches that end, one object that does not decode (T8 to T15).

use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::operations::{LOYAL_GAMERS, OTHER, target};
use crate::operator::{SECRET, World, audience, audience_key, connection, secret};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict::ends_well;
use crate::virtual_time;
use crate::{tenants, verdict};

fn remote_writes(world: &World, since: usize) -> Vec<String> {
    let calls = world.choke_point.calls();
    let writes = calls[since..].iter().filter(|call| call.is_remote_write());
    writes.map(ToString::to_string).collect()
}

fn trait_of(world: &World, name: &str) -> Value {
    let sid = world.audience(name)["status"]["audienceManager"]["traitSid"].clone();
    let state = world.tenant();
    let mut traits = state["traits"].as_array().unwrap().iter();
    traits
        .find(|found| found["sid"] == sid)
        .cloned()
        .unwrap_or_default()
}

#[test]
fn t08_an_older_generation_after_a_restart_writes_nothing() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        virtual_time::passes(LOOK).await;
        assert_eq!(trait_of(&world, "loyal")["ttl"], 30);
        world.kill_operator();
        virtual_time::passes(Duration::from_secs(1)).await;
        let stood = world.choke_point.count();
        // Two changes ago: before the edit and before its status.
        world.choke_point.plan_next(
            Method::GET,
            "/sharedaudiences?&limit",
            Fault::Older { changes: 2 },
        );
        // And the watch that follows is slow to tell the rest.
        world
            .choke_point
            .plan_next(Method::GET, "/sharedaudiences?&watch", Fault::Stale);
        world.start_operator();
        virtual_time::passes(Duration::from_secs(10)).await;
        assert_eq!(remote_writes(&world, stood), Vec::<String>::new());
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, stood), Vec::<String>::new());
    });
}

#[test]
fn t09_an_object_that_was_deleted_meanwhile_does_not_come_back() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.delete("loyal");
        virtual_time::passes(LOOK).await;
        assert!(world.audience("loyal").is_null());
        world.kill_operator();
        virtual_time::passes(Duration::from_secs(1)).await;
        let stood = world.choke_point.count();
        // As it stood before it began to leave: leaving, and gone, are the last two changes.
        world.choke_point.plan_next(
            Method::GET,
            "/sharedaudiences?&limit",
            Fault::Older { changes: 3 },
        );
        // And the watch that follows is slow to tell the rest.
        world
            .choke_point
            .plan_next(Method::GET, "/sharedaudiences?&watch", Fault::Stale);
        world.start_operator();
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, stood), Vec::<String>::new());
    });
}

/// The status that names the ids was written, and the answer was lost, or the cache has not seen it.
#[rstest]
fn t10_ids_that_a_status_does_not_show_are_found_again(
    #[values(Fault::Reset, Fault::CrashAfter, Fault::CrashBefore)] fault: Fault,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world
            .choke_point
            .plan_next(Method::PATCH, "/sharedaudiences/readers/status", fault);
        world.apply(audience("readers", OTHER));
        ends_well(&world).await;
    });
}

#[test]
fn t11_an_object_that_was_made_anew_under_its_name_unseen_takes_over_what_stands() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sid = trait_of(&world, "loyal")["sid"].clone();
        let uid = world.audience("loyal")["metadata"]["uid"].clone();
        world.kill_operator();
        // Somebody takes the finalizer off by hand.
        world.edit("loyal", &json!({"metadata": {"finalizers": null}}));
        world.delete("loyal");
        world.apply(audience("loyal", LOYAL_GAMERS));
        let stood = world.choke_point.count();
        world.start_operator();
        ends_well(&world).await;
        assert_ne!(world.audience("loyal")["metadata"]["uid"], uid);
        assert_eq!(trait_of(&world, "loyal")["sid"], sid);
        // Each of the two objects gets the mark of the resource that exists now.
        let writes = remote_writes(&world, stood);
        assert!(
            writes.len() == 2 && writes.iter().all(|write| write.contains(" PUT ")),
            "{writes:?}"
        );
    });
}

#[test]
fn t12_a_change_there_and_back_that_nobody_saw_writes_nothing() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.kill_operator();
        let stood = world.choke_point.count();
        world.edit("loyal", &target(json!({"ttlDays": 30})));
        world.edit("loyal", &target(json!({"ttlDays": null})));
        let mut wrong = secret();
        wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
        world.apply(wrong);
        world.apply(secret());
        world.start_operator();
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, stood), Vec::<String>::new());
    });
}

#[test]
fn t12_a_secret_that_is_rotated_twice_at_once_is_used_as_it_stands() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let mut wrong = secret();
        wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
        world.apply(wrong);
        world.apply(secret());
        world.apply(audience("readers", OTHER));
        ends_well(&world).await;
    });
}

#[rstest]
fn t14_watches_that_end_repeat_or_start_anew_miss_nothing(
    #[values(Fault::WatchExpires, Fault::WatchRepeats, Fault::Stale)] fault: Fault,
    #[values(
        "/sharedaudiences?&watch",
        "/sharingconnections?&watch",
        "/secrets?&watch"
    )]
    watch: &'static str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        // The watches that run now end by their time; the next ones meet the fault, while manifests change.
        for _ in 0..3 {
            world.choke_point.plan_next(Method::GET, watch, fault);
        }
        for days in 30..40 {
            world.cluster.compact();
            world.edit("loyal", &target(json!({"ttlDays": days})));
            virtual_time::passes(Duration::from_secs(70)).await;
        }
        world.apply(audience("readers", OTHER));
        ends_well(&world).await;
        assert_eq!(trait_of(&world, "loyal")["ttl"], 39);
    });
}

/// A stored object of an older definition among a thousand.
#[test]
fn t15_one_object_that_does_not_decode_stops_no_other() {
    const COUNT: usize = 1_000;
    on_virtual_time(async {
        let world = World::new(tenants::with_audiences(COUNT, SECRET));
        world.choke_point.keep_no_snapshots();
        world.apply(secret());
        let mut connection = connection("acme");
        connection["spec"]["rateLimit"] = json!({"requestsPerMinute": 6000, "burst": 100});
        world.apply(connection);
        let mut broken = audience("broken", LOYAL_GAMERS);
        broken["spec"]["source"] = json!("of another version");
        world
            .cluster
            .create(&audience_key("broken"), broken)
            .unwrap();
        for index in 0..COUNT {
            world.apply(audience(
                &format!("audience-{index}"),
                &format!("audience-{index}"),
            ));
        }
        world.start_operator();
        virtual_time::passes(Duration::from_secs(120)).await;
        let ready = |audience: &Value| verdict::ready(audience).0 == "True";
        assert_eq!(
            world
                .audiences()
                .iter()
                .filter(|audience| ready(audience))
                .count(),
            COUNT
        );
        let (status, reason) = verdict::ready(&world.audience("broken"));
        assert_eq!((status.as_str(), reason.as_str()), ("False", "InvalidSpec"));
    });
}

/// A failure is written down, and is over before the cache shows it: what is to be written then equals what the cache
/// holds, and not what stands.
#[test]
fn a_status_that_the_cache_does_not_show_yet_is_put_right() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let point = &world.choke_point;
        // Every watch that begins from now on tells of a change twenty seconds late.
        for _ in 0..12 {
            point.plan_next(Method::GET, "/sharedaudiences?&watch", Fault::Stale);
        }
        virtual_time::passes(Duration::from_secs(300)).await;
        let sid = trait_of(&world, "loyal")["sid"].to_string();
        point.plan_next(Method::PUT, &format!("/traits/{sid}"), Fault::Error);
        world.person("traits", &sid, &json!({"ttl": 60}));
        let mut seen_failing = false;
        for _ in 0..1_800 {
            virtual_time::passes(Duration::from_secs(1)).await;
            seen_failing |= !is_ready(&world, "loyal");
        }
        assert!(seen_failing, "it never failed");
        assert!(is_ready(&world, "loyal"), "{}", world.audience("loyal"));
    });
}

fn is_ready(world: &World, name: &str) -> bool {
    let conditions = world.audience(name)["status"]["conditions"].clone();
    let mut conditions = conditions.as_array().into_iter().flatten();
    conditions.any(|found| found["type"] == "Ready" && found["status"] == "True")
}
