//! Adobe IMS, Audience Manager and Experience Platform, simulated over HTTP: the stand-in wherever the real systems
//! would be in a demo or a test. It serves any client that was written against the real systems; what it covers and
//! every switch is in `COVERAGE.md`. It never calls anyone and never reads the machine's clock.
//!
//! # In process
//! [`Simulator::router`], for each of the [`systems`], and [`Simulator::control`] are routers without a socket; all waits are tokio's, so a paused runtime makes time virtual. A response with the extension
//! [`ConnectionLost`] stands for a connection that closed without an answer. Base paths are the real ones:
//! `/ims/token/v3`, `/v1/…`, `/data/core/ups/…`, `/data/core/ais/…`, `/data/foundation/sandbox-management/…`,
//! and `/data/foundation/flowservice/…`, which is served at Experience Platform's address and logged as `flowService`.
//!
//! # The state document
//! `GET` and `PUT /state`, the seed file and [`Simulator::state`] share one shape; all members are optional:
//! - `clock`: `{nowMs}`, epoch milliseconds; absent: the clock runs on (a seed starts at 2026-01-05T00:00:00Z);
//! - `credentials`: `[{clientId, clientSecret | clientSecrets[], organizationId, scopes[], pid (or companyId), aamAccess, aepAccess
//!   (full | read | none), flowAccess (of Flow Service, at most aepAccess), sandboxes[], sandboxAdministration}]`. Secrets are taken and never shown: a credential that
//!   comes back without any keeps what it has;
//! - `accounts`: `[{pid, defaultMergeRuleDataSourceId, mergeRuleDataSourceIds[], mergeRuleExportControls
//!   {dataSourceId: controls[]}, subscribedDataSourceIds[]}]`, the Audience Manager companies;
//! - `dataSources`, `traits`, `segments`: Audience Manager's objects with all their fields, as its API answers them.
//!   Metrics (`uniques30Day` …) and a segment's `mappedEntities` are kept there and shown on request only; mappings are told beside them;
//! - `traitFolders`, `segmentFolders`: flat, `{folderId, pid, name, parentFolderId}`; the root (0) is not listed;
//! - `sandboxes`: `{id, name, title, state, type, region, isDefault, imsOrgId, …}`;
//! - `audiences`: Experience Platform's audiences with all their fields, segment definitions among them. `size` is how
//!   many profiles one has: no answer shows it, and the next midnight (UTC) counts it into `metrics` and, where the
//!   audience is shared, into the numbers of Adobe's trait and segment;
//! - `mergePolicies`: as the API answers them, with `sandbox` and `imsOrgId`;
//! - `destinations`, `mappings` (with `destinationId`, `sid`, `destinationMappingId`), `models`: Audience Manager's too;
//! - `externalAudienceOperations`, `externalAudienceRuns`: what the external audiences service works on; `dueMs` says
//!   when it ends, as it does in a model that has not run;
//! - `flows`, `targetConnections`, `flowRuns`: Flow Service's, each with its `sandboxName`. `POST /state/flows` with
//!   nothing but that (absent: `prod`) makes the flow to the destination Experience Cloud Audiences, enabled, with no
//!   audience, and its target connection; `targetConnectionIds` of a connection that is there makes it that one's.
//!   A target connection names another destination by `connectionSpec: {id}`;
//! - `connectorDeliveries`: `[{dueMs, of: traits | segments, sid}]`, what the source connector has still to deliver;
//! - `flags`: the switches, [`Flags`], laid over a preset as in `PUT /flags`.
//!
//! # The control port
//! `GET`, `DELETE /calls` · `GET /changes?since=0` (a page of [`Change`]s) · `PUT /copies` (a list of [`Copying`]) · `GET`, `PUT /state` · `POST /state/{collection}` · `PATCH` (JSON merge patch),
//! `DELETE /state/{collection}/{id}`: what a person does in the user interface, not counted as a call ·
//! `POST /faults` (a list of [`Fault`]), `DELETE /faults` · `GET`, `PUT /flags` (`{"preset": …}` and what is laid over it) · `POST /clock` `{"advanceMs": n}` ·
//! `POST /reset`.

mod audience_manager;
mod caller;
mod calls;
mod changes;
mod clock;
mod connector;
mod control;
mod exchange;
mod experience_platform;
mod faults;
mod flags;
mod flow_service;
mod gateway;
mod ims;
mod observer;
mod person;
mod populations;
mod schedule;
mod server;
mod service;
mod services;
mod sharing;
mod simulation;
mod spelling;
mod state;
mod store;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Map, Value};

pub use calls::{Call, System};
pub use changes::{Author, Change};
pub use exchange::ConnectionLost;
pub use faults::{Fault, FaultKind, Match};
pub use flags::*;
pub use observer::{Exchange, Told};
pub use person::Copying;
pub use server::serve;
pub use service::{Effect, Endpoint};
pub use services::{endpoints, systems};
pub use state::Seed;

use exchange::Incoming;
use observer::Observer;
use services::SERVICES;
use simulation::Simulation;
use state::State;

