//! The JSON of Experience Platform into the records of the core. Unknown fields are passed over, unknown words are
//! kept, a record without its id is none.

use audience_sharing_core::domain::experience_platform::{
    Audience, AudienceKey, AudienceKind, Lifecycle, Sandbox,
};
use audience_sharing_core::domain::identifier::{AudienceId, SandboxId};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::pql::{self, Expression, mirrored};
use serde::Deserialize;

use super::pql_json;
use crate::serde_helpers::{named_text, optional_word, text, texts};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAudience {
    id: Box<str>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    /// Not in every answer (experience-platform.md §3.11); `null` is an empty one.
    #[serde(default, deserialize_with = "named_text")]
    description: Option<Box<str>>,
    #[serde(default, deserialize_with = "text")]
    r#type: Box<str>,
    #[serde(default, deserialize_with = "text")]
    namespace: Box<str>,
    #[serde(default, deserialize_with = "text")]
    origin_name: Box<str>,
    #[serde(default, deserialize_with = "optional_word")]
    audience_id: Option<Box<str>>,
    expression: Option<WireExpression>,
    /// The key has three spellings (experience-platform.md §0.1).
    lifecycle_state: Option<Box<str>>,
    lifecycle: Option<Box<str>>,
    lifecycle_status: Option<Box<str>>,
    /// Common to both kinds of audience (experience-platform.md §3.3); an answer without it says nothing of labels.
    #[serde(default, deserialize_with = "texts")]
    labels: Option<Vec<Box<str>>>,
    #[serde(default, deserialize_with = "texts")]
    dependents: Option<Vec<Box<str>>>,
    #[serde(default, deserialize_with = "texts")]
    dependencies: Option<Vec<Box<str>>>,
    sandbox: Option<WireSandboxOfAudience>,
}

#[derive(Deserialize)]
struct WireExpression {
    #[serde(default, deserialize_with = "text")]
    format: Box<str>,
    #[serde(default, deserialize_with = "text")]
    value: Box<str>,
}

impl WireExpression {
    /// As `pql/text` in its one spelling; an expression that cannot be read stays as it came.
    fn read(self) -> Box<str> {
        let read = match &*self.format {
            "pql/json" => pql_json::expression(&self.value),
            "pql/text" | "" => Expression::parse(&self.value).ok(),
            other => return pql::in_unknown_format(other, &self.value).into(),
        };
        read.map_or(self.value, |expression| expression.to_string().into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSandboxOfAudience {
    sandbox_id: Option<Box<str>>,
}

/// What a status can hold; Adobe's own ids have 36.
const ID_BYTES_MAX: usize = 128;

impl WireAudience {
    pub(super) fn read(self) -> Option<Audience> {
        if self.id.is_empty() || self.id.len() > ID_BYTES_MAX {
            return None;
        }
        let state = self
            .lifecycle_state
            .or(self.lifecycle)
            .or(self.lifecycle_status);
        let kind = match &*self.r#type {
            "SegmentDefinition" => AudienceKind::SegmentDefinition,
            "ExternalSegment" | "ExternalAudience" => AudienceKind::External,
            _ => AudienceKind::Other(self.r#type),
        };
        let named = self
            .audience_id
            .filter(|id| kind == AudienceKind::External && !id.is_empty());
        let key = named.map(|id| AudienceKey::new(&self.namespace, &id));
        let names_description = self.description.is_some();
        let description = self.description.unwrap_or_default();
        let marked = Mark::read(&description).is_some();
        let ids = |ids: Option<Vec<Box<str>>>| {
            let ids = ids.unwrap_or_default().into_iter();
            ids.filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()))
                .map(AudienceId::new)
                .collect()
        };
        Some(Audience {
            id: AudienceId::new(self.id),
            name: self.name,
            description,
            names_description,
            expression: self
                .expression
                .filter(|_| kind == AudienceKind::SegmentDefinition)
                .filter(|expression| marked || expression.value.contains("segmentMembership"))
                .map(WireExpression::read)
                .filter(|text| marked || mirrored(text).is_some()),
            kind,
            key,
            namespace: self.namespace,
            origin: self.origin_name,
            lifecycle: lifecycle(state.unwrap_or_default()),
            labels: self
                .labels
                .map(|labels| UsageLabels::read(labels.iter().map(|label| &**label))),
            dependents: ids(self.dependents),
            dependencies: ids(self.dependencies),
            sandbox: self
                .sandbox
                .and_then(|sandbox| sandbox.sandbox_id)
                .filter(|id| id.len() <= ID_BYTES_MAX)
                .map(SandboxId::new),
        })
    }
}

fn lifecycle(word: Box<str>) -> Lifecycle {
    match word.to_ascii_lowercase().as_str() {
        "draft" => Lifecycle::Draft,
        "published" | "active" => Lifecycle::Published,
        "inactive" => Lifecycle::Inactive,
        "archived" | "deleted" => Lifecycle::Deleted,
        _ => Lifecycle::Other(word),
    }
}

/// The id alone of an audience that else cannot be read.
pub(super) fn audience_id(element: &[u8]) -> Option<AudienceId> {
    #[derive(Deserialize)]
    struct Id {
        id: Box<str>,
    }
    let Id { id } = serde_json::from_slice(element).ok()?;
    (!id.is_empty()).then(|| AudienceId::new(id))
}

pub(super) fn sandbox(element: &[u8]) -> Option<Sandbox> {
    #[derive(Deserialize)]
    struct WireSandbox {
        #[serde(default, deserialize_with = "text")]
        name: Box<str>,
        #[serde(default, deserialize_with = "text")]
        state: Box<str>,
    }
    let WireSandbox { name, state } = serde_json::from_slice(element).ok()?;
    (!name.is_empty()).then_some(Sandbox { name, state })
}
