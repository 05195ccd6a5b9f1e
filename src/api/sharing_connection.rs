//! `SharingConnection`: one pair of tenants, the credential for both, and what all its audiences have in common.
//!
//! Shape, bounds and defaults. Endpoints are never in it: whoever may write a resource must not send a credential
//! elsewhere (design.md §3).

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::{
    AdoptionPolicy, Condition, DeletionPolicy, DeletionWaitStatus, ID_MAX, TenantStatus,
    conditions_schema, find_condition, pending,
};

const RESYNC_INTERVAL: &str = "10m";
const RESYNC_INTERVAL_DURATION: Duration = Duration::from_secs(600);

/// Which tenants, which credential, and what all SharedAudiences of the connection have in common.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, kube(cel))]
#[kube(
    group = "audience-sharing.dev",
    version = "v1alpha1",
    kind = "SharingConnection",
    plural = "sharingconnections",
    shortname = "shc",
    category = "audience-sharing",
    namespaced,
    doc = "A SharingConnection joins an Adobe Audience Manager account with an Adobe Experience Platform sandbox of the same organization, names the credential for both, and holds what all its SharedAudiences have in common.",
    derive = "PartialEq",
    status = "SharingConnectionStatus",
    selectable = ".spec.credentialsSecretRef.name",
    printcolumn(name = "Organization", type_ = "string", json_path = ".spec.organizationId"),
    printcolumn(name = "Sandbox", type_ = "string", json_path = ".spec.experiencePlatform.sandbox"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].message"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name: at most 63 characters, since every remote object carries it; choose a shorter name")
)]
#[serde(rename_all = "camelCase")]
pub struct SharingConnectionSpec {
    /// The Experience Cloud organization, as `0F1E2D3C4B5A69780A49420E@AdobeOrg`. Cannot change.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9A-Fa-f]{24}@AdobeOrg$')").message("organizationId: write 24 hexadecimal digits and @AdobeOrg, as Adobe's Admin Console shows them"),
        validation = Rule::new("self == oldSelf").message("organizationId cannot change; create another SharingConnection for another organization"),
    )]
    pub organization_id: String,

    /// The Secret of this namespace that holds `clientId`, `clientSecret` and, optionally, `scopes` of an OAuth
    /// Server-to-Server credential with the APIs of both products.
    pub credentials_secret_ref: SecretRef,

    /// The Experience Platform side.
    pub experience_platform: ExperiencePlatformSettings,

    /// The Audience Manager side. May be left out: the defaults are the names that Adobe's own sharing uses.
    #[serde(default)]
    pub audience_manager: AudienceManagerSettings,

    /// How often both systems are read anew, so that what was changed by hand is noticed: `1m` to `24h`.
    #[serde(default = "default_resync_interval")]
    // The form is asked in the rule: a schema's pattern would be shown to the user as it is, and what has another form cannot
    // be compared.
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1m') && duration(self) <= duration('24h')").message("resyncInterval: write a duration from 1m to 24h, such as 10m or 1h30m"))]
    pub resync_interval: String,

    /// How many calls this connection makes.
    #[serde(default)]
    pub rate_limit: RateLimit,

    /// The former name of `rateLimit`; it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("false").message("budget was renamed to rateLimit; write rateLimit with the same fields"))]
    pub budget: Option<RateLimit>,

    /// What to do with objects that exist already without an ownership mark: `IfEqual` takes them over only if they are
    /// equal to what is declared, `Always` takes them over and changes them, `Never` leaves them alone and reports them.
    /// A SharedAudience may say otherwise for its own objects.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,

    /// What happens to the shared objects (data source, folders) when this resource is deleted: `Retain` leaves them,
    /// `Delete` deletes those that the operator made and that are empty.
    #[serde(default = "default_deletion_policy")]
    pub deletion_policy: DeletionPolicy,
}

/// The name of a Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')").message("credentialsSecretRef.name: write the name of a Secret of this namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,
}

