//! The one table of what is served: the routers dispatch by it and `COVERAGE.md` is checked against it. A path ends
//! with or without a slash; literal elements stand before parameters in the table.

use percent_encoding::percent_decode_str;

use crate::audience_manager::{
    data_sources, destinations, folders, mappings, models, segments, traits, users,
};
use crate::calls::System;
use crate::exchange::Answer;
use crate::experience_platform::{
    audiences, definitions, external_audiences, merge_policies, operations, sandboxes,
};
use crate::ims;
use crate::world::{Ask, World};

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
    pub system: System,
    pub method: &'static str,
    /// `{name}` stands for one element.
    pub path: &'static str,
    pub effect: Effect,
    pub(crate) operation: Operation,
}

const fn ims(method: &'static str, path: &'static str, operation: Operation) -> Endpoint {
    Endpoint {
        system: System::Ims,
        method,
        path,
        effect: Effect::Write,
        operation,
    }
}

const fn aam(
    effect: Effect,
    method: &'static str,
    path: &'static str,
    operation: Operation,
) -> Endpoint {
    Endpoint {
        system: System::AudienceManager,
        method,
        path,
        effect,
        operation,
    }
}

const fn aep(
    effect: Effect,
    method: &'static str,
    path: &'static str,
    operation: Operation,
) -> Endpoint {
    Endpoint {
        system: System::ExperiencePlatform,
        method,
        path,
        effect,
        operation,
    }
}

use Effect::{List, Read, Write};

