//! The engines that run, one per `SharingConnection`; the gateways and leases that they share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audience_sharing_core::compose::ConnectionSettings;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::lease::{Elsewhere, LeaseHandle};
use crate::api::{SharedAudience, SharingConnection};
use adobe_client::credential::Fingerprint;
use adobe_client::gateway::{
    ClientLimiter, ConnectionLimiter, Gateway, RateLimitOptions, SharedGateway,
};
use audience_sharing_engine::{Ended, Engine, SharedObjectsLock};

/// A connection by namespace, name and uid: a re-created one is another.
pub(super) type ConnectionKey = (String, String);

/// A client id and its organization, in lower case.
type ClientKey = (String, String);

/// The Secret that a gateway's token belongs to. Another Secret has another gateway, even if both name one client id:
/// else whoever knows a client id could use, refuse or stop the credential of another namespace (law L9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretKey {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) organization: String,
}

/// One connection's engine and what it was started with.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) uid: String,
    pub(super) organization: String,
    pub(super) secret: SecretKey,
    /// Of the credential that the engine was given last.
    pub(super) credential: Fingerprint,
    /// As the connection declares it.
    pub(super) budget: RateLimitOptions,
    pub(super) settings: ConnectionSettings,
    /// Of the connection's spec that the engine was told last.
    pub(super) generation: Option<i64>,
    pub(super) engine: Engine,
    pub(super) lease: watch::Receiver<Option<Instant>>,
    /// Tasks that live as long as the engine is known.
    #[expect(dead_code, reason = "held, never read: dropping it ends the tasks")]
    pub(super) watchers: Arc<Vec<AbortOnDrop>>,
}

