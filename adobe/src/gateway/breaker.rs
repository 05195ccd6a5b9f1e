//! Stops calls that cannot succeed: after repeated failures, or one that holds for every call, a system gets one probe
//! per period and every other call fails at once with the remembered cause.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// Failures in a row, over all callers, that open the circuit. One lost connection must not; an outage must soon.
pub(super) const FAILURES_IN_A_ROW: u32 = 5;
/// The first time without calls; it doubles with every probe that fails.
pub(super) const PERIOD_FIRST: Duration = Duration::from_secs(10);
/// 12 probes an hour, and at most five minutes until a mended system is noticed.
pub(super) const PERIOD_MAX: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<Circuit>);

#[derive(Debug, Default)]
struct Circuit {
    failures_in_a_row: u32,
    open: Option<Open>,
    /// Counts resets, so that what began before one cannot change what came after it.
    epoch: u64,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    period: Duration,
    cause: Error,
    probing: bool,
}

/// The right to make one call. Dropped unsettled, it says nothing about the system.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    epoch: u64,
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, Circuit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remembered cause, if a call now would certainly be refused. Claims nothing.
    pub(super) fn cause(&self, now: Instant) -> Option<Error> {
        let state = self.state();
        state
            .open
            .as_ref()
            .filter(|open| open.probing || now < open.until)
            .map(|open| open.cause.clone())
    }

    /// How long until a probe may be made; `None` while the circuit is closed.
    pub(super) fn open_for(&self, now: Instant) -> Option<Duration> {
        let state = self.state();
        let open = state.open.as_ref()?;
        Some(open.until.saturating_duration_since(now))
    }

    /// # Errors
    /// The remembered cause while the circuit is open and the one probe of the period is taken.
    pub(super) fn admit(&self, now: Instant) -> Result<Pass<'_>, Error> {
        let mut state = self.state();
        let epoch = state.epoch;
        let probe = match &mut state.open {
            None => false,
            Some(open) if open.probing || now < open.until => return Err(open.cause.clone()),
            Some(open) => {
                open.probing = true;
                true
            }
        };
        Ok(Pass {
            breaker: self,
            probe,
            epoch,
        })
    }

    /// Forgets everything: the credential is another one.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        let epoch = state.epoch + 1;
        *state = Circuit {
            epoch,
            ..Circuit::default()
        };
    }
}

impl Pass<'_> {
    /// Whether this is the one call that an open circuit lets through.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    /// The system works.
    pub(super) fn succeeded(mut self) {
        let mut state = self.breaker.state();
        if state.epoch == self.epoch && (self.probe || state.open.is_none()) {
            state.open = None;
            state.failures_in_a_row = 0;
        }
        self.probe = false;
    }

    /// The system failed. `certain`: no other call could have done better. `jitter` from 0 to 1 spreads the probes.
    pub(super) fn failed(mut self, cause: Error, now: Instant, certain: bool, jitter: f64) {
        let mut state = self.breaker.state();
        let probe = std::mem::take(&mut self.probe);
        if state.epoch != self.epoch || (state.open.is_some() && !probe) {
            return;
        }
        state.failures_in_a_row += 1;
        let period = match &state.open {
            Some(open) => (open.period * 2).min(PERIOD_MAX),
            None if certain || state.failures_in_a_row >= FAILURES_IN_A_ROW => PERIOD_FIRST,
            None => return,
        };
        let asked = cause.retry_after().unwrap_or_default();
        let until = now + period.mul_f64(1.0 + jitter / 10.0).max(asked);
        state.open = Some(Open {
            until,
            period,
            // What was asked for with it runs out meanwhile; how much is left, `until` says.
            cause: cause.with_retry_after(None),
            probing: false,
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        let mut state = self.breaker.state();
        if state.epoch == self.epoch
            && let Some(open) = &mut state.open
        {
            open.probing = false;
        }
    }
}
