//! Experience Platform: who may call, what is served, what becomes of an answer. Its services share one gateway; the
//! external audiences service has errors of its own. Source: experience-platform.md §1.4, §3.8, §4.3.

pub(crate) mod audience;
mod audiences;
pub(crate) mod common;
mod definitions;
pub(crate) mod entrance;
mod errors;
mod expression;
mod external_audiences;
mod jobs;
pub(crate) mod json_patch;
mod merge_policies;
mod operations;
mod sandboxes;
mod search;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::flags::Flags;
use crate::service::Effect::{List, Read, Write};
use crate::service::{Endpoint, Service, on};
use crate::spelling;
use crate::state::Access;
use crate::store::{Key, Kind, Object, object_of};
use crate::world::World;

impl System {
    pub const EXPERIENCE_PLATFORM: Self = Self("experiencePlatform");
}

#[rustfmt::skip]
const ENDPOINTS: &[Endpoint] = &[
    on(List, "GET", "/data/foundation/sandbox-management", sandboxes::list_mine),
    on(List, "GET", "/data/foundation/sandbox-management/sandboxes", sandboxes::list_all),
    on(Read, "GET", "/data/foundation/sandbox-management/sandboxes/{name}", sandboxes::get),

    on(List, "GET", "/data/core/ups/segment/definitions", definitions::list),
    on(Write, "POST", "/data/core/ups/segment/definitions", definitions::create),
    on(Read, "POST", "/data/core/ups/segment/definitions/bulk-get", definitions::bulk_get),
    on(Read, "GET", "/data/core/ups/segment/definitions/{id}", definitions::get),
    on(Write, "PATCH", "/data/core/ups/segment/definitions/{id}", definitions::update),
    on(Write, "DELETE", "/data/core/ups/segment/definitions/{id}", definitions::delete),

    on(List, "GET", "/data/core/ups/segment/jobs", jobs::list),

    on(List, "GET", "/data/core/ups/audiences", audiences::list),
    on(Write, "POST", "/data/core/ups/audiences", audiences::create),
    on(Read, "POST", "/data/core/ups/audiences/bulk-get", audiences::bulk_get),
    on(Read, "GET", "/data/core/ups/audiences/{id}", audiences::get),
    on(Write, "PATCH", "/data/core/ups/audiences/{id}", audiences::patch),
    on(Write, "PUT", "/data/core/ups/audiences/{id}", audiences::replace),
    on(Write, "DELETE", "/data/core/ups/audiences/{id}", audiences::delete),

    on(List, "GET", "/data/core/ups/search/namespaces", search::namespaces),

    on(Write, "POST", "/data/core/ais/audiences", external_audiences::create_metadata_only),
    on(Write, "POST", "/data/core/ais/external-audience", external_audiences::create),
    on(Read, "GET", "/data/core/ais/external-audience/operations/{operationId}", operations::get_operation),
    on(Write, "POST", "/data/core/ais/external-audience/extend-ttl/{audienceId}", external_audiences::extend_ttl),
    on(Write, "PATCH", "/data/core/ais/external-audience/{audienceId}", external_audiences::update),
    on(Write, "DELETE", "/data/core/ais/external-audience/{audienceId}", external_audiences::delete),
    on(List, "GET", "/data/core/ais/external-audience/{audienceId}/runs", operations::list_runs),
    on(Write, "POST", "/data/core/ais/external-audience/{audienceId}/runs", operations::create_run),
    on(Read, "GET", "/data/core/ais/external-audience/{audienceId}/runs/{runId}", operations::get_run),

    on(List, "GET", "/data/core/ups/config/mergePolicies", merge_policies::list),
    on(Read, "POST", "/data/core/ups/config/mergePolicies/bulk-get", merge_policies::bulk_get),
    on(Read, "GET", "/data/core/ups/config/mergePolicies/{id}", merge_policies::get),
];

