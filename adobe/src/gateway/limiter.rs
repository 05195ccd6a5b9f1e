//! Who calls next, and when: a token bucket in the tokio clock for all connections of one client, and inside it one for
//! each connection, which bounds its own calls alone. Three classes: edits and deletions go first, creations next, resync
//! reads last; each leaves those after it one call in ten. Inside a class the connections take turns, and inside a
//! connection its audiences.
//!
//! Own code, since governor's waits run in real time under a paused clock (measured.md §5).

mod buckets;
mod dispatch;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::call_context::{CallContext, Priority, RateLimitOptions};
use crate::service::System;
use buckets::{Buckets, rate_of};
use dispatch::{
    CLIENT_BURST_MAX, Class, Connection, LimiterState, SharedLimiter, Throttled, Verdict, Waiting,
};
use queue::FairQueue;

pub(super) use dispatch::{PAUSE_WAITED_MAX, Permit};

/// The pause after calls that were too many, where the server names none: doubled with each one in a row. The seventh in
/// a row is the first that is longer than [`PAUSE_WAITED_MAX`].
const THROTTLED_PAUSE_MIN: Duration = Duration::from_secs(1);
const THROTTLED_PAUSE_MAX: Duration = Duration::from_secs(300);
/// One overload answers many calls in flight: they lower the rate once.
const SLOWED_ONCE_PER: Duration = Duration::from_secs(5);
/// The rate halves on an overload, down to a twentieth of what is configured, and regains a hundredth per success:
/// from a half back to the whole in 50 calls.
const SLOWED_TO: f64 = 0.5;
const RATE_FLOOR: f64 = 0.05;
const REGAINED: f64 = 0.01;

/// What all connections of one client id in one organization share, since Adobe counts their calls together. Cheap to
/// clone; all clones are one limiter.
#[derive(Clone, Debug)]
pub struct ClientLimiter(Arc<SharedLimiter>);

/// The place of one connection in the limiter of its client.
#[derive(Clone, Debug)]
pub struct ConnectionLimiter(Arc<Place>);

#[derive(Debug)]
struct Place {
    shared: Arc<SharedLimiter>,
    connection: Arc<str>,
}

