//! Flow Service (experience-platform.md §5.7, §5.8): the destinations and sources of a sandbox, as flows. Served at
//! Experience Platform's address and behind its gateway, with errors of its own. Makes no flow and switches none: a
//! person does.

mod catalog;
mod errors;
mod flows;
mod lists;
pub(crate) mod selection;

use serde_json::Value;

use crate::caller::Caller;
use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::experience_platform::entrance;
use crate::flags::{Flags, UnseenFlows};
use crate::service::Effect::{List, Read, Write};
use crate::service::{Endpoint, Service, on};
use crate::spelling;
use crate::state::Access;
use crate::store::{Kind, Object};
use crate::world::World;

impl System {
    pub const FLOW_SERVICE: Self = Self("flowService");
}

const PATH: &str = "/data/foundation/flowservice";

#[rustfmt::skip]
const ENDPOINTS: &[Endpoint] = &[
    on(List, "GET", "/data/foundation/flowservice/connectionSpecs", catalog::list_connection_specs),
    on(List, "GET", "/data/foundation/flowservice/flowSpecs", catalog::list_flow_specs),
    on(List, "GET", "/data/foundation/flowservice/targetConnections", flows::list_target_connections),
    on(List, "GET", "/data/foundation/flowservice/flows", flows::list),
    on(Read, "GET", "/data/foundation/flowservice/flows/{id}", flows::get),
    on(Write, "PATCH", "/data/foundation/flowservice/flows/{id}", flows::patch),
    on(List, "GET", "/data/foundation/flowservice/runs", flows::list_runs),
];

#[derive(Debug)]
pub(crate) struct FlowService;

impl Service for FlowService {
    fn system(&self) -> System {
        System::FLOW_SERVICE
    }

    fn beside(&self) -> Option<(System, &'static str)> {
        Some((System::EXPERIENCE_PLATFORM, PATH))
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// A call without a sandbox means `prod`.
    fn admit(&self, world: &mut World, incoming: &Incoming) -> Result<Caller, Answer> {
        let mut caller = entrance::admit(world, incoming, self.system())
            .map_err(|refusal| self.at_gateway(refusal))?;
        let name = incoming.header("x-sandbox-name").unwrap_or("prod");
        entrance::enter_sandbox(world, &mut caller, Some(name))?;
        Ok(caller)
    }

    fn at_gateway(&self, refusal: Answer) -> Answer {
        errors::numbered(refusal)
    }

    fn permit(
        &self,
        world: &mut World,
        caller: &Caller,
        endpoint: &Endpoint,
    ) -> Result<(), Answer> {
        let refused = match caller.flow_access {
            Access::Full => false,
            Access::Read => endpoint.effect == Write,
            Access::None => {
                let unseen = world.flags.flow_service.unseen_flows;
                endpoint.effect == Write || unseen == UnseenFlows::Refused
            }
        };
        match refused {
            true => Err(errors::forbidden()),
            false => Ok(()),
        }
    }

    fn body(&self, _: &mut World, incoming: &Incoming) -> Result<Value, Answer> {
        if incoming.method != "PATCH" {
            return Ok(Value::Null);
        }
        if !incoming.content_type_is(&["application/json"]) {
            return Err(errors::refusal(
                400,
                "The content type must be application/json",
            ));
        }
        serde_json::from_slice(&incoming.body)
            .map_err(|_| errors::refusal(400, "The request body is not valid JSON"))
    }

    fn dress(&self, flags: &Flags, _: &Incoming, body: &mut Value) {
        spelling::add_unknown_fields(flags, body);
    }

    fn failure(&self, _: &World, _: &Incoming, status: u16, message: &str) -> Answer {
        errors::refusal(status, message)
    }

    fn owns(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Flows | Kind::TargetConnections | Kind::FlowRuns)
    }

    fn blank(&self, world: &mut World, caller: &Caller, kind: Kind, written: &Object) -> Object {
        match kind {
            Kind::Flows => flows::blank(world, caller, written),
            _ => flows::head(world, caller, kind, written),
        }
    }

    fn touch(&self, world: &mut World, _: Kind, _: &Object, after: &mut Object) {
        flows::touch(world, after);
    }
}
