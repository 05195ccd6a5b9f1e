//! The one task of an engine: takes messages, sends calls, folds answers, advances jobs.
//!
//! Calls of different audiences run side by side; the gateway spends the budget. The inventory is touched by this task
//! alone.

#![expect(
    clippy::disallowed_methods,
    reason = "an engine waits for its next pass on tokio's clock, virtual in tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{Mode, ShareName};
use audience_sharing_core::inventory::{Inventory, Key, Moment, Sequence};
use audience_sharing_core::plan::{Claims, limits};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dependency_index::DependencyIndex;
use super::due::{Due, Scope};
use super::execute::Systems;
use super::in_flight_calls::{CallOwner, Ended, InFlightCalls};
use super::job::{Job, Reply, Work, caught};
use super::job_priority::priority;
use super::request::{
    Asked, Declaration, DeletionOutcome, DeletionRequest, Problem, ReconcileOutcome,
    ReconcileRequest, Report, SharedObjectsReport,
};
use super::resync::Resync;
use super::shared_lists::SharedLists;
use super::shared_lock::{SharedObjectsLock, WritesSeen};
use super::shared_objects::Round;
use super::state::EngineState;
use super::{Configuration, EngineOptions, Freshness, NotReconciled};
use adobe_client::gateway::{CallContext, Gateway};

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

/// What a job does next.
pub(super) enum Next<Outcome> {
    Send(Vec<Call>),
    /// Nothing can be judged before the next pass has ended.
    Park,
    /// The shared objects come first.
    ParkForSharedObjects(Mode),
    Finish(Outcome),
}

/// The removal of the shared objects: who waits, and what could not be done.
pub(super) struct SharedObjectsDeletion {
    pub(super) reply: oneshot::Sender<Vec<Problem>>,
    pub(super) failed: Vec<(Call, Problem)>,
    pub(super) calls: u32,
}

