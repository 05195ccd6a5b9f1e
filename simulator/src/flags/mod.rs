//! The switches: one for each behaviour that the references mark as unsure, with the likeliest reading as its default,
//! and one for each knob of the tenant. A table; `COVERAGE.md` names the fact behind every line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod values;

pub use values::*;

/// All switches. `PUT /flags` replaces them all: what is left out goes back to its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Flags {
    // All services: what becomes of texts
    /// How names, descriptions and addresses are stored.
    pub stored_texts: StoredTexts,
    /// A longer description is cut after this many characters; `None`: it is stored whole.
    pub description_characters_max: Option<usize>,

    // IMS
    /// Status of `invalid_client`: 401 or 400.
    pub ims_invalid_client_status: u16,
    /// Life of a token in seconds of the simulator's clock.
    pub token_ttl_seconds: u64,
    /// Whether a token dies with the secret that it was issued for.
    pub removed_secrets_kill_tokens: bool,

    // Both gateways
    /// Requests that a credential may make; `None`: no limit.
    pub rate_limit: Option<RateLimit>,

    // Audience Manager: gateway and answers
    /// Which gateway stands before Audience Manager.
    pub audience_manager_gateway: AudienceManagerGateway,
    /// Whether `x-gw-ims-org-id` is required there too; one that is sent must fit either way.
    pub audience_manager_needs_organization: bool,
    /// Whether text is HTML-escaped unless the request has `AAM-Disable-Escaping-HTML: true`.
    pub escape_html: bool,
    /// The characters that are escaped, of `& < > " '`.
    pub escaped_characters: String,
    pub status_spelling: StatusSpelling,
    /// Whether members that are null are left out of answers.
    pub omit_nulls: bool,
    /// Whether answers carry a member that no reference names.
    pub unknown_fields: bool,
    /// A larger `pageSize` is cut to this.
    pub max_page_size: usize,

    // Audience Manager: writes
    /// Whether a PUT keeps the optional fields that it leaves out, and accepts missing required ones.
    pub put_lenient: bool,
    /// Status of a second object with a unique integration code: 409 or 400.
    pub duplicate_integration_code_status: u16,
    /// Whether two data sources of a company may not have the same integration code.
    pub data_source_integration_code_unique: bool,
    /// What becomes of a PUT that names another data source for a trait or a segment.
    pub data_source_change: DataSourceChange,
    /// A change of the unique flags of a data source by PUT is refused (400) instead of ignored.
    pub unique_flags_change_refused: bool,
    /// Deleting a trait that a segment uses.
    pub trait_in_use_delete: InUseDelete,
    /// Deleting a data source that traits or segments use.
    pub data_source_in_use_delete: InUseDelete,
    /// Status of a folder with a taken name, or of the deletion of one that is not empty: 409 or 400.
    pub folder_conflict_status: u16,
    /// Whether the answer to a created folder names its `folderId`.
    pub folder_post_answers_id: bool,
    /// Whether a trait folder brings its folder trait.
    pub folder_traits: bool,
    /// Whether `mergeRuleDataSourceId` must be a data source or a merge rule of the account.
    pub validate_merge_rule: bool,
    /// Whether a bulk deletion answers 500 although it deleted.
    pub bulk_delete_errors_after_effect: bool,
    /// Whether an If-Match header that is not the object's ETag is refused with 412.
    pub etags: bool,
    /// Status of RESOURCE_LIMIT_EXCEEDED: 400 or 409.
    pub item_limit_status: u16,
    pub item_limits: ItemLimits,
    /// When `traitDataSourceIds` is told.
    pub trait_data_sources: TraitDataSources,
    /// Status of a segment or trait rule that is refused: 400, or another of the 4xx.
    pub rule_refusal_status: u16,

    // Audience Manager: export controls
    /// Status of a write that a data export control forbids; `None`: the API lets it through.
    pub export_control_status: Option<u16>,
    /// The values of `dataExportRestrictions` that a data source takes, any other is 400; empty: any.
    pub export_control_names: Vec<String>,
    /// Whether a client can set `dataExportRestrictions` at all; else they are ignored.
    pub export_controls_settable: bool,
    /// Whether a segment may not combine traits under different export controls.
    pub mixed_export_controls_refused: bool,

    // Audience Manager: destinations
    /// Whether the list of destinations heeds `includeMappings`, which is documented for one destination alone.
    pub destination_list_tells_mappings: bool,
    /// Whether the mappings of a destination that has none are 404, not `[]`.
    pub empty_mappings_not_found: bool,
    /// Whether a mapping's `startDate` is kept a day before the one that was sent.
    pub mapping_start_date_shifted: bool,
    /// Under which names an answer shows the id of a mapping.
    pub mapping_id_names: MappingIdNames,
    /// Whether a client may map segments to a server-to-server destination.
    pub server_to_server_mappings: bool,
    /// Whether a client may map segments to destinations that only the user interface makes.
    pub ui_only_mappings: bool,
    /// Status of the deletion of a destination that has mappings: 400 or 409.
    pub mapped_destination_status: u16,

    // Audience Manager: models
    /// What the deletion of a model that algorithmic traits use is answered with.
    pub model_in_use_body: ModelInUseBody,
    /// Deleting a trait or segment that is the baseline of a model.
    pub baseline_delete: InUseDelete,
    /// Whether an algorithmic trait needs a model that ran with data.
    pub algorithmic_trait_needs_run: bool,
    /// How long after its creation a model has run.
    pub model_run_ms: u64,
    /// How that run ends: 0 failed, 1 with data, 2 without.
    pub model_run_status: u64,
    /// Whether a model by itself shows `status` 1 and `baselineTraitType` 3.
    pub models_in_numbers: bool,

    // The source connector, Audience Manager to Experience Platform
    /// The connector and what was picked for it; `None`: nobody set one up.
    pub connector: Option<Connector>,
    /// How the id of an audience that the connector made is made.
    pub connector_audience_ids: ExternalAudienceIds,
    pub connector_namespaces: ConnectorNamespaces,
    /// Whether names, descriptions and folders follow.
    pub connector_renames: bool,
    /// What becomes of an audience whose trait or segment is deleted.
    pub connector_deletion: ConnectorDeletion,
    /// What happens where a client made an audience with the same namespace and audience id.
    pub connector_collision: ConnectorCollision,
    /// Whether a paused segment is an inactive audience; its `segmentStatus` says so either way.
    pub connector_paused_is_inactive: bool,
    /// The label that each data export control becomes; a control that is not named becomes none.
    pub export_control_labels: BTreeMap<String, String>,

    // Experience Platform: gateway
    /// Status for a sandbox that does not exist, is not active, or is not the credential's: 403 or 404.
    pub unknown_sandbox_status: u16,
    /// Whether sandbox lists name the `id` (service callers only, by the specification).
    pub sandbox_ids_listed: bool,
    /// Whether organisations have the external segment feature (else UPAPI-113740-403).
    pub external_segments_enabled: bool,
    /// Which calls an organisation without that feature is refused.
    pub external_segments_refusal: ExternalSegmentsRefusal,

    // Experience Platform: definitions and audiences
    /// 200 or 201.
    pub definition_create_status: u16,
    /// 200 or 201.
    pub audience_create_status: u16,
    /// 200 or 201.
    pub audience_update_status: u16,
    /// Whether a deleted definition is answered with a body.
    pub definition_delete_body: bool,
    /// How the expression of a definition is answered.
    pub definition_expressions: DefinitionExpressions,
    /// Whether two definitions of a sandbox may not have the same name (422).
    pub definition_name_unique: bool,
    /// The number of the first page of definitions: 0 or 1.
    pub definition_first_page: u64,
    /// What `start` counts in the list of audiences.
    pub audience_paging: AudiencePaging,
    /// How `_page.next` is written.
    pub next_spelling: NextSpelling,
    pub audience_default_limit: usize,
    /// A larger `limit` is cut to this.
    pub audience_max_limit: usize,
    /// When the list shows inactive audiences.
    pub inactive_listed: InactiveListed,
    /// Audiences with one of these labels are not shown to anyone (attribute-based access).
    pub hidden_labels: Vec<String>,
    /// Whether PUT of an audience answers 500 UPAPI-113751-500, which means a missing permission.
    pub permission_errors_as_500: bool,
    /// Whether a PUT of an audience keeps the members that it leaves out.
    pub audience_put_keeps_missing: bool,
    /// Whether JSON Patch knows `replace`, `remove` and `test` besides `add`.
    pub json_patch_all_operations: bool,
    /// A second external audience with the same namespace and audience id.
    pub duplicate_external_audience: DuplicateAudience,
    /// How the id of an external audience is made.
    pub external_audience_ids: ExternalAudienceIds,
    /// The data sets that Catalog knows.
    pub catalog_datasets: Vec<String>,
    /// A new audience is readable after this long.
    pub read_after_write_delay_ms: u64,
    /// A deleted audience stays readable by id this long.
    pub deleted_readable_ms: u64,
    /// PATCH, PUT and DELETE of an audience of origin `AUDIENCE_MANAGER`.
    pub read_only_audience: ReadOnlyAudience,
    /// Whether a client may create an audience with the origin `AUDIENCE_MANAGER`.
    pub audience_manager_origin_accepted: bool,
    /// Labels that a client sets on an external audience.
    pub external_audience_labels: ExternalAudienceLabels,
    /// What `inSegment` names.
    pub in_segment_names: AudienceReference,
    /// Whether `segmentMembership.get(…).get(…)` makes a definition depend on that audience, as `inSegment` does.
    pub membership_is_dependency: bool,
    /// Whether an expression that refers to an audience that is not there is refused.
    pub unknown_audience_refused: bool,

    // Experience Platform: the external audiences service
    /// Whether organisations may use the service (else 100922-401).
    pub external_audiences_entitled: bool,
    /// How long an operation or a run of it takes.
    pub external_audience_operation_ms: u64,
    /// Whether its operations and runs end in FAILED.
    pub external_audience_operation_fails: bool,
    /// Status of a deletion: 204 or 202.
    pub external_audience_delete_status: u16,
    /// Which id stands in its paths.
    pub external_audience_path: AudienceReference,
    pub external_audience_errors: ExternalAudienceErrors,
    /// Whether an id that a client chooses must be a name of letters, digits, `_` and `$`.
    pub custom_audience_id_checked: bool,
    /// Whether it changes and deletes audiences that it made as metadata only.
    pub metadata_only_changeable: bool,
    /// The namespaces in which it makes audiences; empty: any.
    pub enabled_namespaces: Vec<String>,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            stored_texts: StoredTexts::AsSent,
            description_characters_max: None,
            ims_invalid_client_status: 401,
            token_ttl_seconds: 86_399,
            removed_secrets_kill_tokens: false,
            rate_limit: None,
            audience_manager_gateway: AudienceManagerGateway::AdobeIo,
            audience_manager_needs_organization: false,
            escape_html: true,
            escaped_characters: "&<>\"".to_owned(),
            status_spelling: StatusSpelling::Upper,
            omit_nulls: false,
            unknown_fields: false,
            max_page_size: 1000,
            put_lenient: false,
            duplicate_integration_code_status: 409,
            data_source_integration_code_unique: true,
            data_source_change: DataSourceChange::Follows,
            unique_flags_change_refused: false,
            trait_in_use_delete: InUseDelete::Conflict,
            data_source_in_use_delete: InUseDelete::Conflict,
            folder_conflict_status: 409,
            folder_post_answers_id: true,
            folder_traits: true,
            validate_merge_rule: false,
            bulk_delete_errors_after_effect: false,
            etags: false,
            item_limit_status: 400,
            item_limits: ItemLimits::default(),
            trait_data_sources: TraitDataSources::Always,
            rule_refusal_status: 400,
            export_control_status: Some(400),
            export_control_names: Vec::new(),
            export_controls_settable: true,
            mixed_export_controls_refused: false,
            destination_list_tells_mappings: true,
            empty_mappings_not_found: true,
            mapping_start_date_shifted: true,
            mapping_id_names: MappingIdNames::Both,
            server_to_server_mappings: true,
            ui_only_mappings: false,
            mapped_destination_status: 400,
            model_in_use_body: ModelInUseBody::Ids,
            baseline_delete: InUseDelete::Conflict,
            algorithmic_trait_needs_run: true,
            model_run_ms: 7 * 24 * 3600 * 1000,
            model_run_status: 1,
            models_in_numbers: false,
            connector: None,
            connector_audience_ids: ExternalAudienceIds::Composite,
            connector_namespaces: ConnectorNamespaces::PerKind,
            connector_renames: true,
            connector_deletion: ConnectorDeletion::MarksDeleted,
            connector_collision: ConnectorCollision::Beside,
            connector_paused_is_inactive: false,
            export_control_labels: BTreeMap::from([("PII".to_owned(), "core/C3".to_owned())]),
            unknown_sandbox_status: 403,
            sandbox_ids_listed: false,
            external_segments_enabled: true,
            external_segments_refusal: ExternalSegmentsRefusal::ListAndCreate,
            definition_create_status: 200,
            audience_create_status: 200,
            audience_update_status: 200,
            definition_delete_body: true,
            definition_expressions: DefinitionExpressions::AsSent,
            definition_name_unique: true,
            definition_first_page: 0,
            audience_paging: AudiencePaging::PageIndex,
            next_spelling: NextSpelling::String,
            audience_default_limit: 20,
            audience_max_limit: 100,
            inactive_listed: InactiveListed::WithProperty,
            hidden_labels: Vec::new(),
            permission_errors_as_500: false,
            audience_put_keeps_missing: false,
            json_patch_all_operations: false,
            duplicate_external_audience: DuplicateAudience::Conflict,
            external_audience_ids: ExternalAudienceIds::Uuid,
            catalog_datasets: Vec::new(),
            read_after_write_delay_ms: 0,
            deleted_readable_ms: 0,
            read_only_audience: ReadOnlyAudience::BadRequest,
            audience_manager_origin_accepted: false,
            external_audience_labels: ExternalAudienceLabels::Stored,
            in_segment_names: AudienceReference::Id,
            membership_is_dependency: true,
            unknown_audience_refused: false,
            external_audiences_entitled: true,
            external_audience_operation_ms: 30_000,
            external_audience_operation_fails: false,
            external_audience_delete_status: 204,
            external_audience_path: AudienceReference::Id,
            external_audience_errors: ExternalAudienceErrors::Problem,
            custom_audience_id_checked: true,
            metadata_only_changeable: false,
            enabled_namespaces: Vec::new(),
        }
    }
}
