//! The simulator's own clock: epoch milliseconds that start where the state says and run with tokio's time, so that a
//! paused runtime makes it virtual. `POST /clock` moves it on. Never reads the machine's date.

use std::time::Duration;

use tokio::time::Instant;

/// Where time starts when the state names no moment: 2026-01-05T00:00:00Z.
pub(crate) const START_MS: u64 = 1_767_571_200_000;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// The last midnight UTC, epoch milliseconds.
pub(crate) fn midnight(now_ms: u64) -> u64 {
    now_ms / DAY_MS * DAY_MS
}

#[derive(Debug, Clone)]
pub(crate) struct Clock {
    base_ms: u64,
    since: Instant,
}

impl Clock {
    pub(crate) fn starting_at(base_ms: u64) -> Self {
        Self {
            base_ms,
            since: Instant::now(),
        }
    }

    /// Epoch milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = Instant::now().saturating_duration_since(self.since);
        self.base_ms
            .saturating_add(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.base_ms = self.base_ms.saturating_add(by_ms);
    }
}
