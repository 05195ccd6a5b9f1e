//! The API server's audit log, read back: who asked for what, and what came of it. Metadata only, no body.

use serde::Deserialize;

/// One answered request, out of the audit log: who asked for what, and the status code.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEvent {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, …
    pub verb: String,
    pub user: AuditUser,
    #[serde(default)]
    pub user_agent: String,
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Absent for requests like `/readyz`.
    #[serde(default)]
    pub object_ref: Option<AuditObject>,
    #[serde(default)]
    pub response_status: Option<AuditStatus>,
    /// RFC 3339, in UTC.
    #[serde(rename = "requestReceivedTimestamp")]
    pub received: String,
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// Who asked.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditUser {
    pub username: String,
}

/// What was asked for. A list, and a create by generated name, have no name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditObject {
    pub api_group: String,
    /// The plural: `secrets`, `sharedaudiences`.
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

/// The HTTP status.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuditStatus {
    pub code: u16,
}

impl AuditEvent {
    /// Whether RBAC refused it. A namespace that is being removed refuses too, with the same status.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        let decision = self.annotations.get("authorization.k8s.io/decision");
        decision.is_some_and(|decision| decision == "forbid")
    }

    /// Whether it asked for a change: everything but `get`, `list` and `watch`.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}
