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

use super::due::{Due, Scope};
use super::execute::Systems;
use super::flights::{Ended, Errand, Flights};
use super::interest::Interest;
use super::job::{Job, Reply, Work, caught};
use super::refresh::Refresh;
use super::request::{
    Asked, Declaration, Departure, FoundationReport, Obstacle, Report, Retired, SettleRequest,
    Settled,
};
use super::shared_lists::SharedLists;
use super::shared_objects::Round;
use super::shared_turn::{SharedTurn, WritesSeen};
use super::urgency::priority;
use super::world::World;
use super::{Configuration, Confirmation, EngineOptions, Unsettled};
use adobe_client::gateway::{Gateway, Turn};

pub(super) enum Message {
    Settle(Box<SettleRequest>, Reply<Settled>),
    Retire(Box<Departure>, Reply<Retired>),
    Release(ShareName),
    /// It has changed, or leaves.
    Hurry(ShareName, bool),
    Declare(Vec<Declaration>),
    Refresh(oneshot::Sender<()>),
    RetireFoundation(Confirmation, oneshot::Sender<Vec<Obstacle>>),
    Configure(Box<Configuration>),
    CredentialReplaced,
}

/// What a job does next.
pub(super) enum Next<Outcome> {
    Send(Vec<Call>),
    /// Nothing can be judged before the next pass has ended.
    Park,
    /// The shared objects come first.
    ParkForFoundation(Mode),
    Finish(Outcome),
}

/// The removal of the shared objects: who waits, and what could not be done.
pub(super) struct Retiring {
    pub(super) reply: oneshot::Sender<Vec<Obstacle>>,
    pub(super) failed: Vec<(Call, Obstacle)>,
    pub(super) calls: u32,
}

