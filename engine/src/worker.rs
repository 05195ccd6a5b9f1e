//! The one task of an engine: takes messages, applies answers, advances jobs, begins and ends resyncs.
//!
//! Calls of different audiences run side by side; the gateway limits their rate. Only this task changes the inventory.

#![expect(
    clippy::disallowed_methods,
    reason = "an engine waits for its next pass on tokio's clock, virtual in tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{Mode, ShareName};
use audience_sharing_core::inventory::{Inventory, Key, Moment, Sequence};
use audience_sharing_core::plan::{Claims, limits};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dependency_index::DependencyIndex;
use super::execute::Systems;
use super::freshness::Freshness;
use super::in_flight_calls::{Completion, Ended, InFlightCalls};
use super::job::{Job, Reply, Scope, Work};
use super::options::{Configuration, EngineOptions};
use super::request::{
    Declaration, DeletionOutcome, DeletionRequest, Problem, ReconcileOutcome, ReconcileRequest,
    Report, SharedObjectsReport,
};
use super::resync::{Lists, Resync, ResyncCompletion, ResyncStep};
use super::shared_lock::{SharedObjectsLock, WritesSeen};
use super::state::EngineState;
use super::wake_queue::{UniqueQueue, Waker};
use adobe_client::gateway::Gateway;

pub(super) enum Message {
    Reconcile(Box<ReconcileRequest>, Reply<ReconcileOutcome>),
    Delete(Box<DeletionRequest>, Reply<DeletionOutcome>),
    Release(ShareName),
    /// It has changed, or leaves.
    Prioritize(ShareName, bool),
    Declare(Vec<Declaration>),
    Resync(oneshot::Sender<()>),
    DeleteSharedObjects(Freshness, oneshot::Sender<Vec<Problem>>),
    Configure(Box<Configuration>),
    CredentialReplaced,
}

pub(super) struct Worker {
    pub(super) state: EngineState,
    pub(super) systems: Systems,
    pub(super) gateway: Gateway,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) publish: watch::Sender<Report>,
    pub(super) stop: CancellationToken,
    /// Set before the inbox closes.
    ended: Arc<OnceLock<Ended>>,
    pub(super) lease: watch::Receiver<Option<Instant>>,
    /// Of the connection, for the writes of the shared objects.
    pub(super) freshness: Freshness,
    /// When the spec came that holds.
    pub(super) configured: Sequence,
    pub(super) wake: Waker<ShareName>,
    pub(super) started: Instant,
    pub(super) sequence: u64,
    pub(super) jobs: BTreeMap<Scope, Job>,
    /// What must be planned again. A queue in place of calls from one scope to the next: scopes wake each other, and
    /// recursion over thousands of them would overflow the stack.
    pub(super) queue: UniqueQueue<Scope>,
    /// Lists under way that serve several scopes, each with those that wait beside the one that sent it.
    pub(super) shared_lists: Vec<(Call, Vec<Scope>)>,
    /// They wait for a resync, or for the shared objects.
    pub(super) parked: BTreeSet<Scope>,
    /// Audiences that reported that the connection is not ready; woken when it is.
    pub(super) waiting: BTreeSet<ShareName>,
    /// Writes of shared objects that failed since the last that did not.
    pub(super) shared_objects_failures_in_row: u32,
    pub(super) shared_lock: SharedObjectsLock,
    pub(super) shared_writes_seen: WritesSeen,
    /// What the running resync will have seen of them once it has ended.
    pub(super) shared_writes_listed: Option<WritesSeen>,
    pub(super) resync: Resync,
    pub(super) in_flight_calls: InFlightCalls,
}

