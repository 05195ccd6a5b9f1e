//! The way to an engine from outside: each method is a message to its task.

use std::sync::{Arc, OnceLock};

use adobe_client::credential::Credential;
use adobe_client::gateway::{Gateway, RateLimitOptions};
use audience_sharing_core::compose::ShareName;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::execute::Systems;
use super::freshness::Freshness;
use super::in_flight_calls::Ended;
use super::options::{Configuration, EngineOptions};
use super::request::{
    Declaration, DeletionOutcome, DeletionRequest, EngineEnded, NotReconciled, Problem,
    ReconcileOutcome, ReconcileRequest, Report,
};
use super::worker::{Message, Worker};

/// A handle; the engine ends when the last one is gone, or when it is stopped.
#[derive(Clone, Debug)]
pub struct Engine {
    messages: mpsc::Sender<Message>,
    report: watch::Receiver<Report>,
    gateway: Gateway,
    pub(super) systems: Systems,
    stop: CancellationToken,
    ended: Arc<OnceLock<Ended>>,
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
        self.send(Message::Release(share)).await
    }

    /// An audience has changed, and will be asked for again at once: a job that only checks it need not be waited for, nor,
    /// if it `leaves`, what is still to be created of it. If the inbox is full, it is waited for.
    pub fn prioritize(&self, share: ShareName, leaves: bool) {
        let _ = self.messages.try_send(Message::Prioritize(share, leaves));
    }

    /// Declares all resources, so that claims are judged with all claimants known.
    pub async fn declare(&self, declarations: Vec<Declaration>) -> Result<(), EngineEnded> {
        self.send(Message::Declare(declarations)).await
    }

    /// A resync that begins after this call.
    pub async fn resync(&self) -> Result<(), EngineEnded> {
        self.ask(Message::Resync).await
    }

    /// Deletes the shared objects that are ours and empty; answers what could not be deleted, and why. Judged by the last
    /// resync: call `resync` first.
    pub async fn delete_shared_objects(
        &self,
        freshness: Freshness,
    ) -> Result<Vec<Problem>, EngineEnded> {
        self.ask(|reply| Message::DeleteSharedObjects(freshness, reply))
            .await
    }

    /// What another spec of the connection says.
    pub async fn configure(&self, configuration: Configuration) -> Result<(), EngineEnded> {
        self.send(Message::Configure(Box::new(configuration))).await
    }

    /// A rotated Secret: the next call uses it, and what failed with the old one is tried at once. Another connection with
    /// the same Secret may have replaced it already; this engine still has to learn of it.
    pub async fn replace_credential(&self, credential: Credential) -> Result<(), EngineEnded> {
        self.gateway.replace_credential(credential);
        self.send(Message::CredentialReplaced).await
    }

    /// How many calls this connection makes from now on.
    pub fn set_rate_limit(&self, rate_limit: RateLimitOptions) {
        self.gateway.set_rate_limit(rate_limit);
    }

    /// What the connection's status is written from; changes when a resync ends or the shared objects change.
    pub fn report(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Starts no further call; what is in flight ends or is abandoned in bounded time.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// `stop` was called.
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

    async fn send(&self, message: Message) -> Result<(), EngineEnded> {
        self.messages.send(message).await.map_err(|_| EngineEnded)
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, EngineEnded> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply)).await?;
        answer.await.map_err(|_| EngineEnded)
    }
}
