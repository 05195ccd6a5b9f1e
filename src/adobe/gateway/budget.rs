//! Who calls next, and when: a token bucket in the tokio clock, two classes, round robin inside each. The urgent class goes
//! first, and leaves the other one call in ten.
//!
//! Own code, since governor's waits run in real time under a paused clock (measured.md §5). A second, smaller bucket
//! holds the resync reads to four fifths of the rate and of the burst.

#![expect(
    clippy::disallowed_methods,
    reason = "the budget is what waits, on tokio's clock"
)]

mod line;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::turn::{Budget, Priority, Turn};
use line::Line;

/// A pause up to this is waited out in line; a longer one is told to the caller, who has better things to do.
pub(super) const PAUSE_WAITED_MAX: Duration = Duration::from_secs(10);
/// One overload answers many calls in flight: they lower the rate once.
const SLOWED_ONCE_PER: Duration = Duration::from_secs(5);
/// The rate halves on an overload, down to a twentieth of what is configured, and regains a hundredth per success:
/// from a half back to the whole in 50 calls.
const SLOWED_TO: f64 = 0.5;
const RATE_FLOOR: f64 = 0.05;
const REGAINED: f64 = 0.01;
const RESYNC_SHARE: f64 = 0.8;
/// While changes wait too, one of so many calls is a resync read: without its passes a connection learns of nothing.
const RESYNC_ONE_OF: u32 = 10;

#[derive(Clone, Debug)]
pub(super) struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the dispatcher when what it waits for may have changed.
    changed: Notify,
}

/// Granted, or how long the credential is paused.
type Verdict = Result<Permit, Duration>;

#[derive(Debug)]
struct State {
    /// Per second, as configured.
    rate_max: f64,
    /// What the servers let us have at present.
    rate: f64,
    all: Bucket,
    resync: Bucket,
    refilled: Instant,
    paused_until: Instant,
    slowed: Option<Instant>,
    urgent_line: Line<oneshot::Sender<Verdict>>,
    resync_line: Line<oneshot::Sender<Verdict>>,
    /// How many were served while a resync read waited.
    resync_passed_over: u32,
    dispatching: bool,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    size: f64,
    /// Permits that are neither spent nor back: their owners may wait for a token, and then go out together. What they
    /// hold keeps its place.
    held: u32,
}

impl Bucket {
    fn full(size: f64) -> Self {
        Self {
            level: size,
            size,
            held: 0,
        }
    }

    fn add(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.size - f64::from(self.held));
    }

    fn resize(&mut self, size: f64) {
        self.size = size;
        self.add(0.0);
    }
}

/// Per second.
fn rate_of(budget: Budget) -> f64 {
    f64::from(budget.requests_per_minute.max(1)) / 60.0
}

/// Of the bucket for all, and of the one for resync reads: under one it would never let anything out.
fn sizes_of(budget: Budget) -> (f64, f64) {
    let burst = f64::from(budget.burst.max(1));
    (burst, (burst * RESYNC_SHARE).max(1.0))
}

/// The right to send one request. Dropped unspent, it goes back.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Option<Limiter>,
    resync: bool,
}

