//! The engines that run, one per `SharingConnection`; the gateways and leases that they share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::compose::ConnectionSettings;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::lease::{LeaseHandle, OtherHolder};
use super::locked::Locked;
use crate::api::{SharedAudience, SharingConnection};
use crate::declaration::connection_name;
use adobe_client::credential::Fingerprint;
use adobe_client::gateway::{
    ClientLimiter, ConnectionLimiter, Gateway, RateLimitOptions, SharedGateway,
};
use audience_sharing_engine::{Ended, Engine, SharedObjectsLock, Waker};

/// A connection by namespace and name.
pub(super) type ConnectionKey = (String, String);

pub(super) fn key(connection: &SharingConnection) -> ConnectionKey {
    (
        connection.namespace().unwrap_or_default(),
        connection.name_any(),
    )
}

/// The connection that an audience names.
pub(super) fn connection_of(audience: &SharedAudience) -> ConnectionKey {
    (
        audience.namespace().unwrap_or_default(),
        connection_name(audience).to_owned(),
    )
}

/// A client id and its organization, in lower case.
type ClientKey = (String, String);

/// The Secret that a gateway's token belongs to. Another Secret has another gateway, even if both name one client id:
/// else anybody who knows a client id could use, refuse or stop the credential of another namespace (law L9).
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
    pub(super) rate_limit: RateLimitOptions,
    pub(super) settings: ConnectionSettings,
    /// Of the connection's spec that the engine was configured with last.
    pub(super) generation: Option<i64>,
    /// Its spec is invalid: the engine serves deletions and nothing else.
    pub(super) is_invalid: bool,
    pub(super) engine: Engine,
    pub(super) lease: watch::Receiver<Option<Instant>>,
    /// Tasks that live as long as the engine is known.
    #[expect(dead_code, reason = "held, never read: dropping it ends the tasks")]
    pub(super) watchers: Arc<Vec<OwnedTask>>,
}

