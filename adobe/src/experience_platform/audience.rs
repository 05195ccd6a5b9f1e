//! Audiences of our own: looked up, made, changed, deleted (experience-platform.md §3.4, §3.5, §3.8, §5.6).
//!
//! All kinds are changed and deleted as audiences; only metadata alone is made by the external audiences service.

use audience_sharing_core::call::kinds::AudienceLookUp;
use audience_sharing_core::domain::experience_platform::{
    Audience, AudienceChange, Lifecycle, NewAudience, NewForm,
};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::labels::{UsageLabel, UsageLabels};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::super::audience_manager::{Deleted, Updated, answered};
use super::super::body::OBJECT_BYTES_MAX;
use super::super::error::{CallKind, Error, Kind};
use super::super::gateway::{Call, CallContext, Operation, Reading};
use super::super::lease_guard::LeaseGuard;
use super::{AUDIENCES, ExperiencePlatform, operation, wire};

/// The external audiences service, asked for metadata alone (§3.8, a page that Adobe does not list).
const METADATA: &str = "/data/core/ais/audiences?createAudienceMetaOnly=true";
const METADATA_VERSION: &str = "application/vnd.adobe.external.audiences+json; version=2";
/// The only origin that both services take for an audience made from outside (§3.4, §3.8).
const ORIGIN: &str = "CUSTOM_UPLOAD";

impl ExperiencePlatform {
    /// Every audience with a key, inactive ones included, or every definition with a name, inactive ones perhaps not.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then nobody knows whether the key is free.
    pub async fn look_up_audience(
        &self,
        context: &CallContext,
        look_up: &AudienceLookUp,
    ) -> Result<Vec<Audience>, Error> {
        let operation = operation("audiences.find", CallKind::List);
        let (parameter, value) = match look_up {
            AudienceLookUp::Key(key) => ("property", format!("audienceId=={}", key.audience_id())),
            AudienceLookUp::DefinitionName(name) => ("name", name.to_string()),
        };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair(parameter, &value)
            .finish();
        let found = self.pages(context, operation, &query).await?.listing;
        if !found.undecodable.is_empty() {
            return Err(operation.unexpected("an element of the list cannot be read"));
        }
        // A filter that a server does not know is not one.
        let fits = |audience: &Audience| match look_up {
            AudienceLookUp::Key(key) => audience.key.as_ref() == Some(key),
            AudienceLookUp::DefinitionName(name) => audience.name == *name,
        };
        Ok(found.items.into_iter().filter(fits).collect())
    }

    /// # Errors
    /// `Conflict` if the key or the name is taken, `NotEntitled` if the organisation lacks the product; `effect` tells
    /// whether it may exist all the same.
    pub async fn create_audience(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &NewAudience,
    ) -> Result<Audience, Error> {
        let (operation, path, accept, sent) = creation(new);
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(sent.to_string())),
            lease_guard: Some(lease_guard),
            accept,
            ..self.get(operation, path.into())
        };
        let body = self.small(context, &call).await?;
        // Metadata alone is answered with three fields; its type is the same.
        let mut known = sent;
        if let Value::Object(known) = &mut known {
            known
                .entry("type")
                .or_insert_with(|| json!("ExternalSegment"));
        }
        answered(known, &body, wire::audience_value)
            .ok_or_else(|| operation.unexpected("the body holds no such object"))
    }

    /// Reads, compares, writes what differs (design.md §4.5).
    ///
    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update_audience(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Audience,
        change: &AudienceChange,
    ) -> Result<Updated<Audience>, Error> {
        let operation = operation("audiences.update", CallKind::Update);
        let this = self.together(2);
        let Some(read) = this.audience_by_id(context, &expected.id).await? else {
            return Err(operation.error(Kind::NotFound).with_proof());
        };
        if !believed(expected, &read) {
            return Ok(Updated::Changed(read));
        }
        let mut patch = patch(change);
        let labels = match &read.labels {
            _ if change.labels.is_empty() => None,
            Some(there) => Some(there.clone().with(&change.labels)),
            // Whoever writes labels replaces them.
            None => return Err(operation.unexpected("it does not tell the labels that stand")),
        };
        patch.extend(labels.as_ref().map(|all| added("/labels", texts(all))));
        let call = Call {
            method: Method::PATCH,
            body: Some(Bytes::from(Value::from(patch).to_string())),
            lease_guard: Some(lease_guard),
            ..self.get(operation, path(&expected.id))
        };
        let body = this.small(context, &call).await?;
        let written = match body.trim_ascii().is_empty() {
            true => Audience {
                labels: labels.clone().or_else(|| read.labels.clone()),
                ..applied(read, change)
            },
            false => wire::audience(&body)
                .ok_or_else(|| operation.unexpected("the body holds no such object"))?,
        };
        Ok(Updated::Written(Audience {
            labels: written.labels.or(labels),
            ..written
        }))
    }

    /// Nothing is deleted if the audience is not as expected.
    ///
    /// # Errors
    /// `DeletionBlocked` if something uses it, `is_not_found` if it was gone already.
    pub async fn delete_audience(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Audience,
    ) -> Result<Deleted<Audience>, Error> {
        let this = self.together(2);
        let deletion = operation("audiences.delete", CallKind::Delete);
        let Some(read) = this.audience_by_id(context, &expected.id).await? else {
            return Err(deletion.error(Kind::NotFound).with_proof());
        };
        if !believed(expected, &read) {
            return Ok(Deleted::Changed(read));
        }
        let call = Call {
            method: Method::DELETE,
            lease_guard: Some(lease_guard),
            ..this.get(deletion, path(&expected.id))
        };
        this.small(context, &call).await?;
        Ok(Deleted::Done)
    }

    /// The same, whose next calls share one turn.
    fn together(&self, requests: u32) -> Self {
        Self {
            gateway: self.gateway.together(requests),
            ..self.clone()
        }
    }

    async fn small(&self, context: &CallContext, call: &Call<'_>) -> Result<Bytes, Error> {
        let mut whole = Reading::Whole {
            bytes_max: OBJECT_BYTES_MAX,
        };
        self.gateway.run(context, call, &mut whole).await
    }
}

