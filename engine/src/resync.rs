//! A resync: a full read of both systems, a few lists in stages, applied as they come (design.md §4.2).
//!
//! First who the credential is and what it may see, then the shared objects and the audiences, then what is in our data
//! source, and last, where an audience declares one, the destinations with the mappings of our segments.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
use audience_sharing_core::domain::destination::{Destination, Mapping};
use audience_sharing_core::domain::experience_platform::{Audience, Sandbox};
use audience_sharing_core::domain::identifier::{DataSourceId, SandboxName};
use audience_sharing_core::domain::model::Model;
use audience_sharing_core::domain::source::SourceKind;
use audience_sharing_core::facts::{self, At, Response};
use audience_sharing_core::inventory::{Coverage, Key, Moment, Sequence};
use audience_sharing_core::plan::tenant;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::execute::{self, Systems};
use super::problems::{judge_sandbox, unlisted};
use super::request::Problem;
use super::state::EngineState;
use adobe_client::Error;
use adobe_client::audience_manager::Me;
use adobe_client::gateway::{CallContext, Priority};
use adobe_client::lease_guard::LeaseGuard;

/// Between a failed resync and the next attempt, doubling.
const RETRY_MIN: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// So many skipped elements of a list are named in the log.
const SKIPPED_NAMED_MAX: usize = 20;

/// A list that lacks more known objects than this is asked for once more before any of them is read by itself (design.md
/// §4, L2).
const MISSING_MAX: usize = 20;

/// Adobe runs a model once a day at most (audience-manager.md §6.5).
const MODELS_EVERY_MS: u64 = 4 * 3_600_000;

/// One read of a resync.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lists {
    Me,
    Sandboxes,
    Call(Box<Call>),
}

pub(super) struct ResyncCompletion {
    list: Lists,
    sent: Sequence,
    result: Result<Read, Error>,
}

enum Read {
    Me(Me),
    Sandboxes(Vec<Sandbox>),
    Response(Box<Response>),
}

