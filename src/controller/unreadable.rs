//! A stored object that this version does not understand: its status says so, and nothing else is touched.

use audience_sharing_core::domain::reason::Reason;
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::core::ObjectMeta;
use kube::runtime::events::Recorder;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::conditions::{ConditionStatus, ConditionType, Conditions};
use super::{events, publish};
use crate::api::common::Condition;

/// Which object it is; what it says is not kept.
#[derive(Debug)]
pub(super) struct Unreadable {
    resource: ApiResource,
    namespace: String,
    name: String,
}

impl Unreadable {
    pub(super) fn of<K: Resource<DynamicType = ()>>(metadata: &ObjectMeta) -> Self {
        Self {
            resource: ApiResource::erase::<K>(&()),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

const MESSAGE: &str = "The stored object does not decode: it was written under another definition of its kind. Nothing \
                       remote is touched. Apply the manifest again with the installed definition.";

/// Tells each of them in its own status until the watches end.
pub(super) async fn tell(
    client: &Client,
    recorder: &Recorder,
    mut objects: mpsc::UnboundedReceiver<Unreadable>,
    wall_clock: fn() -> Timestamp,
) {
    while let Some(unreadable) = objects.recv().await {
        let Unreadable {
            resource,
            namespace,
            name,
        } = &unreadable;
        // What a message of the decoder says may quote what a user wrote: it is not told.
        tracing::error!(kind = resource.kind, namespace, name, "{MESSAGE}");
        if let Err(error) = tell_one(client, recorder, &unreadable, wall_clock()).await {
            tracing::warn!(
                kind = resource.kind,
                namespace,
                name,
                "its status was not written: {}",
                publish::describe(&error)
            );
        }
    }
}

async fn tell_one(
    client: &Client,
    recorder: &Recorder,
    unreadable: &Unreadable,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let resource = &unreadable.resource;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &unreadable.namespace, resource);
    let Some(object) = publish::bounded(api.get_opt(&unreadable.name)).await? else {
        return Ok(());
    };
    // All else that the status holds is carried along: the ids of remote objects stand nowhere else.
    let mut status = match object.data.get("status") {
        Some(Value::Object(status)) => status.clone(),
        _ => serde_json::Map::new(),
    };
    let known: Vec<Condition> = status
        .get("conditions")
        .and_then(|conditions| serde_json::from_value(conditions.clone()).ok())
        .unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let conditions = Conditions::after(&known, generation, now)
        .set(
            ConditionType::Ready,
            ConditionStatus::False,
            Reason::Unreadable,
            MESSAGE,
        )
        .set(
            ConditionType::Stalled,
            ConditionStatus::True,
            Reason::Unreadable,
            MESSAGE,
        )
        .finish();
    if known == conditions {
        return Ok(());
    }
    status.insert("conditions".into(), json!(conditions));
    status.insert("observedGeneration".into(), json!(generation));
    let version = object.resource_version();
    let status = Value::Object(status);
    publish::raw_status(&api, resource, &object.name_any(), version, &status).await?;
    events::on_transition(recorder, &object.object_ref(resource), &known, &conditions).await;
    Ok(())
}