/// Where in Experience Platform audiences are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperiencePlatformSettings {
    /// The name of the sandbox, such as `prod`. Cannot change.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z][a-z0-9-]*$')").message("experiencePlatform.sandbox: write the sandbox's name, not its title: lower-case letters, digits and hyphens, a letter first"),
        validation = Rule::new("self == oldSelf").message("experiencePlatform.sandbox cannot change; create another SharingConnection for another sandbox"),
    )]
    pub sandbox: String,
}

/// Where in Audience Manager audiences are written. The names are those of Adobe's own sharing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AudienceManagerSettings {
    /// The name of the data source of all shared traits and segments; created when missing. Cannot change.
    #[serde(default = "default_data_source")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("audienceManager.dataSource: leave out tabs, line breaks, and spaces at either end"),
        validation = Rule::new("self == oldSelf").message("audienceManager.dataSource cannot change; create another SharingConnection for another data source"),
    )]
    pub data_source: String,
    /// The name of the folder of all shared traits, under the root; created when missing.
    #[serde(default = "default_trait_folder")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("audienceManager.traitFolder: leave out tabs, line breaks, and spaces at either end"))]
    pub trait_folder: String,
    /// The name of the folder of all shared segments, under the root; created when missing.
    #[serde(default = "default_segment_folder")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("audienceManager.segmentFolder: leave out tabs, line breaks, and spaces at either end"))]
    pub segment_folder: String,
    /// The profile merge rule of all shared segments. Left out, a new segment gets the account's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_merge_rule: Option<ProfileMergeRule>,
    /// The key of a shared trait's rule, `<key> == "<id of the segment>"`: a letter, then letters, digits, `-` and `_`.
    #[serde(default = "default_trait_rule_key")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9_-]*$')").message("audienceManager.traitRuleKey: begin with a letter and use letters, digits, hyphens and underscores, such as segid"))]
    pub trait_rule_key: String,
}

/// A profile merge rule, by the id of its data source; no public API lists profile merge rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileMergeRule {
    /// The `mergeRuleDataSourceId` that a segment with this rule shows.
    #[schemars(range(min = 1, max = ID_MAX))]
    pub data_source_id: i64,
}

/// How many calls one connection makes. It bounds no other connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Calls per minute, 1 to 6000.
    #[serde(default = "default_requests_per_minute")]
    #[schemars(range(min = 1, max = 6000))]
    pub requests_per_minute: i32,
    /// Calls that may follow each other at once after a quiet time, 1 to 100. The read and the write of an update always
    /// follow each other at once.
    #[serde(default = "default_burst")]
    #[schemars(range(min = 1, max = 100))]
    pub burst: i32,
}

/// What the operator found and made for this connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = pending()))]
pub struct SharingConnectionStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub observed_generation: Option<i64>,
    /// Ready, CredentialsReady, AudienceManagerReachable, ExperiencePlatformReachable, SharedObjectsReady and
    /// ProfileMergeRuleReady.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
    /// The uid of the resource that recorded what follows. Under another uid, after a restore, all of it counts as empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub recorded_by: Option<String>,
    /// The tenant in which the ids below are valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantStatus>,
    /// The objects in Audience Manager that all audiences share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_manager: Option<ConnectionAudienceManagerStatus>,
    /// How near Audience Manager's item limits are; written again when a count moved by one percent of its limit or
    /// passed 80, 95 or 100 percent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemCountsStatus>,
    /// Only while this resource is being deleted and its remote objects cannot be: for how long that has lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_wait: Option<DeletionWaitStatus>,
    /// The last handled value of the annotation `audience-sharing.dev/reconcile-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// The objects in Audience Manager that all audiences of the connection share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAudienceManagerStatus {
    /// The data source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub data_source_id: Option<i64>,
    /// The data source is Adobe's own: the operator reads it and writes nothing into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source_observed: Option<bool>,
    /// The data sources beside it for audiences whose labels ask for export controls, at most one for each set of labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 15))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["labels".into()]))]
    pub controlled_data_sources: Vec<ControlledDataSourceStatus>,
    /// The folder of the traits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub trait_folder_id: Option<i64>,
    /// The folder of the segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub segment_folder_id: Option<i64>,
    /// The data source id of the profile merge rule; absent where the account's default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub profile_merge_rule_data_source_id: Option<i64>,
    /// The trait folders that the operator made; only these are ever deleted. Folders cannot carry a mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(range(min = 0, max = ID_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub created_trait_folder_ids: Vec<i64>,
    /// The segment folders that the operator made; only these are ever deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(range(min = 0, max = ID_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub created_segment_folder_ids: Vec<i64>,
}

