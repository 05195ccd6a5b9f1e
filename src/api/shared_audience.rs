//! `SharedAudience`: one audience of one system, declared to be shared with the other.
//!
//! Shape, bounds, defaults, and the effective value where a field may be left out. What follows from them is composed in
//! `core`.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::{Destination, DestinationStatus, NamedTrait, NamedTraitStatus};
pub use super::common::ExportControl;
use super::common::{
    AdoptionPolicy, Condition, DeletionPolicy, DeletionWaitStatus, ID_MAX, SourceGonePolicy,
    TenantStatus, conditions_schema, find_condition, pending,
};
use super::experience_platform::{ExperiencePlatformStatus, ExperiencePlatformTarget, PqlStatus};
use super::models::{Model, ModelStatus};
use super::used_by::UsedByStatus;
use super::word::Word;

/// Days; Audience Manager's own default for onboarded traits (audience-manager.md §4.1).
pub(crate) const TTL_DAYS: i32 = 120;

/// Which audience is shared, through which connection, and what differs on the other side.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, kube(cel))]
#[kube(
    group = "audience-sharing.dev",
    version = "v1alpha1",
    kind = "SharedAudience",
    plural = "sharedaudiences",
    shortname = "sha",
    category = "audience-sharing",
    namespaced,
    doc = "A SharedAudience shares one audience of Adobe Experience Platform with Adobe Audience Manager, where an onboarded trait and a segment follow it, or one trait or segment of Audience Manager with Experience Platform, where an audience follows it. Deleting the SharedAudience deletes what it made, unless its deletion policy retains it.",
    derive = "PartialEq",
    status = "SharedAudienceStatus",
    selectable = ".spec.connectionRef.name",
    printcolumn(name = "Direction", type_ = "string", json_path = ".status.source.direction"),
    printcolumn(name = "Source", type_ = "string", json_path = ".status.source.name"),
    printcolumn(name = "Trait", type_ = "integer", json_path = ".status.audienceManager.traitSid"),
    printcolumn(name = "Segment", type_ = "integer", json_path = ".status.audienceManager.segmentSid"),
    printcolumn(name = "Audience", type_ = "string", json_path = ".status.experiencePlatform.id"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].message"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name: at most 63 characters, since every remote object carries it; choose a shorter name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.mode != 'Observe' || !has(self.target) || !has(self.target.audienceManager) || !has(self.target.audienceManager.additionalSegments) || size(self.target.audienceManager.additionalSegments) == 0")
    .message("target.audienceManager.additionalSegments: mode Observe reports only and creates nothing; take the segments out or set mode: Manage"),
    validation = Rule::new("self.mode != 'Observe' || !has(self.target) || !has(self.target.audienceManager) || !has(self.target.audienceManager.destinations) || size(self.target.audienceManager.destinations) == 0")
    .message("target.audienceManager.destinations: mode Observe reports only and maps nothing; take the destinations out or set mode: Manage"))]
#[x_kube(validation = Rule::new("self.mode != 'Observe' || !has(self.target) || !has(self.target.audienceManager) || !has(self.target.audienceManager.models) || size(self.target.audienceManager.models) == 0")
    .message("target.audienceManager.models: mode Observe reports only and creates nothing; take the models out or set mode: Manage"))]
#[x_kube(validation = Rule::new("self.mode != 'Observe' || !has(self.target) || !has(self.target.experiencePlatform) || !has(self.target.experiencePlatform.dataUsageLabels) || size(self.target.experiencePlatform.dataUsageLabels) == 0")
    .message("target.experiencePlatform.dataUsageLabels: mode Observe reports only and labels nothing; take the labels out or set mode: Manage"))]
#[x_kube(validation = Rule::new("has(self.source.experiencePlatform) || !has(self.target) || !has(self.target.audienceManager)")
    .message("target.audienceManager: the source is in Audience Manager already; write target.experiencePlatform"))]
#[x_kube(validation = Rule::new("has(self.source.audienceManager) || !has(self.target) || !has(self.target.experiencePlatform)")
    .message("target.experiencePlatform: the source is in Experience Platform already; write target.audienceManager"))]