pub(super) struct Worker {
    pub(super) world: World,
    pub(super) systems: Systems,
    pub(super) gateway: Gateway,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) publish: watch::Sender<Report>,
    pub(super) stop: CancellationToken,
    /// Told before the inbox closes.
    ended: Arc<OnceLock<Ended>>,
    pub(super) lease: watch::Receiver<Option<Instant>>,
    /// Of the connection, for the writes of the shared objects.
    pub(super) confirmation: Confirmation,
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
    pub(super) foundation_in_flight: u32,
    pub(super) foundation_round: Round,
    /// Deletions of duplicates of the shared objects since the last pass, with the calls that they needed.
    pub(super) sweep_calls: u32,
    /// Writes of shared objects that failed since the last that did not.
    pub(super) foundation_failures_in_row: u32,
    pub(super) foundation_mode: Mode,
    pub(super) retiring: Option<Retiring>,
    pub(super) shared_turn: SharedTurn,
    pub(super) shared_writes_seen: WritesSeen,
    /// What the pass that runs will have seen of them once it has ended.
    pub(super) shared_writes_listed: Option<WritesSeen>,
    pub(super) refresh: Refresh,
    pub(super) flights: Flights,
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
            recorded_foundation,
            recorded_created,
            recorded_tenant,
            lease,
            shared_turn,
            existing,
            wake,
            rng_seed,
            observer,
        } = options;
        let Configuration {
            settings,
            resync_interval,
            confirmation,
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
            world: World {
                settings,
                inventory,
                claims: Claims::default(),
                existing,
                interest: Interest::default(),
                recorded_foundation,
                controls: BTreeMap::new(),
                recorded_tenant,
                recorded_homes: BTreeSet::new(),
                ready: false,
                failure: None,
                foundation_failures: Vec::new(),
                foundation_needed: false,
                observer,
            },
            systems,
            gateway,
            inbox,
            publish,
            stop,
            ended,
            lease,
            confirmation,
            configured: Sequence::default(),
            wake,
            started: Instant::now(),
            sequence: 0,
            jobs: BTreeMap::new(),
            shared_lists: SharedLists::new(),
            parked: BTreeSet::new(),
            waiting: BTreeSet::new(),
            due: Due::default(),
            foundation_in_flight: 0,
            foundation_round: Round::default(),
            sweep_calls: 0,
            foundation_failures_in_row: 0,
            foundation_mode: Mode::Observe,
            retiring: None,
            shared_turn,
            shared_writes_seen: WritesSeen::default(),
            shared_writes_listed: None,
            refresh: Refresh::new(sandbox, resync_interval, rng_seed),
            flights: Flights::default(),
        }
    }

    pub(super) async fn run(mut self) {
        self.start_pass();
        let stop = self.stop.clone();
        loop {
            let next_pass = self.refresh.next_at();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(landing) = self.flights.next() => self.land(landing),
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                () = tokio::time::sleep_until(next_pass), if !self.refresh.is_running() => self.start_pass(),
            }
            self.plan_what_is_due();
        }
        // No call starts any more. Whoever waits for the end sees the inbox close after this.
        let _ = self.ended.set(self.flights.drain().await);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Settle(request, reply) => self.begin(Work::Settle(request, reply)),
            Message::Retire(departure, reply) => self.begin(Work::Retire(departure, reply)),
            Message::Release(share) => self.forget(&share),
            Message::Hurry(share, leaves) => self.hurry(&share, leaves),
            Message::Declare(declarations) => self.world.declare(declarations),
            Message::Refresh(reply) => {
                self.refresh.wait(reply);
                if !self.refresh.is_running() {
                    self.start_pass();
                }
            }
            Message::RetireFoundation(confirmation, reply) => {
                self.confirmation = confirmation;
                self.retire_foundation(reply);
            }
            Message::Configure(configuration) => {
                self.refresh.set_interval(configuration.resync_interval);
                self.confirmation = configuration.confirmation;
                self.configured = self.next_sequence();
                if self.world.settings != configuration.settings {
                    self.world.configure(configuration.settings);
                    self.foundation_round = Round::default();
                    self.start_pass_soon();
                }
            }
            Message::CredentialReplaced => {
                self.world.inventory.tenant.company = None;
                self.start_pass_soon();
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
            Some(Work::Settle(request, reply)) => {
                let needed = self.world.foundation_needed;
                let Some(next) = caught(|| self.world.settle(&mut job, &request)) else {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(Unsettled::Panicked));
                    return;
                };
                if needed != self.world.foundation_needed {
                    // What is in the way of the shared objects is the connection's to tell, from now on.
                    self.publish_report();
                }
                let told_of_connection =
                    |settled: &Settled| is_of_connection(settled.obstacle.as_ref());
                self.follow(
                    share,
                    job,
                    next,
                    Work::Settle,
                    request,
                    reply,
                    told_of_connection,
                );
            }
            Some(Work::Retire(departure, reply)) => {
                let Some(next) = caught(|| self.world.retire(&mut job, &departure)) else {
                    let _ = reply.send(Err(Unsettled::Panicked));
                    return;
                };
                if let Next::Finish(Retired::Gone(_) | Retired::HandedOver(_)) = &next {
                    self.forget(share);
                }
                let told_of_connection = |retired: &Retired| match retired {
                    Retired::Blocked(obstacle) => is_of_connection(Some(obstacle)),
                    Retired::Gone(_) | Retired::HandedOver(_) => false,
                };
                self.follow(
                    share,
                    job,
                    next,
                    Work::Retire,
                    departure,
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
        let mut foundation = None;
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
                    let turn = Turn {
                        priority: priority(&call, request.urgency()),
                        key: share.to_string().into(),
                    };
                    let errand = Errand::Share(share.clone(), call.clone());
                    let wanted = job.still_wanted.clone();
                    match self.send(errand, call.clone(), turn, wanted) {
                        Ok(()) => job.in_flight += 1,
                        Err(obstacle) => job.fail(call, obstacle),
                    }
                }
                if job.in_flight == 0 {
                    self.parked.insert(share.clone());
                }
            }
            Next::Park => {
                self.parked.insert(share.clone());
            }
            Next::ParkForFoundation(mode) => {
                self.parked.insert(share.clone());
                foundation = Some(mode);
            }
        }
        job.work = Some(work(request, reply));
        let in_flight = job.in_flight > 0;
        self.jobs.insert(share.clone(), job);
        if let Some(mode) = foundation {
            self.advance_foundation(mode);
        } else if !in_flight
            && self.parked.contains(share)
            && self.world.ready
            && self.world.failure.is_none()
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
        for share in self.world.interest.of(touched) {
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
        self.world.interest.remove(share);
        self.world.controls.remove(share);
        self.waiting.remove(share);
        for other in self.world.claims.release(share) {
            let _ = self.wake.send(other);
        }
    }

    pub(super) fn publish_report(&self) {
        let mode = if self.world.foundation_needed {
            Mode::Manage
        } else {
            Mode::Observe
        };
        let plan = self.world.foundation_plan(mode);
        let obstacle = plan.holds.into_iter().next().map(Obstacle::from);
        let report = Report {
            ready: self.world.ready,
            passes: self.refresh.passes(),
            tenant: self.world.inventory.tenant.clone(),
            items: limits::count(&self.world.inventory, &plan.standing),
            foundation: FoundationReport {
                standing: plan.standing,
                created_folders: self.world.inventory.created_folders.clone(),
                obstacle: obstacle.or_else(|| self.world.foundation_failure().cloned()),
                needed: self.world.foundation_needed,
            },
            failure: self.world.failure.clone(),
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

fn is_of_connection(obstacle: Option<&Obstacle>) -> bool {
    obstacle.is_some_and(|obstacle| obstacle.of_connection)
}
