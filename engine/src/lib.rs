//! One engine per connection: it owns the inventory of the two tenants, refreshes it by lists, and drives scoped plans
//! until nothing is due.
//!
//! It takes and gives `core`'s values; it knows neither Kubernetes nor a custom resource. Every decision is a plan of
//! `core`; what is here waits, sends and folds.

mod freshness;
mod request;
mod state;
mod worker;

mod delete;
mod job;
mod reconcile;
mod reconcile_platform;
mod resync;
mod resync_rounds;
mod shared_lists;
mod shared_lock;
mod shared_objects;
mod source_gone;

mod audit;
mod calls;
mod dependency_index;
mod due;
mod execute;
mod in_flight_calls;
mod job_priority;
mod users;

use std::sync::{Arc, OnceLock};

use audience_sharing_core::compose::{ConnectionSettings, ShareName};
use audience_sharing_core::domain::identifier::{SandboxName, SegmentFolderId, TraitFolderId};
use audience_sharing_core::existence::Existing;
use audience_sharing_core::plan::shared_objects as planned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use adobe_client::credential::Credential;
use adobe_client::gateway::{Gateway, RateLimitOptions};
use execute::Systems;
pub use freshness::Freshness;
pub use in_flight_calls::Ended;
pub use request::{
    Declaration, DeletionOutcome, DeletionRequest, ObservedPlatformAudience, Origin, Problem,
    ReconcileOutcome, ReconcileRequest, Report, SharedObjectsReport,
};
pub use shared_lock::SharedObjectsLock;
use worker::{Message, Worker};

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
    /// Told which shares to look at again.
    pub wake: mpsc::UnboundedSender<ShareName>,
    pub rng_seed: u64,
    pub observer: Arc<dyn EngineObserver>,
}

/// What the engine tells of itself; for metrics and the audit trail.
pub trait EngineObserver: Send + Sync + std::fmt::Debug + 'static {
    /// A full pass over both systems ended.
    fn on_resync(&self, _succeeded: bool, _seconds: f64) {}
    /// How many elements of a list were too large or could not be decoded.
    fn on_skipped(&self, _list: &'static str, _count: usize) {}
    /// One plan was computed.
    fn on_plan(&self) {}
}

impl EngineObserver for () {}

/// A handle; the engine ends when the last one is gone, or when it is stopped.
#[derive(Clone, Debug)]
pub struct Engine {
    messages: mpsc::Sender<Message>,
    report: watch::Receiver<Report>,
    gateway: Gateway,
    systems: Systems,
    stop: CancellationToken,
    ended: Arc<OnceLock<Ended>>,
}

/// The engine has ended; a new one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine of this connection has ended")]
pub struct EngineEnded;

/// Why an audience was not brought to where it shall be, nor judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReconciled {
    #[error(transparent)]
    Ended(#[from] EngineEnded),
    /// What was asked is no longer asked for, or nobody could tell: nothing was written.
    #[error("what was asked has changed meanwhile")]
    Superseded,
    /// A defect: nothing more was planned for it. The engine goes on for all others.
    #[error("the engine panicked while it planned for this audience")]
    Panicked,
}

/// Messages under way; senders wait beyond that.
const MESSAGES_MAX: usize = 1_024;

impl Engine {
    /// Starts the task that owns the inventory.
    pub fn start(options: EngineOptions) -> Self {
        let (messages, inbox) = mpsc::channel(MESSAGES_MAX);
        let (publish, report) = watch::channel(Report::default());
        let stop = CancellationToken::new();
        let gateway = options.gateway.until(stop.clone());
        let options = EngineOptions {
            gateway: gateway.clone(),
            ..options
        };
        let ended = Arc::new(OnceLock::new());
        let worker = Worker::new(options, inbox, publish, stop.clone(), ended.clone());
        let systems = worker.systems.clone();
        tokio::spawn(worker.run());
        Self {
            messages,
            report,
            gateway,
            systems,
            stop,
            ended,
        }
    }

    /// Brings one audience to where it shall be; answers when nothing is due any more, or why something is not done.
    pub async fn reconcile(
        &self,
        request: ReconcileRequest,
    ) -> Result<ReconcileOutcome, NotReconciled> {
        self.ask(|reply| Message::Reconcile(Box::new(request), reply))
            .await?
    }

    /// Deletes what is ours of an audience that leaves.
    pub async fn delete(
        &self,
        deletion: DeletionRequest,
    ) -> Result<DeletionOutcome, NotReconciled> {
        self.ask(|reply| Message::Delete(Box::new(deletion), reply))
            .await?
    }

    /// Forgets an audience without touching anything remote.
    pub async fn release(&self, share: ShareName) -> Result<(), EngineEnded> {
        self.messages
            .send(Message::Release(share))
            .await
            .map_err(|_| EngineEnded)
    }

    /// An audience has changed, and will be asked for again at once: what is only a look at it need not be waited for, nor,
    /// if it `leaves`, what is still to be created of it. If too much is under way to be told so, it is waited for.
    pub fn prioritize(&self, share: ShareName, leaves: bool) {
        let _ = self.messages.try_send(Message::Prioritize(share, leaves));
    }

    /// Tells what is declared, so that claims are judged with all claimants known.
    pub async fn declare(&self, declarations: Vec<Declaration>) -> Result<(), EngineEnded> {
        self.messages
            .send(Message::Declare(declarations))
            .await
            .map_err(|_| EngineEnded)
    }

    /// A full pass that begins after this call.
    pub async fn resync(&self) -> Result<(), EngineEnded> {
        self.ask(Message::Resync).await
    }

    /// Deletes the shared objects that are ours and empty; answers what could not be deleted, and why. Judged by the last
    /// pass: refresh first.
    pub async fn delete_shared_objects(
        &self,
        freshness: Freshness,
    ) -> Result<Vec<Problem>, EngineEnded> {
        self.ask(|reply| Message::DeleteSharedObjects(freshness, reply))
            .await
    }

    /// What another spec of the connection says.
    pub async fn configure(&self, configuration: Configuration) -> Result<(), EngineEnded> {
        self.messages
            .send(Message::Configure(Box::new(configuration)))
            .await
            .map_err(|_| EngineEnded)
    }

    /// A rotated Secret: the next call uses it, and what failed with the old one is tried at once. Another connection with
    /// the same Secret may have replaced it already; this engine still has to learn of it.
    pub async fn replace_credential(&self, credential: Credential) -> Result<(), EngineEnded> {
        self.gateway.replace_credential(credential);
        self.messages
            .send(Message::CredentialReplaced)
            .await
            .map_err(|_| EngineEnded)
    }

    /// How many calls this connection makes from now on.
    pub fn set_budget(&self, budget: RateLimitOptions) {
        self.gateway.set_rate_limit(budget);
    }

    /// What the connection's status is written from; changes when a pass ends or the shared objects move.
    pub fn report(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Starts no further call; what is in flight ends or is abandoned in bounded time.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// It was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub fn is_ended(&self) -> bool {
        self.messages.is_closed()
    }

    /// Waits until the engine's task has ended. One that died knows of nothing that it sent.
    pub async fn ended(&self) -> Ended {
        self.messages.closed().await;
        self.ended.get().copied().unwrap_or(Ended::WritesAbandoned)
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, EngineEnded> {
        let (reply, answer) = oneshot::channel();
        self.messages
            .send(message(reply))
            .await
            .map_err(|_| EngineEnded)?;
        answer.await.map_err(|_| EngineEnded)
    }
}
