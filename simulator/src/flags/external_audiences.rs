//! Switches of the external audiences service of Experience Platform.

use super::experience_platform::AudienceReference;

switches! {
    /// Switches of the external audiences service, `/data/core/ais`.
    ExternalAudiencesFlags {
        /// Whether organisations may use the service (else 100922-401).
        entitled: bool = true,
        /// How long an operation or a run of it takes.
        operation_ms: u64 = 30_000 => 120_000,
        /// Whether its operations and runs end in FAILED.
        operation_fails: bool = false,
        /// Status of a deletion: 204 or 202.
        delete_status: u16 = 204 => 202,
        /// Which id stands in its paths.
        path: AudienceReference = AudienceReference::Id => AudienceReference::AudienceId,
        errors: ExternalAudienceErrors = ExternalAudienceErrors::Problem => ExternalAudienceErrors::Code,
        /// Whether an id that a client chooses must be a name of letters, digits, `_`, `$` and `-`.
        custom_audience_id_checked: bool = true,
        /// Whether it changes and deletes audiences that it made as metadata only.
        metadata_only_changeable: bool = false,
        /// The namespaces in which it makes audiences; empty: any.
        enabled_namespaces: Vec<String> = Vec::new(),
    }
}

readings! {
    /// The body of an error of the external audiences service, which no source shows (experience-platform.md §3.8).
    ExternalAudienceErrors {
        /// `{type, title, status, detail}`
        Problem,
        /// `{error_code, message}`
        Code,
    }
}
