//! What puts a segment to use in Audience Manager: destinations that it is mapped to, traits that its rule names by a key;
//! and what the status says of both.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::common::ID_MAX;

/// A destination of Audience Manager that a segment is mapped to, by exactly one of `id` and `name`. It must exist: the
/// operator makes the mapping, never the destination. Which of `url`, `alias` and `valueAlias` it needs depends on its
/// kind: a URL destination `url`, a serialized one `alias`, a cookie `valueAlias` and, with a key for each segment,
/// `alias`, a server-to-server destination `alias`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.id) != has(self.name)").message("destinations[]: write exactly one of id and name"),
    validation = Rule::new("!has(self.startDate) || !has(self.endDate) || self.startDate <= self.endDate").message("destinations[]: startDate must not lie after endDate")
)]
pub struct Destination {
    /// Tells the destination from the others of this segment.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("destinations[].key: use lower-case letters, digits and hyphens, a letter or digit first and last"))]
    pub key: String,
    /// The id of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ID_MAX))]
    pub id: Option<i64>,
    /// The exact name. It must fit one destination; the id that it was first found under is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\t\\\\r\\\\n]')").message("destinations[].name: leave out tabs and line breaks"))]
    pub name: Option<String>,
    /// What a URL destination calls for this segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ \\\\t\\\\r\\\\n]+$')").message("destinations[].url: write an address that begins with https:// or http://, without white space"))]
    pub url: Option<String>,
    /// What the destination knows the segment by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("destinations[].alias: leave out tabs, line breaks, and spaces at either end"))]
    pub alias: Option<String>,
    /// The value that a cookie holds for the segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.trim() == self && !self.matches('[\\\\t\\\\r\\\\n]')").message("destinations[].valueAlias: leave out tabs, line breaks, and spaces at either end"))]
    pub value_alias: Option<String>,
    /// The first day, such as 2026-07-04; left out: at once, but a mapping that exists keeps the day that it has. Audience
    /// Manager shows it a day earlier, so that a change by just that day is not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$')").message("destinations[].startDate: write a day such as 2026-07-04"))]
    pub start_date: Option<String>,
    /// The last day, such as 2026-12-31; left out: no end. Audience Manager may show it a day earlier, so that a change to
    /// just the day after is not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$')").message("destinations[].endDate: write a day such as 2026-12-31"))]
    pub end_date: Option<String>,
}

/// A trait that the rule calls `{key}`, by exactly one of `sid`, `integrationCode` and `name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.sid), has(self.integrationCode), has(self.name)].filter(given, given).size() == 1").message("traits[]: write exactly one of sid, integrationCode and name"),
    validation = Rule::new("!has(self.name) || has(self.dataSourceId)").message("traits[]: a name is looked for in one data source; add dataSourceId"),
    validation = Rule::new("!has(self.sid) || !has(self.dataSourceId)").message("traits[]: a sid needs no dataSourceId; take it out")
)]
pub struct NamedTrait {
    /// The word in braces that names the trait in the rule.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("traits[].key: use lower-case letters, digits and hyphens, a letter or digit first and last"),
        validation = Rule::new("self != 'trait'").message("traits[].key: {trait} is the shared trait; choose another key")
    )]
    pub key: String,
    /// The id of the trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ID_MAX))]
    pub sid: Option<i64>,
    /// The integration code; it must fit one trait. The sid that it was first found under is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\t\\\\r\\\\n]')").message("traits[].integrationCode: leave out tabs and line breaks"))]
    pub integration_code: Option<String>,
    /// The exact name; it must fit one trait of the data source. The sid that it was first found under is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\t\\\\r\\\\n]')").message("traits[].name: leave out tabs and line breaks"))]
    pub name: Option<String>,
    /// The data source in which the trait is looked for; a provider's as well as your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ID_MAX))]
    pub data_source_id: Option<i64>,
}

/// A destination as it was found, and the mapping to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestinationStatus {
    /// The key, as in the spec.
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// The name that it was found by. As long as the name stays declared, the id below is the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub found_by: Option<String>,
    /// The destination.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub destination_id: i64,
    /// The mapping, where it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = ID_MAX))]
    pub mapping_id: Option<i64>,
}

/// A trait as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedTraitStatus {
    /// The key, as in the spec.
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// What it was found by. As long as that stays declared, the sid below is the trait.
    #[schemars(length(max = 512))]
    pub found_by: String,
    /// The trait.
    #[schemars(range(min = 0, max = ID_MAX))]
    pub sid: i64,
}