impl Permit {
    pub(super) fn spend(mut self) {
        if let Some(limiter) = self.limiter.take() {
            let mut state = limiter.state();
            state.refill(Instant::now());
            state.all.held -= 1;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.take() {
            let mut state = limiter.state();
            state.all.held -= 1;
            state.all.add(1.0);
            if self.resync {
                state.resync.add(1.0);
            }
            drop(state);
            limiter.0.changed.notify_one();
        }
    }
}

impl Limiter {
    pub(super) fn new(budget: Budget) -> Self {
        let rate = rate_of(budget);
        let (all, resync) = sizes_of(budget);
        let now = Instant::now();
        let state = State {
            rate_max: rate,
            rate,
            all: Bucket::full(all),
            resync: Bucket::full(resync),
            refilled: now,
            paused_until: now,
            slowed: None,
            urgent_line: Line::default(),
            resync_line: Line::default(),
            resync_passed_over: 0,
            dispatching: false,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// Another budget from here on. How far an overload lowered the rate stays as it is.
    pub(super) fn set_budget(&self, budget: Budget) {
        let mut state = self.state();
        state.refill(Instant::now());
        let rate = rate_of(budget);
        state.rate *= rate / state.rate_max;
        state.rate_max = rate;
        let (all, resync) = sizes_of(budget);
        state.all.resize(all);
        state.resync.resize(resync);
        drop(state);
        self.0.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the caller's turn.
    ///
    /// # Errors
    /// How long the credential is still paused, if that is more than [`PAUSE_WAITED_MAX`].
    pub(super) async fn turn(&self, turn: &Turn) -> Verdict {
        let (sender, receiver) = oneshot::channel();
        let begin = {
            let mut state = self.state();
            match turn.priority {
                Priority::Change | Priority::Deletion => state.urgent_line.join(&turn.key, sender),
                Priority::Resync => state.resync_line.join(&turn.key, sender),
            }
            !std::mem::replace(&mut state.dispatching, true)
        };
        if begin {
            tokio::spawn(self.clone().dispatch());
        } else {
            self.0.changed.notify_one();
        }
        // The dispatcher drops no sender; should the runtime end first, this call ends with it.
        receiver.await.unwrap_or(Err(Duration::ZERO))
    }

    /// What waits in the other line under `key` goes with the urgent ones.
    pub(super) fn hurry(&self, key: &str) {
        let mut state = self.state();
        if let Some((key, waiting)) = state.resync_line.take(key) {
            for sender in waiting {
                state.urgent_line.join(&key, sender);
            }
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// Serves the lines until they are empty; there is at most one.
    async fn dispatch(self) {
        loop {
            let (served, next) = {
                let mut state = self.state();
                let mut served = Vec::new();
                while let Some(waiting) = state.serve(Instant::now(), &self) {
                    served.push(waiting);
                }
                if state.urgent_line.is_empty() && state.resync_line.is_empty() {
                    state.dispatching = false;
                    (served, None)
                } else {
                    (served, Some(state.next(Instant::now())))
                }
            };
            // Outside the lock: a permit that nobody waits for any more gives itself back.
            for (sender, verdict) in served {
                drop(sender.send(verdict));
            }
            let Some(next) = next else { return };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    /// A request that waits for no turn, since others wait for it: what follows comes that much later.
    pub(super) fn charge(&self) {
        let mut state = self.state();
        state.refill(Instant::now());
        state.all.level -= 1.0;
    }

    /// The server asked the credential to wait.
    pub(super) fn pause(&self, wait: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        state.refill(now);
        let until = now + wait;
        if until > state.paused_until {
            state.paused_until = until;
            // After the pause one call goes first, not a burst.
            state.refilled = until;
            state.all.level = state.all.level.min(1.0);
            state.resync.level = state.resync.level.min(1.0);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// The server is overloaded.
    pub(super) fn slow_down(&self) {
        let now = Instant::now();
        let mut state = self.state();
        if state
            .slowed
            .is_some_and(|slowed| now < slowed + SLOWED_ONCE_PER)
        {
            return;
        }
        state.refill(now);
        state.slowed = Some(now);
        state.rate = (state.rate * SLOWED_TO).max(state.rate_max * RATE_FLOOR);
        state.all.level = state.all.level.min(1.0);
        state.resync.level = state.resync.level.min(1.0);
    }

    /// The server answered.
    pub(super) fn speed_up(&self) {
        let mut state = self.state();
        if state.rate < state.rate_max {
            state.refill(Instant::now());
            state.rate = (state.rate + state.rate_max * REGAINED).min(state.rate_max);
        }
    }

    /// Requests per minute that are allowed at present.
    pub(super) fn requests_per_minute(&self) -> f64 {
        self.state().rate * 60.0
    }
}

impl State {
    fn refill(&mut self, now: Instant) {
        // `refilled` lies in the future during a pause.
        let amount = now.saturating_duration_since(self.refilled).as_secs_f64() * self.rate;
        self.refilled = self.refilled.max(now);
        self.all.add(amount);
        self.resync.add(amount * RESYNC_SHARE);
    }

    fn long_pause(&self, now: Instant) -> Option<Duration> {
        Some(self.paused_until.saturating_duration_since(now))
            .filter(|pause| *pause > PAUSE_WAITED_MAX)
    }

    /// Whoever can be answered now.
    fn serve(
        &mut self,
        now: Instant,
        limiter: &Limiter,
    ) -> Option<(oneshot::Sender<Verdict>, Verdict)> {
        if let Some(pause) = self.long_pause(now) {
            let waiting = self
                .urgent_line
                .leave()
                .or_else(|| self.resync_line.leave())?;
            return Some((waiting, Err(pause)));
        }
        self.refill(now);
        if now < self.paused_until || self.all.level < 1.0 {
            return None;
        }
        let (waiting, resync) = self.next_in_line()?;
        self.all.level -= 1.0;
        self.all.held += 1;
        let permit = Permit {
            limiter: Some(limiter.clone()),
            resync,
        };
        Some((waiting, Ok(permit)))
    }

    /// Whose turn it is, and whether it is for a resync read.
    fn next_in_line(&mut self) -> Option<(oneshot::Sender<Verdict>, bool)> {
        let resync_waits = !self.resync_line.is_empty();
        if !resync_waits || self.resync_passed_over + 1 < RESYNC_ONE_OF || self.resync.level < 1.0 {
            if let Some(waiting) = self.urgent_line.leave() {
                self.resync_passed_over += u32::from(resync_waits);
                return Some((waiting, false));
            }
            if self.resync.level < 1.0 {
                return None;
            }
        }
        let waiting = self.resync_line.leave()?;
        self.resync_passed_over = 0;
        self.resync.level -= 1.0;
        Some((waiting, true))
    }

    /// When somebody in line can be served at the earliest.
    fn next(&self, now: Instant) -> Instant {
        let mut missing = 1.0 - self.all.level;
        if self.urgent_line.is_empty() {
            missing = missing.max((1.0 - self.resync.level) / RESYNC_SHARE);
        }
        // A millisecond is the timer's own step; less would spin.
        let wait = Duration::from_secs_f64((missing / self.rate).max(0.001));
        now.max(self.refilled) + wait
    }
}
