//! Algorithmic models over what is shared, and the traits that they yield; and what the status says of both.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::ID_MAX;

/// An algorithmic model of Audience Manager, which finds people who are like those of the shared audience. Adobe runs a new
/// model within a week. What it is made of can never change: declare another one under another key, and take this one out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.baseline) ? self.baseline : 'Trait') == (has(oldSelf.baseline) ? oldSelf.baseline : 'Trait') && self.dataSourceIds == oldSelf.dataSourceIds && self.lookBackDays == oldSelf.lookBackDays && has(self.excludedTraits) == has(oldSelf.excludedTraits) && (!has(self.excludedTraits) || self.excludedTraits == oldSelf.excludedTraits)").message("models[]: what a model is made of cannot change; declare another model under another key, and take this one out")
)]
pub struct Model {
    /// Tells the model from the others of this audience. Another key is another model.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("models[].key: use lower-case letters, digits and hyphens, a letter or digit first and last"))]
    pub key: String,
    /// The name of the model.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("models[].name: leave out tabs, line breaks, and spaces at either end"))]
    pub name: String,
    /// The description of the model, before the operator's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// Whose look-alikes it finds: `Trait`, those of the shared trait, or `Segment`, those of the shared segment. Left out:
    /// `Trait`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Baseline")]
    pub baseline: Option<Baseline>,
    /// The data sources in whose traits it looks for them, by id; a provider's as well as your own.
    #[schemars(length(min = 1, max = 32), inner(range(min = 1, max = ID_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_source_ids: Vec<i64>,
    /// Over how many days it looks back: 30, 60 or 90.
    #[schemars(range(min = 30, max = 90))]
    #[x_kube(validation = Rule::new("self in [30, 60, 90]").message("models[].lookBackDays: write 30, 60 or 90"))]
    pub look_back_days: i32,
    /// Traits that it takes no notice of, by sid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(range(min = 1, max = ID_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub excluded_traits: Vec<i64>,
    /// The traits that it yields. They are created once the model has run with data; until then it runs only once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub traits: Vec<AlgorithmicTrait>,
}

/// What a model starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Baseline {
    Trait,
    Segment,
}

/// A trait of people who are like the baseline, by exactly one of `accuracyPercent` and `reach`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.accuracyPercent) != has(self.reach)").message("models[].traits[]: write exactly one of accuracyPercent and reach")
)]
pub struct AlgorithmicTrait {
    /// The word in braces that names the trait in the rules of `additionalSegments`; ends its integration code. Unique among
    /// the traits of all models of this audience.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("models[].traits[].key: use lower-case letters, digits and hyphens, a letter or digit first and last"),
        validation = Rule::new("self != 'trait'").message("models[].traits[].key: {trait} is the shared trait; choose another key")
    )]
    pub key: String,
    /// The name of the trait.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("models[].traits[].name: leave out tabs, line breaks, and spaces at either end"))]
    pub name: String,
    /// The description of the trait, before the operator's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// Everybody who is at least so similar to the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub accuracy_percent: Option<i32>,
    /// The most similar ones, up to so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 25_000_000))]
    pub reach: Option<i32>,
    /// For how many days after the model last found a visitor the trait keeps it; 0 means for ever. Left out: 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3650))]
    pub ttl_days: Option<i32>,
}

/// A model that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// The key, as in the spec.
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// The model.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub id: i64,
    /// How its last run ended; absent where Adobe has not run it yet, or does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LastRun")]
    pub last_run: Option<LastRun>,
    /// Its algorithmic traits that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub traits: Vec<AlgorithmicTraitStatus>,
}

/// How the last run of a model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LastRun {
    Failed,
    WithData,
    WithoutData,
}

/// An algorithmic trait that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlgorithmicTraitStatus {
    /// The key, as in the spec.
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// The trait.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub sid: i64,
}