#[x_kube(validation = Rule::new("(has(self.target) && has(self.target.experiencePlatform) ? self.target.experiencePlatform.strategy : 'ExternalAudience') == (has(oldSelf.target) && has(oldSelf.target.experiencePlatform) ? oldSelf.target.experiencePlatform.strategy : 'ExternalAudience')")
    .message("target.experiencePlatform.strategy cannot change, for another strategy makes another audience; delete this SharedAudience and create one with the other strategy"))]
// What few audiences have is boxed, here and in the status: each of thousands in the cache would hold its room.
pub struct SharedAudienceSpec {
    /// The SharingConnection of this namespace. Cannot change.
    #[x_kube(validation = Rule::new("self == oldSelf").message("connectionRef cannot change; delete this SharedAudience and create one with the other connection"))]
    pub connection_ref: ConnectionRef,

    /// The audience that is shared. Its system and kind cannot change. It may be named in another way, by its id instead of
    /// its name, as long as that names the same audience.
    #[x_kube(validation = Rule::new("has(self.experiencePlatform) == has(oldSelf.experiencePlatform) && (!has(self.audienceManager) || !has(oldSelf.audienceManager) || has(self.audienceManager.segment) == has(oldSelf.audienceManager.segment))").message("source: its system and kind cannot change; declare another source in another SharedAudience, under another name"))]
    pub source: Source,

    /// Overrides for the created objects. Left out, name and description follow the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<Target>>,

    /// `Manage`: the operator makes the objects and keeps them as declared. `Observe`: Adobe's own sharing makes them;
    /// the operator waits for them and reports, and writes nothing.
    #[serde(default)]
    pub mode: Mode,

    /// What to do with objects that exist already without an ownership mark: `IfEqual` takes them over only if they are
    /// equal to what is declared, `Always` takes them over and changes them, `Never` leaves them alone and reports them.
    /// Left out: as the connection says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AdoptionPolicy")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What happens to the trait and the segments when this resource is deleted: `Delete` deletes them, as far as they
    /// are ours and nothing else uses them, `Retain` leaves them as they are. It can also be changed while this resource is
    /// being deleted.
    #[serde(default = "default_deletion_policy")]
    pub deletion_policy: DeletionPolicy,

    /// What happens to what was made of the source when it is deleted or deactivated: `Retain` leaves it as it is, `Pause`
    /// takes the segments or the audience out of use until the source is back, `Delete` deletes them as if this resource
    /// were deleted, and makes them again when the source is back. Where the mode is `Observe`, nothing happens to it.
    #[serde(default)]
    pub source_gone_policy: SourceGonePolicy,

    /// Pause reconciliation. The last verdict of `Ready` stays, and `Suspended` is `True`. Deleting this resource still
    /// cleans up.
    #[serde(default)]
    pub suspend: bool,
}

/// The name of a SharingConnection in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRef {
    /// The name of the SharingConnection.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')").message("connectionRef.name: write the name of a SharingConnection of this namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,
}

/// The audience that is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.experiencePlatform) != has(self.audienceManager)").message("source: write exactly one of experiencePlatform and audienceManager"))]
pub struct Source {
    /// A segment of Experience Platform; it is shared to Audience Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experience_platform: Option<ExperiencePlatformSource>,
    /// A trait or a segment of Audience Manager; it is shared to Experience Platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_manager: Option<Box<AudienceManagerSource>>,
}

/// A trait or a segment of Audience Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.trait) != has(self.segment)").message("source.audienceManager: write exactly one of trait and segment"))]
pub struct AudienceManagerSource {
    /// A trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#trait: Option<AudienceManagerObject>,
    /// A segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<AudienceManagerObject>,
}

/// A trait or segment, by exactly one of `sid`, `integrationCode` and `name`. It must fit one; the sid that it was first
/// found under is then kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.sid), has(self.integrationCode), has(self.name)].filter(given, given).size() == 1").message("source.audienceManager: write exactly one of sid, integrationCode and name"))]
pub struct AudienceManagerObject {
    /// The sid, as the Audience Manager interface and API show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ID_MAX))]
    pub sid: Option<i64>,
    /// The integration code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub integration_code: Option<String>,
    /// The exact name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('[\\t\\r\\n]')").message("source.audienceManager: leave tabs and line breaks out of the name"))]
    pub name: Option<String>,
}

