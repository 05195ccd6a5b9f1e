//! An audience that leaves: by policy its objects go or stay, and its finalizer always goes in the end
//! (design.md §4.8). Neither a broken spec nor a missing connection can hold it for ever.

use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::plan::audience;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::status::Recorded;
use super::{Outcome, confirm, created, dependency_not_ready, status, validate};
use crate::api::annotations::{ABANDON, FINALIZER};
use crate::api::{DeletionPolicy, SharedAudience};
use crate::controller::context::{Context, audiences_of, share_name};
use crate::controller::{events, publish};
use crate::engine::{Declaration, Departure, Obstacle, Retired};

pub(super) async fn retire(audience: &SharedAudience, context: &Context) -> Outcome {
    if !audience
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        return Outcome::Released;
    }
    let namespace = audience.namespace().unwrap_or_default();
    let connection = &audience.spec.connection_ref.name;
    let running = context.engines.get(&namespace, connection);
    if keeps_objects(audience, context).await {
        if let (Some(running), Some(share)) = (&running, share_name(audience)) {
            // An engine that has ended knows of no claim any more.
            let _ = running.engine.release(share).await;
        }
        return release(audience, context).await;
    }
    let recorded = status::recorded(audience);
    let Some(running) = running else {
        return match may_run(context, &namespace, connection) {
            true => Outcome::NotOurs,
            false => without_engine(audience, context, connection).await,
        };
    };
    let Some(share) = share_name(audience) else {
        return release(audience, context).await;
    };
    let to_experience_platform = audience.spec.source.audience_manager.is_some();
    let departure = Departure {
        share,
        source: recorded.source.or_else(|| declared_id(audience)),
        data_source: recorded.data_source,
        recorded: recorded.objects,
        declared: validate::segment_destinations(audience),
        recorded_audience: to_experience_platform.then_some(recorded.audience),
        strategy: validate::strategy(audience),
        recorded_tenant: recorded.tenant,
        rivals: rivals(audience, context),
        confirmation: confirm::of(audience, &context.client),
    };
    match running.engine.retire(departure).await {
        Ok(_) if !running.holds_lease() => Outcome::NotOurs,
        Ok(Retired::Gone) => release(audience, context).await,
        Ok(Retired::HandedOver(to)) => {
            tracing::info!(audience = %super::name(audience), to = %to, "handed over; nothing was deleted");
            release(audience, context).await
        }
        Ok(Retired::Blocked(obstacle)) if obstacle.reason.bars_deletion() => {
            without_engine(audience, context, connection).await
        }
        Ok(Retired::Blocked(obstacle)) if obstacle.of_connection => {
            // An outage ends, and then the engine wakes whom it held up.
            context.leaving.forget(audience);
            Outcome::Unresolved(dependency_not_ready(connection))
        }
        Ok(Retired::Blocked(obstacle)) => Outcome::Unresolved(obstacle),
        Err(unsettled) => unsettled.into(),
    }
}

/// An engine may be started yet, by whoever looks at the connection, and wakes its audiences then.
fn may_run(context: &Context, namespace: &str, connection: &str) -> bool {
    let reference = ObjectRef::new(connection).within(namespace);
    let key = (namespace.to_owned(), connection.to_owned());
    context.connections.get(&reference).is_some() && !context.engines.is_without_credential(&key)
}

/// The policy, the annotation, or a definition that is being removed: the remote objects stay.
async fn keeps_objects(audience: &SharedAudience, context: &Context) -> bool {
    audience.spec.deletion_policy == DeletionPolicy::Retain
        || audience
            .annotations()
            .get(ABANDON)
            .is_some_and(|value| value == "true")
        || definition_is_leaving(context).await
}

