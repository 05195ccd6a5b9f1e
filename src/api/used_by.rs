//! What the status says of those who use a shared audience.

#![expect(
    unreachable_pub,
    reason = "the schema derive makes a twin of each type inside a function"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who uses the audience on the other side. Segment definitions, and destinations where any audience of the connection
/// declares one, follow by themselves; the rest is looked up when the annotation `audience-sharing.dev/users-requested-at`
/// gets another value. A kind that is absent was never looked up, or nobody uses the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedByStatus {
    /// Segments of Audience Manager that others made of the shared trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UsersStatus")]
    pub segments: Option<UsersStatus>,
    /// Algorithmic models of Audience Manager with the trait or a segment as baseline, or without the trait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UsersStatus")]
    pub models: Option<UsersStatus>,
    /// Destinations of Audience Manager that the segments are mapped to, by whomever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UsersStatus")]
    pub destinations: Option<UsersStatus>,
    /// Segment definitions of Experience Platform that depend on the audience there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UsersStatus")]
    pub segment_definitions: Option<UsersStatus>,
    /// The last handled value of the annotation `audience-sharing.dev/users-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request_at: Option<String>,
}

/// The users of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsersStatus {
    /// How many there are, up to a million.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub count: i32,
    /// The first of them, in the order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub items: Vec<UserStatus>,
}

/// One that uses the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserStatus {
    /// Its id or sid.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
    /// Its name.
    #[schemars(length(max = 255))]
    pub name: String,
}