/// A request body is read up to this; a larger one is 413.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a simulator starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long every call to the systems takes, on tokio's clock.
    pub latency: Duration,
    /// What stands at the start and after a reset; `None`: [`Seed::small`].
    pub seed: Option<Seed>,
    /// The flags that hold where nothing else is said: those of a seed, of a state document and of `PUT /flags` are laid
    /// over them.
    pub preset: Preset,
}

/// A handle on one simulated world; clones share it.
#[derive(Debug, Clone)]
pub struct Simulator {
    simulation: Arc<Mutex<Simulation>>,
    latency: Duration,
    observer: Observer,
}

impl Simulator {
    pub fn new(options: Options) -> Self {
        let Options {
            latency,
            seed,
            preset,
        } = options;
        let simulation = Simulation::new(SERVICES, preset, seed.unwrap_or_else(Seed::small));
        Self {
            simulation: Arc::new(Mutex::new(simulation)),
            latency,
            observer: Observer::default(),
        }
    }

    /// From here on `watcher` is told every exchange with the systems, in place of one that was told before. It is
    /// called before the answer leaves, and must not call the simulator.
    pub fn observe(&self, watcher: impl Fn(&Exchange) + Send + Sync + 'static) {
        self.observer.set(Arc::new(watcher));
    }

    /// What the system serves, under its real paths.
    pub fn router(&self, system: System) -> Router {
        let simulator = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let simulator = simulator.clone();
            async move { simulator.answer(system, request).await }
        })
    }

    /// The log of calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.simulation().calls()
    }

    /// Empties the log; sequence numbers go on.
    pub fn clear_calls(&self) {
        self.simulation().clear_calls();
    }

    /// The log of changes, oldest first: those with a higher number than `since`, at most 1,000 of them.
    pub fn changes(&self, since: u64) -> Vec<Change> {
        self.simulation().changes(since)
    }

    /// A person who copies what clients create, in place of one that was set before; see [`Copying`].
    pub fn copy_created(&self, copies: Vec<Copying>) {
        self.simulation().set_copies(copies);
    }

    /// The state document, without secrets.
    pub fn state(&self) -> Value {
        self.state_of(|_, _| true)
    }

    /// The same with the wanted objects alone, each given with its member of the document.
    pub fn state_of(&self, wanted: impl Fn(&'static str, &Map<String, Value>) -> bool) -> Value {
        self.simulation().document(wanted)
    }

    /// Replaces the whole state. Issued tokens stay. The error names the object and how to mend it; nothing changed then.
    pub fn set_state(&self, document: Value) -> Result<(), String> {
        let state = State::parse(document)?;
        self.simulation().replace(state);
        Ok(())
    }

    pub fn add_fault(&self, fault: Fault) {
        self.simulation().faults.add(fault);
    }

    pub fn clear_faults(&self) {
        self.simulation().faults.clear();
    }

    pub fn flags(&self) -> Flags {
        self.simulation().world.flags.clone()
    }

    pub fn set_flags(&self, flags: Flags) {
        self.simulation().set_flags(flags);
    }

    /// Replaces all flags by a preset with some switches laid over it: `{"preset": "hostile", "audienceManager":
    /// {"escapeHtml": false}}`. Without `preset` it is the one of [`Options`].
    pub fn lay_flags(&self, document: &Value) -> Result<(), String> {
        self.simulation().read_flags(document)
    }

    /// Moves the simulator's clock on, beside tokio's.
    pub fn advance(&self, by: Duration) {
        let mut simulation = self.simulation();
        simulation.world.clock.advance(by);
        simulation.settle();
    }

    /// Back to the seed: state, flags, tokens, faults, log and sequence numbers.
    pub fn reset(&self) {
        self.simulation().reset();
    }

    /// A person makes an object in the user interface: no call, no validation; what is left out gets the service's
    /// defaults. Answers the object. `collection` is a member of the state document.
    pub fn create_object(&self, collection: &str, object: Value) -> Result<Value, String> {
        self.simulation()
            .person(|person| person.create(collection, object))
    }

    /// A person edits an object: a JSON merge patch, after which update time, user and rule version move as they do in
    /// the real system.
    pub fn patch_object(&self, collection: &str, id: &str, patch: &Value) -> Result<Value, String> {
        self.simulation()
            .person(|person| person.patch(collection, id, patch))
    }

    /// A person deletes an object, whoever uses it.
    pub fn delete_object(&self, collection: &str, id: &str) -> Result<(), String> {
        self.simulation()
            .person(|person| person.delete(collection, id))
    }

    fn simulation(&self) -> MutexGuard<'_, Simulation> {
        // A panic in one request must not take the others with it.
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, system: System, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
            return exchange::Answer::empty(413).into_response(false);
        };
        let incoming = Incoming {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            raw_query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        };
        wait(self.latency).await;
        let outcome = self.simulation().receive(system, &incoming);
        let own = outcome.answer.as_ref().filter(|_| !outcome.altered);
        self.observer.tell(outcome.system, &incoming, own);
        wait(outcome.wait).await;
        match outcome.answer {
            None => ConnectionLost::response(),
            Some(answer) => {
                let mut response = answer.into_response(outcome.truncated);
                if let Some(id) = incoming.headers.get("x-request-id") {
                    response.headers_mut().insert("x-request-id", id.clone());
                }
                response
            }
        }
    }
}

async fn wait(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
