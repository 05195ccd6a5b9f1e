//! The values that a switch with more than two readings, or a knob with parts, can have.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A token bucket per credential and system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    pub requests_per_minute: u64,
    pub burst: u64,
    /// Whether the 429 says when to come back.
    #[serde(default)]
    pub retry_after: bool,
}

/// How a service stores a text that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoredTexts {
    AsSent,
    /// Runs of white space become one space, and those at the ends go.
    SpacesCollapsed,
    /// In Unicode's composed form (NFC).
    Composed,
}

/// How a service answers the expression of a segment definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DefinitionExpressions {
    AsSent,
    /// `pql/json`, for the tests of a membership; other expressions are answered as they were sent.
    Json,
    /// `pql/text` with other white space and more parentheses.
    Reformatted,
    /// A format that no reference names.
    Unknown,
}

/// What stands before Audience Manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AudienceManagerGateway {
    /// `aam.adobe.io`: `x-api-key` is required, errors are the gateway's.
    AdobeIo,
    /// `api.demdex.com`: no `x-api-key`, 401 with `WWW-Authenticate`.
    Demdex,
}

/// How `status` is written in Audience Manager's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StatusSpelling {
    /// `"ACTIVE"`
    Upper,
    /// `"active"`
    Lower,
    /// `1`
    Numeric,
    /// Now one, now the other.
    Mixed,
}

/// What becomes of the deletion of an object that others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InUseDelete {
    Conflict,
    BadRequest,
    Allow,
}

/// What becomes of a PUT that names another data source for a trait or a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataSourceChange {
    /// It moves, under its sid.
    Follows,
    /// 400.
    Refused,
    /// 200, and it stays where it was.
    Ignored,
}

/// What `start` counts, and `_page.next` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AudiencePaging {
    PageIndex,
    ItemOffset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NextSpelling {
    String,
    Integer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InactiveListed {
    /// Only where a `property` filter is given.
    WithProperty,
    /// Wherever there is any query parameter.
    WithAnyQuery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DuplicateAudience {
    Conflict,
    BadRequest,
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExternalAudienceIds {
    Uuid,
    /// `base64url(namespace + "_" + audienceId) + "_" + sandboxId`
    Composite,
}

/// The names of a mapping's id in answers (audience-manager.md §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MappingIdNames {
    Both,
    MappingId,
    DestinationMappingId,
    /// `mappingId` for URL and cookie destinations, `destinationMappingId` for all others.
    ByKind,
}

/// How the deletion of a model in use is refused (audience-manager.md §2.3, §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelInUseBody {
    /// The array of the algorithmic traits.
    Ids,
    /// The error body with `CANNOT_DELETE_ENTITY_WITH_MAPPINGS`.
    Error,
}

/// The source connector of a company, as a person set it up (experience-platform.md §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connector {
    /// The company; absent: the first credential's.
    #[serde(default)]
    pub pid: Option<u64>,
    /// Where the audiences appear, by name.
    pub sandbox: String,
    #[serde(default)]
    pub segments: Picked,
    #[serde(default)]
    pub traits: Picked,
    /// How long after a change it shows in Experience Platform.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What a person picked in the folder tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Picked {
    #[default]
    None,
    /// All of the company's own.
    All,
    /// The ones with these sids.
    Some(BTreeSet<u64>),
}

/// The namespaces of what the connector makes (experience-platform.md §3.3, §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectorNamespaces {
    /// `AAMSegments` and `AAMTraits`
    PerKind,
    /// `aamSegments` and `aamTraits`
    LowerCamel,
    /// `AAM` for both
    One,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectorDeletion {
    /// The audience stays, its `segmentStatus` is `DELETED`.
    MarksDeleted,
    Keeps,
    Removes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectorCollision {
    /// There are two audiences with one key.
    Beside,
    /// The audience that was there becomes the connector's.
    TakesOver,
    Skips,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExternalSegmentsRefusal {
    /// The list of audiences as well, as Adobe's specification shows it.
    ListAndCreate,
    CreateOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadOnlyAudience {
    BadRequest,
    Forbidden,
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExternalAudienceLabels {
    Stored,
    Ignored,
    Refused,
}

/// When a segment names the data sources of its traits (audience-manager.md §5.1, §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TraitDataSources {
    Always,
    /// With `includeTraitDataSourceIds`.
    OnRequest,
    Never,
}

/// Which id of an audience is meant where only one is given (experience-platform.md §0.1, §3.8, §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AudienceReference {
    /// The system's `id`.
    Id,
    /// The `audienceId`.
    AudienceId,
}

/// The body of an error of the external audiences service, which no source shows (experience-platform.md §3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExternalAudienceErrors {
    /// `{type, title, status, detail}`
    Problem,
    /// `{error_code, message}`
    Code,
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
