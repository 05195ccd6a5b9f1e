//! Who calls next, and when: a token bucket in the tokio clock for all connections of one client, and inside it one for
//! each connection, which bounds its own calls and nobody else's. Two classes: the urgent one goes first, and leaves the
//! other one call in ten. Inside a class the connections take turns, and inside a connection its audiences.
//!
//! Own code, since governor's waits run in real time under a paused clock (measured.md §5).

#![expect(
    clippy::disallowed_methods,
    reason = "the limiter is what waits, on tokio's clock"
)]

mod buckets;
mod line;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::turn::{Budget, Priority, Turn};
use crate::adobe::observer::System;
use buckets::{Buckets, rate_of};
use line::Line;

/// A pause up to this is waited out in line, so that nobody notices it; a longer one is reported to the caller.
pub(super) const PAUSE_WAITED_MAX: Duration = Duration::from_secs(60);
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
/// While changes wait too, one of so many calls is a resync read: without its passes a connection learns of nothing.
const RESYNC_ONE_OF: u32 = 10;
/// Calls of one client that follow each other at once, however many connections it has: the most that the schema lets one
/// connection declare.
const CLIENT_BURST_MAX: u32 = 100;

/// What all connections of one client id in one organization share, since Adobe counts their calls together. Cheap to
/// clone; all clones are one limiter.
#[derive(Clone, Debug)]
pub struct ClientLimiter(Arc<Shared>);

/// The place of one connection in the limiter of its client.
#[derive(Clone, Debug)]
pub struct ConnectionLimiter(Arc<Place>);

#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    connection: Arc<str>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the dispatcher when what it waits for may have changed.
    changed: Notify,
}

/// Granted, or how long the client is paused.
type Verdict = Result<Permit, Duration>;

#[derive(Debug)]
struct State {
    /// What the operator allows one client, per minute.
    limit: u32,
    /// Per second: the limit, or what the connections declare together if that is less.
    rate_max: f64,
    /// What the servers let us have at present.
    rate: f64,
    buckets: Buckets,
    paused_until: Instant,
    slowed: Option<Instant>,
    throttled: [Throttled; System::ALL.len()],
    connections: BTreeMap<Arc<str>, Connection>,
    /// The connection that was served last: the next ones come first.
    served: Option<Arc<str>>,
    dispatching: bool,
}

/// Calls in a row that a system refused because they were too many.
#[derive(Clone, Copy, Debug, Default)]
struct Throttled {
    in_a_row: u32,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Connection {
    /// How many hold this place: while an engine is replaced, the old one and the new one.
    holders: usize,
    budget: Budget,
    buckets: Buckets,
    urgent_line: Line<oneshot::Sender<Verdict>>,
    resync_line: Line<oneshot::Sender<Verdict>>,
    /// How many urgent calls were served while a resync read of this connection waited.
    resync_passed_over: u32,
}

/// What a connection would have served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    Urgent,
    /// A resync read that was passed over often enough.
    DueResync,
    Resync,
}

/// The right to send one request. Dropped unspent, it goes back.
#[derive(Debug)]
pub(super) struct Permit {
    place: Option<(Arc<Shared>, Arc<str>)>,
    resync: bool,
}

