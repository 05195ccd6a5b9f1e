//! The world, the services that act on it, and what happens to a request on its way: log, fault, gateway, operation,
//! and what the systems and a person do by themselves. Takes one request at a time. Never waits: it says how long the
//! caller has to.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::calls::{Call, System, redacted};
use crate::changes::{Author, Change, Changes};
use crate::connector;
use crate::exchange::{Answer, Incoming, Payload, Query};
use crate::faults::{Candidate, FaultKind, Faults};
use crate::flags::{Flags, Preset};
use crate::gateway;
use crate::person::{Copies, Copying, Person};
use crate::populations;
use crate::service::{Ask, Effect, Service, find};
use crate::sharing;
use crate::spelling;
use crate::state::{Credential, Seed, State};
use crate::store::{Key, Kind, Object};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Simulation {
    services: &'static [&'static dyn Service],
    preset: Preset,
    seed: KeptSeed,
    pub(crate) world: World,
    pub(crate) faults: Faults,
    calls: Vec<Call>,
    changes: Changes,
    /// Whose doing the open write is.
    author: Author,
    copies: Copies,
    sequence: u64,
    late: Vec<LateEffect>,
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

/// What becomes of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The one that took the request, which may be served at another's address.
    pub(crate) system: System,
    /// `None`: the connection closes without an answer.
    pub(crate) answer: Option<Answer>,
    pub(crate) truncated: bool,
    /// The answer is a fault's, not the service's own.
    pub(crate) altered: bool,
    /// How long the answer is held back.
    pub(crate) wait: Duration,
}

/// Which list an answer is made of.
#[derive(Debug, Clone, Copy)]
struct Reading {
    empty: bool,
    writes_ago: usize,
}

impl Reading {
    const NOW: Self = Self::ago(0);
    const EMPTY: Self = Self {
        empty: true,
        writes_ago: 0,
    };

    const fn ago(writes_ago: usize) -> Self {
        Self {
            empty: false,
            writes_ago,
        }
    }
}

