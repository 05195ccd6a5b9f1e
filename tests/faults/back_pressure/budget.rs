//! The budget of a connection and the rate of its client, in every window of time.

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use rstest::rstest;
use serde_json::json;

use super::{
    Budget, Refusal, SOON, calm, done_after, edit, name, numbered, standing, storm, tenant,
    to_adobe_since,
};
use crate::choke_point::System;
use crate::operator::{audience, set_client_rate_limit};
use crate::run::on_virtual_time;
use crate::virtual_time;

const BOTH: &[System] = &[System::AudienceManager, System::ExperiencePlatform];

#[rstest]
#[case::slow_and_even(Budget::new(20, 1))]
#[case::slow(Budget::new(20, 5))]
#[case::the_default(Budget::DEFAULT)]
#[case::fast(Budget::new(1_200, 100))]
fn every_window_of_time_keeps_to_the_budget_within_one_call(#[case] budget: Budget) {
    on_virtual_time(async {
        const COUNT: usize = 200;
        const WORKING: usize = 50;
        let world = tenant(COUNT, budget);
        // So that the renewals of the token are among the calls.
        let mut flags = world.simulator.flags();
        flags.ims.token_ttl_seconds = 400;
        world.simulator.set_flags(flags);
        (0..COUNT).for_each(|index| world.apply(numbered(index)));
        world.start_operator();
        let three_each = SOON + budget.time_for(4 * COUNT);
        done_after(&world, three_each).await.unwrap();
        for index in 0..WORKING {
            edit(&world, index, 30);
            world.delete(&name(WORKING + index));
        }
        virtual_time::passes(budget.time_for(WORKING)).await;
        let refusal = Refusal {
            status: 429,
            retry_after: None,
        };
        storm(&world, BOTH, refusal);
        virtual_time::passes(Duration::from_secs(600)).await;
        calm(&world);
        // Noticed within five minutes, and regained from a twentieth of the rate.
        let patience = Duration::from_secs(330) + SOON + 4 * three_each;
        done_after(&world, patience).await.unwrap();
        budget.assert_kept(&to_adobe_since(&world, 0));
    });
}

/// Whoever waits for the token has had a turn, and lets it go: all of them at once would be a herd.
#[test]
fn a_token_that_takes_a_minute_to_come_gathers_no_crowd() {
    on_virtual_time(async {
        const COUNT: usize = 200;
        let budget = Budget::DEFAULT;
        let world = standing(COUNT, COUNT).await;
        let fault = |system: &str, times, kind| SimulatorFault {
            matching: Match {
                system: Some(serde_json::from_value(json!(system)).unwrap()),
                ..Match::default()
            },
            skip: 0,
            times,
            kind,
        };
        world
            .simulator
            .add_fault(fault("ims", 1, FaultKind::Slow { delay_ms: 59_000 }));
        world
            .simulator
            .add_fault(fault("audienceManager", 1, FaultKind::Unauthorized));
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        let minute = Duration::from_secs(59);
        done_after(&world, minute + SOON + budget.time_for(3 * COUNT))
            .await
            .unwrap();
        budget.assert_kept(&to_adobe_since(&world, 0));
    });
}

/// Each keeps to its own budget, and together they keep to what the operator allows their client.
#[rstest]
#[case::their_own(6_000, Budget::new(60, 5), Budget::new(120, 10))]
#[case::the_operators(60, Budget::new(600, 5), Budget::new(60, 10))]
fn connections_of_one_client_keep_to_their_budgets_and_to_the_operators_rate(
    #[case] client_rate_limit: u32,
    #[case] budget: Budget,
    #[case] together: Budget,
) {
    on_virtual_time(async {
        const COUNT: usize = 60;
        let world = tenant(COUNT, budget);
        set_client_rate_limit(client_rate_limit);
        world.apply(budget.connection("beta"));
        for index in 0..COUNT {
            let mut declared = audience(&name(index), &name(index));
            if index % 2 == 0 {
                declared["spec"]["connectionRef"] = json!({"name": "beta"});
            }
            world.apply(declared);
        }
        world.start_operator();
        done_after(&world, SOON + together.time_for(5 * COUNT))
            .await
            .unwrap();
        together.assert_kept(&to_adobe_since(&world, 0));
    });
}