impl Running {
    /// Asked before what the engine found is written down: a process that was frozen may wake long after another has
    /// taken over, and before it knows that itself.
    pub(super) fn holds_lease(&self) -> bool {
        let valid_until = *self.lease.borrow();
        valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Engines that ended by themselves before a resync had ended well: how often in a row, by connection, and until when
/// no other is started.
#[derive(Clone, Default)]
pub(super) struct EarlyEnds(Arc<Locked<BTreeMap<ConnectionKey, (u32, Instant)>>>);

impl EarlyEnds {
    /// A pause, so that an engine that cannot live costs little: doubled each time.
    const PAUSE: Duration = Duration::from_secs(10);
    const PAUSE_MAX: Duration = Duration::from_secs(300);

    pub(super) fn add(&self, key: &ConnectionKey, now: Instant) {
        let mut ends = self.0.lock();
        let (count, not_before) = ends.entry(key.clone()).or_insert((0, now));
        let pause = Self::PAUSE.saturating_mul(2u32.saturating_pow(*count));
        let pause = pause.min(Self::PAUSE_MAX);
        *count = count.saturating_add(1);
        *not_before = now + pause;
    }

    pub(super) fn pause_left(&self, key: &ConnectionKey, now: Instant) -> Option<Duration> {
        let (_, not_before) = *self.0.lock().get(key)?;
        let left = not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// More than once: it is no accident.
    pub(super) fn are_many(&self, key: &ConnectionKey) -> bool {
        self.0.lock().get(key).is_some_and(|(count, _)| *count > 1)
    }

    pub(super) fn forget(&self, key: &ConnectionKey) {
        self.0.lock().remove(key);
    }
}

/// A Lease that is kept, or waited for.
#[derive(Clone)]
pub(super) struct KnownLease {
    pub(super) valid_until: watch::Receiver<Option<Instant>>,
    pub(super) other_holder: watch::Receiver<Option<OtherHolder>>,
}

/// A task that ends with its owner.
pub(super) type OwnedTask = AbortOnDropHandle<()>;

/// What this process can do for a connection.
#[derive(Clone)]
pub(super) enum ConnectionState {
    /// Nothing is known yet, or another process reconciles it: the start of its engine wakes its audiences.
    Starting,
    Running(Running),
    /// Its Secret gives no credential. An engine that still runs goes on with the one in memory, which serves deletions
    /// and nothing else.
    WithoutCredential(Option<Running>),
    /// Another process keeps the Lease of its organization for good.
    ReconciledElsewhere,
}

impl ConnectionState {
    /// The engine, with whatever credential.
    pub(super) fn engine(self) -> Option<Running> {
        match self {
            Self::Running(running) | Self::WithoutCredential(Some(running)) => Some(running),
            Self::Starting | Self::WithoutCredential(None) | Self::ReconciledElsewhere => None,
        }
    }
}

pub(super) struct Engines {
    /// Those that are not `Starting`.
    connections: Locked<BTreeMap<ConnectionKey, ConnectionState>>,
    gateways: Locked<BTreeMap<SecretKey, SharedGateway>>,
    limiters: Locked<BTreeMap<ClientKey, ClientLimiter>>,
    secrets: Locked<BTreeMap<ConnectionKey, (String, OwnedTask)>>,
    /// For each connection that waits for a Lease, what wakes it.
    awaits_lease: Locked<BTreeMap<ConnectionKey, OwnedTask>>,
    pub(super) early_ends: EarlyEnds,
    /// By organization; without a handle while it is being handed over.
    leases: tokio::sync::Mutex<BTreeMap<String, Option<LeaseHandle>>>,
    /// By organization.
    shared_locks: Locked<BTreeMap<String, SharedObjectsLock>>,
    pub(super) wake_audience: Waker<ObjectRef<SharedAudience>>,
    pub(super) wake_connection: Waker<ObjectRef<SharingConnection>>,
}

impl Engines {
    pub(super) fn new(
        wake_audience: Waker<ObjectRef<SharedAudience>>,
        wake_connection: Waker<ObjectRef<SharingConnection>>,
    ) -> Self {
        Self {
            connections: Locked::default(),
            gateways: Locked::default(),
            limiters: Locked::default(),
            secrets: Locked::default(),
            awaits_lease: Locked::default(),
            early_ends: EarlyEnds::default(),
            leases: tokio::sync::Mutex::default(),
            shared_locks: Locked::default(),
            wake_audience,
            wake_connection,
        }
    }

    /// An engine that has ended or is stopping counts as none.
    pub(super) fn state(&self, key: &ConnectionKey) -> ConnectionState {
        let is_alive =
            |running: &Running| !running.engine.is_ended() && !running.engine.is_stopping();
        match self.connections.lock().get(key) {
            None => ConnectionState::Starting,
            Some(ConnectionState::Running(running)) if !is_alive(running) => {
                ConnectionState::Starting
            }
            Some(ConnectionState::WithoutCredential(engine)) => {
                ConnectionState::WithoutCredential(engine.clone().filter(is_alive))
            }
            Some(state) => state.clone(),
        }
    }

    pub(super) fn get(&self, key: &ConnectionKey) -> Option<Running> {
        self.state(key).engine()
    }

    pub(super) fn set_running(&self, key: ConnectionKey, running: Running) {
        self.connections
            .lock()
            .insert(key, ConnectionState::Running(running));
    }

    /// `true` if that is news.
    pub(super) fn set_without_credential(&self, key: &ConnectionKey) -> bool {
        let mut connections = self.connections.lock();
        let known = connections.remove(key).unwrap_or(ConnectionState::Starting);
        let is_news = !matches!(known, ConnectionState::WithoutCredential(_));
        let without = ConnectionState::WithoutCredential(known.engine());
        connections.insert(key.clone(), without);
        is_news
    }

    /// `true` if the connection had none until now.
    pub(super) fn set_with_credential(&self, key: &ConnectionKey) -> bool {
        let mut connections = self.connections.lock();
        let Some(ConnectionState::WithoutCredential(engine)) = connections.get(key).cloned() else {
            return false;
        };
        match engine {
            Some(running) => connections.insert(key.clone(), ConnectionState::Running(running)),
            None => connections.remove(key),
        };
        true
    }

    pub(super) fn set_elsewhere(&self, key: ConnectionKey) {
        self.connections
            .lock()
            .insert(key, ConnectionState::ReconciledElsewhere);
    }

    /// Stops the engine of a connection and forgets what is known of it; its Secret is watched no longer.
    pub(super) fn stop(&self, key: &ConnectionKey) {
        self.secrets.lock().remove(key);
        self.await_lease(key, None);
        self.stop_engine(key);
    }

    /// The same for every connection that does not exist: a person may have removed its finalizer.
    pub(super) fn stop_others(&self, exists: impl Fn(&ConnectionKey) -> bool) {
        let known: Vec<_> = self.connections.lock().keys().cloned().collect();
        let watched: Vec<_> = self.secrets.lock().keys().cloned().collect();
        let waiting: Vec<_> = self.awaits_lease.lock().keys().cloned().collect();
        let all = known.into_iter().chain(watched).chain(waiting);
        for key in all.filter(|key| !exists(key)) {
            self.stop(&key);
        }
        self.early_ends.0.lock().retain(|key, _| exists(key));
    }

    /// Stops the engine of a connection. The Secret is watched on: a watch that begins wakes the connection.
    pub(super) fn stop_engine(&self, key: &ConnectionKey) {
        let known = self.connections.lock().remove(key);
        if let Some(running) = known.and_then(ConnectionState::engine) {
            running.engine.stop();
        }
    }

    pub(super) fn wake_connection(&self, (namespace, name): &ConnectionKey) {
        let reference = ObjectRef::new(name).within(namespace);
        self.wake_connection.wake(reference);
    }

    pub(super) fn wake_audience(&self, audience: &SharedAudience) {
        self.wake_audience.wake(ObjectRef::from_obj(audience));
    }

    /// `wakes` is the one task that waits for the connection's Lease, in place of any before; `None`: it waits no longer.
    pub(super) fn await_lease(&self, key: &ConnectionKey, wakes: Option<OwnedTask>) {
        let mut waiting = self.awaits_lease.lock();
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
        rate_limit: RateLimitOptions,
    ) -> ConnectionLimiter {
        let mut limiters = self.limiters.lock();
        // Unused limiters go, so that Secrets that come and go leave nothing behind.
        limiters.retain(|_, limiter| !limiter.is_idle());
        let client = (
            secret.client_id.clone(),
            secret.organization.to_ascii_lowercase(),
        );
        limiters
            .entry(client)
            .or_insert_with(|| ClientLimiter::new(requests_per_minute))
            .connection(&format!("{namespace}/{name}"), rate_limit)
    }

    /// The one gateway of a Secret.
    pub(super) fn gateway(
        &self,
        secret: &SecretKey,
        limiter: ConnectionLimiter,
        make: impl FnOnce(ConnectionLimiter) -> Gateway,
    ) -> Gateway {
        let mut gateways = self.gateways.lock();
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
        let mut secrets = self.secrets.lock();
        if secrets
            .get(&key)
            .is_none_or(|(watched, task)| watched != secret || task.is_finished())
        {
            secrets.insert(
                key,
                (secret.to_owned(), OwnedTask::new(tokio::spawn(start()))),
            );
        }
    }

    /// The lease of an organization, as it is held now and later. `None` where the organization is not for us, or is
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
                other_holder: lease.other_holder(),
            })
    }