impl Simulation {
    pub(crate) fn new(
        services: &'static [&'static dyn Service],
        preset: Preset,
        seed: Seed,
    ) -> Self {
        let mut simulation = Self::empty(services, preset, KeptSeed::of(&seed));
        simulation.load(seed.0);
        simulation
    }

    fn empty(services: &'static [&'static dyn Service], preset: Preset, seed: KeptSeed) -> Self {
        Self {
            services,
            preset,
            seed,
            world: World::empty(),
            faults: Faults::default(),
            calls: Vec::new(),
            changes: Changes::default(),
            author: Author::Person,
            copies: Copies::default(),
            sequence: 0,
            late: Vec::new(),
        }
    }

    fn load(&mut self, state: State) {
        self.world.load(state, self.preset);
        connector::sweep(&mut self.world);
        sharing::sweep(&mut self.world);
    }

    pub(crate) fn reset(&mut self) {
        let state = self.seed.state();
        let fresh = Self::empty(self.services, self.preset, self.seed.clone());
        let before = std::mem::replace(self, fresh);
        self.load(state);
        // The log of changes goes on: it would say nothing of what a reset undid.
        self.changes = before.changes;
        self.changes
            .note_replaced(&before.world.store, &self.world.store);
    }

    pub(crate) fn set_flags(&mut self, flags: Flags) {
        self.settle();
        let before = std::mem::replace(&mut self.world.flags, flags);
        let connector = &self.world.flags.connector;
        if (&before.connector.set_up, before.connector.paused)
            != (&connector.set_up, connector.paused)
        {
            connector::sweep(&mut self.world);
        }
        if before.sharing.set_up != self.world.flags.sharing.set_up {
            sharing::sweep(&mut self.world);
        }
    }

    /// The flags as the control port takes them: laid over the preset that the simulator started with.
    pub(crate) fn read_flags(&mut self, document: &Value) -> Result<(), String> {
        let flags = Flags::read(document, self.preset)?;
        self.set_flags(flags);
        Ok(())
    }

    /// The state document with the wanted objects. Each is copied once, and the rest not at all: tests ask after every write.
    pub(crate) fn document(&mut self, wanted: impl Fn(&'static str, &Object) -> bool) -> Value {
        self.settle();
        let mut document = json!(self.world.frame());
        for kind in Kind::ALL {
            let objects = self.world.store.all(kind);
            let wanted = objects.filter(|object| wanted(kind.name(), object));
            document[kind.name()] = wanted.cloned().map(Value::Object).collect();
        }
        document
    }

    pub(crate) fn calls(&mut self) -> Vec<Call> {
        self.settle();
        self.calls.clone()
    }

    pub(crate) fn clear_calls(&mut self) {
        self.calls.clear();
    }

    /// A page of the log of changes.
    pub(crate) fn changes(&mut self, since: u64) -> Vec<Change> {
        self.settle();
        self.changes.since(since)
    }

    /// A person replaces the whole state.
    pub(crate) fn replace(&mut self, state: State) {
        self.settle();
        let before = self.world.store.clone();
        self.load(state);
        self.changes.note_replaced(&before, &self.world.store);
    }

    pub(crate) fn set_copies(&mut self, copies: Vec<Copying>) {
        self.copies = Copies::new(copies);
    }

    /// A person does something in a user interface.
    pub(crate) fn person<T>(
        &mut self,
        act: impl FnOnce(&mut Person<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        self.settle();
        let done = act(&mut Person {
            world: &mut self.world,
            services: self.services,
        })?;
        self.commit();
        Ok(done)
    }

    /// Ends a write.
    fn commit(&mut self) {
        connector::note_changes(&mut self.world);
        sharing::note_changes(&mut self.world);
        let created = self.changes.note_open(&self.world.store, &self.author);
        self.world.store.commit();
        for (kind, object) in created {
            for changes in self.copies.take(kind) {
                let author = std::mem::replace(&mut self.author, Author::Person);
                let mut person = Person {
                    world: &mut self.world,
                    services: self.services,
                };
                person.copy(kind, &object, &changes);
                self.commit();
                self.author = author;
            }
        }
    }

    /// Lets happen what is due by now: late effects of faults, and what the systems do by themselves.
    pub(crate) fn settle(&mut self) {
        let now_ms = self.world.now_ms();
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|effect| effect.due_ms <= now_ms);
        self.late = later;
        due.sort_by_key(|effect| effect.due_ms);
        for effect in due {
            if let Some(service) = self.service(effect.system) {
                self.execute(effect.sequence, service, &effect.incoming, Reading::NOW);
            }
        }
        while let Some((kind, key)) = self.world.schedule.pop_due(now_ms) {
            self.author = Author::Service { because: None };
            match (kind, &key) {
                (Kind::Traits | Kind::Segments, Key::Number(sid)) => {
                    connector::deliver(&mut self.world, kind, *sid);
                }
                (Kind::Audiences, Key::Text(id)) => sharing::deliver(&mut self.world, id),
                _ => {
                    for service in self.services.iter().filter(|one| one.owns(kind)) {
                        service.due(&mut self.world, kind, &key);
                    }
                }
            }
            self.commit();
            self.author = Author::Person;
        }
        self.author = Author::Service { because: None };
        populations::count_if_due(&mut self.world);
        self.commit();
        self.author = Author::Person;
    }

    fn service(&self, system: System) -> Option<&'static dyn Service> {
        let mut services = self.services.iter().copied();
        services.find(|service| service.system() == system)
    }

    /// The service that takes a request at the address of a system.
    fn serving(&self, address: System, incoming: &Incoming) -> Option<&'static dyn Service> {
        let beside = self.services.iter().copied().find(|service| {
            service
                .beside()
                .is_some_and(|(of, path)| of == address && incoming.path.starts_with(path))
        });
        beside.or_else(|| self.service(address))
    }

    /// A request to one of the services.
    pub(crate) fn receive(&mut self, system: System, incoming: &Incoming) -> Outcome {
        self.settle();
        let Some(service) = self.serving(system, incoming) else {
            return Outcome {
                system,
                answer: Some(Answer::empty(404)),
                truncated: false,
                altered: false,
                wait: Duration::ZERO,
            };
        };
        let system = service.system();
        self.sequence += 1;
        let sequence = self.sequence;
        let path_and_query = format!("{}?{}", incoming.path, incoming.raw_query);
        let fault = self.faults.take(&Candidate {
            sequence,
            system,
            method: &incoming.method,
            path_and_query: &path_and_query,
            is_list: find(service, incoming).is_ok_and(|found| found.0.effect == Effect::List),
        });
        let position = self.calls.len();
        self.calls.push(Call {
            sequence,
            system,
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            query: redacted(&incoming.raw_query),
            status: None,
            time_ms: self.world.now_ms(),
            fault: fault.as_ref().map(FaultKind::name),
        });
        let outcome = self.play(sequence, fault, service, incoming);
        if let Some(call) = self.calls.get_mut(position) {
            call.status = outcome.answer.as_ref().map(|answer| answer.status);
        }
        outcome
    }

    fn play(
        &mut self,
        sequence: u64,
        fault: Option<FaultKind>,
        service: &dyn Service,
        incoming: &Incoming,
    ) -> Outcome {
        let reading = match fault {
            Some(FaultKind::StaleList { writes }) => Reading::ago(writes),
            Some(FaultKind::EmptyList) => Reading::EMPTY,
            _ => Reading::NOW,
        };
        let mut outcome = Outcome {
            system: service.system(),
            answer: None,
            truncated: fault == Some(FaultKind::TruncatedBody),
            altered: fault.as_ref().is_some_and(FaultKind::alters_answer),
            wait: match fault {
                Some(FaultKind::Slow { delay_ms }) => Duration::from_millis(delay_ms),
                _ => Duration::ZERO,
            },
        };
        outcome.answer = match fault {
            None
            | Some(
                FaultKind::TruncatedBody
                | FaultKind::StaleList { .. }
                | FaultKind::EmptyList
                | FaultKind::Slow { .. },
            ) => Some(self.execute(sequence, service, incoming, reading)),
            Some(FaultKind::CrashBeforeSend) => None,
            Some(FaultKind::EffectThenReset) => {
                self.execute(sequence, service, incoming, reading);
                None
            }
            Some(FaultKind::EffectThenError { status }) => {
                self.execute(sequence, service, incoming, reading);
                Some(self.failure(service, incoming, status))
            }
            Some(FaultKind::Error { status, body }) => Some(match body {
                Some(body) => Answer::json(status, body),
                None => self.failure(service, incoming, status),
            }),
            Some(FaultKind::LateEffect { delay_ms }) => {
                self.late.push(LateEffect {
                    due_ms: self.world.now_ms().saturating_add(delay_ms),
                    sequence,
                    system: service.system(),
                    incoming: incoming.clone(),
                });
                None
            }
            Some(FaultKind::Throttle { retry_after }) => {
                Some(service.at_gateway(gateway::too_many_requests(retry_after)))
            }
            Some(FaultKind::Unauthorized) => Some(service.at_gateway(gateway::invalid_token())),
            Some(FaultKind::Forbidden) => Some(self.failure(service, incoming, 403)),
            Some(FaultKind::WrongType) => Some(Answer::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body><h1>Please stand by</h1></body></html>",
            )),
        };
        outcome
    }

    fn execute(
        &mut self,
        sequence: u64,
        service: &dyn Service,
        incoming: &Incoming,
        reading: Reading,
    ) -> Answer {
        self.author = Author::Call {
            sequence,
            system: service.system(),
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            client_id: None,
        };
        let rewound = self.world.store.rewind(reading.writes_ago);
        let answer = self.answer(service, incoming, reading.empty);
        self.world.store.restore(rewound);
        self.commit();
        self.author = Author::Person;
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn answer(
        &mut self,
        service: &dyn Service,
        incoming: &Incoming,
        empty_list: bool,
    ) -> Result<Answer, Answer> {
        let caller = service.admit(&mut self.world, incoming)?;
        if let Author::Call { client_id, .. } = &mut self.author {
            *client_id = Some(caller.client_id.clone()).filter(|id| !id.is_empty());
        }
        let (endpoint, parameters) =
            find(service, incoming).map_err(|status| self.failure(service, incoming, status))?;
        service.permit(&mut self.world, &caller, endpoint)?;
        let mut body = service.body(&mut self.world, incoming)?;
        if endpoint.effect == Effect::Write {
            spelling::store(&self.world.flags, &mut body);
        }
        let ask = Ask {
            incoming,
            parameters,
            query: Query::parse(&incoming.raw_query),
            body,
            caller,
            empty_list,
        };
        let mut answer = (endpoint.operation)(&mut self.world, &ask)?;
        if let Payload::Json(body) = &mut answer.payload {
            service.dress(&self.world.flags, incoming, body);
        }
        Ok(answer)
    }

    /// An error in the service's own shape.
    fn failure(&self, service: &dyn Service, incoming: &Incoming, status: u16) -> Answer {
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
        service.failure(&self.world, incoming, status, message)
    }
}
