//! The known faults of Adobe's files, each with its source. An exception mends the one place that is wrong, and only as
//! long as it stands there as it did; one that no exchange needs must go.

/// One fault of a file.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// A word to know it by.
    pub name: &'static str,
    pub file: &'static str,
    /// What is wrong.
    pub fault: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    pub(crate) edits: &'static [Edit],
}

/// A change of a document. Texts are JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    Replace {
        pointer: &'static str,
        was: &'static str,
        is: &'static str,
    },
    Remove {
        pointer: &'static str,
        member: &'static str,
    },
    /// Responses with one more status, described like another.
    AlsoAnswers {
        pointer: &'static str,
        status: &'static str,
        like: &'static str,
    },
    /// A response whose body may also be missing.
    MayBeEmpty { pointer: &'static str },
    /// Errors that are described with an empty `content`, in every operation.
    ErrorsWithoutBody { schema: &'static str },
    /// Statuses that an operation does not name, in every operation.
    UndeclaredErrors {
        statuses: &'static [&'static str],
        schema: &'static str,
    },
}

const SEGMENTATION: &str = "segmentation.yaml";
const SANDBOX: &str = "sandbox.yaml";
const PROFILE: &str = "profile.yaml";

const KINDS: &str = r#"["SegmentDefinition", "ExternalAudience"]"#;
const REAL_KINDS: &str = r#"["SegmentDefinition", "ExternalAudience", "ExternalSegment"]"#;

const SANDBOX_PARAMETERS: &str = r##"[
    {"$ref": "#/components/parameters/authorization"}, {"$ref": "#/components/parameters/x-api-key"},
    {"$ref": "#/components/parameters/x-gw-ims-org-id"}, {"$ref": "#/components/parameters/x-user-token"},
    {"$ref": "#/components/parameters/accept"}]"##;
const SANDBOX_PAGE_PARAMETERS: &str = r##"[
    {"$ref": "#/components/parameters/authorization"}, {"$ref": "#/components/parameters/x-api-key"},
    {"$ref": "#/components/parameters/x-gw-ims-org-id"}, {"$ref": "#/components/parameters/x-user-token"},
    {"$ref": "#/components/parameters/accept"},
    {"in": "query", "name": "limit", "schema": {"type": "integer"}},
    {"in": "query", "name": "offset", "schema": {"type": "integer"}}]"##;

/// The two shapes of the gateway (experience-platform.md §1.4) and that of the services behind it (§3.6).
const ANY_ERROR: &str = r#"{"anyOf": [
    {"type": "object", "required": ["error_code", "message"],
     "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}}},
    {"type": "object", "required": ["type", "status", "title", "detail"],
     "properties": {"type": {"type": "string"}, "status": {"type": "integer"},
                    "title": {"type": "string"}, "detail": {"type": "string"}}},
    {"type": "object", "required": ["requestId", "errors", "type", "title", "status"],
     "properties": {"requestId": {"type": "string"}, "type": {"type": "string"}, "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {
                        "type": "object", "required": ["code", "message"],
                        "properties": {"code": {"type": ["integer", "string"]}, "message": {"type": "string"}}}}}}}
]}"#;

/// 5XX covers what a service may always say; the others are named, so that no odd status passes.
const ERRORS: &[&str] = &["400", "401", "403", "404", "409", "429", "5XX"];