fn path(id: &AudienceId) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
    format!("{AUDIENCES}/{id}")
}

fn creation(new: &NewAudience) -> (Operation, &'static str, Option<&'static str>, Value) {
    let (operation, path, accept, mut body) = creation_without_labels(new);
    if !new.labels.is_empty() {
        body["labels"] = texts(&new.labels);
    }
    (operation, path, accept, body)
}

fn texts(labels: &UsageLabels) -> Value {
    labels.iter().map(UsageLabel::as_str).collect()
}

fn creation_without_labels(
    new: &NewAudience,
) -> (Operation, &'static str, Option<&'static str>, Value) {
    let NewAudience {
        name,
        description,
        labels: _,
        form,
    } = new;
    let creation = |name| operation(name, CallKind::Create);
    match form {
        NewForm::External {
            namespace,
            audience_id,
        } => (
            creation("audiences.create-external"),
            AUDIENCES,
            None,
            json!({
                "type": "ExternalSegment", "audienceId": audience_id, "namespace": namespace,
                "originName": ORIGIN, "name": name, "description": description,
                "lifecycleState": "published",
            }),
        ),
        NewForm::MetadataOnly {
            namespace,
            audience_id,
        } => (
            creation("audiences.create-metadata"),
            METADATA,
            Some(METADATA_VERSION),
            json!({
                "audienceId": audience_id, "namespace": namespace, "originName": ORIGIN,
                "name": name, "description": description,
            }),
        ),
        NewForm::SegmentDefinition { expression } => (
            creation("audiences.create-definition"),
            AUDIENCES,
            None,
            json!({
                "type": "SegmentDefinition", "name": name, "description": description,
                "profileInstanceId": "ups", "schema": {"name": "_xdm.context.profile"},
                "expression": {"type": "PQL", "format": "pql/text", "value": expression},
                "evaluationInfo": {
                    "batch": {"enabled": true}, "continuous": {"enabled": false},
                    "synchronous": {"enabled": false},
                },
            }),
        ),
    }
}

/// All but the labels, of which none may be taken away.
fn patch(change: &AudienceChange) -> Vec<Value> {
    let AudienceChange {
        name,
        description,
        expression,
        labels: _,
        publish,
        deactivate,
    } = change;
    let lifecycle = match (publish, deactivate) {
        (true, _) => Some("published"),
        (false, true) => Some("inactive"),
        (false, false) => None,
    };
    let fields = [
        ("/name", name.as_ref().map(|text| json!(text))),
        ("/description", description.as_ref().map(|text| json!(text))),
        (
            "/expression",
            expression
                .as_ref()
                .map(|pql| json!({"type": "PQL", "format": "pql/text", "value": pql})),
        ),
        ("/lifecycleState", lifecycle.map(|word| json!(word))),
    ];
    let set = fields
        .into_iter()
        .filter_map(|(path, value)| Some((path, value?)));
    set.map(|(path, value)| added(path, value)).collect()
}

/// `op` is `add` always, also where a value is replaced (§3.5).
fn added(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

fn applied(read: Audience, change: &AudienceChange) -> Audience {
    let AudienceChange {
        name,
        description,
        expression,
        labels: _,
        publish,
        deactivate,
    } = change.clone();
    Audience {
        name: name.unwrap_or(read.name),
        description: description.unwrap_or(read.description),
        expression: expression.or(read.expression),
        lifecycle: match (publish, deactivate) {
            (true, _) => Lifecycle::Published,
            (false, true) => Lifecycle::Inactive,
            (false, false) => read.lifecycle,
        },
        ..read
    }
}

/// Equal in all that an update writes or is decided by; the rest may be said in one answer and not in another.
fn believed(expected: &Audience, read: &Audience) -> bool {
    let expressions = expected.expression.as_ref().zip(read.expression.as_ref());
    expected.name == read.name
        && expected.description == read.description
        && expressions.is_none_or(|(expected, read)| expected == read)
        && expected.origin == read.origin
}
