//! Whose turn it is: the state of one client's limiter, and what serves those who wait. It knows no request and no answer.

#![expect(
    clippy::disallowed_methods,
    reason = "the limiter is what waits, on tokio's clock"
)]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::buckets::{Buckets, rate_of};
use super::queue::FairQueue;
use crate::gateway::call_context::RateLimitOptions;
use crate::service::System;

/// A pause up to this is waited out in line, unnoticed; a longer one is reported to the caller.
pub(crate) const PAUSE_WAITED_MAX: Duration = Duration::from_secs(60);
/// While changes wait too, one of so many calls is a resync read: without its passes a connection learns of nothing.
const RESYNC_ONE_OF: u32 = 10;
/// While edits and deletions wait too, one of so many calls is a creation: a stream of edits without end ends them not.
const CREATION_ONE_OF: u32 = 10;
/// Calls of one client that follow each other at once, however many connections it has: the most that the schema lets one
/// connection declare.
pub(super) const CLIENT_BURST_MAX: u32 = 100;

#[derive(Debug)]
pub(super) struct SharedLimiter {
    pub(super) state: Mutex<LimiterState>,
    /// Wakes the dispatcher when what it waits for may have changed.
    pub(super) changed: Notify,
}

/// Granted, or how long the client is paused.
pub(super) type Verdict = Result<Permit, Duration>;

#[derive(Debug)]
pub(super) struct LimiterState {
    /// What the operator allows one client, per minute.
    pub(super) limit: u32,
    /// Per second: the limit, or what the connections declare together if that is less.
    pub(super) rate_max: f64,
    /// What the servers let us have at present.
    pub(super) rate: f64,
    pub(super) buckets: Buckets,
    pub(super) paused_until: Instant,
    pub(super) slowed: Option<Instant>,
    pub(super) throttled: [Throttled; System::ALL.len()],
    pub(super) connections: BTreeMap<Arc<str>, Connection>,
    /// The connection that was served last: the next ones come first.
    pub(super) served: Option<Arc<str>>,
    pub(super) dispatching: bool,
}

/// Calls in a row that a system refused because they were too many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Throttled {
    pub(super) in_a_row: u32,
    pub(super) since: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Connection {
    /// How many hold this place: while an engine is replaced, the old one and the new one.
    pub(super) holders: usize,
    pub(super) rate_limit: RateLimitOptions,
    pub(super) buckets: Buckets,
    pub(super) urgent_queue: FairQueue<Waiting>,
    pub(super) creation_queue: FairQueue<Waiting>,
    pub(super) resync_queue: FairQueue<Waiting>,
    /// How many edits and deletions were served while a creation of this connection waited.
    pub(super) creation_passed_over: u32,
    /// How many other calls were served while a resync read of this connection waited.
    pub(super) resync_passed_over: u32,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) sender: oneshot::Sender<Verdict>,
    /// How many requests are sent together.
    pub(super) requests: u32,
}

/// What a connection would have served next. The first of these goes first, in whichever connection it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offer {
    /// An edit or a deletion, or what was passed over often enough.
    Now(Class),
    Creation,
    Resync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
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

/// The right to send one request, or some that belong together. What is dropped unspent goes back.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<SharedLimiter>,
    connection: Arc<str>,
    resync: bool,
    /// Requests that may still be sent.
    left: u32,
}

impl Permit {
    /// One request is sent now.
    pub(crate) fn spend(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut state = self.shared.state();
        state.refill(Instant::now());
        state.buckets.all.held -= 1;
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            connection.buckets.all.held -= 1;
        }
    }

    /// Another request may be sent at once: one is left, and the client was not asked to wait meanwhile.
    pub(crate) fn is_valid(&self) -> bool {
        self.left > 0 && Instant::now() >= self.shared.state().paused_until
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.left == 0 {
            return;
        }
        let mut state = self.shared.state();
        state.buckets.give_back(self.resync, self.left);
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            connection.buckets.give_back(self.resync, self.left);
        }
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl SharedLimiter {
    pub(super) fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the queues until they are empty; there is at most one.
    pub(super) async fn dispatch(self: Arc<Self>) {
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
            // Outside the lock: a permit that has no waiter any more gives itself back.
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

impl LimiterState {
    pub(super) fn refill(&mut self, now: Instant) {
        self.buckets.refill(now, self.rate);
        for connection in self.connections.values_mut() {
            let rate = connection.rate();
            connection.buckets.refill(now, rate);
        }
    }

    /// The rate and the burst for all: what the connections declare together, within what the operator allows.
    pub(super) fn rescale(&mut self) {
        let declared = self.connections.values().map(|known| known.rate_limit);
        let Some(declared) = declared.reduce(|one, other| RateLimitOptions {
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

    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
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

    /// The waiter that can be answered now.
    fn serve(
        &mut self,
        now: Instant,
        shared: &Arc<SharedLimiter>,
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

    /// When a waiter can be served at the earliest; `None` if the queues are empty.
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
    pub(super) fn rate(&self) -> f64 {
        rate_of(self.rate_limit.requests_per_minute)
    }

    pub(super) fn queue(&mut self, class: Class) -> &mut FairQueue<Waiting> {
        match class {
            Class::Urgent => &mut self.urgent_queue,
            Class::Creation => &mut self.creation_queue,
            Class::Resync => &mut self.resync_queue,
        }
    }

    /// What it would have served now, and how many requests that is. `resync`: the client has a resync read left.
    pub(super) fn offer(&self, resync: bool) -> Option<(Offer, u32)> {
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
