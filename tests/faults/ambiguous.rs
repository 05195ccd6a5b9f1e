//! Calls whose outcome nobody knows (T4 to T7): looked up by their keys, resolved without a person, and nothing twice.

use std::collections::BTreeSet;
use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use http::Method;
use rstest::rstest;
use serde_json::json;

use crate::failures::answers::set_flags;
use crate::fault::Fault;
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, destinations, partner};
use crate::operator::{OWNER, World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict::ends_well;
use crate::virtual_time;
use crate::{standing, verdict};

fn creates(world: &World, path: &str) -> usize {
    let calls = world.choke_point.calls();
    let creates = calls
        .iter()
        .filter(|call| call.method == Method::POST && call.path.starts_with(path));
    creates.count()
}

#[rstest]
fn t04_an_unknown_create_is_resolved_over_lists_that_lag(
    #[values(Fault::NoAnswer, Fault::ErrorAfterEffect)] fault: Fault,
    #[values(1, 2, 3, 4, 5)] writes: usize,
) {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        for path in ["/traits", "/segments"] {
            world.simulator.add_fault(SimulatorFault {
                matching: Match {
                    method: Some("GET".into()),
                    path_contains: Some(path.into()),
                    ..Match::default()
                },
                skip: 0,
                times: 3,
                kind: FaultKind::StaleList { writes },
            });
        }
        world
            .choke_point
            .plan_next(Method::POST, "/v1/traits", fault);
        world
            .choke_point
            .plan_next(Method::POST, "/v1/segments", fault);
        world.apply(audience("loyal", LOYAL_GAMERS));
        ends_well(&world).await;
    });
}

#[test]
fn t05_what_another_owner_made_under_the_key_meanwhile_is_a_conflict_and_stays() {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        world
            .choke_point
            .plan_next(Method::POST, "/v1/traits", Fault::Nothing);
        world.apply(audience("loyal", LOYAL_GAMERS));
        until_played(&world).await;
        let recorded = world.audience("other")["status"]["audienceManager"].clone();
        let made = world.create("traits", json!({
            "pid": 1794, "name": "Loyal gamers", "integrationCode": LOYAL_GAMERS,
            "description": "[audience-sharing:another-owner/marketing/loyal]",
            "dataSourceId": recorded["dataSourceId"], "folderId": recorded["traitFolderId"],
            "traitType": "ON_BOARDED_TRAIT", "traitRule": format!("segid == \"{LOYAL_GAMERS}\""), "ttl": 120,
        }));
        virtual_time::passes(std::time::Duration::from_secs(1_800)).await;
        let (status, reason) = verdict::ready(&world.audience("loyal"));
        assert_eq!(
            (status.as_str(), reason.as_str()),
            ("False", "ManagementConflict")
        );
        let state = world.tenant();
        let traits = state["traits"].as_array().unwrap();
        assert!(traits.contains(&made), "it is as the other owner made it");
        assert!(standing::duplicates(OWNER, &state, false).is_empty());
        assert!(world.choke_point.violations().is_empty());
    });
}

/// The fault that was planned has met its call.
async fn until_played(world: &World) {
    for _ in 0..600 {
        virtual_time::passes(std::time::Duration::from_millis(100)).await;
        if !world.choke_point.played().is_empty() {
            return;
        }
    }
    panic!("no call meets the fault");
}

/// Our data source, made without the unique flags: no server refuses a second object. Nothing runs yet.
fn unenforced() -> World {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    world.create("dataSources", json!({
        "pid": 1794, "name": "Adobe Experience Platform Audience Sharing",
        "description": format!("Audiences shared from Adobe Experience Platform [audience-sharing:{OWNER}]"),
        "uniqueTraitIntegrationCodes": false, "uniqueSegmentIntegrationCodes": false,
    }));
    world
}

