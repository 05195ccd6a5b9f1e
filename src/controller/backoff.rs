//! When a failed object is reconciled again: per object, by the disposition of its failure.
//!
//! All chance comes from one seed, the time comes in as a value. It never lets a needless trigger lengthen a delay: a
//! failure counts only when the previous delay has passed (rust-operators.md §E.5).

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use tokio::time::Instant;

/// What may pass by itself: 1 s, doubled up to 5 min, so that a service that came back is noticed within minutes.
const RETRY: Ladder = Ladder {
    first: Duration::from_secs(1),
    last: Duration::from_secs(300),
};
/// What needs a person: 10 min, doubled up to 1 h; an edit of the object comes through at once anyway.
const STALLED: Ladder = Ladder {
    first: Duration::from_secs(600),
    last: Duration::from_secs(3_600),
};
/// Either side of a delay, in parts of 100, so that what failed together does not come back together.
const JITTER_PERCENT: f64 = 20.0;
/// Only after a time that a server named, never before it.
const RETRY_AFTER_JITTER_PERCENT: f64 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ladder {
    first: Duration,
    last: Duration,
}

impl Ladder {
    fn delay(self, failures: u32) -> Duration {
        let factor = 2u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.last)
    }
}

#[derive(Clone, Copy, Debug)]
struct Attempts {
    ladder: Ladder,
    failures: u32,
    next: Instant,
}

/// The failing objects, by uid. What succeeded takes no room.
#[derive(Debug)]
pub struct Backoff {
    attempts: HashMap<Box<str>, Attempts>,
    chance: fastrand::Rng,
}

impl Backoff {
    pub fn new(seed: u64) -> Self {
        Self {
            attempts: HashMap::new(),
            chance: fastrand::Rng::with_seed(seed),
        }
    }

    /// How long to wait after a failure of the object `key` (its uid), `None` where what is watched will wake it.
    ///
    /// A call before the previous delay has passed answers what is left of it and counts nothing. A failure of the
    /// other kind (retry, stalled) starts its own row of delays at the beginning.
    pub fn next(&mut self, key: &str, disposition: Disposition, now: Instant) -> Option<Duration> {
        let ladder = match disposition {
            Disposition::Retry => RETRY,
            Disposition::Stalled => STALLED,
            Disposition::RetryAfter(asked) => {
                let jitter = self.chance.f64() * RETRY_AFTER_JITTER_PERCENT / 100.0;
                return Some(asked.saturating_add(asked.mul_f64(jitter)));
            }
            Disposition::Wait => {
                self.attempts.remove(key);
                return None;
            }
        };
        let known = self
            .attempts
            .get(key)
            .filter(|known| known.ladder == ladder);
        let failures = match known {
            Some(known) if now < known.next => return Some(known.next - now),
            Some(known) => known.failures.saturating_add(1),
            None => 1,
        };
        let jitter = (self.chance.f64() * 2.0 - 1.0) * JITTER_PERCENT / 100.0;
        let delay = ladder.delay(failures).mul_f64(1.0 + jitter);
        self.attempts.insert(
            key.into(),
            Attempts {
                ladder,
                failures,
                next: now + delay,
            },
        );
        Some(delay)
    }

    /// Forgets the failures of `key`: it went well, or the object is gone.
    pub fn succeeded(&mut self, key: &str) {
        self.attempts.remove(key);
    }

    pub fn keep_only(&mut self, existing: &HashSet<&str>) {
        self.attempts.retain(|uid, _| existing.contains(&**uid));
    }

    /// How many objects fail.
    pub fn failing(&self) -> usize {
        self.attempts.len()
    }
}