#[rustfmt::skip]
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "audience-type",
        file: SEGMENTATION,
        fault: "the enum of an audience's type lacks ExternalSegment, the word in every sample body",
        source: "experience-platform.md §7 (1), §3.3",
        edits: &[
            Edit::Replace { pointer: "/components/schemas/PlatformGeneratedAudience/properties/type/enum", was: KINDS, is: REAL_KINDS },
            Edit::Replace { pointer: "/components/schemas/ExternallyGeneratedAudience/properties/type/enum", was: KINDS, is: REAL_KINDS },
        ],
    },
    Exception {
        name: "audience-namespace",
        file: SEGMENTATION,
        fault: "the enum of an audience's namespace lacks what samples hold, and what a client may choose",
        source: "experience-platform.md §7 (1), §3.3",
        edits: &[
            Edit::Remove { pointer: "/components/schemas/PlatformGeneratedAudience/properties/namespace", member: "enum" },
            Edit::Remove { pointer: "/components/schemas/ExternallyGeneratedAudience/properties/namespace", member: "enum" },
        ],
    },
    Exception {
        name: "audience-lifecycle",
        file: SEGMENTATION,
        fault: "the enum of lifecycleState lacks active, which samples still return, and whatever a seventh page may say",
        source: "experience-platform.md §0.1 (9), §3.5",
        edits: &[
            Edit::Remove { pointer: "/components/schemas/PlatformGeneratedAudience/properties/lifecycleState", member: "enum" },
            Edit::Remove { pointer: "/components/schemas/ExternallyGeneratedAudience/properties/lifecycleState", member: "enum" },
        ],
    },
    Exception {
        name: "audience-list-one-of",
        file: SEGMENTATION,
        fault: "an audience of a list shall fit exactly one of two schemas that both take every audience",
        source: "experience-platform.md §7 (3)",
        edits: &[Edit::Replace {
            pointer: "/components/schemas/AudiencesList/properties/children/items",
            was: r##"{"oneOf": [{"$ref": "#/components/schemas/PlatformGeneratedAudience"}, {"$ref": "#/components/schemas/ExternallyGeneratedAudience"}]}"##,
            is: r##"{"anyOf": [{"$ref": "#/components/schemas/PlatformGeneratedAudience"}, {"$ref": "#/components/schemas/ExternallyGeneratedAudience"}]}"##,
        }],
    },
    Exception {
        name: "audience-list-next",
        file: SEGMENTATION,
        fault: "_page.next is an integer; the pages show a text",
        source: "experience-platform.md §3.2 [C]",
        edits: &[Edit::Replace {
            pointer: "/components/schemas/AudiencesList/properties/_page/properties/next/type",
            was: r#""integer""#,
            is: r#"["integer", "string"]"#,
        }],
    },
    Exception {
        name: "audience-put-one-of",
        file: SEGMENTATION,
        fault: "the body of PUT /audiences/{id} shall fit exactly one of two schemas that both take every body",
        source: "experience-platform.md §7 (2)",
        edits: &[Edit::Replace {
            pointer: "/paths/~1audiences~1{AUDIENCE_ID}/put/requestBody/content/application~1json/schema",
            was: r##"{"oneOf": [{"$ref": "#/components/schemas/UpdateAudienceName"}, {"$ref": "#/components/schemas/UpdateAudiencePQL"}]}"##,
            is: r##"{"anyOf": [{"$ref": "#/components/schemas/UpdateAudienceName"}, {"$ref": "#/components/schemas/UpdateAudiencePQL"}]}"##,
        }],
    },
    Exception {
        name: "audience-external-create",
        file: SEGMENTATION,
        fault: "the body of an external audience was taken out of POST /audiences in 2024; its schema lies unused, without lifecycleState and audienceMeta",
        source: "experience-platform.md §0.1 (1), §3.4, §7 (8)",
        edits: &[Edit::Replace {
            pointer: "/paths/~1audiences/post/requestBody/content/application~1json/schema",
            was: r##"{"oneOf": [{"$ref": "#/components/schemas/CreatePlatformAudienceRequestBody"}]}"##,
            is: r##"{"allOf": [
                {"anyOf": [{"$ref": "#/components/schemas/CreatePlatformAudienceRequestBody"}, {"$ref": "#/components/schemas/CreateExternalAudienceRequestBody"}]},
                {"properties": {"lifecycleState": {"type": "string", "enum": ["draft", "published", "inactive"]}, "audienceMeta": {"type": "object"},
                                "evaluationInfo": {"type": "object"}, "mergePolicyId": {"type": "string"}, "tags": {"type": "array"}}}
            ]}"##,
        }],
    },
    Exception {
        name: "audience-patch-value",
        file: SEGMENTATION,
        fault: "the value of a JSON Patch operation is an expression; it is whatever its path holds",
        source: "experience-platform.md §3.5",
        edits: &[Edit::Remove {
            pointer: "/paths/~1audiences~1{AUDIENCE_ID}/patch/requestBody/content/application~1json/schema/items/properties/value",
            member: "type",
        }],
    },
    Exception {
        name: "audience-create-status",
        file: SEGMENTATION,
        fault: "an audience that was made is 201 alone; the pages say 200",
        source: "experience-platform.md §7 (5), §0.1 (3)",
        edits: &[Edit::AlsoAnswers { pointer: "/paths/~1audiences/post/responses", status: "200", like: "201" }],
    },
    Exception {
        name: "audience-patch-status",
        file: SEGMENTATION,
        fault: "a patched audience is 201 alone; the pages say 200",
        source: "experience-platform.md §7 (5), §0.1 (3)",
        edits: &[Edit::AlsoAnswers { pointer: "/paths/~1audiences~1{AUDIENCE_ID}/patch/responses", status: "200", like: "201" }],
    },
    Exception {
        name: "audience-put-status",
        file: SEGMENTATION,
        fault: "a replaced audience is 201 alone; the pages say 200",
        source: "experience-platform.md §7 (5), §0.1 (3)",
        edits: &[Edit::AlsoAnswers { pointer: "/paths/~1audiences~1{AUDIENCE_ID}/put/responses", status: "200", like: "201" }],
    },
    Exception {
        name: "audience-delete-body",
        file: SEGMENTATION,
        fault: "204 with a JSON body",
        source: "experience-platform.md §7 (5), §3.1",
        edits: &[Edit::Remove { pointer: "/paths/~1audiences~1{AUDIENCE_ID}/delete/responses/204", member: "content" }],
    },
    Exception {
        name: "definition-list",
        file: SEGMENTATION,
        fault: "the list of definitions is described as one definition",
        source: "experience-platform.md §7 (4), §2.3",
        edits: &[Edit::Replace {
            pointer: "/paths/~1segment~1definitions/get/responses/200/content/application~1json/schema",
            was: r##"{"$ref": "#/components/schemas/SegmentDefinition"}"##,
            is: r##"{"type": "object", "required": ["segments", "page", "link"], "properties": {
                "segments": {"type": "array", "items": {"$ref": "#/components/schemas/SegmentDefinition"}},
                "page": {"type": "object", "properties": {"totalCount": {"type": "integer"}, "totalPages": {"type": "integer"},
                         "sortField": {"type": "string"}, "sort": {"type": "string"}, "pageSize": {"type": "integer"}, "limit": {"type": "integer"}}},
                "link": {"type": "object"}}}"##,
        }],
    },
    Exception {
        name: "definition-create-status",
        file: SEGMENTATION,
        fault: "a definition that was made is 200 alone; the sources differ on what a creation answers",
        source: "experience-platform.md §0.1 (3)",
        edits: &[Edit::AlsoAnswers { pointer: "/paths/~1segment~1definitions/post/responses", status: "201", like: "200" }],
    },
    Exception {
        name: "definition-delete-body",
        file: SEGMENTATION,
        fault: "the answer to a deletion has a body; the pages show none",
        source: "experience-platform.md §2.1 [C]",
        edits: &[Edit::MayBeEmpty { pointer: "/paths/~1segment~1definitions~1{SEGMENT_ID}/delete/responses/200" }],
    },
    Exception {
        name: "search-namespace",
        file: SEGMENTATION,
        fault: "a namespace of the search is an array; the example beside it and the pages show a text",
        source: "audience-manager.md §9",
        edits: &[Edit::Replace {
            pointer: "/components/schemas/SearchNamespaceObject/properties/namespace/type",
            was: r#""array""#,
            is: r#""string""#,
        }],
    },
    Exception {
        name: "segmentation-error-bodies",
        file: SEGMENTATION,
        fault: "errors of segment definitions are described without a body",
        source: "experience-platform.md §2.3, §3.6",
        edits: &[Edit::ErrorsWithoutBody { schema: ANY_ERROR }],
    },
    Exception {
        name: "segmentation-errors",
        file: SEGMENTATION,
        fault: "what the gateway answers, and most of what every call may meet, is named at no operation",
        source: "experience-platform.md §1.4, §1.5, §3.6",
        edits: &[Edit::UndeclaredErrors { statuses: ERRORS, schema: ANY_ERROR }],
    },
    Exception {
        name: "sandbox-pages",
        file: SANDBOX,
        fault: "the list of sandboxes lacks the two parameters of its pages",
        source: "experience-platform.md §4.2, Paging",
        edits: &[Edit::Replace { pointer: "/paths/~1sandbox-management~1/get/parameters", was: SANDBOX_PARAMETERS, is: SANDBOX_PAGE_PARAMETERS }],
    },
    Exception {
        name: "sandbox-error-bodies",
        file: SANDBOX,
        fault: "errors are described without a body",
        source: "experience-platform.md §7 (table: 88 entries, 0 with a body), §4.2, §1.4",
        edits: &[Edit::ErrorsWithoutBody { schema: ANY_ERROR }],
    },
    Exception {
        name: "sandbox-errors",
        file: SANDBOX,
        fault: "what the gateway answers is named at no operation",
        source: "experience-platform.md §1.4, §1.5",
        edits: &[Edit::UndeclaredErrors { statuses: ERRORS, schema: ANY_ERROR }],
    },
    Exception {
        name: "merge-policy-error-bodies",
        file: PROFILE,
        fault: "errors of merge policies are described without a body",
        source: "experience-platform.md §7 (table: 75 entries, 16 with a body), §3.6",
        edits: &[Edit::ErrorsWithoutBody { schema: ANY_ERROR }],
    },
    Exception {
        name: "merge-policy-errors",
        file: PROFILE,
        fault: "what the gateway answers is named at no operation",
        source: "experience-platform.md §1.4, §1.5",
        edits: &[Edit::UndeclaredErrors { statuses: ERRORS, schema: ANY_ERROR }],
    },
];
