//! A pair of token buckets: one for all calls, and a smaller one that holds the resync reads to four fifths of the rate
//! and of the burst. They know no clock: who uses them says what time it is.

use std::time::Duration;

use tokio::time::Instant;

const RESYNC_SHARE: f64 = 0.8;

#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) all: Bucket,
    pub(super) resync: Bucket,
    /// Lies in the future during a pause.
    pub(super) refilled: Instant,
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) level: f64,
    pub(super) size: f64,
    /// Permits that are neither spent nor back: their owners may wait for a token, and then go out together. What they
    /// hold keeps its place.
    pub(super) held: u32,
}

impl Bucket {
    pub(super) fn full(size: f64) -> Self {
        Self {
            level: size,
            size,
            held: 0,
        }
    }

    fn add(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.size - f64::from(self.held));
    }

    pub(super) fn resize(&mut self, size: f64) {
        self.size = size;
        self.add(0.0);
    }

    /// What must be in it before so many requests are let out together: all that fits, where more are sent.
    fn needed(&self, requests: u32) -> f64 {
        f64::from(requests).min(self.size)
    }
}

impl Buckets {
    pub(super) fn full(burst: u32, now: Instant) -> Self {
        let (all, resync) = sizes_of(burst);
        Self {
            all: Bucket::full(all),
            resync: Bucket::full(resync),
            refilled: now,
        }
    }

    pub(super) fn resize(&mut self, burst: u32) {
        let (all, resync) = sizes_of(burst);
        self.all.resize(all);
        self.resync.resize(resync);
    }

    pub(super) fn refill(&mut self, now: Instant, rate: f64) {
        let amount = now.saturating_duration_since(self.refilled).as_secs_f64() * rate;
        self.refilled = self.refilled.max(now);
        self.all.add(amount);
        self.resync.add(amount * RESYNC_SHARE);
    }

    /// One call goes first, not a burst.
    pub(super) fn drain_to_one(&mut self) {
        self.all.level = self.all.level.min(1.0);
        self.resync.level = self.resync.level.min(1.0);
    }

    pub(super) fn affords(&self, requests: u32) -> bool {
        self.all.level >= self.all.needed(requests)
    }

    pub(super) fn take(&mut self, resync: bool, requests: u32) {
        self.all.level -= f64::from(requests);
        self.all.held += requests;
        if resync {
            self.resync.level -= f64::from(requests);
        }
    }

    pub(super) fn give_back(&mut self, resync: bool, requests: u32) {
        self.all.held -= requests;
        self.all.add(f64::from(requests));
        if resync {
            self.resync.add(f64::from(requests));
        }
    }

    /// When it lets so many requests out together at the earliest.
    pub(super) fn ready_at(&self, now: Instant, rate: f64, resync: bool, requests: u32) -> Instant {
        let mut missing = self.all.needed(requests) - self.all.level;
        if resync {
            missing = missing.max((1.0 - self.resync.level) / RESYNC_SHARE);
        }
        now.max(self.refilled) + Duration::from_secs_f64((missing / rate).max(0.0))
    }
}

/// Per second.
pub(super) fn rate_of(requests_per_minute: u32) -> f64 {
    f64::from(requests_per_minute.max(1)) / 60.0
}

/// Of the bucket for all, and of the one for resync reads: under one it would never let anything out.
fn sizes_of(burst: u32) -> (f64, f64) {
    let burst = f64::from(burst.max(1));
    (burst, (burst * RESYNC_SHARE).max(1.0))
}