#[rstest]
fn t06_where_no_server_enforces_the_key_at_most_one_survives(
    #[values(Fault::NoAnswer, Fault::LateEffect)] fault: Fault,
    #[values("/v1/traits", "/v1/segments")] path: &'static str,
) {
    on_virtual_time(async {
        let world = unenforced();
        world.start_operator();
        virtual_time::passes(LOOK).await;
        world.choke_point.plan_next(Method::POST, path, fault);
        world.apply(audience("loyal", LOYAL_GAMERS));
        // What came late is found by the next pass.
        virtual_time::passes(std::time::Duration::from_secs(800)).await;
        ends_well(&world).await;
        let most = if fault == Fault::LateEffect { 2 } else { 1 };
        let made = creates(&world, path);
        assert!(made <= most, "{made} creates");
    });
}

/// The process dies with the effect, and the next one is shown lists of before.
#[rstest]
fn t06_where_no_server_enforces_the_key_it_is_looked_up_before_every_create(
    #[values("/v1/traits", "/v1/segments")] path: &'static str,
) {
    on_virtual_time(async {
        let world = unenforced();
        world.start_operator();
        virtual_time::passes(LOOK).await;
        world
            .choke_point
            .plan_next(Method::POST, path, Fault::CrashAfter);
        world.apply(audience("loyal", LOYAL_GAMERS));
        // Dead, and not started again yet.
        until_played(&world).await;
        world.simulator.add_fault(SimulatorFault {
            matching: Match {
                method: Some("GET".into()),
                path_contains: Some(path.into()),
                ..Match::default()
            },
            skip: 0,
            times: 1,
            kind: FaultKind::StaleList { writes: 1 },
        });
        ends_well(&world).await;
        assert_eq!(creates(&world, path), 1);
    });
}

#[rstest]
fn t07_an_unknown_delete_ends_with_the_finalizer_taken_off_once(
    #[values(Fault::NoAnswer, Fault::ErrorAfterEffect, Fault::Reset)] fault: Fault,
    #[values("/v1/traits/", "/v1/segments/")] path: &'static str,
) {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        world.apply(audience("loyal", LOYAL_GAMERS));
        virtual_time::passes(LOOK).await;
        let stood = world.choke_point.count();
        world.choke_point.plan_next(Method::DELETE, path, fault);
        world.delete("loyal");
        ends_well(&world).await;
        assert!(world.audience("loyal").is_null());
        let calls = world.choke_point.calls();
        let releases = calls[stood..].iter().filter(|call| {
            call.method == Method::PATCH && call.path.contains("/sharedaudiences/loyal?")
        });
        assert_eq!(
            releases.count(),
            1,
            "a missing object is as wanted: nothing is tried again"
        );
        let deletes = calls[stood..]
            .iter()
            .filter(|call| call.method == Method::DELETE && call.path.starts_with(path));
        assert_eq!(deletes.count(), 1, "the look-up says that it is gone");
    });
}

/// What nobody knows of is found only once it shows (ARCHITECTURE.md, what is known to be missing).
fn shows_what_was_created(world: &World) {
    let mut flags = world.simulator.flags();
    flags.experience_platform.read_after_write_delay_ms = 0;
    world.simulator.set_flags(flags);
}

/// The process dies before a status tells what it made: the finalizer alone, which stands before the first remote
/// object, tells its successor that there may be something.
#[rstest]
fn what_no_status_ever_told_goes_with_its_audience(#[values(false, true)] back: bool) {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        shows_what_was_created(&world);
        let sid = console_buyers(&world);
        let status = "/sharedaudiences/fresh/status";
        world
            .choke_point
            .plan_next(Method::PATCH, status, Fault::CrashBefore);
        world.apply(match back {
            false => audience("fresh", LOYAL_GAMERS),
            true => shared_segment("fresh", &sid, "ExternalAudience"),
        });
        virtual_time::passes(Duration::from_secs(1)).await;
        assert_eq!(world.choke_point.played().len(), 1, "nobody runs now");
        world.delete("fresh");
        ends_well(&world).await;
        assert!(world.audience("fresh").is_null());
    });
}