/// A segment of Experience Platform, by exactly one of `id` and `name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.id) != has(self.name)").message("source.experiencePlatform: write exactly one of id and name"))]
pub struct ExperiencePlatformSource {
    /// The id of the segment, as the Experience Platform interface and API show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9_.:-]*$')").message("source.experiencePlatform.id: write the id as Experience Platform shows it: letters, digits, hyphens, underscores, dots and colons"))]
    pub id: Option<String>,
    /// The exact name. It must fit one segment; the id that it was first found under is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\t\\\\r\\\\n]')").message("source.experiencePlatform.name: leave out tabs and line breaks"))]
    pub name: Option<String>,
}

/// Overrides for the created objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The objects in Audience Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_manager: Option<AudienceManagerTarget>,
    /// The audience in Experience Platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experience_platform: Option<ExperiencePlatformTarget>,
}

/// The trait and the segments in Audience Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AudienceManagerTarget {
    /// The name of the trait and the segment. Left out: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("target.audienceManager.name: leave out tabs, line breaks, and spaces at either end"))]
    pub name: Option<String>,
    /// The description of the trait and the segment, before the operator's mark. Left out: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// For how many days after it was last seen a visitor keeps the trait; 0 means for ever.
    #[serde(default = "default_ttl_days")]
    #[schemars(range(min = 0, max = 3650))]
    pub ttl_days: i32,
    /// Destinations that the segment is mapped to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub destinations: Vec<Destination>,
    /// Further segments that mix the shared trait with other traits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub additional_segments: Vec<AdditionalSegment>,
    /// Algorithmic models, and the traits that they yield.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub models: Vec<Model>,
    /// What happens to this resource's own trait and segment where Adobe's own sharing makes another pair for the audience
    /// later: `KeepOwn` keeps them, `MoveOver` lets Adobe's take their place once its segment has members. Mappings are made
    /// to Adobe's segment before the old ones are deleted.
    #[serde(default)]
    pub adobe_sharing: AdobeSharingPolicy,
}

/// Which pair is used where Adobe's own sharing made one beside ours.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum AdobeSharingPolicy {
    #[default]
    KeepOwn,
    MoveOver,
}

/// A segment beside the shared one, whose rule mixes the shared trait with others, third parties' included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalSegment {
    /// Tells the segment from the others of this audience; ends its integration code. Another key is another segment.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("additionalSegments[].key: use lower-case letters, digits and hyphens, a letter or digit first and last"))]
    pub key: String,
    /// The name of the segment.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("additionalSegments[].name: leave out tabs, line breaks, and spaces at either end"))]
    pub name: String,
    /// The description of the segment, before the operator's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// The segment's rule, with `{trait}` for the shared trait, such as `{trait} AND (9912T OR {auto})`. Other traits are named
    /// in it by their sids, or by the keys of `traits` and of the traits of `models`.
    #[schemars(length(min = 1, max = 8192))]
    #[x_kube(validation = Rule::new("self.contains('{trait}')").message("additionalSegments[].rule: write {trait} for the shared trait, such as {trait} AND 9912T"))]
    pub rule: String,
    /// The traits that the rule names by a key in braces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub traits: Vec<NamedTrait>,
    /// Destinations that this segment is mapped to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub destinations: Vec<Destination>,
}

/// Who makes the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// The operator makes them and keeps them as declared.
    #[default]
    Manage,
    /// Adobe's own sharing makes them; the operator waits for them and reports.
    Observe,
}

/// What the operator found and made for this audience.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = pending()))]
pub struct SharedAudienceStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub observed_generation: Option<i64>,
    /// Ready, ReferencesResolved, MembersArriving, and AudienceManagerSynced or ExperiencePlatformSynced, whichever system
    /// is written to; `Unknown` where one cannot be judged. Only while they are true: Reconciling, Stalled, Drifted and
    /// Suspended.
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
    /// The source, as it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceStatus>,
    /// The objects in Audience Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_manager: Option<AudienceManagerStatus>,
    /// The audience in Experience Platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experience_platform: Option<Box<ExperiencePlatformStatus>>,
    /// Who uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Box<UsedByStatus>>,
    /// How a segment definition of Experience Platform refers to the audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pql: Option<PqlStatus>,
    /// The hash of what was last applied in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub last_applied_hash: Option<String>,
    /// When the operator tries again; only while this object itself fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Box<Time>>,
    /// Only while this resource is being deleted and its remote objects cannot be: for how long that has lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_wait: Option<Box<DeletionWaitStatus>>,
    /// The last handled value of the annotation `audience-sharing.dev/reconcile-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// Which way an audience is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// From Experience Platform to Audience Manager.
    ToAudienceManager,
    /// From Audience Manager to Experience Platform.
    ToExperiencePlatform,
}