impl Worker {
    pub(super) fn new(
        options: EngineOptions,
        inbox: mpsc::Receiver<Message>,
        publish: watch::Sender<Report>,
        stop: CancellationToken,
        ended: Arc<OnceLock<Ended>>,
    ) -> Self {
        let EngineOptions {
            gateway,
            sandbox,
            configuration,
            recorded_shared_objects,
            recorded_created,
            recorded_tenant,
            lease,
            shared_lock,
            existing,
            wake,
            rng_seed,
            observer,
        } = options;
        let Configuration {
            settings,
            resync_interval,
            freshness,
        } = configuration;
        let mut inventory = Inventory::default();
        inventory.created_folders.traits.extend(recorded_created.0);
        inventory
            .created_folders
            .segments
            .extend(recorded_created.1);
        let systems = Systems {
            audience_manager: gateway.audience_manager(),
            experience_platform: gateway.experience_platform(sandbox.clone()),
        };
        Self {
            state: EngineState {
                settings,
                inventory,
                claims: Claims::default(),
                existing,
                dependency_index: DependencyIndex::default(),
                recorded_shared_objects,
                controls: BTreeMap::new(),
                recorded_tenant,
                recorded_homes: BTreeSet::new(),
                ready: false,
                failure: None,
                shared_objects_failures: Vec::new(),
                shared_objects_needed: false,
                observer,
            },
            systems,
            gateway,
            inbox,
            publish,
            stop,
            ended,
            lease,
            freshness,
            configured: Sequence::default(),
            wake,
            started: Instant::now(),
            sequence: 0,
            jobs: BTreeMap::new(),
            queue: UniqueQueue::default(),
            shared_lists: Vec::new(),
            parked: BTreeSet::new(),
            waiting: BTreeSet::new(),
            shared_objects_failures_in_row: 0,
            shared_lock,
            shared_writes_seen: WritesSeen::default(),
            shared_writes_listed: None,
            resync: Resync::new(sandbox, resync_interval, rng_seed),
            in_flight_calls: InFlightCalls::default(),
        }
    }

