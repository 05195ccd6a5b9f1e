//! The values that a switch with more than two readings, or a knob with parts, can have.

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
        }
    }
}
