//! Switches of Experience Platform but for the external audiences service.

switches! {
    /// Switches of Experience Platform.
    ExperiencePlatformFlags {
        // Gateway
        /// Status for a sandbox that does not exist, is not active, or is not the credential's: 403 or 404.
        unknown_sandbox_status: u16 = 403 => 404,
        /// Whether sandbox lists name the `id` (service callers only, by the specification).
        sandbox_ids_listed: bool = false,
        /// Whether organisations have the external segment feature (else UPAPI-113740-403).
        external_segments_enabled: bool = true,
        /// Which calls an organisation without that feature is refused.
        external_segments_refusal: ExternalSegmentsRefusal = ExternalSegmentsRefusal::ListAndCreate,

        // Segment definitions
        /// 200 or 201.
        definition_create_status: u16 = 200 => 201,
        /// Whether a deleted definition is answered with a body.
        definition_delete_body: bool = true => false,
        /// How the expression of a definition is answered. `unknown` would be worse, but no reference names it.
        definition_expressions: DefinitionExpressions = DefinitionExpressions::AsSent => DefinitionExpressions::Json,
        /// Whether two definitions of a sandbox may not have the same name (422).
        definition_name_unique: bool = true => false,
        /// The number of the first page of definitions: 0 or 1.
        definition_first_page: u64 = 0 => 1,

        // Audiences: lists and reads
        /// What `start` counts in the list of audiences.
        audience_paging: AudiencePaging = AudiencePaging::PageIndex => AudiencePaging::ItemOffset,
        /// How `_page.next` is written.
        next_spelling: NextSpelling = NextSpelling::String => NextSpelling::Integer,
        /// How many a page holds where the request does not say.
        audience_default_limit: usize = 20,
        /// A larger `limit` is cut to this. Worse: the size that a published client went down to.
        audience_max_limit: usize = 100 => 60,
        /// When the list shows inactive audiences.
        inactive_listed: InactiveListed = InactiveListed::WithProperty,
        /// Audiences with one of these labels are not shown to anyone (attribute-based access).
        hidden_labels: Vec<String> = Vec::new(),
        /// Members of an audience that its list leaves out. Adobe's samples of the list have all that a client needs.
        audience_list_leaves_out: Vec<String> = Vec::new(),
        /// When an audience shows its `metrics`.
        audience_metrics: AudienceMetrics = AudienceMetrics::OnRequest => AudienceMetrics::Never,
        /// Whether the answer about many ids has labels, description and who made it.
        bulk_get_whole: bool = false,
        /// A new audience is readable after this long.
        read_after_write_delay_ms: u64 = 0 => 3_000,
        /// A deleted audience stays readable by id this long.
        deleted_readable_ms: u64 = 0 => 3_000,

        // Audiences: writes
        /// 200 or 201.
        audience_create_status: u16 = 200 => 201,
        /// 200 or 201.
        audience_update_status: u16 = 200 => 201,
        /// Whether PUT of an audience answers 500 UPAPI-113751-500, which means a missing permission.
        permission_errors_as_500: bool = false,
        /// Whether a PUT of an audience keeps the members that it leaves out.
        audience_put_keeps_missing: bool = false,
        /// Whether the answer to a PUT of an external audience shows its labels.
        audience_put_shows_labels: bool = true => false,
        /// Whether JSON Patch knows `replace`, `remove` and `test` besides `add`.
        json_patch_all_operations: bool = false,
        /// A second external audience with the same namespace and audience id.
        duplicate_external_audience: DuplicateAudience = DuplicateAudience::Conflict => DuplicateAudience::Allow,
        /// How the id of an external audience is made.
        external_audience_ids: ExternalAudienceIds = ExternalAudienceIds::Uuid => ExternalAudienceIds::Composite,
        /// What becomes of an external audience that a client makes here.
        external_audience_create: ExternalAudienceCreate = ExternalAudienceCreate::Served,
        /// The data sets that Catalog knows.
        catalog_datasets: Vec<String> = Vec::new(),
        /// PATCH, PUT and DELETE of an audience of origin `AUDIENCE_MANAGER`.
        read_only_audience: ReadOnlyAudience = ReadOnlyAudience::BadRequest => ReadOnlyAudience::Allow,
        /// Whether a client may create an audience with the origin `AUDIENCE_MANAGER`.
        audience_manager_origin_accepted: bool = false => true,
        /// Labels that a client sets on an external audience.
        external_audience_labels: ExternalAudienceLabels =
            ExternalAudienceLabels::Stored => ExternalAudienceLabels::Ignored,
        /// What `inSegment` names.
        in_segment_names: AudienceReference = AudienceReference::Id => AudienceReference::AudienceId,
        /// Whether `segmentMembership.get(…).get(…)` makes a definition depend on that audience, as `inSegment` does.
        membership_is_dependency: bool = true => false,
        /// Whether an expression that refers to an audience that is not there is refused.
        unknown_audience_refused: bool = false => true,
    }
}

readings! {
    /// When an audience shows its `metrics`.
    AudienceMetrics {
        /// With `property=withMetrics==true`.
        OnRequest,
        Always,
        Never,
    }

    /// What an organisation without the external segment feature is refused.
    ExternalSegmentsRefusal {
        /// The list of audiences as well, as Adobe's specification shows it.
        ListAndCreate,
        CreateOnly,
    }

    /// How a service answers the expression of a segment definition.
    DefinitionExpressions {
        AsSent,
        /// `pql/json`, for the tests of a membership; other expressions are answered as they were sent.
        Json,
        /// `pql/text` with other white space and more parentheses.
        Reformatted,
        /// A format that no reference names.
        Unknown,
    }

    /// What `start` counts, and `_page.next` names.
    AudiencePaging {
        PageIndex,
        ItemOffset,
    }

    /// How `_page.next` is written.
    NextSpelling {
        String,
        Integer,
    }

    /// When the list shows inactive audiences.
    InactiveListed {
        /// Only where a `property` filter is given.
        WithProperty,
        /// Wherever there is any query parameter.
        WithAnyQuery,
    }

    /// What becomes of a second external audience with one key.
    DuplicateAudience {
        Conflict,
        BadRequest,
        Allow,
    }

    /// Whether the service still makes external audiences, which its specification does not have any more (§3.12).
    ExternalAudienceCreate {
        Served,
        /// 400 without a type of the service's own.
        PlainBadRequest,
        /// 403 with a code that says nothing of access control.
        Forbidden,
        /// 404 without a code of the service.
        NotFound,
    }

    /// How the id of an external audience is made.
    ExternalAudienceIds {
        Uuid,
        /// `base64url(namespace + "_" + audienceId) + "_" + sandboxId`
        Composite,
    }

    /// What becomes of a write to an audience of origin `AUDIENCE_MANAGER`.
    ReadOnlyAudience {
        BadRequest,
        Forbidden,
        Allow,
    }

    /// What becomes of labels on an external audience.
    ExternalAudienceLabels {
        Stored,
        Ignored,
        Refused,
    }

    /// Which id of an audience is meant where only one is given (experience-platform.md §0.1, §3.8, §5.4).
    AudienceReference {
        /// The system's `id`.
        Id,
        /// The `audienceId`.
        AudienceId,
    }
}
