//! What every reconcile is given: the client, the caches, the engines, the clock.

use std::collections::HashSet;
use std::sync::Arc;

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::existence::{Existence, Existing};
use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::watch;
use tokio::time::Instant;

use super::admission::Admission;
use super::backoff::Backoff;
use super::deletion_wait::{DeletionWaits, Now};
use super::engines::{ConnectionKey, Engines};
use super::locked::Locked;
use super::quarantine::Quarantine;
use super::replicas::Replicas;
use super::requested::Requests;
use super::sent::Sent;
use super::settings::{Scope, Settings};
use super::undecoded::UndecodedSet;
use crate::api::{SharedAudience, SharingConnection};
use crate::declaration::{ConnectionDeclaration, connection_name};

pub(super) struct Context {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) scope: Scope,
    pub(super) audiences: Store<SharedAudience>,
    pub(super) connections: Store<SharingConnection>,
    pub(super) undecoded: UndecodedSet,
    /// The first list of connections is in the cache: before, none can be said to be missing.
    pub(super) connections_known: watch::Receiver<bool>,
    pub(super) engines: Engines,
    pub(super) replicas: Replicas,
    pub(super) backoff: Locked<Backoff>,
    /// For audiences that are created or only reconciled again.
    pub(super) admission: Arc<Admission>,
    pub(super) requests: Requests,
    pub(super) deletion_waits: DeletionWaits,
    pub(super) sent_audiences: Sent<SharedAudience>,
    pub(super) sent_connections: Sent<SharingConnection>,
    pub(super) quarantine: Quarantine,
    pub(super) recorder: Recorder,
}

impl Context {
    pub(super) async fn wait_for_connections(&self) {
        // The watch outlives every reconcile.
        let _ = self
            .connections_known
            .clone()
            .wait_for(|known| *known)
            .await;
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.settings.wall_clock)()
    }

    pub(super) fn both_clocks(&self) -> Now {
        Now {
            own: Instant::now(),
            wall: self.now(),
        }
    }

    pub(super) fn connection(
        &self,
        (namespace, name): &ConnectionKey,
    ) -> Option<Arc<SharingConnection>> {
        let reference = ObjectRef::new(name).within(namespace);
        self.connections.get(&reference)
    }

    pub(super) fn declared(&self, connection: &SharingConnection) -> ConnectionDeclaration {
        let Settings {
            owner,
            previous_owners,
            ..
        } = &self.settings;
        ConnectionDeclaration::of(connection, owner, previous_owners)
    }

    /// The audiences of one connection.
    pub(super) fn audiences_of(
        &self,
        (namespace, name): &ConnectionKey,
    ) -> Vec<Arc<SharedAudience>> {
        let mut audiences = self.audiences.state();
        audiences.retain(|audience| {
            audience.metadata.namespace.as_deref() == Some(namespace)
                && connection_name(audience) == name
        });
        audiences
    }

    pub(super) fn wake_audiences_of(&self, connection: &ConnectionKey) {
        for audience in self.audiences_of(connection) {
            self.engines.wake_audience(&audience);
        }
    }

    /// Forgets what is kept of objects that no longer exist. A deletion may not have been seen, nor asked for by a
    /// finalizer.
    pub(super) fn forget_gone(&self) {
        let (audiences, connections) = (self.audiences.state(), self.connections.state());
        let undecoded = self.undecoded.uids();
        let audiences = audiences.iter().map(|audience| &audience.metadata.uid);
        let uids = audiences.chain(connections.iter().map(|known| &known.metadata.uid));
        let uids = uids.flatten().chain(&undecoded);
        let existing: HashSet<&str> = uids.map(String::as_str).collect();
        self.backoff.lock().keep_only(&existing);
        self.requests.0.keep_only(&existing);
        self.deletion_waits.0.keep_only(&existing);
        self.quarantine.0.keep_only(&existing);
        self.sent_audiences.0.keep_only(&existing);
        self.sent_connections.0.keep_only(&existing);
        self.engines
            .stop_others(|key| self.connection(key).is_some());
    }

    /// `core`'s question whether a resource exists, answered from the cache.
    pub(super) fn cached_audiences(&self) -> CachedAudiences {
        CachedAudiences {
            store: self.audiences.clone(),
            undecoded: self.undecoded.clone(),
            scope: self.scope.clone(),
        }
    }
}

pub(super) struct CachedAudiences {
    store: Store<SharedAudience>,
    undecoded: UndecodedSet,
    scope: Scope,
}

impl CachedAudiences {
    fn get(&self, share: &ShareName) -> Option<Arc<SharedAudience>> {
        let reference = ObjectRef::new(share.name.as_str()).within(share.namespace.as_str());
        self.store.get(&reference)
    }
}

impl std::fmt::Debug for CachedAudiences {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CachedAudiences")
    }
}

impl Existing for CachedAudiences {
    fn existence(&self, share: &ShareName) -> Existence {
        let (namespace, name) = (share.namespace.as_str(), share.name.as_str());
        match self.get(share) {
            Some(audience) if audience.metadata.deletion_timestamp.is_some() => Existence::Gone,
            Some(_) => Existence::Exists,
            None if !self.scope.contains(namespace) => Existence::Unknown,
            None if self.undecoded.contains::<SharedAudience>(namespace, name) => {
                Existence::Unknown
            }
            None => Existence::Gone,
        }
    }

    fn remains(&self, share: &ShareName) -> bool {
        self.get(share).is_some() || self.existence(share) != Existence::Gone
    }
}
