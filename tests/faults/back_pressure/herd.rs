//! What waits for a broken system does not rush at it when it mends.

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};

use rstest::rstest;

use super::{
    Budget, HOUR, MINUTE, Refusal, calm, done_after, edit, standing, storm, to_adobe_since, within,
};
use crate::choke_point::System;
use crate::run::on_virtual_time;
use crate::virtual_time;

#[rstest]
#[case::down(503, &[System::AudienceManager])]
#[case::throttled(429, &[System::AudienceManager])]
#[case::without_a_token(503, &[System::IdentityService])]
fn five_hundred_that_wait_for_a_broken_system_send_one_probe_and_then_keep_to_the_budget(
    #[case] status: u16,
    #[case] broken: &'static [System],
) {
    on_virtual_time(async {
        const COUNT: usize = 500;
        const PROBE: Duration = Duration::from_secs(30);
        const SECOND: Duration = Duration::from_secs(1);
        let budget = Budget::DEFAULT;
        let world = standing(COUNT, COUNT).await;
        let refusal = Refusal {
            status,
            retry_after: None,
        };
        storm(&world, broken, refusal);
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(HOUR).await;
        calm(&world);
        // The first answer is a slow one, so that whoever does not wait for it shows.
        world.simulator.add_fault(SimulatorFault {
            matching: Match::default(),
            skip: 0,
            times: 1,
            kind: FaultKind::Slow {
                delay_ms: PROBE.as_millis() as u64,
            },
        });
        let quiet = world.choke_point.count();
        let patience = Duration::from_secs(363) + budget.time_for(8 * COUNT);
        done_after(&world, patience).await.unwrap();
        let calls = to_adobe_since(&world, quiet);
        if status == 503 {
            assert_eq!(
                within(&calls, PROBE),
                1,
                "one probe, and nothing before its answer"
            );
        }
        assert!(within(&calls, SECOND) <= budget.most_within(SECOND));
        assert!(within(&calls, MINUTE) <= budget.most_within(MINUTE));
        budget.assert_kept(&to_adobe_since(&world, 0));
    });
}
