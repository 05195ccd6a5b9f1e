//! Audience Manager, `/v1`: who may call, what is served, what becomes of an answer. Source: audience-manager.md §1.2 to
//! §1.5, §2.

mod common;
pub(crate) mod data_sources;
mod destinations;
mod errors;
mod escape;
pub(crate) mod export_controls;
mod folders;
mod lists;
mod mapped;
mod mappings;
mod model_runs;
mod models;
pub(crate) mod rules;
pub(crate) mod segments;
mod signals;
pub(crate) mod traits;
mod users;

use serde_json::{Value, json};

use self::common::{bulk_delete, delete};
use crate::caller::Caller;
use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::flags::{AudienceManagerGateway, Flags, StatusSpelling};
use crate::gateway;
use crate::service::Effect::{self, List, Read, Write};
use crate::service::{Endpoint, Service, on};
use crate::spelling;
use crate::state::Access;
use crate::store::{Key, Kind, Object, number_of, object_of};
use crate::world::World;

impl System {
    pub const AUDIENCE_MANAGER: Self = Self("audienceManager");
}

#[rustfmt::skip]
const ENDPOINTS: &[Endpoint] = &[
    on(Read, "GET", "/v1/users/self", users::myself),

    on(List, "GET", "/v1/datasources", data_sources::list),
    on(Write, "POST", "/v1/datasources", data_sources::create),
    on(Write, "POST", "/v1/datasources/bulk-delete", |world, ask| bulk_delete(world, ask, data_sources::remove)),
    on(Read, "GET", "/v1/datasources/configurations/available-id-types", data_sources::id_types),
    on(Read, "GET", "/v1/datasources/{dataSourceId}", data_sources::get),
    on(Write, "PUT", "/v1/datasources/{dataSourceId}", data_sources::update),
    on(Write, "DELETE", "/v1/datasources/{dataSourceId}", |world, ask| delete(world, ask, Kind::DataSources, data_sources::remove)),

    on(List, "GET", "/v1/folders/traits", |world, ask| folders::list(world, ask, Kind::TraitFolders)),
    on(Write, "POST", "/v1/folders/traits", |world, ask| folders::create(world, ask, Kind::TraitFolders)),
    on(Read, "GET", "/v1/folders/traits/{folderId}", |world, ask| folders::get(world, ask, Kind::TraitFolders)),
    on(Write, "PUT", "/v1/folders/traits/{folderId}", |world, ask| folders::update(world, ask, Kind::TraitFolders)),
    on(Write, "DELETE", "/v1/folders/traits/{folderId}", |world, ask| folders::delete(world, ask, Kind::TraitFolders)),
    on(List, "GET", "/v1/folders/segments", |world, ask| folders::list(world, ask, Kind::SegmentFolders)),
    on(Write, "POST", "/v1/folders/segments", |world, ask| folders::create(world, ask, Kind::SegmentFolders)),
    on(Read, "GET", "/v1/folders/segments/{folderId}", |world, ask| folders::get(world, ask, Kind::SegmentFolders)),
    on(Write, "PUT", "/v1/folders/segments/{folderId}", |world, ask| folders::update(world, ask, Kind::SegmentFolders)),
    on(Write, "DELETE", "/v1/folders/segments/{folderId}", |world, ask| folders::delete(world, ask, Kind::SegmentFolders)),

    on(List, "GET", "/v1/traits", traits::list),
    on(Write, "POST", "/v1/traits", traits::create),
    on(Write, "POST", "/v1/traits/bulk-delete", |world, ask| bulk_delete(world, ask, traits::remove)),
    on(Read, "POST", "/v1/traits/validate", traits::validate),
    on(Read, "GET", "/v1/traits/limits", traits::limits),
    on(Read, "GET", "/v1/traits/ic:{integrationCode}", traits::get),
    on(Write, "PUT", "/v1/traits/ic:{integrationCode}", traits::update),
    on(Write, "DELETE", "/v1/traits/ic:{integrationCode}", |world, ask| delete(world, ask, Kind::Traits, traits::remove)),
    on(Read, "GET", "/v1/traits/{sid}", traits::get),
    on(Write, "PUT", "/v1/traits/{sid}", traits::update),
    on(Write, "DELETE", "/v1/traits/{sid}", |world, ask| delete(world, ask, Kind::Traits, traits::remove)),

    on(List, "GET", "/v1/segments", segments::list),
    on(Write, "POST", "/v1/segments", segments::create),
    on(Write, "POST", "/v1/segments/bulk-delete", |world, ask| bulk_delete(world, ask, segments::remove)),
    on(Write, "POST", "/v1/segments/bulk-merge-rule-replace", segments::replace_merge_rule),
    on(Read, "POST", "/v1/segments/validate", segments::validate),
    on(Read, "GET", "/v1/segments/limits", segments::limits),
    on(Read, "GET", "/v1/segments/ic:{integrationCode}", segments::get),
    on(Write, "PUT", "/v1/segments/ic:{integrationCode}", segments::update),
    on(Write, "DELETE", "/v1/segments/ic:{integrationCode}", segments::delete),
    on(Read, "GET", "/v1/segments/{sid}", segments::get),
    on(Write, "PUT", "/v1/segments/{sid}", segments::update),
    on(Write, "DELETE", "/v1/segments/{sid}", segments::delete),

    on(List, "GET", "/v1/destinations", destinations::list),
    on(Write, "POST", "/v1/destinations", destinations::create),
    on(Write, "POST", "/v1/destinations/bulk-delete", |world, ask| bulk_delete(world, ask, destinations::remove)),
    on(Read, "GET", "/v1/destinations/limits", destinations::limits),
    on(Read, "GET", "/v1/destinations/configurations/available-platforms", destinations::platforms),
    on(Write, "PUT", "/v1/destinations/mappings/{mappingId}", mappings::update_alone),
    on(Read, "GET", "/v1/destinations/{destinationId}", destinations::get),
    on(Write, "PUT", "/v1/destinations/{destinationId}", destinations::update),
    on(Write, "DELETE", "/v1/destinations/{destinationId}", |world, ask| delete(world, ask, Kind::Destinations, destinations::remove)),
    on(List, "GET", "/v1/destinations/{destinationId}/mappings", mappings::list),
    on(Write, "POST", "/v1/destinations/{destinationId}/mappings", mappings::create),
    on(Write, "POST", "/v1/destinations/{destinationId}/traits", mappings::create),
    on(Write, "POST", "/v1/destinations/{destinationId}/bulk-create", mappings::bulk_create),
    on(Read, "GET", "/v1/destinations/{destinationId}/mappings/{mappingId}", mappings::get),
    on(Write, "PUT", "/v1/destinations/{destinationId}/mappings/{mappingId}", mappings::update),
    on(Write, "DELETE", "/v1/destinations/{destinationId}/mappings/{mappingId}", mappings::delete),

    on(List, "GET", "/v1/models", models::list),
    on(Write, "POST", "/v1/models", models::create),
    on(Write, "POST", "/v1/models/bulk-delete", |world, ask| bulk_delete(world, ask, models::remove)),
    on(Read, "GET", "/v1/models/limits", models::limits),
    on(Read, "GET", "/v1/models/{algoModelId}", models::get),
    on(Write, "PUT", "/v1/models/{algoModelId}", models::update),
    on(Write, "DELETE", "/v1/models/{algoModelId}", |world, ask| delete(world, ask, Kind::Models, models::remove)),
    on(List, "GET", "/v1/algorithms", models::algorithms),

    on(List, "GET", "/v1/signals/derived", signals::list),
    on(Write, "POST", "/v1/signals/derived", signals::create),
    on(Read, "GET", "/v1/signals/derived/{derivedSignalId}", signals::get),
    on(Write, "PUT", "/v1/signals/derived/{derivedSignalId}", signals::update),
    on(Write, "DELETE", "/v1/signals/derived/{derivedSignalId}", |world, ask| delete(world, ask, Kind::DerivedSignals, signals::remove)),
];

