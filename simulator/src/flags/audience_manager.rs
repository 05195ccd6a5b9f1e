//! Switches of Audience Manager.

use serde::{Deserialize, Serialize};

switches! {
    /// Switches of Audience Manager.
    AudienceManagerFlags {
        // Gateway and answers
        /// Which gateway stands before Audience Manager.
        gateway: AudienceManagerGateway = AudienceManagerGateway::AdobeIo,
        /// How the answer to who the credential is says whether that is an administrator.
        administrator_told: AdministratorTold = AdministratorTold::Boolean => AdministratorTold::Nowhere,
        /// Whether the list of data sources heeds `includePermissions`: they are not among the objects that have any.
        data_sources_tell_permissions: bool = true => false,
        /// Whether `x-gw-ims-org-id` is required there too; one that is sent must fit either way.
        needs_organization: bool = false => true,
        /// Whether text is HTML-escaped unless the request has `AAM-Disable-Escaping-HTML: true`.
        escape_html: bool = true,
        /// The characters that are escaped, of `& < > " '`.
        escaped_characters: String = "&<>\"".to_owned() => "&<>\"'".to_owned(),
        status_spelling: StatusSpelling = StatusSpelling::Upper => StatusSpelling::Mixed,
        /// Whether members that are null are left out of answers.
        omit_nulls: bool = false => true,
        /// A larger `pageSize` is cut to this. Worse: the size that Adobe's own user interface asks for.
        max_page_size: usize = 1000 => 50,

        /// What a list does with `dataSourceId` that is given several times.
        repeated_data_source_id: RepeatedDataSourceId = RepeatedDataSourceId::All => RepeatedDataSourceId::Last,

        // Writes
        /// Whether a PUT keeps the optional fields that it leaves out, and accepts missing required ones.
        put_lenient: bool = false,
        /// Status of a second object with a unique integration code: 409 or 400.
        duplicate_integration_code_status: u16 = 409 => 400,
        /// Whether two data sources of a company may not have the same integration code.
        data_source_integration_code_unique: bool = true => false,
        /// What becomes of a PUT that names another data source for a trait or a segment.
        data_source_change: DataSourceChange = DataSourceChange::Follows => DataSourceChange::Ignored,
        /// A change of the unique flags of a data source by PUT is refused (400) instead of ignored.
        unique_flags_change_refused: bool = false => true,
        /// Deleting a trait that a segment uses.
        trait_in_use_delete: InUseDelete = InUseDelete::Conflict => InUseDelete::Allow,
        /// Deleting a data source that traits or segments use.
        data_source_in_use_delete: InUseDelete = InUseDelete::Conflict => InUseDelete::Allow,
        /// Status of a folder with a taken name, or of the deletion of one that is not empty: 409 or 400.
        folder_conflict_status: u16 = 409 => 400,
        /// Whether the creation of a folder must name the company (`pid`), else 400.
        folder_post_needs_pid: bool = false => true,
        /// Whether the answer to a created folder names its `folderId`.
        folder_post_answers_id: bool = true => false,
        /// Whether a trait folder brings its folder trait.
        folder_traits: bool = true,
        /// Whether `mergeRuleDataSourceId` must be a data source or a merge rule of the account.
        validate_merge_rule: bool = false => true,
        /// Whether a bulk deletion answers 500 although it deleted.
        bulk_delete_errors_after_effect: bool = false => true,
        /// Whether an If-Match header that is not the object's ETag is refused with 412.
        etags: bool = false => true,
        /// Status of RESOURCE_LIMIT_EXCEEDED: 400 or 409.
        item_limit_status: u16 = 400 => 409,
        item_limits: ItemLimits = ItemLimits::default(),
        /// When `traitDataSourceIds` is told.
        trait_data_sources: TraitDataSources = TraitDataSources::Always => TraitDataSources::OnRequest,
        /// Status of a segment or trait rule that is refused: 400, or another of the 4xx.
        rule_refusal_status: u16 = 400 => 409,

        // Export controls
        /// Status of a write that a data export control forbids; `None`: the API lets it through.
        export_control_status: Option<u16> = Some(400) => None,
        /// The values of `dataExportRestrictions` that a data source takes, any other is 400; empty: any.
        export_control_names: Vec<String> = vec!["PII".to_owned(), "ONSITE_PERSONALIZATION".to_owned()],
        /// Whether a client can set `dataExportRestrictions` at all; else they are ignored.
        export_controls_settable: bool = true,
        /// Whether a segment may not combine traits under different export controls.
        mixed_export_controls_refused: bool = false => true,

        // Destinations
        /// Whether the list of destinations leaves out what a mapping needs, the labels among it; only a read by id shows
        /// that.
        destination_list_compact: bool = true,
        /// Whether the list of destinations heeds `includeMappings`, which is documented for one destination alone.
        destination_list_tells_mappings: bool = true => false,
        /// In which form the mappings of a destination come where no page is asked for.
        mapping_list: MappingList = MappingList::Envelope => MappingList::Pages,
        /// What a PUT of a mapping does with `destinationId`.
        mapping_destination_id: MappingDestinationId =
            MappingDestinationId::Optional => MappingDestinationId::Required,
        /// Whether the mappings of a destination that has none are 404, not `[]`.
        empty_mappings_not_found: bool = true,
        /// Whether a mapping's `startDate` is kept a day before the one that was sent.
        mapping_start_date_shifted: bool = true,
        /// Under which names an answer shows the id of a mapping.
        mapping_id_names: MappingIdNames = MappingIdNames::Both => MappingIdNames::ByKind,
        /// Whether a client may map segments to a server-to-server destination.
        server_to_server_mappings: bool = true,
        /// Whether a client may map segments to destinations that only the user interface makes.
        ui_only_mappings: bool = false,
        /// Status of the deletion of a destination that has mappings: 400 or 409.
        mapped_destination_status: u16 = 400 => 409,

        // Models
        /// What the deletion of a model that algorithmic traits use is answered with.
        model_in_use_body: ModelInUseBody = ModelInUseBody::Ids,
        /// Deleting a trait or segment that is the baseline of a model.
        baseline_delete: InUseDelete = InUseDelete::Conflict => InUseDelete::Allow,
        /// Whether an algorithmic trait needs a model that ran with data.
        algorithmic_trait_needs_run: bool = true,
        /// How long after its creation a model has run.
        model_run_ms: u64 = 7 * 24 * 3600 * 1000,
        /// Whether its first run ends in the next daily slot, 22:00 UTC, and not after `model_run_ms`.
        model_runs_in_slot: bool = false,
        /// How a run ends: 0 failed, 1 with data, 2 without. A third one without data in a row ends the model for good.
        model_run_status: u64 = 1,
        /// What a model that ran with data needs to run again a week later.
        model_rerun: ModelRerun = ModelRerun::ActiveTrait => ModelRerun::MappedSegment,
        /// Whether a model by itself shows the state of its runs, as the list does.
        model_tells_run: bool = true => false,
        /// Whether it is 400 to switch a model on that was ended; else it stays off without an error.
        ended_model_refused: bool = true => false,
        /// Whether a model over what cannot be a baseline is made, and finds nothing.
        bad_baseline_accepted: bool = false => true,
        /// Whether a model by itself shows `status` 1 and `baselineTraitType` 3.
        models_in_numbers: bool = false => true,
    }
}

