//! Everything that changes, behind one lock: objects, credentials, tokens, clock, faults, the log. Takes one request
//! at a time through log, fault, gateway and operation. Never waits: it says how long the caller has to.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::audience_manager;
use crate::calls::{Call, System, redacted};
use crate::changes::{Author, Change, Changes};
use crate::clock::{Clock, START_MS};
use crate::connector;
use crate::endpoints::{self, Effect, Found};
use crate::exchange::{Answer, Incoming, Payload, Query};
use crate::experience_platform;
use crate::faults::{Candidate, FaultKind, Faults};
use crate::flags::Flags;
use crate::gateway::{self, Bucket, Caller, Token};
use crate::person::{self, Copies, Copying};
use crate::schedule::{self, Schedule};
use crate::spelling;
use crate::state::{Account, ClockState, Credential, Seed, State};
use crate::store::{Key, Kind, Object, Store};

#[derive(Debug)]
pub(crate) struct World {
    seed: KeptSeed,
    pub(crate) clock: Clock,
    pub(crate) flags: Flags,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) accounts: BTreeMap<u64, Account>,
    pub(crate) store: Store,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) buckets: BTreeMap<(String, System), Bucket>,
    pub(crate) faults: Faults,
    /// Audiences that cannot be read before this moment.
    pub(crate) visible_from: BTreeMap<String, u64>,
    /// Deleted audiences that can still be read until this moment.
    pub(crate) tombstones: BTreeMap<String, (u64, Object)>,
    pub(crate) schedule: Schedule,
    calls: Vec<Call>,
    changes: Changes,
    /// Whose doing the open write is.
    pub(crate) author: Author,
    pub(crate) copies: Copies,
    sequence: u64,
    late: Vec<LateEffect>,
    noise: u64,
}

/// What a reset goes back to, as text: a second tenant of 100,000 traits would take as much memory as the first.
#[derive(Debug, Clone)]
struct KeptSeed {
    document: Bytes,
    /// Apart, since the document shows no secret.
    credentials: Vec<Credential>,
}

impl KeptSeed {
    fn of(seed: &Seed) -> Self {
        Self {
            document: serde_json::to_vec(&seed.0).unwrap_or_default().into(),
            credentials: seed.0.credentials.clone(),
        }
    }

    fn state(&self) -> State {
        // The text was written from a checked state a moment ago.
        let state: State = serde_json::from_slice(&self.document).unwrap_or_default();
        State {
            credentials: self.credentials.clone(),
            ..state
        }
    }
}

#[derive(Debug)]
struct LateEffect {
    due_ms: u64,
    /// Of the call.
    sequence: u64,
    system: System,
    incoming: Incoming,
}

/// One request on its way through an operation.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) incoming: &'a Incoming,
    /// The path parameters in the order of the pattern, decoded.
    pub(crate) parameters: Vec<String>,
    pub(crate) query: Query,
    /// Null where there is none.
    pub(crate) body: Value,
    pub(crate) caller: Caller,
    /// A fault wants the list without its members.
    pub(crate) empty_list: bool,
}