pub(super) struct Worker {
    pub(super) state: EngineState,
    pub(super) systems: Systems,
    pub(super) gateway: Gateway,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) publish: watch::Sender<Report>,
    pub(super) stop: CancellationToken,
    /// Told before the inbox closes.
    ended: Arc<OnceLock<Ended>>,
    pub(super) lease: watch::Receiver<Option<Instant>>,
    /// Of the connection, for the writes of the shared objects.
    pub(super) freshness: Freshness,
    /// When the spec came that holds.
    pub(super) configured: Sequence,
    pub(super) wake: mpsc::UnboundedSender<ShareName>,
    pub(super) started: Instant,
    pub(super) sequence: u64,
    pub(super) jobs: BTreeMap<ShareName, Job>,
    pub(super) shared_lists: SharedLists,
    pub(super) parked: BTreeSet<ShareName>,
    /// Told that the connection is not ready; woken when it is.
    pub(super) waiting: BTreeSet<ShareName>,
    /// What must be planned again.
    pub(super) due: Due,
    /// Calls for them under way.
    pub(super) shared_objects_in_flight: u32,
    pub(super) shared_objects_round: Round,
    /// Deletions of duplicates of the shared objects since the last pass, with the calls that they needed.
    pub(super) sweep_calls: u32,
    /// Writes of shared objects that failed since the last that did not.
    pub(super) shared_objects_failures_in_row: u32,
    pub(super) shared_objects_mode: Mode,
    pub(super) deleting_shared_objects: Option<SharedObjectsDeletion>,
    pub(super) shared_lock: SharedObjectsLock,
    pub(super) shared_writes_seen: WritesSeen,
    /// What the pass that runs will have seen of them once it has ended.
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
            shared_lists: SharedLists::new(),
            parked: BTreeSet::new(),
            waiting: BTreeSet::new(),
            due: Due::default(),
            shared_objects_in_flight: 0,
            shared_objects_round: Round::default(),
            sweep_calls: 0,
            shared_objects_failures_in_row: 0,
            shared_objects_mode: Mode::Observe,
            deleting_shared_objects: None,
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
        // No call starts any more. Whoever waits for the end sees the inbox close after this.
        let _ = self.ended.set(self.in_flight_calls.drain().await);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Reconcile(request, reply) => self.begin(Work::Reconcile(request, reply)),
            Message::Delete(deletion, reply) => self.begin(Work::Delete(deletion, reply)),
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
                self.delete_shared_objects(reply);
            }
            Message::Configure(configuration) => {
                self.resync.set_interval(configuration.resync_interval);
                self.freshness = configuration.freshness;
                self.configured = self.next_sequence();
                if self.state.settings != configuration.settings {
                    self.state.configure(configuration.settings);
                    self.shared_objects_round = Round::default();
                    self.start_resync_soon();
                }
            }
            Message::CredentialReplaced => {
                self.state.inventory.tenant.company = None;
                self.start_resync_soon();
            }
        }
    }

    fn begin(&mut self, work: Work) {
        let share = work.share().clone();
        let since = self.next_sequence();
        let mut job = Job::new(work, since);
        // Work that was given up by its caller may still have a call in flight: it lands in this job.
        job.in_flight = self.jobs.remove(&share).map_or(0, |job| job.in_flight);
        self.jobs.insert(share.clone(), job);
        self.advance(&share);
    }

    /// One share will be planned again, after what was due before it.
    pub(super) fn advance(&mut self, share: &ShareName) {
        self.due.push(Scope::Audience(share.clone()));
    }

    /// Ends, since a job is planned again only after a call of its own or a bounded number of waits.
    fn plan_what_is_due(&mut self) {
        while let Some(scope) = self.due.pop() {
            match scope {
                Scope::SharedObjects => self.plan_shared_objects(),
                Scope::Audience(share) => self.plan_audience(&share),
            }
        }
    }

    /// Plans one share again and sends what is due.
    fn plan_audience(&mut self, share: &ShareName) {
        let Some(mut job) = self.jobs.remove(share) else {
            return;
        };
        if job.in_flight > 0 {
            self.jobs.insert(share.clone(), job);
            return;
        }
        if job.superseded {
            return job.work.into_iter().for_each(Work::give_up);
        }
        match job.work.take() {
            None => {}
            Some(Work::Reconcile(request, reply)) => {
                let needed = self.state.shared_objects_needed;
                let Some(next) = caught(|| self.state.reconcile(&mut job, &request)) else {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(NotReconciled::Panicked));
                    return;
                };
                if needed != self.state.shared_objects_needed {
                    // What is in the way of the shared objects is the connection's to tell, from now on.
                    self.publish_report();
                }
                let told_of_connection =
                    |reconciled: &ReconcileOutcome| is_of_connection(reconciled.problem.as_ref());
                self.follow(
                    share,
                    job,
                    next,
                    Work::Reconcile,
                    request,
                    reply,
                    told_of_connection,
                );
            }
            Some(Work::Delete(deletion, reply)) => {
                let Some(next) = caught(|| self.state.delete(&mut job, &deletion)) else {
                    let _ = reply.send(Err(NotReconciled::Panicked));
                    return;
                };
                if let Next::Finish(DeletionOutcome::Gone(_) | DeletionOutcome::HandedOver(_)) =
                    &next
                {
                    self.forget(share);
                }
                let told_of_connection = |retired: &DeletionOutcome| match retired {
                    DeletionOutcome::Blocked(problem) => is_of_connection(Some(problem)),
                    DeletionOutcome::Gone(_) | DeletionOutcome::HandedOver(_) => false,
                };
                self.follow(
                    share,
                    job,
                    next,
                    Work::Delete,
                    deletion,
                    reply,
                    told_of_connection,
                );
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the two kinds of work share the one way to go on"
    )]
    fn follow<Request: Asked, Outcome>(
        &mut self,
        share: &ShareName,
        mut job: Job,
        next: Next<Outcome>,
        work: fn(Box<Request>, Reply<Outcome>) -> Work,
        request: Box<Request>,
        reply: Reply<Outcome>,
        told_of_connection: impl Fn(&Outcome) -> bool,
    ) {
        let mut shared_objects = None;
        match next {
            Next::Finish(outcome) => {
                if told_of_connection(&outcome) {
                    self.waiting.insert(share.clone());
                }
                // Whoever asked may be gone; what was done is found again.
                let _ = reply.send(Ok(outcome));
                return;
            }
            Next::Send(calls) => {
                for call in calls {
                    if self.joins(share, &call) {
                        job.in_flight += 1;
                        continue;
                    }
                    let context = CallContext {
                        priority: priority(&call, request.job_priority()),
                        key: share.to_string().into(),
                    };
                    let owner = CallOwner::Share(share.clone(), call.clone());
                    let wanted = job.freshness_check.clone();
                    match self.send(owner, call.clone(), context, wanted) {
                        Ok(()) => job.in_flight += 1,
                        Err(problem) => job.fail(call, problem),
                    }
                }
                if job.in_flight == 0 {
                    self.parked.insert(share.clone());
                }
            }
            Next::Park => {
                self.parked.insert(share.clone());
            }
            Next::ParkForSharedObjects(mode) => {
                self.parked.insert(share.clone());
                shared_objects = Some(mode);
            }
        }
        job.work = Some(work(request, reply));
        let in_flight = job.in_flight > 0;
        self.jobs.insert(share.clone(), job);
        if let Some(mode) = shared_objects {
            self.advance_shared_objects(mode);
        } else if !in_flight
            && self.parked.contains(share)
            && self.state.ready
            && self.state.failure.is_none()
        {
            // The call was not sent: plan what is left without it.
            self.parked.remove(share);
            self.advance(share);
        }
    }

    pub(super) fn wake_touched(&mut self, touched: &[Key], own: Option<&ShareName>) {
        if touched.is_empty() {
            return;
        }
        for share in self.state.dependency_index.of(touched) {
            if Some(&share) != own && !self.jobs.contains_key(&share) {
                let _ = self.wake.send(share);
            }
        }
    }

    pub(super) fn release_parked(&mut self) {
        for share in std::mem::take(&mut self.parked) {
            self.advance(&share);
        }
    }

    /// Whoever was told that the connection is not ready looks again.
    pub(super) fn wake_waiting(&mut self) {
        for share in std::mem::take(&mut self.waiting) {
            let _ = self.wake.send(share);
        }
    }

    fn forget(&mut self, share: &ShareName) {
        self.state.dependency_index.remove(share);
        self.state.controls.remove(share);
        self.waiting.remove(share);
        for other in self.state.claims.release(share) {
            let _ = self.wake.send(other);
        }
    }

    pub(super) fn publish_report(&self) {
        let mode = if self.state.shared_objects_needed {
            Mode::Manage
        } else {
            Mode::Observe
        };
        let plan = self.state.shared_objects_plan(mode);
        let problem = plan.blockers.into_iter().next().map(Problem::from);
        let report = Report {
            ready: self.state.ready,
            resyncs: self.resync.resyncs(),
            tenant: self.state.inventory.tenant.clone(),
            items: limits::count(&self.state.inventory, &plan.state),
            shared_objects: SharedObjectsReport {
                observed_state: plan.state,
                created_folders: self.state.inventory.created_folders.clone(),
                problem: problem.or_else(|| self.state.shared_objects_failure().cloned()),
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

fn is_of_connection(problem: Option<&Problem>) -> bool {
    problem.is_some_and(|problem| problem.of_connection)
}