/// What kind of object is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceKind {
    /// An audience of Experience Platform.
    Audience,
    /// A trait of Audience Manager.
    Trait,
    /// A segment of Audience Manager.
    Segment,
}

/// The source, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Which way the audience is shared: `ToAudienceManager`, from Experience Platform, or `ToExperiencePlatform`, from
    /// Audience Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Direction")]
    pub direction: Option<Direction>,
    /// What kind of object the source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SourceKind")]
    pub kind: Option<SourceKind>,
    /// The id or sid; where the source was given otherwise, the one that it was first found under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub id: Option<String>,
    /// The name, as it was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,
    /// `draft`, `published`, `inactive` or `deleted` of an audience, `active` or `inactive` of a trait or segment, or the
    /// system's own word where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub lifecycle: Option<Word>,
    /// The data source of a trait or segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub data_source_id: Option<i64>,
}

/// Trait and segment that Adobe's own sharing made of the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdobesPairStatus {
    /// The onboarded trait.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub trait_sid: i64,
    /// The segment; absent while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub segment_sid: Option<i64>,
    /// The data source of both.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub data_source_id: i64,
}

/// The objects of this audience in Audience Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AudienceManagerStatus {
    /// The data source of the trait and the segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub data_source_id: Option<i64>,
    /// The data export controls that the trait is under there, as far as their names are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub export_controls: Vec<ExportControl>,
    /// The folder of the trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub trait_folder_id: Option<i64>,
    /// The folder of the segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub segment_folder_id: Option<i64>,
    /// The data source id of the segments' profile merge rule; absent where the account's default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub profile_merge_rule_data_source_id: Option<i64>,
    /// The onboarded trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub trait_sid: Option<i64>,
    /// The segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub segment_sid: Option<i64>,
    /// Trait and segment are of Adobe's own sharing: they are reported and never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<bool>,
    /// The pair that Adobe's own sharing made beside this resource's own, which stays in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adobe_sharing: Option<Box<AdobesPairStatus>>,
    /// The destinations of the segment that were found, with the mappings to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub destinations: Vec<DestinationStatus>,
    /// The additional segments that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub additional_segments: Vec<AdditionalSegmentStatus>,
    /// The models that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub models: Vec<ModelStatus>,
}

/// An additional segment that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalSegmentStatus {
    /// The key, as in the spec.
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// The segment.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub sid: i64,
    /// The traits of its rule that were found by something else than their sids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub traits: Vec<NamedTraitStatus>,
    /// The destinations of the segment that were found, with the mappings to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub destinations: Vec<DestinationStatus>,
}

impl Default for AudienceManagerTarget {
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            ttl_days: TTL_DAYS,
            destinations: Vec::new(),
            additional_segments: Vec::new(),
            models: Vec::new(),
            adobe_sharing: AdobeSharingPolicy::default(),
        }
    }
}

impl SharedAudienceSpec {
    /// A spec with the required fields; all others as the schema defaults them.
    pub fn new(connection: impl Into<String>, source: ExperiencePlatformSource) -> Self {
        Self {
            connection_ref: ConnectionRef {
                name: connection.into(),
            },
            source: Source {
                experience_platform: Some(source),
                audience_manager: None,
            },
            target: None,
            mode: Mode::default(),
            adoption_policy: None,
            deletion_policy: default_deletion_policy(),
            source_gone_policy: SourceGonePolicy::default(),
            suspend: false,
        }
    }
}

impl SharedAudienceStatus {
    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        find_condition(&self.conditions, kind)
    }
}

const fn default_ttl_days() -> i32 {
    TTL_DAYS
}

const fn default_deletion_policy() -> DeletionPolicy {
    DeletionPolicy::Delete
}

impl SharedAudience {
    /// The status, if this very resource recorded it: what another uid recorded, before a restore, says nothing of this
    /// one (design.md §4, L1).
    pub(crate) fn own_status(&self) -> Option<&SharedAudienceStatus> {
        let status = self.status.as_ref()?;
        (status.recorded_by == self.metadata.uid).then_some(status)
    }
}
