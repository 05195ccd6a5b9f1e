//! What both resources have in common: policies, references, the tenant, and the shape of conditions.
//!
//! Each bound is here once; nothing here reads an object.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::word::Word;

/// The highest id that every JSON reader keeps exactly: 2^53 − 1.
pub(crate) const ID_MAX: i64 = 9_007_199_254_740_991;

/// What to do with objects that exist already in Audience Manager under the wanted integration code without an ownership
/// mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// Take them over only if they are equal to what is declared.
    #[default]
    IfEqual,
    /// Take them over and change them to what is declared.
    Always,
    /// Leave them alone and report them.
    Never,
}

/// What happens to the remote objects when the resource is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are deleted too, as far as they are ours and nothing else uses them.
    Delete,
    /// They stay as they are.
    Retain,
}

/// What happens to what was made of a source that was deleted or deactivated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceGonePolicy {
    /// It stays as it is.
    #[default]
    Retain,
    /// It is out of use until the source is back.
    Pause,
    /// It is deleted, as far as it is ours and nothing else uses it.
    Delete,
}

/// What Audience Manager lets nobody do with data of a data source; each is the counterpart of a usage label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExportControl {
    /// No combination with personally identifiable information: `core/C3`.
    NoPersonalData,
    /// No off-site ad targeting: `core/C5`.
    NoOffSiteAds,
    /// No on-site ad targeting: `core/C6`.
    NoOnSiteAds,
    /// No on-site personalization: `core/C7`.
    NoOnSitePersonalization,
}

/// The tenant in which the ids of this status are valid. Nothing is written while the credential answers for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// The Audience Manager customer (`pid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub company_id: Option<i64>,
    /// The id of the Experience Platform sandbox; a sandbox that was reset keeps its name and has another id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub sandbox_id: Option<Word>,
}

/// For how long a deletion has waited for what it needs to delete the remote objects. After ten minutes the resource is
/// released, and its remote objects stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionWaitStatus {
    /// The seconds that the operator has counted so far, over all its processes.
    #[schemars(range(min = 0, max = 86_400))]
    pub seconds: i32,
    /// When it counted last.
    pub counted_at: Time,
}

/// `metav1.Condition`: one aspect of an object's state. Its bounds are in the schema of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: Word,
    /// `True`, `False` or `Unknown`.
    pub status: Word,
    pub reason: Word,
    pub message: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the status last changed.
    pub last_transition_time: Time,
}

/// A list of conditions, keyed by type, with the bounds that Kubernetes gives them.
pub(crate) fn conditions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "description": "One aspect of the object's state.",
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "description": "What the condition is about, such as Ready.",
                    "type": "string", "minLength": 1, "maxLength": 64,
                },
                "status": {
                    "description": "Whether it holds.",
                    "type": "string", "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, in one word.",
                    "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z][A-Za-z0-9]*$",
                },
                "message": {
                    "description": "What happened, to which object, and how to fix it.",
                    "type": "string", "maxLength": MESSAGE_CHARS_MAX,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string", "format": "date-time",
                },
                "observedGeneration": {
                    "description": "The metadata.generation that the condition is about.",
                    "type": "integer", "format": "int64", "minimum": 0, "maximum": ID_MAX,
                },
            },
        },
    })
}

/// Characters of a condition's message; Kubernetes' own bound.
pub const MESSAGE_CHARS_MAX: usize = 32_768;

/// The status of an object that was not reconciled yet: it must never read as done (design.md §3).
pub(crate) fn pending() -> Value {
    json!({"conditions": [{
        "type": "Ready",
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for controller",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }]})
}

/// The condition of that type.
pub(crate) fn find_condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}