impl Ask<'_> {
    pub(crate) fn parameter(&self, position: usize) -> &str {
        self.parameters
            .get(position)
            .map(String::as_str)
            .unwrap_or_default()
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None`: the connection closes without an answer.
    pub(crate) answer: Option<Answer>,
    pub(crate) truncated: bool,
    /// The answer is a fault's, not the service's own.
    pub(crate) altered: bool,
    /// How long the answer is held back.
    pub(crate) wait: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    empty: bool,
    writes_ago: usize,
}

impl World {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut world = Self::empty(KeptSeed::of(&seed));
        world.load(seed.0);
        world
    }

    fn empty(seed: KeptSeed) -> Self {
        Self {
            seed,
            clock: Clock::starting_at(START_MS),
            flags: Flags::default(),
            credentials: Vec::new(),
            accounts: BTreeMap::new(),
            store: Store::default(),
            tokens: BTreeMap::new(),
            buckets: BTreeMap::new(),
            faults: Faults::default(),
            visible_from: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            schedule: Schedule::default(),
            calls: Vec::new(),
            changes: Changes::default(),
            author: Author::Person,
            copies: Copies::default(),
            sequence: 0,
            late: Vec::new(),
            noise: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        let state = self.seed.state();
        let fresh = Self::empty(self.seed.clone());
        let before = std::mem::replace(self, fresh);
        self.load(state);
        // The log of changes goes on: it would say nothing of what a reset undid.
        self.changes = before.changes;
        self.changes.note_replaced(&before.store, &self.store);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A number nobody guesses from the one before, the same in every run.
    pub(crate) fn random(&mut self) -> u64 {
        // splitmix64
        self.noise = self.noise.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.noise;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.random(), self.random());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    // ---- state

    pub(crate) fn load(&mut self, mut state: State) {
        for credential in &mut state.credentials {
            credential.inherit_secrets(&self.credentials);
        }
        if let Some(now_ms) = state.clock.now_ms {
            self.clock = Clock::starting_at(now_ms);
        }
        let mut store = Store::default();
        for kind in Kind::ALL {
            for object in std::mem::take(state.objects_mut(kind)) {
                if let Some(key) = Key::of(kind, &object) {
                    store.set(kind, key, Some(object));
                }
            }
        }
        store.forget_history();
        store.count_on_from(&self.store);
        self.store = store;
        self.credentials = state.credentials;
        self.accounts = state
            .accounts
            .into_iter()
            .map(|account| (account.pid, account))
            .collect();
        self.flags = state.flags;
        self.visible_from.clear();
        self.tombstones.clear();
        self.schedule = Schedule::of(&self.store, state.connector_deliveries);
        connector::sweep(self);
    }

    pub(crate) fn set_flags(&mut self, flags: Flags) {
        self.settle();
        let picked_anew = self.flags.connector != flags.connector;
        self.flags = flags;
        if picked_anew {
            connector::sweep(self);
        }
    }

    /// The state document with the wanted objects. Each is copied once, and the rest not at all: tests ask after every write.
    pub(crate) fn document(&mut self, wanted: impl Fn(&'static str, &Object) -> bool) -> Value {
        self.settle();
        let frame = State {
            clock: ClockState {
                now_ms: Some(self.now_ms()),
            },
            credentials: self.credentials.clone(),
            accounts: self.accounts.values().cloned().collect(),
            connector_deliveries: self.schedule.deliveries().collect(),
            flags: self.flags.clone(),
            ..State::default()
        };
        let mut document = json!(frame);
        for kind in Kind::ALL {
            let objects = self.store.all(kind);
            let wanted = objects.filter(|object| wanted(kind.name(), object));
            document[kind.name()] = wanted.cloned().map(Value::Object).collect();
        }
        document
    }

    pub(crate) fn calls(&mut self) -> Vec<Call> {
        self.settle();
        self.calls.clone()
    }

    /// A page of the log of changes.
    pub(crate) fn changes(&mut self, since: u64) -> Vec<Change> {
        self.settle();
        self.changes.since(since)
    }

    /// A person replaces the whole state.
    pub(crate) fn replace(&mut self, state: State) {
        self.settle();
        let before = self.store.clone();
        self.load(state);
        self.changes.note_replaced(&before, &self.store);
    }

    pub(crate) fn set_copies(&mut self, copies: Vec<Copying>) {
        self.copies = Copies::new(copies);
    }

    pub(crate) fn clear_calls(&mut self) {
        self.calls.clear();
    }

    pub(crate) fn account(&self, pid: u64) -> Account {
        self.accounts.get(&pid).cloned().unwrap_or(Account {
            pid,
            ..Account::default()
        })
    }

    // ---- requests

    /// Ends a write.
    pub(crate) fn commit(&mut self) {
        connector::note_changes(self);
        let created = self.changes.note_open(&self.store, &self.author);
        self.store.commit();
        for (kind, object) in created {
            person::copy(self, kind, &object);
        }
    }

    /// Lets happen what is due by now: late effects of faults, and what the systems do by themselves.
    pub(crate) fn settle(&mut self) {
        let now_ms = self.now_ms();
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|effect| effect.due_ms <= now_ms);
        self.late = later;
        due.sort_by_key(|effect| effect.due_ms);
        for effect in due {
            self.execute(
                effect.sequence,
                effect.system,
                &effect.incoming,
                Reading::default(),
            );
        }
        while let Some(event) = self.schedule.pop_due(now_ms) {
            self.author = Author::Service { because: None };
            schedule::play(self, event);
            self.commit();
            self.author = Author::Person;
        }
    }

    pub(crate) fn receive(&mut self, system: System, incoming: &Incoming) -> Outcome {
        self.settle();
        self.sequence += 1;
        let sequence = self.sequence;
        let path_and_query = format!("{}?{}", incoming.path, incoming.raw_query);
        let fault = self.faults.take(&Candidate {
            sequence,
            system,
            method: &incoming.method,
            path_and_query: &path_and_query,
            is_list: endpoints::is_list(system, &incoming.method, &incoming.path),
        });
        let position = self.calls.len();
        self.calls.push(Call {
            sequence,
            system,
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            query: redacted(&incoming.raw_query),
            status: None,
            time_ms: self.now_ms(),
            fault: fault.as_ref().map(FaultKind::name),
        });
        let outcome = self.play(sequence, fault, system, incoming);
        if let Some(call) = self.calls.get_mut(position) {
            call.status = outcome.answer.as_ref().map(|answer| answer.status);
        }
        outcome
    }

    fn play(
        &mut self,
        sequence: u64,
        fault: Option<FaultKind>,
        system: System,
        incoming: &Incoming,
    ) -> Outcome {
        let plain = Reading::default();
        let altered = fault.as_ref().is_some_and(FaultKind::alters_answer);
        let mut truncated = false;
        let mut wait = Duration::ZERO;
        let answer = match fault {
            None => Some(self.execute(sequence, system, incoming, plain)),
            Some(FaultKind::CrashBeforeSend) => None,
            Some(FaultKind::EffectThenReset) => {
                self.execute(sequence, system, incoming, plain);
                None
            }
            Some(FaultKind::EffectThenError { status }) => {
                self.execute(sequence, system, incoming, plain);
                Some(failure(self, system, incoming, status))
            }
            Some(FaultKind::Error { status, body }) => Some(match body {
                Some(body) => Answer::json(status, body),
                None => failure(self, system, incoming, status),
            }),
            Some(FaultKind::LateEffect { delay_ms }) => {
                self.late.push(LateEffect {
                    due_ms: self.now_ms().saturating_add(delay_ms),
                    sequence,
                    system,
                    incoming: incoming.clone(),
                });
                None
            }
            Some(FaultKind::Throttle { retry_after }) => {
                Some(gateway::too_many_requests(retry_after))
            }
            Some(FaultKind::Unauthorized) => Some(gateway::invalid_token()),
            Some(FaultKind::Forbidden) => Some(failure(self, system, incoming, 403)),
            Some(FaultKind::TruncatedBody) => {
                truncated = true;
                Some(self.execute(sequence, system, incoming, plain))
            }
            Some(FaultKind::WrongType) => Some(Answer::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body><h1>Please stand by</h1></body></html>",
            )),
            Some(FaultKind::StaleList { writes }) => Some(self.execute(
                sequence,
                system,
                incoming,
                Reading {
                    writes_ago: writes,
                    ..plain
                },
            )),
            Some(FaultKind::EmptyList) => Some(self.execute(
                sequence,
                system,
                incoming,
                Reading {
                    empty: true,
                    ..plain
                },
            )),
            Some(FaultKind::Slow { delay_ms }) => {
                wait = Duration::from_millis(delay_ms);
                Some(self.execute(sequence, system, incoming, plain))
            }
        };
        Outcome {
            answer,
            truncated,
            altered,
            wait,
        }
    }

    fn execute(
        &mut self,
        sequence: u64,
        system: System,
        incoming: &Incoming,
        reading: Reading,
    ) -> Answer {
        self.author = Author::Call {
            sequence,
            system,
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            client_id: None,
        };
        let rewound = self.store.rewind(reading.writes_ago);
        let answer = self.answer(system, incoming, reading.empty);
        self.store.restore(rewound);
        self.commit();
        self.author = Author::Person;
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn answer(
        &mut self,
        system: System,
        incoming: &Incoming,
        empty_list: bool,
    ) -> Result<Answer, Answer> {
        let found = endpoints::find(system, &incoming.method, &incoming.path);
        let caller = match system {
            System::Ims => Caller::nobody(),
            System::AudienceManager => gateway::audience_manager(self, incoming)?,
            System::ExperiencePlatform => {
                let sandboxed = !endpoints::is_sandbox_management(&incoming.path);
                gateway::experience_platform(self, incoming, sandboxed)?
            }
        };
        if let Author::Call { client_id, .. } = &mut self.author {
            *client_id = Some(caller.client_id.clone()).filter(|id| !id.is_empty());
        }
        let (endpoint, parameters) = match found {
            Found::Endpoint(endpoint, parameters) => (endpoint, parameters),
            Found::WrongMethod => return Err(failure(self, system, incoming, 405)),
            Found::Nothing => return Err(failure(self, system, incoming, 404)),
        };
        let mut body = match system {
            System::Ims => Value::Null,
            System::AudienceManager => {
                audience_manager::permit(self, &caller, endpoint)?;
                audience_manager::read_body(incoming)?
            }
            System::ExperiencePlatform => {
                experience_platform::permit(self, &caller, endpoint)?;
                experience_platform::read_body(self, incoming)?
            }
        };
        if endpoint.effect == Effect::Write {
            spelling::store(&self.flags, &mut body);
        }
        let ask = Ask {
            incoming,
            parameters,
            query: Query::parse(&incoming.raw_query),
            body,
            caller,
            empty_list,
        };
        let mut answer = (endpoint.operation)(self, &ask)?;
        if let Payload::Json(body) = &mut answer.payload {
            if system == System::AudienceManager {
                audience_manager::dress(&self.flags, incoming, body);
            }
            if system == System::ExperiencePlatform {
                spelling::answer_expressions(self.flags.definition_expressions, body);
            }
            if system != System::Ims && self.flags.unknown_fields {
                add_unknown_fields(body);
            }
        }
        Ok(answer)
    }
}

/// The error of a system in its own shape, which in Experience Platform is the service's.
fn failure(world: &World, system: System, incoming: &Incoming, status: u16) -> Answer {
    let message = match status {
        400 => "Bad request",
        401 => "Unauthorized",
        403 => "Access is denied",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "Conflict",
        429 => "Too many requests",
        503 => "Service unavailable",
        _ => "Internal server error",
    };
    match system {
        System::Ims => Answer::json(
            status,
            json!({"error": "server_error", "error_description": message}),
        ),
        System::AudienceManager => audience_manager::errors::plain(status, message),
        System::ExperiencePlatform if endpoints::is_external_audiences(&incoming.path) => {
            experience_platform::errors::external(world, "100970", status, message)
        }
        System::ExperiencePlatform => experience_platform::errors::envelope(
            "",
            status,
            &format!("UPAPI-113000-{status}"),
            message,
        ),
    }
}

fn add_unknown_fields(body: &mut Value) {
    match body {
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Object(members) => {
            for field in ["list", "children", "segments", "sandboxes", "runs"] {
                if let Some(items) = members.get_mut(field) {
                    add_unknown_fields(items);
                }
            }
            let news: Map<String, Value> = Map::from_iter([(
                "xAddedLater".to_owned(),
                json!({"since": "2026.1", "values": [1, "two", null]}),
            )]);
            members.extend(news);
        }
        _ => {}
    }
}