impl Running {
    /// Asked before what the engine found is written down: a process that stood still may wake long after another has
    /// taken over, and before it knows that itself.
    pub(super) fn holds_lease(&self) -> bool {
        let valid_until = *self.lease.borrow();
        valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Engines that ended by themselves before a full pass had ended well: how often in a row, by connection, and until when
/// no other is started.
#[derive(Clone, Default)]
pub(super) struct EarlyEnds(Arc<Mutex<BTreeMap<ConnectionKey, (u32, Instant)>>>);

impl EarlyEnds {
    /// A pause, so that an engine that cannot live costs little: doubled each time.
    const PAUSE: Duration = Duration::from_secs(10);
    const PAUSE_MAX: Duration = Duration::from_secs(300);

    pub(super) fn add(&self, key: &ConnectionKey, now: Instant) {
        let mut ends = self.lock();
        let (count, not_before) = ends.entry(key.clone()).or_insert((0, now));
        let pause = Self::PAUSE.saturating_mul(2u32.saturating_pow(*count));
        let pause = pause.min(Self::PAUSE_MAX);
        *count = count.saturating_add(1);
        *not_before = now + pause;
    }

    pub(super) fn pause_left(&self, key: &ConnectionKey, now: Instant) -> Option<Duration> {
        let (_, not_before) = *self.lock().get(key)?;
        let left = not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// More than once: it is no accident.
    pub(super) fn are_many(&self, key: &ConnectionKey) -> bool {
        self.lock().get(key).is_some_and(|(count, _)| *count > 1)
    }

    pub(super) fn forget(&self, key: &ConnectionKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionKey, (u32, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Lease that is kept, or waited for.
#[derive(Clone)]
pub(super) struct KnownLease {
    pub(super) valid_until: watch::Receiver<Option<Instant>>,
    pub(super) elsewhere: watch::Receiver<Option<Elsewhere>>,
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) struct Engines {
    running: Mutex<BTreeMap<ConnectionKey, Running>>,
    gateways: Mutex<BTreeMap<SecretKey, SharedGateway>>,
    limiters: Mutex<BTreeMap<ClientKey, ClientLimiter>>,
    secrets: Mutex<BTreeMap<ConnectionKey, (String, AbortOnDrop)>>,
    /// Connections whose Secret gives no credential. One that runs goes on with the credential in memory, which serves
    /// deletions and nothing else.
    without_credential: Mutex<BTreeSet<ConnectionKey>>,
    /// Connections whose organization's Lease another process keeps for itself: their audiences wait.
    held_elsewhere: Mutex<BTreeSet<ConnectionKey>>,
    /// For each connection that waits for a Lease, what wakes it.
    awaits_lease: Mutex<BTreeMap<ConnectionKey, AbortOnDrop>>,
    pub(super) early_ends: EarlyEnds,
    /// By organisation; without a handle while it is being handed over.
    leases: tokio::sync::Mutex<BTreeMap<String, Option<LeaseHandle>>>,
    /// By organisation.
    shared_turns: Mutex<BTreeMap<String, SharedObjectsLock>>,
    pub(super) wake_audience: mpsc::UnboundedSender<ObjectRef<SharedAudience>>,
    pub(super) wake_connection: mpsc::UnboundedSender<ObjectRef<SharingConnection>>,
}

impl Engines {
    pub(super) fn new(
        wake_audience: mpsc::UnboundedSender<ObjectRef<SharedAudience>>,
        wake_connection: mpsc::UnboundedSender<ObjectRef<SharingConnection>>,
    ) -> Self {
        Self {
            running: Mutex::default(),
            gateways: Mutex::default(),
            limiters: Mutex::default(),
            secrets: Mutex::default(),
            without_credential: Mutex::default(),
            held_elsewhere: Mutex::default(),
            awaits_lease: Mutex::default(),
            early_ends: EarlyEnds::default(),
            leases: tokio::sync::Mutex::default(),
            shared_turns: Mutex::default(),
            wake_audience,
            wake_connection,
        }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Running> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .get(&(namespace.to_owned(), name.to_owned()))
            .filter(|running| !running.engine.is_ended() && !running.engine.is_stopping())
            .cloned()
    }

    pub(super) fn insert(&self, key: ConnectionKey, running: Running) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, running);
    }

    /// Stops the engine of a connection, and watches its Secret no longer.
    pub(super) fn stop(&self, key: &ConnectionKey) {
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
        self.stop_engine(key);
    }

    /// Stops the engine of a connection. The Secret is watched on: a watch that begins wakes the connection.
    pub(super) fn stop_engine(&self, key: &ConnectionKey) {
        let removed = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
        if let Some(running) = removed {
            running.engine.stop();
        }
    }

    /// Whether the Secret of a connection was seen to give no credential. Of a connection that nobody has looked at yet
    /// nothing is known: a restart is no failure.
    pub(super) fn is_without_credential(&self, key: &ConnectionKey) -> bool {
        let without = self.without_credential.lock();
        without
            .unwrap_or_else(PoisonError::into_inner)
            .contains(key)
    }

    /// `true` if that is news.
    pub(super) fn set_without_credential(&self, key: &ConnectionKey, without: bool) -> bool {
        let mut known = self
            .without_credential
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match without {
            true => known.insert(key.clone()),
            false => known.remove(key),
        }
    }

    /// Whether another process keeps the Lease of the connection's organization, so that nothing comes of waiting alone.
    pub(super) fn is_held_elsewhere(&self, key: &ConnectionKey) -> bool {
        let held = self.held_elsewhere.lock();
        held.unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// `true` if that is news.
    pub(super) fn set_held_elsewhere(&self, key: &ConnectionKey, held: bool) -> bool {
        let known = self.held_elsewhere.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        match held {
            true => known.insert(key.clone()),
            false => known.remove(key),
        }
    }

    /// `wakes` is the one task that waits for the connection's Lease, in place of any before; `None`: it waits no longer.
    pub(super) fn await_lease(&self, key: &ConnectionKey, wakes: Option<AbortOnDrop>) {
        let waiting = self.awaits_lease.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        match wakes {
            Some(task) => drop(waiting.insert(key.clone(), task)),
            None => drop(waiting.remove(key)),
        }
    }

    /// The place of a connection in the limiter of its client, which makes `requests_per_minute` at most.
    pub(super) fn limiter(
        &self,
        secret: &SecretKey,
        requests_per_minute: u32,
        (namespace, name): &ConnectionKey,
        budget: RateLimitOptions,
    ) -> ConnectionLimiter {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody uses goes, so that Secrets that come and go leave nothing behind.
        limiters.retain(|_, limiter| !limiter.is_idle());
        let client = (
            secret.client_id.clone(),
            secret.organization.to_ascii_lowercase(),
        );
        limiters
            .entry(client)
            .or_insert_with(|| ClientLimiter::new(requests_per_minute))
            .connection(&format!("{namespace}/{name}"), budget)
    }

    /// The one gateway of a Secret.
    pub(super) fn gateway(
        &self,
        secret: &SecretKey,
        limiter: ConnectionLimiter,
        make: impl FnOnce(ConnectionLimiter) -> Gateway,
    ) -> Gateway {
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        // With the last engine that uses a Secret goes its credential.
        gateways.retain(|_, gateway| gateway.is_used());
        let known = gateways
            .get(secret)
            .and_then(|known| known.for_connection(limiter.clone()));
        if let Some(known) = known {
            return known;
        }
        let made = make(limiter);
        gateways.insert(secret.clone(), made.shared());
        made
    }

    /// Starts the watch of a connection's Secret, unless it runs already.
    pub(super) fn watch_secret<Watch>(
        &self,
        key: ConnectionKey,
        secret: &str,
        start: impl FnOnce() -> Watch,
    ) where
        Watch: Future<Output = ()> + Send + 'static,
    {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets
            .get(&key)
            .is_none_or(|(watched, task)| watched != secret || task.0.is_finished())
        {
            secrets.insert(key, (secret.to_owned(), AbortOnDrop(tokio::spawn(start()))));
        }
    }

    /// The lease of an organisation, as it is held now and later. `None` where the organisation is not for us, or is
    /// still being handed over.
    pub(super) async fn lease(
        &self,
        organization: &str,
        is_for_us: impl FnOnce() -> bool,
        start: impl FnOnce() -> LeaseHandle,
    ) -> Option<KnownLease> {
        let mut leases = self.leases.lock().await;
        if !is_for_us() {
            return None;
        }
        leases
            .entry(organization.to_owned())
            .or_insert_with(|| Some(start()))
            .as_ref()
            .map(|lease| KnownLease {
                valid_until: lease.valid_until(),
                elsewhere: lease.elsewhere(),
            })
    }

    /// The organisations whose leases are kept.
    pub(super) async fn organizations(&self) -> BTreeSet<String> {
        let leases = self.leases.lock().await;
        let kept = leases.iter().filter(|(_, lease)| lease.is_some());
        kept.map(|(organization, _)| organization.clone()).collect()
    }

    /// Ends the engines of an organisation, then gives its lease back, so that a successor starts when nothing of ours
    /// is under way. Where a write was abandoned, Adobe may still carry it out: that lease is left to run out, which
    /// takes longer.
    pub(super) async fn hand_over(&self, organization: &str) {
        let lease = {
            let mut leases = self.leases.lock().await;
            leases.get_mut(organization).and_then(Option::take)
        };
        let Some(lease) = lease else {
            return;
        };
        let mut is_unfinished = false;
        // One may still be starting under the lease that it was given before; another cannot come.
        loop {
            let leaving = self.take_running(|running| running.organization == organization);
            if leaving.is_empty() {
                break;
            }
            for running in &leaving {
                running.engine.stop();
            }
            for running in &leaving {
                is_unfinished |= running.engine.ended().await == Ended::WritesAbandoned;
            }
        }
        match is_unfinished {
            true => drop(lease),
            false => lease.release().await,
        }
        self.leases.lock().await.remove(organization);
    }

    fn take_running(&self, leaves: impl Fn(&Running) -> bool) -> Vec<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .extract_if(.., |_, running| leaves(running))
            .map(|(_, running)| running)
            .collect()
    }

    /// The turn at the objects that the connections of an organisation share.
    pub(super) fn shared_lock(&self, organization: &str) -> SharedObjectsLock {
        let turns = self.shared_turns.lock();
        let mut turns = turns.unwrap_or_else(PoisonError::into_inner);
        turns.entry(organization.to_owned()).or_default().clone()
    }

    /// No engine starts another call.
    pub(super) fn stop_all(&self) {
        for running in self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            running.engine.stop();
        }
    }

    /// A graceful stop.
    pub(super) async fn shut_down(&self) {
        self.stop_all();
        let organizations = self.organizations().await;
        let handed_over = organizations
            .iter()
            .map(|organization| self.hand_over(organization));
        futures::future::join_all(handed_over).await;
    }
}
