//! What an engine is made of, and what it reports of itself.

use std::sync::Arc;

use adobe_client::gateway::Gateway;
use audience_sharing_core::compose::{ConnectionSettings, ShareName};
use audience_sharing_core::domain::identifier::{SandboxName, SegmentFolderId, TraitFolderId};
use audience_sharing_core::existence::Existing;
use audience_sharing_core::plan::shared_objects as planned;
use tokio::sync::watch;
use tokio::time::Instant;

use super::freshness::Freshness;
use super::shared_lock::SharedObjectsLock;
use super::wake_queue::Waker;

/// What a connection's spec says, and whether it still says so.
#[derive(Debug)]
pub struct Configuration {
    pub settings: ConnectionSettings,
    pub resync_interval: std::time::Duration,
    /// For the writes of the shared objects.
    pub freshness: Freshness,
}

/// What an engine is made of.
#[derive(Debug)]
pub struct EngineOptions {
    pub gateway: Gateway,
    pub sandbox: SandboxName,
    pub configuration: Configuration,
    /// What the connection's status recorded, and where it was valid.
    pub recorded_shared_objects: planned::RecordedSharedObjects,
    /// The folders that this operator made, as the status recorded them.
    pub recorded_created: (Vec<TraitFolderId>, Vec<SegmentFolderId>),
    pub recorded_tenant: audience_sharing_core::inventory::Tenant,
    /// Until when this process may write; `None` while another holds the lease.
    pub lease: watch::Receiver<Option<Instant>>,
    /// The organisation's: engines of one organisation take turns at the objects that they share.
    pub shared_lock: SharedObjectsLock,
    pub existing: Arc<dyn Existing + Send + Sync>,
    /// Receives the shares to reconcile again.
    pub wake: Waker<ShareName>,
    pub rng_seed: u64,
    pub observer: Arc<dyn EngineObserver>,
}

/// What the engine reports of itself, for metrics and the audit trail.
pub trait EngineObserver: Send + Sync + std::fmt::Debug + 'static {
    /// A resync ended.
    fn on_resync(&self, _succeeded: bool, _seconds: f64) {}
    /// How many elements of a list were too large or could not be decoded.
    fn on_skipped(&self, _list: &'static str, _count: usize) {}
    /// One plan was computed.
    fn on_plan(&self) {}
}

impl EngineObserver for () {}
