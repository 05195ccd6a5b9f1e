//! Who calls next, and when: a token bucket in the tokio clock for all connections of one client, and inside it one for
//! each connection, which bounds its own calls alone. Three classes: edits and deletions go first, creations next, resync
//! reads last; each leaves those after it one call in ten. Inside a class the connections take turns, and inside a
//! connection its audiences.
//!
//! Own code, since governor's waits run in real time under a paused clock (measured.md §5).

#![expect(
    clippy::disallowed_methods,
    reason = "the limiter is what waits, on tokio's clock"
)]

mod buckets;
mod permit;
mod queue;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::call_context::{Budget, CallContext, Priority};
use crate::observer::System;
use buckets::{Buckets, rate_of};
use queue::FairQueue;

pub(super) use permit::Permit;

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
/// While edits and deletions wait too, one of so many calls is a creation: a stream of edits without end ends them not.
const CREATION_ONE_OF: u32 = 10;
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
    urgent_queue: FairQueue<Waiting>,
    creation_queue: FairQueue<Waiting>,
    resync_queue: FairQueue<Waiting>,
    /// How many edits and deletions were served while a creation of this connection waited.
    creation_passed_over: u32,
    /// How many other calls were served while a resync read of this connection waited.
    resync_passed_over: u32,
}

#[derive(Debug)]
struct Waiting {
    sender: oneshot::Sender<Verdict>,
    /// How many requests are sent together.
    requests: u32,
}

/// What a connection would have served next. The first of these goes first, in whichever connection it is.
#[derive(Clone, Copy, Debug)]
enum Offer {
    /// An edit or a deletion, or what was passed over often enough.
    Now(Class),
    Creation,
    Resync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Urgent,
    Creation,
    Resync,
}

impl Offer {
    fn class(self) -> Class {
        match self {
            Self::Now(class) => class,
            Self::Creation => Class::Creation,
            Self::Resync => Class::Resync,
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

    /// Waits for the caller's turn, for `requests` that are sent one right after the other.
    ///
    /// # Errors
    /// How long the client is still paused, if that is more than [`PAUSE_WAITED_MAX`].
    pub(super) async fn context(&self, context: &CallContext, requests: u32) -> Verdict {
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

    /// What waits in the other lines under `key` goes with the urgent ones.
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
                let mut classes = [Class::Urgent, Class::Creation, Class::Resync].into_iter();
                classes.find_map(|class| connection.queue(class).leave())
            });
            return Some((waiting?.sender, Err(pause)));
        }
        self.refill(now);
        if now < self.paused_until {
            return None;
        }
        let (connection, waiting, resync) = self.next_in_queue()?;
        self.buckets.take(resync, waiting.requests);
        let permit = Permit {
            shared: shared.clone(),
            connection,
            resync,
            left: waiting.requests,
        };
        Some((waiting.sender, Ok(permit)))
    }

    /// Whose turn it is, and whether it is for a resync read.
    fn next_in_queue(&mut self) -> Option<(Arc<str>, Waiting, bool)> {
        let (name, offer, requests) = self.next_offer()?;
        if !self.buckets.affords(requests) {
            return None;
        }
        let class = offer.class();
        for connection in self.connections.values_mut() {
            if class == Class::Urgent && !connection.creation_queue.is_empty() {
                connection.creation_passed_over += 1;
            }
            if class != Class::Resync && !connection.resync_queue.is_empty() {
                connection.resync_passed_over += 1;
            }
        }
        let connection = self.connections.get_mut(&name)?;
        match class {
            Class::Urgent => {}
            Class::Creation => connection.creation_passed_over = 0,
            Class::Resync => connection.resync_passed_over = 0,
        }
        let resync = class == Class::Resync;
        connection.buckets.take(resync, requests);
        let waiting = connection.queue(class).leave()?;
        self.served = Some(name.clone());
        Some((name, waiting, resync))
    }

    /// Of the connections that may call now and have what goes first, the next after the one that was served last.
    fn next_offer(&self) -> Option<(Arc<str>, Offer, u32)> {
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
        let offers = in_turn.filter_map(|(name, known)| {
            let (offer, requests) = known.offer(resync)?;
            Some((name, offer, requests))
        });
        let rank = |offer: Offer| match offer {
            Offer::Now(_) => 0,
            Offer::Creation => 1,
            Offer::Resync => 2,
        };
        let (name, offer, requests) = offers.min_by_key(|(_, offer, _)| rank(*offer))?;
        Some((name.clone(), offer, requests))
    }

    /// When somebody in line can be served at the earliest; `None` if nobody waits.
    fn next(&self, now: Instant) -> Option<Instant> {
        let ready_at = |connection: &Connection, resync: bool, waiting: &Waiting| {
            let (rate, requests) = (connection.rate(), waiting.requests);
            let all = self.buckets.ready_at(now, self.rate, resync, requests);
            let own = connection.buckets.ready_at(now, rate, resync, requests);
            all.max(own)
        };
        let earliest = self.connections.values().flat_map(|connection| {
            let lines = [
                (&connection.urgent_queue, false),
                (&connection.creation_queue, false),
                (&connection.resync_queue, true),
            ];
            lines.into_iter().filter_map(move |(queue, resync)| {
                let first = queue.first()?;
                Some(ready_at(connection, resync, first))
            })
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

    fn queue(&mut self, class: Class) -> &mut FairQueue<Waiting> {
        match class {
            Class::Urgent => &mut self.urgent_queue,
            Class::Creation => &mut self.creation_queue,
            Class::Resync => &mut self.resync_queue,
        }
    }

    /// What it would have served now, and how many requests that is. `resync`: the client has a resync read left.
    fn offer(&self, resync: bool) -> Option<(Offer, u32)> {
        let affordable = |queue: &FairQueue<Waiting>| {
            let requests = queue.first()?.requests;
            self.buckets.affords(requests).then_some(requests)
        };
        let urgent = affordable(&self.urgent_queue);
        let creation = affordable(&self.creation_queue);
        let resync =
            affordable(&self.resync_queue).filter(|_| resync && self.buckets.resync.level >= 1.0);
        let due_resync = resync.filter(|_| self.resync_passed_over + 1 >= RESYNC_ONE_OF);
        let due_creation = creation.filter(|_| self.creation_passed_over + 1 >= CREATION_ONE_OF);
        let first = |requests: Option<u32>, offer: Offer| Some((offer, requests?));
        first(due_resync, Offer::Now(Class::Resync))
            .or_else(|| first(due_creation, Offer::Now(Class::Creation)))
            .or_else(|| first(urgent, Offer::Now(Class::Urgent)))
            // An edit that needs two requests at once is not overtaken while the second is saved up.
            .or_else(|| match self.urgent_queue.is_empty() {
                true => first(creation, Offer::Creation),
                false => None,
            })
            .or_else(
                || match self.urgent_queue.is_empty() && self.creation_queue.is_empty() {
                    true => first(resync, Offer::Resync),
                    false => None,
                },
            )
    }
}
