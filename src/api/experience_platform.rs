//! What a share to Experience Platform declares, and what the status says of the audience there.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::word::Word;

/// The audience in Experience Platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperiencePlatformTarget {
    /// How the audience is made where Adobe's source connector does not deliver it. Cannot change.
    #[serde(default)]
    pub strategy: Strategy,
    /// The name of the audience. Left out: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\t\\r\\n]')").message("target.experiencePlatform.name: leave out tabs, line breaks, and spaces at either end"))]
    pub name: Option<String>,
    /// The description of the audience, before the operator's mark. Left out: the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// Usage labels beside those that the export controls of the source ask for: `core/C5`, `custom/partners-only`. They
    /// are added, and none is ever taken away from the audience.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 128)))]
    #[x_kube(validation = Rule::new("self.all(label, label.matches('^(core/(C([1-9]|1[0-2])|[IS][12])|custom/[^/ ]+)$'))").message("target.experiencePlatform.dataUsageLabels: write core/ and one of C1 to C12, I1, I2, S1 and S2, or custom/ and the name of a label of your organization"))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_usage_labels: Vec<String>,
}

/// How an audience is created in Experience Platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// An external audience under the key that Adobe's source connector would use.
    #[default]
    ExternalAudience,
    /// An audience of which there is metadata only, in a namespace of its own.
    MetadataOnly,
    /// A segment definition over the connector's audience, evaluated once a day.
    SegmentDefinition,
}

/// The audience in Experience Platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperiencePlatformStatus {
    /// Its id, by which the API and segment definitions name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub id: Option<String>,
    /// Its `audienceId`, by which memberships on a profile name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub audience_id: Option<String>,
    /// The namespace of its `audienceId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub namespace: Option<String>,
    /// Its usage labels, as they were last read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_usage_labels: Vec<String>,
    /// Adobe's source connector delivers it: it is reported and never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<bool>,
}

/// How a segment definition of Experience Platform refers to the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PqlStatus {
    /// In the format `pql/text`.
    #[schemars(length(max = 1024))]
    pub text: String,
    /// How sure the text is: `Documented` by Adobe, or `Inferred` from Adobe's samples; then compare it with the code view
    /// of Segment Builder before you rely on it.
    #[schemars(length(max = 16))]
    pub text_certainty: Word,
    /// In the format `pql/json`.
    #[schemars(length(max = 1024))]
    pub json: String,
    /// How sure the JSON is, in the same words.
    #[schemars(length(max = 16))]
    pub json_certainty: Word,
}
