//! What every reconcile is handed: the client, the caches, the engines, the clock.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::OrganizationId;
use audience_sharing_core::domain::mark::{OwnerId, ResourceName};
use audience_sharing_core::existence::{Existence, Existing};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{ObjectRef, Store};

use tokio::sync::watch;
use tokio::time::Instant;

use super::admission::Admission;
use super::backoff::Backoff;
use super::engines::Engines;
use super::leaving::{self, Leaving};
use super::publish::Written;
use super::quarantine::Quarantine;
use super::replicas::Replicas;
use super::requested::Served;
use super::run::Scope;
use crate::api::{SharedAudience, SharingConnection};
use crate::observability::metrics::Metrics;
use adobe_client::endpoints::Endpoints;
use adobe_client::transport::SharedTransport;

/// What the command line settles for the whole process.
#[derive(Clone)]
pub struct Settings {
    /// The namespace of the operator itself: where its Leases are.
    pub namespace: String,
    /// Distinguishes this process from its replicas in the Lease.
    pub identity: String,
    /// The operator's own Pod, where it runs in one: some Events are told there.
    pub pod: Option<ObjectReference>,
    pub owner: OwnerId,
    /// Owner ids that this operator had before.
    pub previous_owners: Vec<OwnerId>,
    pub endpoints: Endpoints,
    pub transport: SharedTransport,
    pub read_only: bool,
    /// Requests per minute that the connections of one client id and organization make together at most.
    pub client_rate_limit: u32,
    /// Without it only `get` is needed on the Secrets of connections.
    pub watch_secrets: bool,
    pub rng_seed: u64,
    pub wall_clock: fn() -> Timestamp,
    pub metrics: Metrics,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

pub(super) struct Context {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) audiences: Store<SharedAudience>,
    pub(super) undecoded_audiences: Undecoded,
    pub(super) scope: Scope,
    pub(super) connections: Store<SharingConnection>,
    /// The first list of connections is in the cache: before, none can be said to be missing.
    pub(super) connections_known: watch::Receiver<bool>,
    pub(super) engines: Engines,
    pub(super) replicas: Replicas,
    pub(super) backoff: Mutex<Backoff>,
    /// For audiences that are created or only looked at.
    pub(super) admission: Arc<Admission>,
    pub(super) served: Served,
    pub(super) leaving: Leaving,
    pub(super) written: Written,
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

    pub(super) fn both_clocks(&self) -> leaving::Now {
        leaving::Now {
            own: Instant::now(),
            wall: self.now(),
        }
    }
}

/// Objects that are stored and do not decode, so that the cache lacks them: namespace and name.
#[derive(Clone, Debug, Default)]
pub(super) struct Undecoded(Arc<Mutex<BTreeSet<(String, String)>>>);

impl Undecoded {
    pub(super) fn insert(&self, namespace: String, name: String) {
        self.set().insert((namespace, name));
    }

    pub(super) fn remove(&self, namespace: String, name: String) {
        self.set().remove(&(namespace, name));
    }

    fn contains(&self, share: &ShareName) -> bool {
        let key = (share.namespace.to_string(), share.name.to_string());
        self.set().contains(&key)
    }

    fn set(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a `SharedAudience` exists, as the cache knows it.
pub(super) struct CachedAudiences {
    pub(super) store: Store<SharedAudience>,
    pub(super) undecoded: Undecoded,
    pub(super) scope: Scope,
}

impl std::fmt::Debug for CachedAudiences {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CachedAudiences")
    }
}

impl Existing for CachedAudiences {
    fn existence(&self, share: &ShareName) -> Existence {
        let reference = ObjectRef::new(share.name.as_str()).within(share.namespace.as_str());
        match self.store.get(&reference) {
            Some(audience) if audience.metadata.deletion_timestamp.is_some() => Existence::Gone,
            Some(_) => Existence::Exists,
            None if !self.scope.contains(share.namespace.as_str()) => Existence::Unknown,
            None if self.undecoded.contains(share) => Existence::Unknown,
            None => Existence::Gone,
        }
    }
}

/// The name of a `SharedAudience` in `core`'s terms; `None` for names that Kubernetes itself refuses.
pub(super) fn share_name(audience: &SharedAudience) -> Option<ShareName> {
    Some(ShareName {
        namespace: ResourceName::parse(audience.metadata.namespace.as_deref()?).ok()?,
        name: ResourceName::parse(audience.metadata.name.as_deref()?).ok()?,
    })
}

/// The organization of a connection, in the one spelling by which it is known here.
pub(super) fn organization(connection: &SharingConnection) -> OrganizationId {
    OrganizationId::new(&connection.spec.organization_id)
}

/// The audiences of one connection.
pub(super) fn audiences_of(
    store: &Store<SharedAudience>,
    namespace: &str,
    connection: &str,
) -> Vec<Arc<SharedAudience>> {
    store
        .state()
        .into_iter()
        .filter(|audience| {
            audience.metadata.namespace.as_deref() == Some(namespace)
                && audience.spec.connection_ref.name == connection
        })
        .collect()
}
