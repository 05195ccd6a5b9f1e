//! Time in the worlds that run on a paused clock. It passes as soon as every task has come to rest, so that no test
//! depends on how fast the machine is.

use std::time::Duration;

/// Lets time pass.
///
/// # Panics
/// On the real clock: there a test waits for a state (`testbed::eventually`).
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a test waits for time alone"
)]
pub(crate) async fn passes(time: Duration) {
    tokio::time::advance(Duration::ZERO).await;
    tokio::time::sleep(time).await;
}

#[tokio::test]
#[should_panic(expected = "time is not frozen")]
async fn on_the_real_clock_nobody_waits_for_luck() {
    passes(Duration::ZERO).await;
}