readings! {
    /// What a model that ran with data needs to run again a week later.
    ModelRerun {
        /// An algorithmic trait that is active.
        ActiveTrait,
        /// One that is in an active segment that is mapped to a destination.
        MappedSegment,
    }

    /// What stands before Audience Manager.
    AudienceManagerGateway {
        /// `aam.adobe.io`: `x-api-key` is required, errors are the gateway's.
        AdobeIo,
        /// `api.demdex.com`: no `x-api-key`, 401 with `WWW-Authenticate`.
        Demdex,
    }

    /// How an answer shows that a user is an administrator (audience-manager.md §1.7).
    AdministratorTold {
        /// `true`
        Boolean,
        /// `"true"`
        Text,
        /// The samples of this call leave it out.
        Nowhere,
    }

    /// How `status` is written in Audience Manager's answers.
    StatusSpelling {
        /// `"ACTIVE"`
        Upper,
        /// `"active"`
        Lower,
        /// `1`
        Numeric,
        /// Now one, now the other.
        Mixed,
    }

    /// A list with several `dataSourceId` (audience-manager.md §2.8).
    RepeatedDataSourceId {
        All,
        /// Only the last counts.
        Last,
        /// 404, as for a parameter that is not supported.
        NotFound,
    }

    /// What becomes of the deletion of an object that others use.
    InUseDelete {
        Conflict,
        BadRequest,
        Allow,
    }

    /// What becomes of a PUT that names another data source for a trait or a segment.
    DataSourceChange {
        /// It moves, under its sid.
        Follows,
        /// 400.
        Refused,
        /// 200, and it stays where it was.
        Ignored,
    }

    /// The names of a mapping's id in answers (audience-manager.md §6.2).
    MappingIdNames {
        Both,
        MappingId,
        DestinationMappingId,
        /// `mappingId` for URL and cookie destinations, `destinationMappingId` for all others.
        ByKind,
    }

    /// The list of a destination's mappings (audience-manager.md §6.2).
    MappingList {
        /// A bare array, as a published client reads it.
        Bare,
        /// All of them in `{total, page, pageSize, list}`.
        Envelope,
        /// The first ten in that envelope, as in the sample.
        Pages,
    }

    /// `destinationId` in the body of a PUT of a mapping, whose path names it already (audience-manager.md §6.2).
    MappingDestinationId {
        Optional,
        /// 400 without it.
        Required,
        /// 400 with it.
        Refused,
    }

    /// How the deletion of a model in use is refused (audience-manager.md §2.3, §6.3).
    ModelInUseBody {
        /// The array of the algorithmic traits.
        Ids,
        /// The error body with `CANNOT_DELETE_ENTITY_WITH_MAPPINGS`.
        Error,
    }

    /// When a segment names the data sources of its traits (audience-manager.md §5.1, §5.2).
    TraitDataSources {
        Always,
        /// With `includeTraitDataSourceIds`.
        OnRequest,
        Never,
    }
}

impl InUseDelete {
    /// The status of the refusal.
    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Conflict => Some(409),
            Self::BadRequest => Some(400),
            Self::Allow => None,
        }
    }
}

/// Item limits of an Audience Manager account (audience-manager.md §2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ItemLimits {
    pub traits: usize,
    pub rule_based_traits: usize,
    pub onboarded_traits: usize,
    pub algorithmic_traits: usize,
    pub trait_folders: usize,
    /// Levels below the root.
    pub trait_folder_depth: usize,
    pub segments: usize,
    pub traits_per_segment: usize,
    pub destinations: usize,
    pub url_destinations: usize,
    pub cookie_destinations: usize,
    pub active_models: usize,
    pub excluded_traits: usize,
}

impl Default for ItemLimits {
    fn default() -> Self {
        Self {
            traits: 100_000,
            rule_based_traits: 100_000,
            onboarded_traits: 100_000,
            algorithmic_traits: 50,
            trait_folders: 2_000,
            trait_folder_depth: 5,
            segments: 20_000,
            traits_per_segment: 5_000,
            destinations: 1_000,
            url_destinations: 1_000,
            cookie_destinations: 1_000,
            active_models: 20,
            excluded_traits: 500,
        }
    }
}
