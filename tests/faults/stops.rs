//! A graceful stop (law L11): from its first moment no call starts, so that it ends at once and its successor need not wait
//! until the lease has run out.

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use serde_json::json;
use tokio::time::Instant;

use crate::back_pressure::{Budget, MINUTE, declared_within, to_adobe_since, unready};
use crate::choke_point::Call;
use crate::operator::World;
use crate::run::on_virtual_time;
use crate::virtual_time;

const COUNT: usize = 100;
/// Nothing is under way when it stops, so that nothing has to be waited for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A rolling update: how long the old process took to end, and the calls that followed.
async fn restart(world: &World) -> (Duration, Vec<Call>) {
    let (before, began) = (world.choke_point.count(), Instant::now());
    world.restart_operator().await;
    let took = began.elapsed();
    virtual_time::passes(Duration::from_secs(20)).await;
    (took, to_adobe_since(world, before))
}

fn assert_handed_over(took: Duration, calls: &[Call]) {
    assert!(took <= AT_ONCE, "the stop took {took:?}");
    let late = calls.iter().find(|call| call.process == 1);
    assert_eq!(late, None, "a call that started after the stop began");
    assert!(
        calls.iter().any(Call::is_remote_write),
        "the successor waits for the lease: {calls:?}"
    );
}

#[test]
fn a_rolling_update_during_a_bulk_creation_starts_no_call_and_hands_the_lease_over() {
    on_virtual_time(async {
        let world = declared_within(COUNT, Budget::new(60, 1));
        world.start_operator();
        // Between two grants of the limiter, so that none falls on the moment of the stop.
        virtual_time::passes(MINUTE + Duration::from_millis(300)).await;
        let (took, calls) = restart(&world).await;
        assert_handed_over(took, &calls);
        virtual_time::passes(10 * MINUTE).await;
        assert!(unready(&world).is_empty());
        assert_eq!(world.choke_point.violations(), Vec::<String>::new());
    });
}

#[test]
fn calls_that_wait_for_a_token_are_not_sent_once_a_stop_begins() {
    on_virtual_time(async {
        let world = declared_within(COUNT, Budget::new(600, 10));
        world.start_operator();
        virtual_time::passes(5 * MINUTE).await;
        assert!(unready(&world).is_empty());
        let fault = |system: &str, times, kind| SimulatorFault {
            matching: Match {
                system: Some(serde_json::from_value(json!(system)).unwrap()),
                ..Match::default()
            },
            skip: 0,
            times,
            kind,
        };
        let slow = FaultKind::Slow { delay_ms: 59_000 };
        world.simulator.add_fault(fault("ims", 1, slow));
        let refused = FaultKind::Unauthorized;
        world
            .simulator
            .add_fault(fault("audienceManager", 1, refused));
        (0..COUNT).for_each(|index| crate::back_pressure::edit(&world, index, 30));
        virtual_time::passes(Duration::from_secs(10)).await;
        let (took, calls) = restart(&world).await;
        assert_handed_over(took, &calls);
        virtual_time::passes(5 * MINUTE).await;
        assert!(unready(&world).is_empty());
    });
}