/// Whoever removes the CRD removes the operator, not the audiences.
async fn definition_is_leaving(context: &Context) -> bool {
    let api: Api<CustomResourceDefinition> = Api::all(context.client.clone());
    let definition = api.get_metadata_opt("sharedaudiences.audience-sharing.dev");
    match publish::bounded(definition).await {
        Ok(Some(definition)) => definition.metadata.deletion_timestamp.is_some(),
        // The object was served, so that its definition is there: an answer from the past.
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(
                "the definition was not read, so that its removal would not be seen: {}",
                publish::describe(&error)
            );
            false
        }
    }
}

/// No credential to delete with, or no sandbox: wait for one, then let go and say what is left.
async fn without_engine(audience: &SharedAudience, context: &Context, connection: &str) -> Outcome {
    let Some(look_again) = context.leaving.patience(audience, Instant::now()) else {
        let left = left_behind(&status::recorded(audience));
        tracing::warn!(
            target: "audit",
            audience = %super::name(audience),
            %left,
            "released without deleting its remote objects: no credential or no sandbox came in time"
        );
        let message = format!(
            "SharedAudience {} went, and its remote objects stay, since SharingConnection {connection} had no credential \
             or no sandbox to delete them with for ten minutes: {left}. Delete them there.",
            super::name(audience)
        );
        events::on_release(&context.recorder, context.settings.pod.as_ref(), &message).await;
        context.settings.metrics.released_without_deletion();
        return release(audience, context).await;
    };
    Outcome::Unresolved(Obstacle {
        look_again: Some(look_again),
        ..dependency_not_ready(connection)
    })
}

/// What stays in either system, for a person.
fn left_behind(recorded: &Recorded) -> String {
    let audience::Recorded {
        trait_sid,
        segment_sid,
        observed,
        additional_segments,
        mappings,
        traits: _,
    } = &recorded.objects;
    let own = [
        trait_sid.map(|sid| format!("trait {sid}")),
        segment_sid.map(|sid| format!("segment {sid}")),
    ];
    let own = own.into_iter().flatten().filter(|_| !observed);
    let additional = additional_segments
        .iter()
        .map(|(key, sid)| format!("segment {sid} ({key})"));
    let mappings = mappings.iter().filter_map(|known| {
        let id = known.mapping?;
        Some(format!("mapping {id} to destination {}", known.destination))
    });
    let audience = recorded.audience.audience.as_ref();
    let audience = audience
        .filter(|_| !recorded.audience.observed)
        .map(|id| format!("audience {id} of Experience Platform"));
    let all = own.chain(additional).chain(mappings).chain(audience);
    all.collect::<Vec<_>>().join(", ")
}

async fn release(audience: &SharedAudience, context: &Context) -> Outcome {
    match publish::remove_finalizer(&context.client, audience).await {
        Ok(()) => {
            let namespace = audience.namespace().unwrap_or_default();
            context
                .engines
                .wake_connection(&namespace, &audience.spec.connection_ref.name);
            Outcome::Released
        }
        Err(error) => Outcome::Kubernetes(error),
    }
}

fn declared_id(audience: &SharedAudience) -> Option<SourceId> {
    validate::source(audience).ok()?.id()
}

/// Every other audience of the connection that stays: one may share the same source.
fn rivals(audience: &SharedAudience, context: &Context) -> Vec<Declaration> {
    let namespace = audience.namespace().unwrap_or_default();
    audiences_of(
        &context.audiences,
        &namespace,
        &audience.spec.connection_ref.name,
    )
    .iter()
    .filter(|other| {
        other.metadata.deletion_timestamp.is_none() && other.metadata.uid != audience.metadata.uid
    })
    .filter_map(|other| declaration(other))
    .collect()
}

/// What an audience asks for, without looking at anything remote.
pub(crate) fn declaration(audience: &SharedAudience) -> Option<Declaration> {
    let recorded = status::recorded(audience);
    Some(Declaration {
        share: share_name(audience)?,
        created: created(audience),
        source: validate::source(audience).ok()?,
        pinned: recorded.source,
        home: recorded.home,
        strategy: validate::strategy(audience),
        additional_keys: validate::additional_keys(audience),
        destinations: validate::segment_destinations(audience),
    })
}
