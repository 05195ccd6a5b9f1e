//! Audiences: looked up, made, changed, deleted (experience-platform.md §3.4, §3.5, §3.8, §5.6).
//!
//! All kinds are changed and deleted as audiences; only metadata alone is made by the external audiences service.

use audience_sharing_core::domain::experience_platform::{
    Audience, AudienceChange, NewAudience, NewForm,
};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::labels::{UsageLabel, UsageLabels};
use audience_sharing_core::kinds::audience::AudienceLookUp;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use super::service::OfExperiencePlatform;
use super::wire::{self, WireAudience};
use crate::resource::{Creation, Field, List, Resource, Words, field, query, words};
use crate::service::{CREATE_EXTERNAL, CREATE_METADATA};

pub(super) const PATH: &str = "/core/ups/audiences";
/// The external audiences service, asked for metadata alone (§3.8, a page that Adobe does not list).
const METADATA: &str = "/core/ais/audiences?createAudienceMetaOnly=true";
const METADATA_VERSION: &str = "application/vnd.adobe.external.audiences+json; version=2";
/// The only origin that both services take for an audience made from outside (§3.4, §3.8).
const ORIGIN: &str = "CUSTOM_UPLOAD";

impl Resource for Audience {
    type Service = OfExperiencePlatform;
    const WORDS: Words = words!("audiences");
    const CHANGED_BY: Option<Method> = Some(Method::PATCH);

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
        WireAudience::deserialize(wire).ok()?.read()
    }

    /// A description that it does not name is empty; labels that it does not name stay unknown, since none may be lost.
    fn decode_own(wire: &Value) -> Option<Self> {
        let mut audience = Self::decode(wire)?;
        audience.names_description = true;
        Some(audience)
    }

    fn decode_id(element: &[u8]) -> Option<AudienceId> {
        wire::audience_id(element)
    }

    /// Inactive ones are read too, unlike in lists. The call that takes many ids leaves out labels and description (§3.11),
    /// so nothing is read by it.
    fn path(id: &AudienceId) -> String {
        let id: String = form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
        // A plus sign is a space in a query alone.
        format!("{PATH}/{}", id.replace('+', "%20"))
    }

    /// Inactive ones are not in it (§3.2).
    fn list((): &()) -> List {
        List::new(Self::WORDS.list, PATH.to_owned())
    }

    /// Every audience with a key, inactive ones included, or every definition with a name, inactive ones perhaps not.
    fn look_up(look_up: &AudienceLookUp) -> List {
        let (parameter, value) = match look_up {
            AudienceLookUp::Key(key) => ("property", format!("audienceId=={}", key.audience_id())),
            AudienceLookUp::DefinitionName(name) => ("name", name.to_string()),
        };
        List::new(Self::WORDS.look_up, query(PATH, &[(parameter, &value)]))
    }

    fn fits(look_up: &AudienceLookUp, found: &Self) -> bool {
        match look_up {
            AudienceLookUp::Key(key) => found.key.as_ref() == Some(key),
            AudienceLookUp::DefinitionName(name) => found.name == *name,
        }
    }

    fn creation(new: &NewAudience) -> Creation {
        let mut creation = creation_without_labels(new);
        if !new.labels.is_empty() {
            creation.sent["labels"] = texts(&new.labels);
        }
        creation
    }

    fn changes(&self, change: &AudienceChange) -> Result<Vec<Field>, &'static str> {
        let AudienceChange {
            name,
            description,
            expression,
            labels,
            publish,
            deactivate,
        } = change;
        let lifecycle = match (publish, deactivate) {
            (true, _) => Some("published"),
            (false, true) => Some("inactive"),
            (false, false) => None,
        };
        let labels = match &self.labels {
            _ if labels.is_empty() => None,
            Some(there) => Some(texts(&there.clone().with(labels))),
            // A write of labels replaces them, and none may be taken away.
            None => return Err("it does not tell the labels that stand"),
        };
        let pql = |pql: &str| json!({"type": "PQL", "format": "pql/text", "value": pql});
        let fields = [
            field("name", name.as_ref()),
            field("description", description.as_ref()),
            field("expression", expression.as_deref().map(pql)),
            field("lifecycleState", lifecycle),
            field("labels", labels),
        ];
        Ok(fields.into_iter().flatten().collect())
    }

    fn is_server_owned(_: &str) -> bool {
        false
    }

    /// Equal in all that an update writes or is decided by; the rest may be said in one answer and not in another.
    fn is_as_expected(&self, read: &Self) -> bool {
        let expressions = self.expression.as_ref().zip(read.expression.as_ref());
        self.name == read.name
            && self.description == read.description
            && expressions.is_none_or(|(expected, read)| expected == read)
            && self.origin == read.origin
    }
}

fn texts(labels: &UsageLabels) -> Value {
    labels.iter().map(UsageLabel::as_str).collect()
}

fn creation_without_labels(new: &NewAudience) -> Creation {
    let NewAudience {
        name,
        description,
        labels: _,
        form,
    } = new;
    match form {
        NewForm::External {
            namespace,
            audience_id,
        } => {
            let sent = json!({
                "type": "ExternalSegment", "audienceId": audience_id, "namespace": namespace,
                "originName": ORIGIN, "name": name, "description": description,
                "lifecycleState": "published",
            });
            Creation::new(CREATE_EXTERNAL, PATH, sent)
        }
        NewForm::MetadataOnly {
            namespace,
            audience_id,
        } => {
            let sent = json!({
                "audienceId": audience_id, "namespace": namespace, "originName": ORIGIN,
                "name": name, "description": description,
            });
            Creation {
                accept: Some(METADATA_VERSION),
                // It is answered with three fields; its type is the same.
                known: vec![("type", json!("ExternalSegment"))],
                ..Creation::new(CREATE_METADATA, METADATA, sent)
            }
        }
        NewForm::SegmentDefinition { expression } => {
            let sent = json!({
                "type": "SegmentDefinition", "name": name, "description": description,
                "profileInstanceId": "ups", "schema": {"name": "_xdm.context.profile"},
                "expression": {"type": "PQL", "format": "pql/text", "value": expression},
                "evaluationInfo": {
                    "batch": {"enabled": true}, "continuous": {"enabled": false},
                    "synchronous": {"enabled": false},
                },
            });
            Creation::new("audiences.create-definition", PATH, sent)
        }
    }
}
