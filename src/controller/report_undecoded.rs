//! A stored object that does not decode: its status says so, nothing remote is changed, and its deletion ends.

#![expect(
    clippy::disallowed_methods,
    reason = "a deletion that waits is checked again after a while"
)]

use std::collections::HashMap;
use std::time::Duration;

use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::{Problem, Woken};
use kube::api::DynamicObject;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use super::conditions::{ConditionType, Conditions, failed, not_checked};
use super::context::Context;
use super::deletion_wait::Patience;
use super::publish::{self, has_finalizer, patch_finalizers};
use super::undecoded::Undecoded;
use super::{events, quarantine};
use crate::api::annotations::FINALIZER;
use crate::api::common::Condition;
use crate::api::{DeletionWaitStatus, SharingConnection};

/// Reports each of them in its own status until the watches end.
pub(super) async fn run(context: &Context, mut objects: Woken<Undecoded>) {
    // When an object is reported again.
    let mut again: HashMap<Undecoded, Instant> = HashMap::new();
    loop {
        let first = again.iter().min_by_key(|(_, due)| **due);
        let first = first.map(|(undecoded, due)| (undecoded.clone(), *due));
        let first_due = async {
            match first {
                Some((undecoded, due)) => {
                    sleep_until(due).await;
                    undecoded
                }
                None => std::future::pending().await,
            }
        };
        let undecoded = tokio::select! {
            next = objects.next() => match next {
                Some(undecoded) => undecoded,
                None => return,
            },
            undecoded = first_due => undecoded,
        };
        again.remove(&undecoded);
        let (kind, namespace, name) = (
            &undecoded.resource.kind,
            &undecoded.namespace,
            &undecoded.name,
        );
        if undecoded.is::<SharingConnection>() {
            // Its audiences wait for it, and its engine would go on with its former settings.
            let connection = (namespace.clone(), name.clone());
            context.engines.stop(&connection);
            context.wake_audiences_of(&connection);
        }
        tracing::error!(kind, namespace, name, "the stored object does not decode");
        let reported = quarantine::guarded(report(context, &undecoded)).await;
        let pause = match reported {
            Ok(Ok(pause)) => pause,
            Ok(Err(error)) => {
                let error = publish::describe(&error);
                tracing::warn!(
                    kind,
                    namespace,
                    name,
                    "not reported: {error}; tried again soon"
                );
                Some(TRY_AGAIN)
            }
            Err(quarantine::Panicked) => None,
        };
        if let Some(pause) = pause {
            again.insert(undecoded, Instant::now() + pause);
        }
    }
}

/// For an API server that did not answer, or an object that changed meanwhile.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// When to report again, while it is being deleted.
async fn report(context: &Context, undecoded: &Undecoded) -> Result<Option<Duration>, kube::Error> {
    let (resource, namespace) = (&undecoded.resource, &undecoded.namespace);
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, resource);
    let Some(object) = api.get_opt(&undecoded.name).await? else {
        return Ok(None);
    };
    let problem = json!({"metadata": object.metadata, "spec": object.data["spec"], "status": object.data["status"]});
    let message = format!(
        "{} The object was stored under an older definition of its kind. Nothing was changed. {}",
        undecoded.explain(&problem),
        Reason::InvalidSpec.remedy()
    );
    if object.metadata.deletion_timestamp.is_none() {
        let object = match has_finalizer(&object) {
            true => object,
            false => finalized(&api, object).await?,
        };
        write_status(context, &api, undecoded, &object, &message, None).await?;
        return Ok(None);
    }
    if !has_finalizer(&object) {
        return Ok(None);
    }
    if object.data["spec"]["deletionPolicy"] == "Retain" {
        return release(&api, object).await;
    }
    let wait = object.data["status"]["deletionWait"].clone();
    let wait: Option<DeletionWaitStatus> = serde_json::from_value(wait).unwrap_or_default();
    let (waits, clocks) = (&context.deletion_waits, context.both_clocks());
    match waits.patience(&object, wait.as_ref(), clocks) {
        Patience::Wait {
            retry_after,
            so_far,
        } => {
            let message = format!(
                "{message} If that does not happen within ten minutes, this resource is released, and its remote objects \\
                 stay."
            );
            write_status(context, &api, undecoded, &object, &message, Some(so_far)).await?;
            Ok(Some(retry_after))
        }
        Patience::Over => {
            let name = format!("{} {namespace}/{}", resource.kind, undecoded.name);
            tracing::warn!(target: "audit", name, "released without deleting its remote objects: it does not decode");
            let status = &object.data["status"];
            let ids = json!({"audienceManager": status["audienceManager"], "experiencePlatform": status["experiencePlatform"]});
            let message = format!(
                "{name} was released and its remote objects stay, since its stored form could not be read for ten \\
                 minutes. Its status names them: {ids}. Delete them there."
            );
            events::on_release(context, &object, &message).await;
            context.settings.metrics.released_without_deletion();
            release(&api, object).await
        }
    }
}

async fn finalized(
    api: &Api<DynamicObject>,
    mut object: DynamicObject,
) -> Result<DynamicObject, kube::Error> {
    object.finalizers_mut().push(FINALIZER.to_owned());
    object.metadata.resource_version = patch_finalizers(api, &object).await?;
    Ok(object)
}

async fn release(
    api: &Api<DynamicObject>,
    mut object: DynamicObject,
) -> Result<Option<Duration>, kube::Error> {
    object.finalizers_mut().retain(|known| known != FINALIZER);
    match patch_finalizers(api, &object).await {
        Err(error) if !publish::is_gone(&error) => Err(error),
        _ => Ok(None),
    }
}

async fn write_status(
    context: &Context,
    api: &Api<DynamicObject>,
    undecoded: &Undecoded,
    object: &DynamicObject,
    message: &str,
    wait: Option<DeletionWaitStatus>,
) -> Result<(), kube::Error> {
    // All else that the status holds is carried along: the ids of remote objects are recorded nowhere else.
    let known = object.data.get("status").and_then(Value::as_object);
    let known = known.cloned().unwrap_or_default();
    let listed: Vec<Condition> = known
        .get("conditions")
        .and_then(|conditions| serde_json::from_value(conditions.clone()).ok())
        .unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let problem = Problem::new(Reason::InvalidSpec, message.to_owned());
    let mut conditions = Conditions::after(&listed, generation, context.now())
        .with_problem(Some(&problem))
        .with([(ConditionType::Ready, failed(&problem))]);
    for kind in ConditionType::ALL.iter().skip(1) {
        if !kind.only_while_true() && listed.iter().any(|known| known.type_ == kind.as_str()) {
            conditions = conditions.with([(*kind, not_checked())]);
        }
    }
    let conditions = conditions.finish();
    let mut status: Map<String, Value> = known.clone();
    status.insert("conditions".into(), json!(conditions));
    status.insert("observedGeneration".into(), json!(generation));
    status.remove("deletionWait");
    if let Some(wait) = wait {
        status.insert("deletionWait".into(), json!(wait));
    }
    if status == known {
        return Ok(());
    }
    let (resource, name) = (&undecoded.resource, object.name_any());
    let version = object.resource_version();
    publish::raw_status(api, resource, &name, version, &Value::Object(status)).await?;
    let object = object.object_ref(resource);
    events::on_transition(&context.recorder, &object, &listed, &conditions).await;
    Ok(())
}