pub(super) enum ResyncStep {
    /// None while others are under way.
    Send(Vec<Lists>),
    Ended(Option<(Problem, Option<Duration>)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Identity,
    Sandbox,
    Shared,
    Contents,
    Destinations,
    /// Of destinations whose list does not include them.
    Mappings,
}

pub(super) struct Resync {
    sandbox: SandboxName,
    interval: Duration,
    rng: fastrand::Rng,
    running: Option<Stage>,
    open: usize,
    failure: Option<(Problem, Option<Duration>)>,
    /// The lists of this resync that lacked too much and were asked for again.
    asked_again: Vec<Lists>,
    failures_in_row: u32,
    began: Instant,
    began_at: Sequence,
    /// Of the last one that ended well.
    last_began_at: Sequence,
    next_at: Instant,
    due_again: bool,
    resyncs: u64,
    /// When the last list of models was answered.
    models_listed: Option<Moment>,
    /// By list, what the last one held that could not be read.
    skipped: BTreeMap<&'static str, Vec<String>>,
    waiting: Vec<oneshot::Sender<()>>,
    served: Vec<oneshot::Sender<()>>,
}

impl Lists {
    pub(super) async fn read(self, systems: &Systems, sent: Sequence) -> ResyncCompletion {
        let context = CallContext {
            priority: Priority::Resync,
            key: "resync".into(),
        };
        let result = match &self {
            Self::Me => systems.audience_manager.me(&context).await.map(Read::Me),
            Self::Sandboxes => systems
                .experience_platform
                .sandboxes(&context)
                .await
                .map(Read::Sandboxes),
            Self::Call(call) => execute::send(systems, &context, LeaseGuard::withheld(), call)
                .await
                .map(|response| Read::Response(Box::new(response))),
        };
        ResyncCompletion {
            list: self,
            sent,
            result,
        }
    }
}

impl Resync {
    pub(super) fn new(sandbox: SandboxName, interval: Duration, rng_seed: u64) -> Self {
        let now = Instant::now();
        Self {
            sandbox,
            interval,
            rng: fastrand::Rng::with_seed(rng_seed),
            running: None,
            open: 0,
            failure: None,
            asked_again: Vec::new(),
            failures_in_row: 0,
            began: now,
            began_at: Sequence::default(),
            last_began_at: Sequence::default(),
            next_at: now,
            due_again: false,
            resyncs: 0,
            models_listed: None,
            skipped: BTreeMap::new(),
            waiting: Vec::new(),
            served: Vec::new(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn next_at(&self) -> Instant {
        self.next_at
    }

    pub(super) fn resyncs(&self) -> u64 {
        self.resyncs
    }

    pub(super) fn seconds(&self) -> f64 {
        Instant::now()
            .saturating_duration_since(self.began)
            .as_secs_f64()
    }

    pub(super) fn set_interval(&mut self, interval: Duration) {
        if self.interval != interval {
            self.interval = interval;
            self.next_at = self.next_at.min(Instant::now() + interval);
        }
    }

    /// Answered at the end of a resync that begins after now.
    pub(super) fn wait(&mut self, reply: oneshot::Sender<()>) {
        self.waiting.push(reply);
        self.due_again |= self.is_running();
    }

    /// Another resync follows the running one at once.
    pub(super) fn again(&mut self) {
        self.due_again = true;
    }

    pub(super) fn is_due_again(&self) -> bool {
        self.due_again && !self.is_running()
    }

    pub(super) fn served(&mut self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut self.served)
    }

    /// After a resync that ended well: waits for the interval, less up to a tenth, so that connections do not run in step.
    /// Returns when the one before that ended well began.
    pub(super) fn rest(&mut self) -> Sequence {
        self.failures_in_row = 0;
        let jitter = self.interval.mul_f64(self.rng.f64() * 0.1);
        self.next_at = Instant::now() + self.interval - jitter;
        std::mem::replace(&mut self.last_began_at, self.began_at)
    }

    /// After a failure: soon, then later and later; never before the server's own word.
    pub(super) fn retry(&mut self, retry_after: Option<Duration>) {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.retry_after_failures(self.failures_in_row, retry_after);
    }

    /// The same after so many failures of something that a successful resync does not fix.
    pub(super) fn retry_after_failures(&mut self, failures: u32, retry_after: Option<Duration>) {
        let pause = RETRY_MIN
            .saturating_mul(1 << failures.saturating_sub(1).min(5))
            .min(RETRY_MAX)
            .min(self.interval);
        let pause = pause.max(retry_after.unwrap_or_default());
        self.next_at = Instant::now() + pause.mul_f64(1.0 + self.rng.f64() * 0.1);
    }

    /// `identity_first`: one call to each system goes before all others.
    pub(super) fn start(&mut self, identity_first: bool, at: Sequence) -> Vec<Lists> {
        self.due_again = false;
        self.began_at = at;
        self.served.append(&mut self.waiting);
        self.began = Instant::now();
        self.asked_again.clear();
        self.failure = None;
        match identity_first {
            true => self.enter(Stage::Identity, vec![Lists::Me]),
            false => self.enter(Stage::Shared, shared()),
        }
    }

    fn enter(&mut self, wave: Stage, lists: Vec<Lists>) -> Vec<Lists> {
        self.running = Some(wave);
        self.open = lists.len();
        lists
    }

    pub(super) fn complete(
        &mut self,
        state: &mut EngineState,
        completed: ResyncCompletion,
        answered: Sequence,
        now: Moment,
    ) -> (Vec<Key>, ResyncStep) {
        if completed.lacks_many(state) && !self.asked_again.contains(&completed.list) {
            self.asked_again.push(completed.list.clone());
            return (Vec::new(), ResyncStep::Send(vec![completed.list]));
        }
        let touched = self.apply(state, completed, answered, now);
        self.open = self.open.saturating_sub(1);
        if self.open > 0 {
            return (touched, ResyncStep::Send(Vec::new()));
        }
        if self.failure.is_none() {
            let next = match self.running {
                Some(Stage::Identity) => Some((Stage::Sandbox, vec![Lists::Sandboxes])),
                Some(Stage::Sandbox) => Some((Stage::Shared, shared())),
                Some(Stage::Shared) => self
                    .contents(state, now)
                    .map(|lists| (Stage::Contents, lists))
                    .or_else(|| destinations(state)),
                Some(Stage::Contents) => destinations(state),
                Some(Stage::Destinations) => unlisted_mappings(state),
                Some(Stage::Mappings) | None => None,
            };
            if let Some((wave, lists)) = next {
                return (touched, ResyncStep::Send(self.enter(wave, lists)));
            }
            remember_tenant(state);
        }
        self.running = None;
        self.resyncs += 1;
        (touched, ResyncStep::Ended(self.failure.take()))
    }

    fn apply(
        &mut self,
        state: &mut EngineState,
        completed: ResyncCompletion,
        answered: Sequence,
        now: Moment,
    ) -> Vec<Key> {
        let ResyncCompletion { list, sent, result } = completed;
        let at = At {
            sent,
            answered,
            now,
            recorded: false,
        };
        match result {
            Ok(Read::Me(me)) => {
                state.inventory.tenant.company = Some(me.company);
                state.inventory.administrator = me.administrator;
                self.check_tenant(state);
                Vec::new()
            }
            Ok(Read::Sandboxes(sandboxes)) => {
                if let Some(problem) = judge_sandbox(&self.sandbox, &sandboxes) {
                    self.fail(problem, None);
                }
                Vec::new()
            }
            Ok(Read::Response(response)) => match &list {
                Lists::Call(call) => {
                    if matches!(**call, Call::Model(_)) {
                        self.models_listed = Some(now);
                    }
                    if let Some((list, unreadable)) = facts::unreadable(&response) {
                        self.report_skipped(state, list, unreadable);
                    }
                    // A list says nothing of one object: nothing in it can be taken for a missing one.
                    let touched = facts::apply(&mut state.inventory, call, *response, at);
                    self.check_tenant(state);
                    if let Some(problem) = unlisted(call, state) {
                        self.fail(problem, None);
                    }
                    touched.unwrap_or_default()
                }
                Lists::Me | Lists::Sandboxes => Vec::new(),
            },
            Err(error) => {
                let what = match &list {
                    Lists::Me => "ask Audience Manager who the credential is".to_owned(),
                    Lists::Sandboxes => "list the sandboxes of the credential".to_owned(),
                    Lists::Call(call) => call.operation().to_owned(),
                };
                self.fail(Problem::failed(&what, &error), error.retry_after());
                Vec::new()
            }
        }
    }

    /// Reports the elements of a list that are too large or cannot be decoded, once while they stay the same.
    fn report_skipped(
        &mut self,
        state: &EngineState,
        list: &'static str,
        unreadable: Vec<Option<String>>,
    ) {
        let count = unreadable.len();
        let ids = unreadable.into_iter();
        let ids = ids.map(|id| id.unwrap_or_else(|| "unknown".to_owned()));
        let mut ids: Vec<String> = ids.take(SKIPPED_NAMED_MAX).collect();
        ids.sort();
        state.observer.on_skipped(list, count);
        if self.skipped.get(list).map_or(&[][..], Vec::as_slice) == ids {
            return;
        }
        if !ids.is_empty() {
            tracing::warn!(
                list,
                count,
                ids = ?ids,
                "some elements of a list are too large or cannot be decoded; they were skipped, and nothing is concluded \
                 from their absence"
            );
        }
        self.skipped.insert(list, ids);
    }

    /// A credential that answers for another tenant stops everything before the first write (design.md §4.7).
    fn check_tenant(&mut self, state: &EngineState) {
        if let Some(blocker) = tenant::mismatch(&state.recorded_tenant, &state.inventory.tenant) {
            self.fail(Problem::from(blocker).of_connection(), None);
        }
    }

    fn contents(&self, state: &EngineState, now: Moment) -> Option<Vec<Lists>> {
        let mut calls = contents(state);
        let is_old = self
            .models_listed
            .is_none_or(|at| now.since(at) >= MODELS_EVERY_MS);
        // Who asks for a look waits for the end of this resync.
        if state.dependency_index.wants_models() && (is_old || !self.served.is_empty()) {
            calls.push(Call::list::<Model>(()));
        }
        let lists: Vec<_> = calls
            .into_iter()
            .map(|call| Lists::Call(Box::new(call)))
            .collect();
        (!lists.is_empty()).then_some(lists)
    }

    /// The first failure of a resync is the one that is reported.
    fn fail(&mut self, problem: Problem, retry_after: Option<Duration>) {
        self.failure.get_or_insert((problem, retry_after));
    }
}

impl ResyncCompletion {
    /// More known objects are missing than people delete at once: the list may be empty or cut off by a fault.
    fn lacks_many(&self, state: &EngineState) -> bool {
        match (&self.list, &self.result) {
            (Lists::Call(call), Ok(Read::Response(response))) => {
                facts::missing(&state.inventory, call, response, self.sent) > MISSING_MAX
            }
            _ => false,
        }
    }
}

fn shared() -> Vec<Lists> {
    vec![
        Lists::Call(Box::new(Call::list::<DataSource>(()))),
        Lists::Call(Box::new(Call::list::<TraitFolder>(()))),
        Lists::Call(Box::new(Call::list::<SegmentFolder>(()))),
        Lists::Call(Box::new(Call::list::<Audience>(()))),
    ]
}

/// What is in our data sources, and in those of shared sources; nothing to list while there is none.
fn contents(state: &EngineState) -> Vec<Call> {
    let observed_state = state.shared_objects_plan(Mode::Observe).state;
    let of = |wanted: SourceKind| {
        let mut ids: Vec<DataSourceId> = observed_state.data_sources().collect();
        let has_own = state.shared_objects_needed || !ids.is_empty();
        let adobes = state.inventory.adobes_data_sources();
        let adobes = adobes.filter(|id| has_own && !ids.contains(id));
        let adobes: Vec<_> = adobes.collect();
        ids.extend(adobes);
        for (kind, id) in state.homes() {
            if kind == wanted && !ids.contains(&id) {
                ids.push(id);
            }
        }
        Some(ids).filter(|ids| !ids.is_empty())
    };
    let traits = of(SourceKind::Trait).map(Call::list::<Trait>);
    let segments = of(SourceKind::Segment).map(Call::list::<Segment>);
    let calls = traits.into_iter().chain(segments);
    // Adobe's may be in a data source that has just come.
    let due = state.shared_objects_needed && state.inventory.adobe_sharing.is_due;
    calls.chain(due.then_some(Call::FindAdobeSharing)).collect()
}

/// Nothing if no audience declares any.
fn destinations(state: &EngineState) -> Option<(Stage, Vec<Lists>)> {
    let list = Lists::Call(Box::new(Call::list::<Destination>(())));
    let wanted = state.dependency_index.wants_destinations();
    wanted.then(|| (Stage::Destinations, vec![list]))
}

/// Only where they were listed before: an audience depends on them.
fn unlisted_mappings(state: &EngineState) -> Option<(Stage, Vec<Lists>)> {
    let inventory = &state.inventory;
    let untold = inventory.destinations.iter().filter(|entry| {
        let coverage = Coverage::Destination(entry.record.id);
        !entry.record.tells_mappings && inventory.mappings.is_listed(coverage)
    });
    let lists = untold.map(|entry| Lists::Call(Box::new(Call::list::<Mapping>(entry.record.id))));
    let lists: Vec<_> = lists.collect();
    (!lists.is_empty()).then_some((Stage::Mappings, lists))
}

fn remember_tenant(state: &mut EngineState) {
    let (recorded, observed) = (&mut state.recorded_tenant, &state.inventory.tenant);
    recorded.company = recorded.company.or(observed.company);
    if recorded.sandbox.is_none() {
        recorded.sandbox.clone_from(&observed.sandbox);
    }
}