impl ClientLimiter {
    /// `requests_per_minute`: at least 1.
    pub fn new(requests_per_minute: u32) -> Self {
        let rate = rate_of(requests_per_minute);
        let now = Instant::now();
        let state = LimiterState {
            limit: requests_per_minute,
            rate_max: rate,
            rate,
            buckets: Buckets::full(CLIENT_BURST_MAX, now),
            paused_until: now,
            slowed: None,
            throttled: Default::default(),
            connections: BTreeMap::new(),
            served: None,
            dispatching: false,
        };
        Self(Arc::new(SharedLimiter {
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// The place of a connection. While one of that name is held, it is the same place, and the rate limit is changed.
    pub fn connection(&self, name: &str, rate_limit: RateLimitOptions) -> ConnectionLimiter {
        let connection: Arc<str> = name.into();
        let now = Instant::now();
        let mut state = self.0.state();
        let known = state
            .connections
            .entry(connection.clone())
            .or_insert_with(|| Connection {
                holders: 0,
                rate_limit,
                buckets: Buckets::full(rate_limit.burst, now),
                urgent_queue: FairQueue::default(),
                creation_queue: FairQueue::default(),
                resync_queue: FairQueue::default(),
                creation_passed_over: 0,
                resync_passed_over: 0,
            });
        known.holders += 1;
        drop(state);
        let place = ConnectionLimiter(Arc::new(Place {
            shared: self.0.clone(),
            connection,
        }));
        place.set_rate_limit(rate_limit);
        place
    }

    /// Nothing would be lost with it: no connection is left, and a new one would begin as this one is.
    pub fn is_idle(&self) -> bool {
        let now = Instant::now();
        let mut state = self.0.state();
        state.refill(now);
        let all = &state.buckets.all;
        state.connections.is_empty()
            && now >= state.paused_until
            && state.rate >= state.rate_max
            && all.level >= all.size
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            connection.holders -= 1;
            if connection.holders == 0 {
                let removed = state.connections.remove(&self.connection);
                state.rescale();
                drop(state);
                // Outside the lock: a waiter there may hold a permit of this limiter.
                drop(removed);
            }
        }
    }
}

impl ConnectionLimiter {
    /// Another rate limit from here on, which holds for what waits too. How far an overload lowered the rate stays as it is.
    pub(super) fn set_rate_limit(&self, rate_limit: RateLimitOptions) {
        let mut state = self.state();
        state.refill(Instant::now());
        if let Some(connection) = state.connections.get_mut(&self.0.connection) {
            connection.rate_limit = rate_limit;
            connection.buckets.resize(rate_limit.burst);
        }
        state.rescale();
        drop(state);
        self.0.shared.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.0.shared.state()
    }

    /// Waits until `requests` may be sent, one right after the other.
    ///
    /// # Errors
    /// How long the client is still paused, if that is more than [`PAUSE_WAITED_MAX`].
    pub(super) async fn grant(&self, context: &CallContext, requests: u32) -> Verdict {
        let (sender, receiver) = oneshot::channel();
        let begin = {
            let mut state = self.state();
            if let Some(connection) = state.connections.get_mut(&self.0.connection) {
                let class = match context.priority {
                    Priority::Change | Priority::Deletion => Class::Urgent,
                    Priority::Creation => Class::Creation,
                    Priority::Resync => Class::Resync,
                };
                let waiting = Waiting { sender, requests };
                connection.queue(class).join(&context.key, waiting);
            }
            !std::mem::replace(&mut state.dispatching, true)
        };
        if begin {
            tokio::spawn(self.0.shared.clone().dispatch());
        } else {
            self.0.shared.changed.notify_one();
        }
        // The dispatcher drops no sender; should the runtime end first, this call ends with it.
        receiver.await.unwrap_or(Err(Duration::ZERO))
    }

    /// What waits in the other queues under `key` goes with the urgent calls.
    pub(super) fn prioritize(&self, key: &str) {
        let mut state = self.state();
        if let Some(connection) = state.connections.get_mut(&self.0.connection) {
            for class in [Class::Creation, Class::Resync] {
                let taken = connection.queue(class).take(key);
                for (key, waiting) in taken.into_iter() {
                    for entry in waiting {
                        connection.urgent_queue.join(&key, entry);
                    }
                }
            }
        }
        drop(state);
        self.0.shared.changed.notify_one();
    }

    /// A request for a token waits for no grant, since others wait for it: what this connection sends comes that much
    /// later.
    pub(super) fn charge_connection(&self) {
        let mut state = self.state();
        state.refill(Instant::now());
        if let Some(connection) = state.connections.get_mut(&self.0.connection) {
            connection.buckets.all.level -= 1.0;
        }
    }

    /// The same for all connections of the client. Not for a request that was refused: a Secret with the client id of
    /// another must not use up that one's calls.
    pub(super) fn charge_client(&self) {
        let mut state = self.state();
        state.refill(Instant::now());
        state.buckets.all.level -= 1.0;
    }

    /// A server asked the client to wait.
    pub(super) fn pause(&self, wait: Duration) {
        self.state().pause(wait, Instant::now());
        self.0.shared.changed.notify_one();
    }

    /// A system refused a call that was sent at `sent`, since there were too many, and may have asked for a time.
    pub(super) fn throttled(&self, system: System, sent: Instant, asked: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.state();
        let known = &mut state.throttled[system as usize];
        // The calls that were under way together are answered alike: they count once.
        let mut wait = asked.unwrap_or_default();
        if known.since.is_none_or(|since| since < sent) {
            known.in_a_row = known.in_a_row.saturating_add(1);
            known.since = Some(now);
            let doubled = 2_u32.saturating_pow(known.in_a_row - 1);
            let pause = THROTTLED_PAUSE_MIN.saturating_mul(doubled);
            wait = wait.max(pause.min(THROTTLED_PAUSE_MAX));
        }
        state.pause(wait, now);
        drop(state);
        self.0.shared.changed.notify_one();
    }

    /// A server is overloaded.
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
        state.buckets.drain_to_one();
    }

    /// A system answered a call that was sent at `sent`.
    pub(super) fn succeeded(&self, system: System, sent: Instant) {
        let mut state = self.state();
        let known = &mut state.throttled[system as usize];
        if known.since.is_some_and(|since| since < sent) {
            *known = Throttled::default();
        }
        if state.rate < state.rate_max {
            state.refill(Instant::now());
            state.rate = (state.rate + state.rate_max * REGAINED).min(state.rate_max);
        }
    }

    /// Requests per minute that the client is allowed at present.
    pub(super) fn requests_per_minute(&self) -> f64 {
        self.state().rate * 60.0
    }
}