#[derive(Debug)]
pub(crate) struct AudienceManager;

impl Service for AudienceManager {
    fn system(&self) -> System {
        System::AUDIENCE_MANAGER
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// audience-manager.md §1.2–§1.4, §2.3: the token (a missing one has the code that the same
    /// gateway answers for Experience Platform), then the API key, then the organisation where the request names one.
    fn admit(&self, world: &mut World, incoming: &Incoming) -> Result<Caller, Answer> {
        let legacy = world.flags.audience_manager.gateway == AudienceManagerGateway::Demdex;
        let token = gateway::bearer(incoming).map_err(|refusal| match legacy {
            true => legacy_refusal("unauthorized", "Full authentication is required"),
            false => refusal,
        })?;
        let caller = gateway::holder(world, token).ok_or_else(|| match legacy {
            true => legacy_refusal("invalid_token", "Access token expired"),
            false => gateway::invalid_token(),
        })?;
        if !legacy {
            gateway::check_api_key(incoming, &caller)?;
        }
        match incoming.header("x-gw-ims-org-id") {
            None if world.flags.audience_manager.needs_organization => {
                return Err(gateway::error(400, "400003", "Missing header"));
            }
            Some(organization) if organization != caller.organization => {
                return Err(gateway::error(403, "403025", "Profile is not valid"));
            }
            None | Some(_) => {}
        }
        if caller.pid == 0 {
            return Err(match legacy {
                true => legacy_refusal("invalid_token", "Access token expired"),
                false => gateway::unentitled(world),
            });
        }
        gateway::spend(world, &caller, self.system())?;
        Ok(caller)
    }

    /// audience-manager.md §1.5: without RBAC rights only `/users/self` answers.
    fn permit(&self, _: &mut World, caller: &Caller, endpoint: &Endpoint) -> Result<(), Answer> {
        let everyone = endpoint.path == "/v1/users/self" && caller.pid != 0;
        let allowed = match caller.aam_access {
            Access::Full => true,
            Access::Read => endpoint.effect != Effect::Write,
            Access::None => false,
        };
        if allowed || everyone {
            return Ok(());
        }
        Err(errors::refusal(
            403,
            "ACCESS_DENIED",
            "The user is not authorized to perform this operation",
        ))
    }

    /// The JSON body of a call that has one; 415 where it is not declared as JSON.
    fn body(&self, _: &mut World, incoming: &Incoming) -> Result<Value, Answer> {
        let takes_body = matches!(incoming.method.as_str(), "POST" | "PUT");
        if !takes_body {
            return Ok(Value::Null);
        }
        if !incoming.content_type_is(&["application/json"]) {
            return Err(errors::plain(415, "Unsupported Media Type"));
        }
        serde_json::from_slice(&incoming.body)
            .map_err(|_| errors::refusal(400, "BAD_REQUEST", "The request body is not valid JSON"))
    }

    fn dress(&self, flags: &Flags, incoming: &Incoming, body: &mut Value) {
        let own = &flags.audience_manager;
        if own.status_spelling != StatusSpelling::Upper {
            spell_status(own.status_spelling, body);
        }
        if own.omit_nulls {
            drop_nulls(body);
        }
        let unescaped = incoming
            .header("aam-disable-escaping-html")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if own.escape_html && !unescaped {
            escape::escape(&own.escaped_characters, body);
        }
        spelling::add_unknown_fields(flags, body);
    }

    fn failure(&self, _: &World, _: &Incoming, status: u16, message: &str) -> Answer {
        errors::plain(status, message)
    }

    fn owns(&self, kind: Kind) -> bool {
        kind.has_numbers()
    }

    fn blank(&self, world: &mut World, caller: &Caller, kind: Kind, _: &Object) -> Object {
        let id = world.store.new_id(kind);
        match kind {
            Kind::DataSources => data_sources::blank(world, caller, id),
            Kind::Traits => traits::blank(world, caller, id),
            Kind::Segments => segments::blank(world, caller, id),
            Kind::Destinations => destinations::blank(world, caller, id),
            Kind::Mappings => mappings::blank(world, caller.pid, id),
            Kind::Models => models::blank(world, caller, id),
            _ => object_of([
                ("folderId", json!(id)),
                ("pid", json!(caller.pid)),
                ("parentFolderId", json!(0)),
            ]),
        }
    }

    fn touch(&self, world: &mut World, kind: Kind, before: &Object, after: &mut Object) {
        match kind {
            Kind::Traits => traits::touch(world, before, after),
            Kind::Segments => segments::touch(world, after),
            Kind::DataSources => {
                after.insert("updateTime".to_owned(), json!(world.now_ms()));
            }
            Kind::Destinations => destinations::touch(world, after),
            Kind::Mappings => {
                mappings::touch(world, after);
            }
            Kind::Models => models::touch(world, after),
            _ => {}
        }
    }

    fn removed(&self, world: &mut World, kind: Kind, object: &Object) {
        if kind == Kind::DataSources {
            data_sources::removed(world, object);
        }
    }

    /// A second object with one integration code is refused where codes are unique.
    fn accepts(&self, world: &World, kind: Kind, object: &Value) -> bool {
        let source = object["dataSourceId"].as_u64().unwrap_or_default();
        let code = object["integrationCode"].as_str();
        common::check_code(world, kind, source, code, None).is_ok()
    }

    fn due(&self, world: &mut World, kind: Kind, key: &Key) {
        if let (Kind::Models, Key::Number(id)) = (kind, key) {
            model_runs::run(world, *id);
        }
    }
}

fn legacy_refusal(code: &str, description: &str) -> Answer {
    Answer::json(
        401,
        json!({"error": code, "error_description": description}),
    )
    .with_header(
        "www-authenticate",
        format!("Bearer realm=\"oauth\", error=\"{code}\", error_description=\"{description}\""),
    )
}

fn spell_status(spelling: StatusSpelling, body: &mut Value) {
    match body {
        Value::Array(items) => {
            for item in items {
                spell_status(spelling, item);
            }
        }
        Value::Object(members) => {
            if let Some(list @ Value::Array(_)) = members.get_mut("list") {
                spell_status(spelling, list);
            }
            let id = ["algoModelId", "sid", "destinationId", "dataSourceId"]
                .iter()
                .find_map(|field| number_of(members, field))
                .unwrap_or(0);
            if let Some(status) = members.get_mut("status") {
                respell(spelling, id, status);
            }
        }
        _ => {}
    }
}

fn respell(spelling: StatusSpelling, id: u64, status: &mut Value) {
    let Some(text) = status.as_str() else {
        return;
    };
    let active = match text {
        "ACTIVE" => 1,
        "INACTIVE" => 0,
        _ => return,
    };
    let lower = text.to_ascii_lowercase();
    *status = match (spelling, id % 3) {
        (StatusSpelling::Lower, _) | (StatusSpelling::Mixed, 1) => Value::from(lower),
        (StatusSpelling::Numeric, _) | (StatusSpelling::Mixed, 2) => Value::from(active),
        (StatusSpelling::Upper | StatusSpelling::Mixed, _) => return,
    };
}

fn drop_nulls(body: &mut Value) {
    match body {
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}
