//! Credentials, tokens and clocks over hours (T21, T22, T37). Throttling is `back_pressure`.

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use crate::back_pressure::{HOUR, declared, to_adobe_since, unready};
use crate::choke_point::System;
use crate::operations::{LOYAL_GAMERS, target};
use crate::operator::{World, secret, set_skew};
use crate::run::on_virtual_time;
use crate::verdict;
use crate::virtual_time;

#[test]
fn t21_a_bad_credential_under_a_thousand_audiences_costs_a_probe_per_period() {
    on_virtual_time(async {
        let world = declared(1_000);
        let mut wrong = secret();
        wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
        world.apply(wrong);
        world.start_operator();
        virtual_time::passes(24 * HOUR).await;
        let asked = to_adobe_since(&world, 0);
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
        assert!(
            unready(&world).is_empty(),
            "a Secret that is put right is noticed"
        );
    });
}

#[test]
fn t22_a_token_that_ends_in_the_middle_is_renewed_once_for_all() {
    on_virtual_time(async {
        const COUNT: usize = 30;
        let world = declared(COUNT);
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
        assert!(unready(&world).is_empty(), "no object fails for it");
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
        for skew in [minutes, 0, -minutes, 0] {
            set_skew(SignedDuration::from_mins(skew));
            let began = world.choke_point.count();
            virtual_time::passes(HOUR).await;
            let calls = to_adobe_since(&world, began);
            let passes = calls
                .iter()
                .filter(|call| call.path.starts_with("/v1/datasources"))
                .count();
            assert!((5..=8).contains(&passes), "{passes} passes in an hour");
            let made = calls.len();
            assert!(made <= 60, "{made} calls to Adobe in an hour");
        }
        verdict::ends_well(&world).await;
    });
}