/// The process dies before a status tells what it made, and the source goes before the next one looks: whatever the
/// policy leaves is in the status.
#[rstest]
fn what_no_status_ever_told_is_found_although_its_source_is_gone(
    #[values("Retain", "Pause", "Delete")] policy: &str,
    #[values("traits", "segments", "audiences")] made: &str,
) {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        let sid = console_buyers(&world);
        let number = sid.to_string();
        let (path, source) = match made {
            "traits" => ("/v1/traits", ("audiences", LOYAL_GAMERS)),
            "segments" => ("/v1/segments", ("audiences", LOYAL_GAMERS)),
            _ => ("/audiences", ("segments", &*number)),
        };
        world
            .choke_point
            .plan_next(Method::POST, path, Fault::CrashAfter);
        let mut declared = match source.0 {
            "audiences" => audience("fresh", LOYAL_GAMERS),
            _ => shared_segment("fresh", &sid, "ExternalAudience"),
        };
        declared["spec"]["sourceGonePolicy"] = json!(policy);
        world.apply(declared);
        until_played(&world).await;
        world.person_deletes(source.0, source.1);
        let mut failures = verdict::at_rest(&world, &BTreeSet::new()).await;
        // There is no source, which is what it says.
        failures.retain(|failure| !failure.starts_with("O1: \"fresh\""));
        assert!(failures.is_empty(), "{failures:#?}");
        let state = world.tenant();
        let left = state[made].as_array().unwrap().iter();
        let mut left = left.filter(|object| object["description"].to_string().contains("/fresh#"));
        assert_eq!(left.next().is_some(), policy != "Delete");
    });
}

/// A mapping carries no mark: until a status names it, only the process that made it knows that it is ours.
#[rstest]
fn a_mapping_that_is_undeclared_while_it_is_made_goes_all_the_same(
    #[values("the shared segment", "an additional segment", "the whole audience")] leaves: &str,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        destinations(&world);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        world.simulator.add_fault(SimulatorFault {
            matching: Match {
                method: Some("POST".into()),
                path_contains: Some("/mappings/".into()),
                ..Match::default()
            },
            skip: 0,
            times: 1,
            kind: FaultKind::Slow { delay_ms: 5_000 },
        });
        let mut declared = audience("loyal", LOYAL_GAMERS);
        let uses = json!([partner("gamers")]);
        declared["spec"]["target"]["audienceManager"] = match leaves {
            "an additional segment" => json!({"additionalSegments": [
                {"key": "one", "name": "One", "rule": "{trait} AND 16440001T", "destinations": uses},
            ]}),
            _ => json!({"destinations": uses}),
        };
        world.apply(declared);
        virtual_time::passes(Duration::from_secs(4)).await;
        assert_eq!(creates(&world, "/v1/destinations/"), 1, "it is on its way");
        match leaves {
            "the whole audience" => world.delete("loyal"),
            _ => world.apply(audience("loyal", LOYAL_GAMERS)),
        }
        ends_well(&world).await;
    });
}

/// Of three strategies the look-up of an audience is by its key or by its name, and shows it after a while only.
#[rstest]
fn an_audience_whose_creation_has_no_answer_is_never_made_twice(
    #[values(0, 30_000)] delay_ms: u64,
    #[values(Fault::NoAnswer, Fault::ErrorAfterEffect)] fault: Fault,
    #[values("ExternalAudience", "MetadataOnly")] strategy: &'static str,
) {
    on_virtual_time(async {
        let world = World::sharing("other", OTHER).await;
        let delay = json!({"experiencePlatform": {"readAfterWriteDelayMs": delay_ms}});
        set_flags(&world, &delay);
        for path in ["/data/core/ups/audiences", "/data/core/ais/audiences"] {
            world.choke_point.plan_next(Method::POST, path, fault);
        }
        let made = |world: &World| {
            creates(world, "/data/core/ups/audiences") + creates(world, "/data/core/ais/audiences")
        };
        let sid = console_buyers(&world);
        world.apply(shared_segment("gold", &sid, strategy));
        virtual_time::passes(Duration::from_secs(600)).await;
        assert_eq!(made(&world), 1, "looked up until it shows");
        ends_well(&world).await;
        assert_eq!(made(&world), 1);
    });
}
