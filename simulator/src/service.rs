//! What a simulated service is. Each service owns who may call it, what an error of it looks like, what it serves and
//! what it does to its objects by itself; `services.rs` lists the services. Knows none of them.

use std::fmt::Debug;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::caller::Caller;
use crate::calls::System;
use crate::exchange::{Answer, Incoming, Query};
use crate::flags::Flags;
use crate::store::{Key, Kind, Object};
use crate::world::World;

/// One simulated service.
pub(crate) trait Service: Debug + Sync {
    fn system(&self) -> System;

    /// The system at whose address this one is served, and the path below which; `None`: it has an address of its own.
    fn beside(&self) -> Option<(System, &'static str)> {
        None
    }

    /// All that is served. A path ends with or without a slash; literal elements stand before parameters.
    fn endpoints(&self) -> &'static [Endpoint];

    /// Who calls: token, headers and rate, as the gateway before this service checks them.
    fn admit(&self, _: &mut World, _: &Incoming) -> Result<Caller, Answer> {
        Ok(Caller::nobody())
    }

    /// A refusal of the gateway as it reads before this service.
    fn at_gateway(&self, refusal: Answer) -> Answer {
        refusal
    }

    /// Whether the caller may call this endpoint.
    fn permit(&self, _: &mut World, _: &Caller, _: &Endpoint) -> Result<(), Answer> {
        Ok(())
    }

    /// The JSON body of a call that has one.
    fn body(&self, _: &mut World, _: &Incoming) -> Result<Value, Answer> {
        Ok(Value::Null)
    }

    /// What the switches and the request make of an answer.
    fn dress(&self, _: &Flags, _: &Incoming, _: &mut Value) {}

    /// An error in the service's own shape.
    fn failure(&self, world: &World, incoming: &Incoming, status: u16, message: &str) -> Answer;

    /// Whether the objects of this kind are the service's.
    fn owns(&self, _: Kind) -> bool {
        false
    }

    /// An object of its own as a person makes it in the user interface, with the defaults that fit what they wrote.
    fn blank(&self, _: &mut World, _: &Caller, _: Kind, _written: &Object) -> Object {
        Object::new()
    }

    /// What the service writes into an object of its own that a person changes.
    fn touch(&self, _: &mut World, _: Kind, _before: &Object, _after: &mut Object) {}

    /// What the service does by itself once an object of its own is removed without a call.
    fn removed(&self, _: &mut World, _: Kind, _: &Object) {}

    /// Whether a rule of the service, such as a unique code, lets this new object in.
    fn accepts(&self, _: &World, _: Kind, _: &Value) -> bool {
        true
    }

    /// The moment of an object of its own has come: a run or an operation ends.
    fn due(&self, _: &mut World, _: Kind, _: &Key) {}
}

pub(crate) type Operation = fn(&mut World, &Ask<'_>) -> Result<Answer, Answer>;

/// What a call does, as far as faults and permissions must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Answers many objects.
    List,
    Read,
    Write,
}

/// One served endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    pub method: &'static str,
    /// `{name}` stands for one element.
    pub path: &'static str,
    pub effect: Effect,
    pub(crate) operation: Operation,
}

/// A line of a table of endpoints.
pub(crate) const fn on(
    effect: Effect,
    method: &'static str,
    path: &'static str,
    operation: Operation,
) -> Endpoint {
    Endpoint {
        method,
        path,
        effect,
        operation,
    }
}

/// One request on its way through an operation.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) incoming: &'a Incoming,
    /// The path parameters in the order of the pattern, decoded, with what stands before the parameter.
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

/// What a path leads to; an error is the status of the refusal.
pub(crate) fn find(
    service: &dyn Service,
    incoming: &Incoming,
) -> Result<(&'static Endpoint, Vec<String>), u16> {
    let mut status = 404;
    for endpoint in service.endpoints() {
        let Some(parameters) = match_path(endpoint.path, &incoming.path) else {
            continue;
        };
        if endpoint.method == incoming.method {
            return Ok((endpoint, parameters));
        }
        status = 405;
    }
    Err(status)
}

fn elements(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|element| !element.is_empty())
}

fn match_path(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut given = elements(path);
    for wanted in elements(pattern) {
        let element = percent_decode_str(given.next()?).decode_utf8().ok()?;
        match wanted.split_once('{') {
            None if wanted == element => {}
            None => return None,
            Some(("", _)) if element.starts_with("ic:") => return None,
            Some((prefix, _)) if element.starts_with(prefix) => {
                parameters.push(element.into_owned())
            }
            Some(_) => return None,
        }
    }
    given.next().is_none().then_some(parameters)
}