/// A data source for audiences under export controls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlledDataSourceStatus {
    /// The usage labels whose export controls it has, such as `C3` or `C3+C5`.
    #[schemars(length(min = 1, max = 32))]
    pub labels: String,
    /// The data source.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub data_source_id: i64,
}

/// Counts beside the limits that Adobe documents for a company.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemCountsStatus {
    /// All trait folders of the company.
    pub trait_folders: ItemCountStatus,
    /// The traits of the connection's data sources; the limit holds for all onboarded traits of the company.
    pub traits: ItemCountStatus,
    /// The segments of the connection's data sources; the limit holds for all segments of the company.
    pub segments: ItemCountStatus,
}

/// One count and its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemCountStatus {
    /// How many there are, to within one percent of the limit.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub count: i64,
    /// The most that there may be.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub limit: i64,
}

impl Default for AudienceManagerSettings {
    fn default() -> Self {
        Self {
            data_source: default_data_source(),
            trait_folder: default_trait_folder(),
            segment_folder: default_segment_folder(),
            profile_merge_rule: None,
            trait_rule_key: default_trait_rule_key(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests_per_minute: default_requests_per_minute(),
            burst: default_burst(),
        }
    }
}

impl SharingConnectionSpec {
    /// A spec with the required fields; all others as the schema defaults them.
    pub fn new(
        organization_id: impl Into<String>,
        secret: impl Into<String>,
        sandbox: impl Into<String>,
    ) -> Self {
        Self {
            organization_id: organization_id.into(),
            credentials_secret_ref: SecretRef {
                name: secret.into(),
            },
            experience_platform: ExperiencePlatformSettings {
                sandbox: sandbox.into(),
            },
            audience_manager: AudienceManagerSettings::default(),
            resync_interval: default_resync_interval(),
            rate_limit: RateLimit::default(),
            budget: None,
            adoption_policy: AdoptionPolicy::default(),
            deletion_policy: default_deletion_policy(),
        }
    }

    /// The resync interval; the default where the text, which the API server checked, is no duration after all.
    pub fn resync_interval(&self) -> Duration {
        self.resync_interval
            .parse::<kube::core::Duration>()
            .map_or(RESYNC_INTERVAL_DURATION, Duration::from)
    }
}

impl SharingConnectionStatus {
    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        find_condition(&self.conditions, kind)
    }
}

fn default_data_source() -> String {
    "Adobe Experience Platform Audience Sharing".into()
}

fn default_trait_folder() -> String {
    "Experience Platform Traits".into()
}

fn default_segment_folder() -> String {
    "Experience Platform Segments".into()
}

fn default_trait_rule_key() -> String {
    "segid".into()
}

const fn default_requests_per_minute() -> i32 {
    300
}

const fn default_burst() -> i32 {
    10
}

fn default_resync_interval() -> String {
    RESYNC_INTERVAL.into()
}

const fn default_deletion_policy() -> DeletionPolicy {
    DeletionPolicy::Retain
}

impl SharingConnection {
    /// The status, if this very resource recorded it: what another uid recorded, before a restore, says nothing of this
    /// one (design.md §4, L1).
    pub(crate) fn own_status(&self) -> Option<&SharingConnectionStatus> {
        let status = self.status.as_ref()?;
        (status.recorded_by == self.metadata.uid).then_some(status)
    }
}