/// All served endpoints.
#[rustfmt::skip]
pub const ENDPOINTS: &[Endpoint] = &[
    ims("POST", "/ims/token/v3", ims::token),
    ims("POST", "/ims/token/v2", ims::token),

    aam(Read, "GET", "/v1/users/self", users::myself),

    aam(List, "GET", "/v1/datasources", data_sources::list),
    aam(Write, "POST", "/v1/datasources", data_sources::create),
    aam(Write, "POST", "/v1/datasources/bulk-delete", data_sources::bulk_delete),
    aam(Read, "GET", "/v1/datasources/configurations/available-id-types", data_sources::id_types),
    aam(Read, "GET", "/v1/datasources/{dataSourceId}", data_sources::get),
    aam(Write, "PUT", "/v1/datasources/{dataSourceId}", data_sources::update),
    aam(Write, "DELETE", "/v1/datasources/{dataSourceId}", data_sources::delete),

    aam(List, "GET", "/v1/folders/traits", folders::list_trait_folders),
    aam(Write, "POST", "/v1/folders/traits", folders::create_trait_folder),
    aam(Read, "GET", "/v1/folders/traits/{folderId}", folders::get_trait_folder),
    aam(Write, "PUT", "/v1/folders/traits/{folderId}", folders::update_trait_folder),
    aam(Write, "DELETE", "/v1/folders/traits/{folderId}", folders::delete_trait_folder),
    aam(List, "GET", "/v1/folders/segments", folders::list_segment_folders),
    aam(Write, "POST", "/v1/folders/segments", folders::create_segment_folder),
    aam(Read, "GET", "/v1/folders/segments/{folderId}", folders::get_segment_folder),
    aam(Write, "PUT", "/v1/folders/segments/{folderId}", folders::update_segment_folder),
    aam(Write, "DELETE", "/v1/folders/segments/{folderId}", folders::delete_segment_folder),

    aam(List, "GET", "/v1/traits", traits::list),
    aam(Write, "POST", "/v1/traits", traits::create),
    aam(Write, "POST", "/v1/traits/bulk-delete", traits::bulk_delete),
    aam(Read, "POST", "/v1/traits/validate", traits::validate),
    aam(Read, "GET", "/v1/traits/limits", traits::limits),
    aam(Read, "GET", "/v1/traits/ic:{integrationCode}", traits::get_by_code),
    aam(Write, "PUT", "/v1/traits/ic:{integrationCode}", traits::update_by_code),
    aam(Write, "DELETE", "/v1/traits/ic:{integrationCode}", traits::delete_by_code),
    aam(Read, "GET", "/v1/traits/{sid}", traits::get),
    aam(Write, "PUT", "/v1/traits/{sid}", traits::update),
    aam(Write, "DELETE", "/v1/traits/{sid}", traits::delete),

    aam(List, "GET", "/v1/segments", segments::list),
    aam(Write, "POST", "/v1/segments", segments::create),
    aam(Write, "POST", "/v1/segments/bulk-delete", segments::bulk_delete),
    aam(Write, "POST", "/v1/segments/bulk-merge-rule-replace", segments::replace_merge_rule),
    aam(Read, "POST", "/v1/segments/validate", segments::validate),
    aam(Read, "GET", "/v1/segments/limits", segments::limits),
    aam(Read, "GET", "/v1/segments/ic:{integrationCode}", segments::get_by_code),
    aam(Write, "PUT", "/v1/segments/ic:{integrationCode}", segments::update_by_code),
    aam(Write, "DELETE", "/v1/segments/ic:{integrationCode}", segments::delete_by_code),
    aam(Read, "GET", "/v1/segments/{sid}", segments::get),
    aam(Write, "PUT", "/v1/segments/{sid}", segments::update),
    aam(Write, "DELETE", "/v1/segments/{sid}", segments::delete),

    aam(List, "GET", "/v1/destinations", destinations::list),
    aam(Write, "POST", "/v1/destinations", destinations::create),
    aam(Write, "POST", "/v1/destinations/bulk-delete", destinations::bulk_delete),
    aam(Read, "GET", "/v1/destinations/limits", destinations::limits),
    aam(Read, "GET", "/v1/destinations/configurations/available-platforms", destinations::platforms),
    aam(Write, "PUT", "/v1/destinations/mappings/{mappingId}", mappings::update_alone),
    aam(Read, "GET", "/v1/destinations/{destinationId}", destinations::get),
    aam(Write, "PUT", "/v1/destinations/{destinationId}", destinations::update),
    aam(Write, "DELETE", "/v1/destinations/{destinationId}", destinations::delete),
    aam(List, "GET", "/v1/destinations/{destinationId}/mappings", mappings::list),
    aam(Write, "POST", "/v1/destinations/{destinationId}/mappings", mappings::create),
    aam(Write, "POST", "/v1/destinations/{destinationId}/traits", mappings::create),
    aam(Write, "POST", "/v1/destinations/{destinationId}/bulk-create", mappings::bulk_create),
    aam(Write, "PUT", "/v1/destinations/{destinationId}/mappings/{mappingId}", mappings::update),
    aam(Write, "DELETE", "/v1/destinations/{destinationId}/mappings/{mappingId}", mappings::delete),

    aam(List, "GET", "/v1/models", models::list),
    aam(Write, "POST", "/v1/models", models::create),
    aam(Write, "POST", "/v1/models/bulk-delete", models::bulk_delete),
    aam(Read, "GET", "/v1/models/limits", models::limits),
    aam(Read, "GET", "/v1/models/{algoModelId}", models::get),
    aam(Write, "PUT", "/v1/models/{algoModelId}", models::update),
    aam(Write, "DELETE", "/v1/models/{algoModelId}", models::delete),
    aam(List, "GET", "/v1/algorithms", models::algorithms),

    aep(List, "GET", "/data/foundation/sandbox-management", sandboxes::list_mine),
    aep(List, "GET", "/data/foundation/sandbox-management/sandboxes", sandboxes::list_all),
    aep(Read, "GET", "/data/foundation/sandbox-management/sandboxes/{name}", sandboxes::get),

    aep(List, "GET", "/data/core/ups/segment/definitions", definitions::list),
    aep(Write, "POST", "/data/core/ups/segment/definitions", definitions::create),
    aep(Read, "POST", "/data/core/ups/segment/definitions/bulk-get", definitions::bulk_get),
    aep(Read, "GET", "/data/core/ups/segment/definitions/{id}", definitions::get),
    aep(Write, "PATCH", "/data/core/ups/segment/definitions/{id}", definitions::update),
    aep(Write, "DELETE", "/data/core/ups/segment/definitions/{id}", definitions::delete),

    aep(List, "GET", "/data/core/ups/audiences", audiences::list),
    aep(Write, "POST", "/data/core/ups/audiences", audiences::create),
    aep(Read, "POST", "/data/core/ups/audiences/bulk-get", audiences::bulk_get),
    aep(Read, "GET", "/data/core/ups/audiences/{id}", audiences::get),
    aep(Write, "PATCH", "/data/core/ups/audiences/{id}", audiences::patch),
    aep(Write, "PUT", "/data/core/ups/audiences/{id}", audiences::replace),
    aep(Write, "DELETE", "/data/core/ups/audiences/{id}", audiences::delete),

    aep(Write, "POST", "/data/core/ais/audiences", external_audiences::create_metadata_only),
    aep(Write, "POST", "/data/core/ais/external-audience", external_audiences::create),
    aep(Read, "GET", "/data/core/ais/external-audience/operations/{operationId}", operations::get_operation),
    aep(Write, "POST", "/data/core/ais/external-audience/extend-ttl/{audienceId}", external_audiences::extend_ttl),
    aep(Write, "PATCH", "/data/core/ais/external-audience/{audienceId}", external_audiences::update),
    aep(Write, "DELETE", "/data/core/ais/external-audience/{audienceId}", external_audiences::delete),
    aep(List, "GET", "/data/core/ais/external-audience/{audienceId}/runs", operations::list_runs),
    aep(Write, "POST", "/data/core/ais/external-audience/{audienceId}/runs", operations::create_run),
    aep(Read, "GET", "/data/core/ais/external-audience/{audienceId}/runs/{runId}", operations::get_run),

    aep(List, "GET", "/data/core/ups/config/mergePolicies", merge_policies::list),
    aep(Read, "POST", "/data/core/ups/config/mergePolicies/bulk-get", merge_policies::bulk_get),
    aep(Read, "GET", "/data/core/ups/config/mergePolicies/{id}", merge_policies::get),
];

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found {
    Endpoint(&'static Endpoint, Vec<String>),
    WrongMethod,
    Nothing,
}

pub(crate) fn find(system: System, method: &str, path: &str) -> Found {
    let mut wrong_method = false;
    for endpoint in ENDPOINTS.iter().filter(|one| one.system == system) {
        let Some(parameters) = match_path(endpoint.path, path) else {
            continue;
        };
        if endpoint.method == method {
            return Found::Endpoint(endpoint, parameters);
        }
        wrong_method = true;
    }
    if wrong_method {
        Found::WrongMethod
    } else {
        Found::Nothing
    }
}

pub(crate) fn is_list(system: System, method: &str, path: &str) -> bool {
    matches!(find(system, method, path), Found::Endpoint(endpoint, _) if endpoint.effect == List)
}

/// Sandbox management is the one service here that stands above the sandboxes.
pub(crate) fn is_sandbox_management(path: &str) -> bool {
    path.starts_with("/data/foundation/sandbox-management")
}

/// The external audiences service has errors of its own shape.
pub(crate) fn is_external_audiences(path: &str) -> bool {
    path.starts_with("/data/core/ais")
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
            Some((prefix, _)) => parameters.push(element.strip_prefix(prefix)?.to_owned()),
        }
    }
    given.next().is_none().then_some(parameters)
}