    /// The organizations whose leases are kept.
    pub(super) async fn organizations(&self) -> BTreeSet<String> {
        let leases = self.leases.lock().await;
        let kept = leases.iter().filter(|(_, lease)| lease.is_some());
        kept.map(|(organization, _)| organization.clone()).collect()
    }

    /// Ends the engines of an organization, then gives its lease back, so that a successor starts when nothing of ours
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
            let engines = self.take_engines_of(organization);
            if engines.is_empty() {
                break;
            }
            for running in &engines {
                running.engine.stop();
            }
            for running in &engines {
                is_unfinished |= running.engine.ended().await == Ended::WritesAbandoned;
            }
        }
        match is_unfinished {
            true => drop(lease),
            false => lease.release().await,
        }
        self.leases.lock().await.remove(organization);
    }

    fn take_engines_of(&self, organization: &str) -> Vec<Running> {
        let mut connections = self.connections.lock();
        let is_of_it = |_: &ConnectionKey, state: &mut ConnectionState| {
            let running = state.clone().engine();
            running.is_some_and(|running| running.organization == organization)
        };
        let taken = connections.extract_if(.., is_of_it);
        taken.filter_map(|(_, state)| state.engine()).collect()
    }

    /// For the objects that the connections of an organization share.
    pub(super) fn shared_lock(&self, organization: &str) -> SharedObjectsLock {
        let mut locks = self.shared_locks.lock();
        locks.retain(|_, lock| lock.is_used());
        locks.entry(organization.to_owned()).or_default().clone()
    }

    /// No engine starts another call.
    pub(super) fn stop_all(&self) {
        for state in self.connections.lock().values() {
            if let Some(running) = state.clone().engine() {
                running.engine.stop();
            }
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

#[cfg(test)]
mod tests {
    use audience_sharing_engine::wake_queue;

    use super::Engines;

    #[test]
    fn the_locks_of_organizations_that_came_and_went_go() {
        let engines = Engines::new(wake_queue().0, wake_queue().0);
        let held = engines.shared_lock("held");
        for number in 0..10_000 {
            engines.shared_lock(&number.to_string());
        }
        assert_eq!(engines.shared_locks.lock().len(), 2);
        drop(held);
        engines.shared_lock("last");
        assert_eq!(engines.shared_locks.lock().len(), 1);
    }
}