impl Permit {
    pub(super) fn spend(mut self) {
        if let Some((shared, connection)) = self.place.take() {
            let mut state = shared.state();
            state.refill(Instant::now());
            state.buckets.all.held -= 1;
            if let Some(connection) = state.connections.get_mut(&connection) {
                connection.buckets.all.held -= 1;
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((shared, connection)) = self.place.take() {
            let mut state = shared.state();
            state.buckets.give_back(self.resync);
            if let Some(connection) = state.connections.get_mut(&connection) {
                connection.buckets.give_back(self.resync);
            }
            drop(state);
            shared.changed.notify_one();
        }
    }
}

impl ClientLimiter {
    /// `requests_per_minute`: at least 1.
    pub fn new(requests_per_minute: u32) -> Self {
        let rate = rate_of(requests_per_minute);
        let now = Instant::now();
        let state = State {
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
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// The place of a connection. While one of that name is held, it is the same place, and the budget is changed.
    pub fn connection(&self, name: &str, budget: Budget) -> ConnectionLimiter {
        let connection: Arc<str> = name.into();
        let now = Instant::now();
        let mut state = self.0.state();
        let known = state
            .connections
            .entry(connection.clone())
            .or_insert_with(|| Connection {
                holders: 0,
                budget,
                buckets: Buckets::full(budget.burst, now),
                urgent_line: Line::default(),
                resync_line: Line::default(),
                resync_passed_over: 0,
            });
        known.holders += 1;
        drop(state);
        let place = ConnectionLimiter(Arc::new(Place {
            shared: self.0.clone(),
            connection,
        }));
        place.set_budget(budget);
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
                // Outside the lock: whoever waits there may hold a permit of this limiter.
                drop(removed);
            }
        }
    }
}

impl ConnectionLimiter {
    /// Another budget from here on, which holds for what waits too. How far an overload lowered the rate stays as it is.
    pub(super) fn set_budget(&self, budget: Budget) {
        let mut state = self.state();
        state.refill(Instant::now());
        if let Some(connection) = state.connections.get_mut(&self.0.connection) {
            connection.budget = budget;
            connection.buckets.resize(budget.burst);
        }
        state.rescale();
        drop(state);
        self.0.shared.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.shared.state()
    }

    /// Waits for the caller's turn.
    ///
    /// # Errors
    /// How long the client is still paused, if that is more than [`PAUSE_WAITED_MAX`].
    pub(super) async fn turn(&self, turn: &Turn) -> Verdict {
        let (sender, receiver) = oneshot::channel();
        let begin = {
            let mut state = self.state();
            if let Some(connection) = state.connections.get_mut(&self.0.connection) {
                match turn.priority {
                    Priority::Change | Priority::Deletion => {
                        connection.urgent_line.join(&turn.key, sender);
                    }
                    Priority::Resync => connection.resync_line.join(&turn.key, sender),
                }
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

    /// What waits in the other line under `key` goes with the urgent ones.
    pub(super) fn hurry(&self, key: &str) {
        let mut state = self.state();
        if let Some(connection) = state.connections.get_mut(&self.0.connection)
            && let Some((key, waiting)) = connection.resync_line.take(key)
        {
            for sender in waiting {
                connection.urgent_line.join(&key, sender);
            }
        }
        drop(state);
        self.0.shared.changed.notify_one();
    }

    /// A request for a token waits for no turn, since others wait for it: what this connection sends comes that much
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

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the lines until they are empty; there is at most one.
    async fn dispatch(self: Arc<Self>) {
        loop {
            let (served, next) = {
                let mut state = self.state();
                let mut served = Vec::new();
                while let Some(waiting) = state.serve(Instant::now(), &self) {
                    served.push(waiting);
                }
                let next = state.next(Instant::now());
                state.dispatching = next.is_some();
                (served, next)
            };
            // Outside the lock: a permit that nobody waits for any more gives itself back.
            for (sender, verdict) in served {
                drop(sender.send(verdict));
            }
            let Some(next) = next else { return };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}

impl State {
    fn refill(&mut self, now: Instant) {
        self.buckets.refill(now, self.rate);
        for connection in self.connections.values_mut() {
            let rate = connection.rate();
            connection.buckets.refill(now, rate);
        }
    }

    /// The rate and the burst for all: what the connections declare together, within what the operator allows.
    fn rescale(&mut self) {
        let declared = self.connections.values().map(|known| known.budget);
        let Some(declared) = declared.reduce(|one, other| Budget {
            requests_per_minute: one
                .requests_per_minute
                .saturating_add(other.requests_per_minute),
            burst: one.burst.saturating_add(other.burst),
        }) else {
            return;
        };
        let rate = rate_of(declared.requests_per_minute.min(self.limit));
        self.rate *= rate / self.rate_max;
        self.rate_max = rate;
        self.buckets.resize(declared.burst.min(CLIENT_BURST_MAX));
    }

    fn pause(&mut self, wait: Duration, now: Instant) {
        self.refill(now);
        let until = now + wait;
        if until > self.paused_until {
            self.paused_until = until;
            self.buckets.refilled = until;
            self.buckets.drain_to_one();
        }
    }

    fn long_pause(&self, now: Instant) -> Option<Duration> {
        Some(self.paused_until.saturating_duration_since(now))
            .filter(|pause| *pause > PAUSE_WAITED_MAX)
    }

    /// Whoever can be answered now.
    fn serve(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
    ) -> Option<(oneshot::Sender<Verdict>, Verdict)> {
        if let Some(pause) = self.long_pause(now) {
            let mut connections = self.connections.values_mut();
            let waiting = connections.find_map(|connection| {
                let urgent = connection.urgent_line.leave();
                urgent.or_else(|| connection.resync_line.leave())
            });
            return Some((waiting?, Err(pause)));
        }
        self.refill(now);
        if now < self.paused_until || self.buckets.all.level < 1.0 {
            return None;
        }
        let (name, waiting, resync) = self.next_in_line()?;
        self.buckets.take(resync);
        let permit = Permit {
            place: Some((shared.clone(), name)),
            resync,
        };
        Some((waiting, Ok(permit)))
    }

    /// Whose turn it is, and whether it is for a resync read.
    fn next_in_line(&mut self) -> Option<(Arc<str>, oneshot::Sender<Verdict>, bool)> {
        let (name, offer) = self.next_offer()?;
        let resync = offer != Offer::Urgent;
        if !resync {
            for connection in self.connections.values_mut() {
                let passed_over = u32::from(!connection.resync_line.is_empty());
                connection.resync_passed_over += passed_over;
            }
        }
        let connection = self.connections.get_mut(&name)?;
        connection.buckets.take(resync);
        let waiting = match resync {
            true => {
                connection.resync_passed_over = 0;
                connection.resync_line.leave()?
            }
            false => connection.urgent_line.leave()?,
        };
        self.served = Some(name.clone());
        Some((name, waiting, resync))
    }

    /// Of the connections that may call now, the next after the one that was served last; one that only has a resync read
    /// yields to all others.
    fn next_offer(&self) -> Option<(Arc<str>, Offer)> {
        let resync = self.buckets.resync.level >= 1.0;
        let (after, before) = match &self.served {
            Some(last) => (
                (Bound::Excluded(last.clone()), Bound::Unbounded),
                (Bound::Unbounded, Bound::Included(last.clone())),
            ),
            None => (
                (Bound::Unbounded, Bound::Unbounded),
                (Bound::Unbounded, Bound::Excluded("".into())),
            ),
        };
        let in_turn = self.connections.range(after);
        let in_turn = in_turn.chain(self.connections.range(before));
        let mut offers = in_turn.filter_map(|(name, known)| Some((name, known.offer(resync)?)));
        let first = offers.next()?;
        let chosen = match first.1 {
            Offer::Resync => offers
                .find(|(_, offer)| *offer != Offer::Resync)
                .unwrap_or(first),
            Offer::Urgent | Offer::DueResync => first,
        };
        Some((chosen.0.clone(), chosen.1))
    }

    /// When somebody in line can be served at the earliest; `None` if nobody waits.
    fn next(&self, now: Instant) -> Option<Instant> {
        let ready_at = |connection: &Connection, resync: bool| {
            let all = self.buckets.ready_at(now, self.rate, resync);
            let own = connection.buckets.ready_at(now, connection.rate(), resync);
            all.max(own)
        };
        let earliest = self.connections.values().flat_map(|connection| {
            let urgent = (!connection.urgent_line.is_empty()).then(|| ready_at(connection, false));
            let resync = (!connection.resync_line.is_empty()).then(|| ready_at(connection, true));
            urgent.into_iter().chain(resync)
        });
        // A millisecond is the timer's own step; less would spin.
        let step = now + Duration::from_millis(1);
        earliest.min().map(|earliest| earliest.max(step))
    }
}

impl Connection {
    /// Per second.
    fn rate(&self) -> f64 {
        rate_of(self.budget.requests_per_minute)
    }

    /// What it would have served now. `resync`: the client has a resync read left.
    fn offer(&self, resync: bool) -> Option<Offer> {
        if self.buckets.all.level < 1.0 {
            return None;
        }
        let resync = resync && !self.resync_line.is_empty() && self.buckets.resync.level >= 1.0;
        match (self.urgent_line.is_empty(), resync) {
            (_, true) if self.resync_passed_over + 1 >= RESYNC_ONE_OF => Some(Offer::DueResync),
            (false, _) => Some(Offer::Urgent),
            (true, true) => Some(Offer::Resync),
            (true, false) => None,
        }
    }
}