#[derive(Debug)]
pub(crate) struct ExperiencePlatform;

impl Service for ExperiencePlatform {
    fn system(&self) -> System {
        System::EXPERIENCE_PLATFORM
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// Sandbox management is above the sandboxes.
    fn admit(&self, world: &mut World, incoming: &Incoming) -> Result<Caller, Answer> {
        let mut caller = entrance::admit(world, incoming, self.system())?;
        if !incoming
            .path
            .starts_with("/data/foundation/sandbox-management")
        {
            let name = incoming.header("x-sandbox-name");
            entrance::enter_sandbox(world, &mut caller, name)?;
        }
        Ok(caller)
    }

    fn permit(
        &self,
        world: &mut World,
        caller: &Caller,
        endpoint: &Endpoint,
    ) -> Result<(), Answer> {
        if endpoint.effect != Write || caller.aep_access == Access::Full {
            return Ok(());
        }
        if is_external_audiences(endpoint.path) {
            let detail = "The caller is not authorized for external audiences.";
            return Err(errors::external(world, "100922", 401, detail));
        }
        Err(errors::access_denied(world, caller, None, "WRITE"))
    }

    /// The JSON body of a call that has one.
    fn body(&self, world: &mut World, incoming: &Incoming) -> Result<Value, Answer> {
        if !matches!(incoming.method.as_str(), "POST" | "PUT" | "PATCH") {
            return Ok(Value::Null);
        }
        if !incoming.content_type_is(&["application/json", "application/json-patch+json"]) {
            return Err(errors::problem(
                400,
                "BadRequestError",
                "A valid content-type must be specified",
            ));
        }
        let external = is_external_audiences(&incoming.path);
        if external && incoming.body.is_empty() {
            // extend-ttl has none.
            return Ok(Value::Null);
        }
        let what = "The request body is not valid JSON";
        serde_json::from_slice(&incoming.body).map_err(|_| match external {
            true => errors::external(world, "100910", 400, what),
            false => errors::unreadable(world, &[what]),
        })
    }

    fn dress(&self, flags: &Flags, _: &Incoming, body: &mut Value) {
        let form = flags.experience_platform.definition_expressions;
        spelling::answer_expressions(form, body);
        spelling::add_unknown_fields(flags, body);
    }

    fn failure(&self, world: &World, incoming: &Incoming, status: u16, message: &str) -> Answer {
        if is_external_audiences(&incoming.path) {
            return errors::external(world, "100970", status, message);
        }
        errors::envelope("", status, &format!("UPAPI-113000-{status}"), message)
    }

    fn owns(&self, kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Sandboxes
                | Kind::Audiences
                | Kind::MergePolicies
                | Kind::ExternalAudienceOperations
                | Kind::ExternalAudienceRuns
        )
    }

    fn blank(&self, world: &mut World, caller: &Caller, kind: Kind, _: &Object) -> Object {
        match kind {
            Kind::Audiences => audience::by_hand(world, caller),
            _ => object_of([
                (kind.id_field(), json!(world.uuid())),
                ("imsOrgId", json!(caller.organization)),
            ]),
        }
    }

    fn touch(&self, world: &mut World, kind: Kind, _: &Object, after: &mut Object) {
        match kind {
            Kind::Audiences => audience::touch(world, after),
            Kind::MergePolicies => {
                after.insert("updateEpoch".to_owned(), json!(world.now_ms() / 1000));
            }
            _ => {}
        }
    }

    fn due(&self, world: &mut World, kind: Kind, key: &Key) {
        match (kind, key) {
            (Kind::ExternalAudienceOperations, Key::Text(id)) => {
                operations::end_operation(world, id);
            }
            (Kind::ExternalAudienceRuns, Key::Text(id)) => operations::end_run(world, id),
            _ => {}
        }
    }
}

fn is_external_audiences(path: &str) -> bool {
    path.starts_with("/data/core/ais")
}
