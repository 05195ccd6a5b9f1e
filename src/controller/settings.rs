//! What the command line sets for the whole process.

use std::collections::BTreeSet;

use adobe_client::endpoints::Endpoints;
use adobe_client::transport::SharedTransport;
use audience_sharing_core::domain::mark::OwnerId;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;

use crate::observability::metrics::Metrics;

/// Which namespaces are watched.
#[derive(Clone, Debug)]
pub enum Scope {
    Cluster,
    /// At least one.
    Namespaces(BTreeSet<String>),
}

impl Scope {
    pub(super) fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespaces(watched) => watched.contains(namespace),
        }
    }
}

#[derive(Clone)]
pub struct Settings {
    /// The namespace of the operator itself: where its Leases are.
    pub namespace: String,
    /// Distinguishes this process from its replicas in the Lease.
    pub identity: String,
    /// The operator's own Pod, where it runs in one: some Events are recorded there.
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
