//! The services that are simulated. Another one is an implementation of `Service` and a line here.

use serde::{Deserialize, Deserializer, de};

use crate::audience_manager::AudienceManager;
use crate::calls::System;
use crate::experience_platform::ExperiencePlatform;
use crate::flow_service::FlowService;
use crate::ims::Ims;
use crate::service::{Endpoint, Service};

pub(crate) const SERVICES: &[&dyn Service] =
    &[&Ims, &AudienceManager, &ExperiencePlatform, &FlowService];

/// The systems that have an address, each with a router of its own.
pub fn systems() -> impl Iterator<Item = System> {
    let services = SERVICES.iter();
    let alone = services.filter(|service| service.beside().is_none());
    alone.map(|service| service.system())
}

/// All served endpoints.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    SERVICES.iter().flat_map(|service| service.endpoints())
}

impl<'de> Deserialize<'de> for System {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let all = || SERVICES.iter().map(|service| service.system());
        all().find(|system| system.name() == name).ok_or_else(|| {
            let known: Vec<&str> = all().map(System::name).collect();
            de::Error::custom(format!(
                "there is no system {name}: it is one of {}",
                known.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::caller::Caller;
    use crate::exchange::{Answer, Incoming, Payload};
    use crate::faults::{Fault, FaultKind};
    use crate::flags::{Flags, Preset};
    use crate::service::Effect::{Read, Write};
    use crate::service::on;
    use crate::simulation::{Outcome, Simulation};
    use crate::state::Seed;
    use crate::world::World;

    /// A service that the simulator does not have: it admits who knows a word, and answers what was sent.
    #[derive(Debug)]
    struct Echo;

    const ECHO: System = System("echo");

    impl Service for Echo {
        fn system(&self) -> System {
            ECHO
        }

        fn endpoints(&self) -> &'static [Endpoint] {
            const {
                &[
                    on(Read, "GET", "/echo/{word}", |_, ask| {
                        Ok(Answer::json(200, json!(ask.parameter(0))))
                    }),
                    on(Write, "POST", "/echo", |_, ask| {
                        Ok(Answer::json(201, ask.body.clone()))
                    }),
                ]
            }
        }

        fn admit(&self, _: &mut World, incoming: &Incoming) -> Result<Caller, Answer> {
            match incoming.header("x-word") {
                Some("open") => Ok(Caller::nobody()),
                _ => Err(Answer::empty(401)),
            }
        }

        fn permit(&self, _: &mut World, _: &Caller, endpoint: &Endpoint) -> Result<(), Answer> {
            match endpoint.effect {
                Write => Err(Answer::empty(403)),
                _ => Ok(()),
            }
        }

        fn dress(&self, flags: &Flags, _: &Incoming, body: &mut Value) {
            *body = json!({"said": body, "news": flags.shared.unknown_fields});
        }

        fn failure(&self, _: &World, _: &Incoming, status: u16, message: &str) -> Answer {
            Answer::json(status, json!({"echo": message}))
        }
    }

    const WITH_ECHO: &[&dyn Service] = &[&Ims, &Echo];

    fn call(simulation: &mut Simulation, method: &str, path: &str, word: &str) -> (u16, Value) {
        let mut headers = HeaderMap::new();
        headers.insert("x-word", word.parse().expect("a word"));
        let incoming = Incoming {
            method: method.to_owned(),
            path: path.to_owned(),
            raw_query: String::new(),
            headers,
            body: Bytes::new(),
        };
        let Outcome { answer, .. } = simulation.receive(ECHO, &incoming);
        let answer = answer.expect("an answer");
        match answer.payload {
            Payload::Json(body) => (answer.status, body),
            _ => (answer.status, Value::Null),
        }
    }

    #[tokio::test]
    async fn one_line_registers_a_service() {
        let mut simulation = Simulation::new(WITH_ECHO, Preset::Hostile, Seed::small());
        let mut ask = |method, path, word| call(&mut simulation, method, path, word);
        assert_eq!(ask("GET", "/echo/a%20b/", "shut"), (401, Value::Null));
        let said = json!({"said": "a b", "news": true});
        assert_eq!(ask("GET", "/echo/a%20b/", "open"), (200, said));
        assert_eq!(ask("POST", "/echo", "open"), (403, Value::Null));
        let wrong_method = json!({"echo": "Method not allowed"});
        assert_eq!(ask("PUT", "/echo", "open"), (405, wrong_method));
        assert_eq!(ask("GET", "/", "open"), (404, json!({"echo": "Not found"})));
        let kind = FaultKind::Error {
            status: 503,
            body: None,
        };
        simulation.faults.add(Fault::at(6, kind));
        let failed = call(&mut simulation, "GET", "/echo/a", "open");
        assert_eq!(failed, (503, json!({"echo": "Service unavailable"})));
        let calls = simulation.calls();
        assert!(calls.iter().all(|call| call.system == ECHO) && calls.len() == 6);
    }

    #[test]
    fn a_system_is_read_by_its_name() {
        for system in SERVICES.iter().map(|service| service.system()) {
            let read: System = serde_json::from_value(json!(system)).expect("a name");
            assert_eq!(read, system);
        }
        let unknown = serde_json::from_value::<System>(json!("echo")).expect_err("not registered");
        assert!(
            unknown
                .to_string()
                .contains("ims, audienceManager, experiencePlatform, flowService")
        );
    }
}