    pub(super) async fn run(mut self) {
        self.start_resync();
        let stop = self.stop.clone();
        loop {
            let next_resync = self.resync.next_at();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(completion) = self.in_flight_calls.next() => self.complete(completion),
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                () = tokio::time::sleep_until(next_resync), if !self.resync.is_running() => self.start_resync(),
            }
            self.plan_what_is_due();
        }
        // No further call starts. The inbox closes after this, which ends `Engine::ended`.
        let _ = self.ended.set(self.in_flight_calls.drain().await);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Reconcile(request, reply) => self.begin(
                Scope::Audience(request.share.name.clone()),
                Work::Reconcile(request, Some(reply)),
            ),
            Message::Delete(request, reply) => self.begin(
                Scope::Audience(request.share.clone()),
                Work::Delete(request, Some(reply)),
            ),
            Message::Release(share) => self.forget(&share),
            Message::Prioritize(share, leaves) => self.prioritize(&share, leaves),
            Message::Declare(declarations) => self.state.declare(declarations),
            Message::Resync(reply) => {
                self.resync.wait(reply);
                if !self.resync.is_running() {
                    self.start_resync();
                }
            }
            Message::DeleteSharedObjects(freshness, reply) => {
                self.freshness = freshness;
                self.begin_deletion_of_shared_objects(reply);
            }
            Message::Configure(configuration) => {
                self.resync.set_interval(configuration.resync_interval);
                self.freshness = configuration.freshness;
                self.configured = self.next_sequence();
                if self.state.settings != configuration.settings {
                    self.state.configure(configuration.settings);
                    self.keep_shared_objects_anew();
                    self.start_resync_soon();
                }
            }
            Message::CredentialReplaced => {
                self.state.inventory.tenant.company = None;
                self.start_resync_soon();
            }
        }
    }

    fn start_resync_soon(&mut self) {
        match self.resync.is_running() {
            true => self.resync.again(),
            false => self.start_resync(),
        }
    }

    fn start_resync(&mut self) {
        self.shared_writes_listed = self.shared_lock.answered();
        // An open circuit lets one probe through: if several lists were sent at once, the others would fail, and with them
        // the resync.
        let probes = self.gateway.next_probe_after().is_some();
        let identity_first = probes || self.state.is_identity_in_doubt();
        let began = self.next_sequence();
        let lists = self.resync.start(identity_first, began);
        self.send_lists(lists);
    }

    fn send_lists(&mut self, lists: Vec<Lists>) {
        for list in lists {
            let sent = self.next_sequence();
            let systems = self.systems.clone();
            self.in_flight_calls.start(false, sent, async move {
                Completion::Resync(list.read(&systems, sent).await)
            });
        }
    }

    pub(super) fn complete_resync(&mut self, completed: ResyncCompletion) {
        let now = self.now();
        let answered = self.next_sequence();
        let (touched, step) = self
            .resync
            .complete(&mut self.state, completed, answered, now);
        self.wake_touched(&touched, None);
        match step {
            ResyncStep::Send(lists) => self.send_lists(lists),
            ResyncStep::Ended(failure) => self.end_resync(failure),
        }
    }

    /// Not before a probe may be made: a resync that comes too early learns nothing and delays the next one.
    pub(super) fn retry_resync(&mut self, retry_after: Option<Duration>) {
        let next_probe = self.gateway.next_probe_after();
        self.resync.retry(retry_after.max(next_probe));
    }

    fn end_resync(&mut self, failure: Option<(Problem, Option<Duration>)>) {
        self.state
            .observer
            .on_resync(failure.is_none(), self.resync.seconds());
        match failure {
            Some((problem, retry_after)) => {
                tracing::warn!(reason = %problem.reason, "{}", problem.message);
                self.state.failure = Some(problem);
                self.retry_resync(retry_after);
            }
            None => {
                let listed = self.shared_writes_listed.take();
                self.shared_writes_seen = self.shared_writes_seen.max(listed.unwrap_or_default());
                self.state.failure = None;
                self.state.ready = true;
                self.state.recorded_homes.clear();
                let before = self.resync.rest();
                self.forget_unneeded(before);
            }
        }
        let observed_state = self.state.shared_objects_plan(Mode::Observe).state;
        if self.state.failure.is_none() {
            self.state.remember_shared_objects(&observed_state);
            match self.state.shared_objects_needed {
                true => self.keep_shared_objects_again(),
                false => self.state.shared_objects_failures.clear(),
            }
        }
        self.publish_report();
        self.release_parked();
        if self.state.failure.is_none() {
            self.wake_waiting();
        }
        for waiter in self.resync.served() {
            let _ = waiter.send(());
        }
        if self.resync.is_due_again() {
            self.start_resync();
        }
    }

    /// Forgets resources that no longer exist, also where no deletion was asked for (a finalizer that a person removed), and
    /// what no job needs any more of what began before `before` (L10).
    fn forget_unneeded(&mut self, before: Sequence) {
        let (state, jobs) = (&self.state, &self.jobs);
        let known = state.dependency_index.shares();
        let known = known.chain(state.claims.claimants());
        let gone = known.filter(|share| {
            !state.existing.remains(share) && !jobs.contains_key(&Scope::Audience((*share).clone()))
        });
        for share in gone.cloned().collect::<BTreeSet<_>>() {
            self.forget(&share);
        }
        let jobs = self.jobs.values().map(|job| job.progress.since);
        let younger = jobs.chain(self.in_flight_calls.oldest());
        let before = younger.fold(before, Sequence::min);
        let EngineState {
            inventory,
            dependency_index,
            ..
        } = &mut self.state;
        inventory.forget(before, &|key| dependency_index.is_needed(key));
    }

    pub(super) fn wake_touched(&mut self, touched: &[Key], own: Option<&Scope>) {
        if touched.is_empty() {
            return;
        }
        for share in self.state.dependency_index.of(touched) {
            let scope = Scope::Audience(share);
            let is_at_work = Some(&scope) == own || self.jobs.contains_key(&scope);
            if let (false, Scope::Audience(share)) = (is_at_work, scope) {
                self.wake.wake(share);
            }
        }
    }

    /// Reconciles the audiences again that reported that the connection is not ready.
    pub(super) fn wake_waiting(&mut self) {
        for share in std::mem::take(&mut self.waiting) {
            self.wake.wake(share);
        }
    }

    pub(super) fn publish_report(&self) {
        let mode = self.state.shared_objects_mode();
        let plan = self.state.shared_objects_plan(mode);
        let problem = plan.blockers.first().cloned().map(Problem::from);
        let problem = problem.or_else(|| self.state.shared_objects_problem(&plan));
        let report = Report {
            ready: self.state.ready,
            resyncs: self.resync.resyncs(),
            tenant: self.state.inventory.tenant.clone(),
            items: limits::count(&self.state.inventory, &plan.state),
            shared_objects: SharedObjectsReport {
                observed_state: plan.state,
                created_folders: self.state.inventory.created_folders.clone(),
                problem,
                needed: self.state.shared_objects_needed,
            },
            failure: self.state.failure.clone(),
        };
        self.publish.send_if_modified(|known| {
            let changed = *known != report;
            *known = report;
            changed
        });
    }

    pub(super) fn next_sequence(&mut self) -> Sequence {
        self.sequence += 1;
        Sequence(self.sequence)
    }

    pub(super) fn now(&self) -> Moment {
        let millis = Instant::now()
            .saturating_duration_since(self.started)
            .as_millis();
        Moment(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
