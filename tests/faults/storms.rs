//! Throttling, credentials, tokens and clocks over hours (T20 to T22, T37).

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use crate::choke_point::{Call, System};
use crate::operations::{LOYAL_GAMERS, target};
use crate::operator::{SECRET, World, audience, connection, secret, set_skew};
use crate::run::on_virtual_time;
use crate::virtual_time;
use crate::{tenants, verdict};

const HOUR: Duration = Duration::from_secs(3_600);

/// `count` audiences stand; no state is kept with the writes.
async fn world_of(count: usize) -> World {
    let world = World::new(tenants::with_audiences(count, SECRET));
    world.choke_point.keep_no_snapshots();
    world.apply(secret());
    world.apply(connection("acme"));
    for index in 0..count {
        world.apply(audience(
            &format!("audience-{index}"),
            &format!("audience-{index}"),
        ));
    }
    world
}

fn to_adobe(calls: &[Call]) -> Vec<&Call> {
    calls
        .iter()
        .filter(|call| call.system != System::Kubernetes)
        .collect()
}

fn all_ready(world: &World) -> bool {
    let audiences = world.audiences();
    audiences
        .iter()
        .all(|audience| verdict::ready(audience).0 == "True")
}

/// The most calls that any minute saw.
fn busiest_minute(calls: &[&Call]) -> usize {
    let count_from = |first: &&Call| {
        let within = |call: &&&Call| {
            call.at >= first.at && call.at.duration_since(first.at) < Duration::from_secs(60)
        };
        calls.iter().filter(within).count()
    };
    calls.iter().map(count_from).max().unwrap_or_default()
}

#[rstest]
fn t20_an_hour_of_429_keeps_to_the_budget_and_ends_without_a_herd(
    #[values(
        None,
        Some("30"),
        Some("Mon, 05 Jan 2026 00:40:00 GMT"),
        Some("86400000")
    )]
    retry_after: Option<&str>,
) {
    on_virtual_time(async {
        const COUNT: usize = 40;
        let world = world_of(COUNT).await;
        world.start_operator();
        virtual_time::passes(Duration::from_secs(120)).await;
        assert!(all_ready(&world));
        for system in ["audienceManager", "experiencePlatform"] {
            world.simulator.add_fault(SimulatorFault {
                matching: Match {
                    system: Some(serde_json::from_value(json!(system)).unwrap()),
                    ..Match::default()
                },
                skip: 0,
                times: u32::MAX,
                kind: FaultKind::Throttle {
                    retry_after: retry_after.map(str::to_owned),
                },
            });
        }
        let storm = world.choke_point.count();
        for index in 0..COUNT {
            world.edit(
                &format!("audience-{index}"),
                &target(json!({"ttlDays": 30})),
            );
        }
        virtual_time::passes(HOUR).await;
        let calls = world.choke_point.calls().split_off(storm);
        let calls = to_adobe(&calls);
        // What was under way, and then the four lists of a pass, later and later, at last every five minutes.
        let most = COUNT + 4 * (12 + 5);
        assert!(
            calls.len() <= most,
            "{} calls into a closed door",
            calls.len()
        );
        world.simulator.clear_faults();
        let calm = world.choke_point.count();
        // A server that asks for more than an hour is heard for an hour.
        virtual_time::passes(HOUR + Duration::from_secs(900)).await;
        assert!(all_ready(&world), "back within an interval");
        let calls = world.choke_point.calls().split_off(calm);
        let busiest = busiest_minute(&to_adobe(&calls));
        // The budget is 300 a minute and a burst of 10.
        assert!(
            busiest <= 311,
            "{busiest} calls in a minute after the storm"
        );
        let state = world.simulator.state();
        let edited = state["traits"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|found| found["ttl"] == 30);
        assert_eq!(edited.count(), COUNT);
    });
}

#[test]
fn t21_a_bad_credential_under_a_thousand_audiences_costs_a_probe_per_period() {
    on_virtual_time(async {
        let world = world_of(1_000).await;
        let mut wrong = secret();
        wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
        world.apply(wrong);
        world.start_operator();
        virtual_time::passes(24 * HOUR).await;
        let calls = world.choke_point.calls();
        let asked = to_adobe(&calls);
        assert!(
            asked
                .iter()
                .all(|call| call.system == System::IdentityService),
            "nobody but the identity service is asked"
        );
        // The longest period is five minutes: 288 in a day, and the first ones come sooner.
        assert!(asked.len() <= 300, "{} probes in a day", asked.len());
        let connection = &world.connections()[0];
        let conditions = connection["status"]["conditions"].as_array().unwrap();
        let credentials = conditions
            .iter()
            .find(|condition| condition["type"] == "CredentialsReady");
        assert_eq!(credentials.unwrap()["status"], "False");
        world.apply(secret());
        virtual_time::passes(HOUR).await;
        assert!(all_ready(&world), "a Secret that is put right is noticed");
    });
}

#[test]
fn t22_a_token_that_ends_in_the_middle_is_renewed_once_for_all() {
    on_virtual_time(async {
        const COUNT: usize = 30;
        let world = world_of(COUNT).await;
        world.start_operator();
        virtual_time::passes(Duration::from_secs(120)).await;
        let began = world.choke_point.count();
        // The next answers all say that the token is no good, as after a revocation.
        world.simulator.add_fault(SimulatorFault {
            matching: Match {
                system: Some(serde_json::from_value(json!("audienceManager")).unwrap()),
                ..Match::default()
            },
            skip: 0,
            times: 1,
            kind: FaultKind::Unauthorized,
        });
        for index in 0..COUNT {
            world.edit(
                &format!("audience-{index}"),
                &target(json!({"ttlDays": 30})),
            );
        }
        virtual_time::passes(Duration::from_secs(120)).await;
        assert!(all_ready(&world), "no object fails for it");
        let calls = world.choke_point.calls().split_off(began);
        let tokens = calls
            .iter()
            .filter(|call| call.system == System::IdentityService);
        assert_eq!(tokens.count(), 1, "one refresh for all who wait");
        let failed = world.cluster.changes();
        let failed = failed
            .iter()
            .any(|change| verdict::ready(&change.object).1 == "CredentialsRefused");
        assert!(!failed, "nobody was told of a failure");
    });
}

#[rstest]
fn t37_a_clock_that_is_wrong_or_leaps_makes_no_hot_loop_and_stops_no_pass(
    #[values(-61, 61)] minutes: i64,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let before = world.simulator.state();
        for skew in [minutes, 0, -minutes, 0] {
            set_skew(SignedDuration::from_mins(skew));
            let began = world.choke_point.count();
            virtual_time::passes(HOUR).await;
            let calls = world.choke_point.calls().split_off(began);
            let passes = calls
                .iter()
                .filter(|call| call.path.starts_with("/v1/datasources"))
                .count();
            assert!((5..=8).contains(&passes), "{passes} passes in an hour");
            let made = to_adobe(&calls).len();
            assert!(made <= 60, "{made} calls to Adobe in an hour");
        }
        verdict::ends_well(&world, &before).await;
    });
}
