//! An audience that leaves: by policy its objects go or stay, and its finalizer always goes in the end
//! (L7). Neither a broken spec nor a missing connection can hold it for ever.

use std::time::Duration;

use audience_sharing_core::compose::{AudienceSelector, ShareName, SourceSelector};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::Naming;
use audience_sharing_core::ownership::Left;
use audience_sharing_core::plan::to_audience_manager;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};

use super::status::Recorded;
use super::{Outcome, created, dependency_not_ready, status, validate};
use crate::api::annotations::{ABANDON, FINALIZER};
use crate::api::sharing_connection::AudienceManagerSettings;
use crate::api::{DeletionPolicy, SharedAudience};
use crate::controller::context::{Context, share_name};
use crate::controller::definition::{self, Definition};
use crate::controller::leaving::Patience;
use crate::controller::{events, freshness, publish, sharing_connection};
use audience_sharing_engine::{Declaration, DeletionOutcome, DeletionRequest, Problem};

pub(super) async fn delete(audience: &SharedAudience, context: &Context) -> Outcome {
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
    match remote_objects(audience, context).await {
        RemoteObjects::Go => {}
        RemoteObjects::Unknown => {
            return wait_or_release(audience, context, Lack::Definition).await;
        }
        RemoteObjects::Stay => {
            if let (Some(running), Some(share)) = (&running, share_name(audience)) {
                // An engine that has ended knows of no claim any more.
                let _ = running.engine.release(share).await;
            }
            return release(audience, context).await;
        }
    }
    let recorded = status::recorded(audience);
    let Some(running) = running else {
        let key = (namespace.clone(), connection.clone());
        if context.engines.is_held_elsewhere(&key) {
            return Outcome::Unresolved(dependency_not_ready(connection));
        }
        return match may_run(context, &namespace, connection) {
            true => Outcome::NotOurs,
            false => wait_or_release(audience, context, Lack::Means(connection)).await,
        };
    };
    let Some(share) = share_name(audience) else {
        return release(audience, context).await;
    };
    let to_experience_platform = audience.spec.source.audience_manager.is_some();
    let selector = validate::source(audience).ok();
    let source = recorded.source;
    let rivals = match rivals(audience, context) {
        Ok(rivals) => rivals,
        Err(waiting) => return Outcome::Unresolved(waiting),
    };
    let deletion = DeletionRequest {
        share,
        uid: validate::uid(audience),
        source: source.or_else(|| selector.as_ref()?.id()),
        selector,
        data_source: recorded.data_source,
        recorded: recorded.objects,
        declared: validate::segment_destinations(audience),
        recorded_audience: to_experience_platform.then_some(recorded.audience),
        strategy: validate::strategy(audience),
        recorded_tenant: recorded.tenant,
        rivals,
        freshness: freshness::of(audience, &context.client),
    };
    match running.engine.delete(deletion).await {
        Ok(_) if !running.holds_lease() => Outcome::NotOurs,
        Ok(DeletionOutcome::Gone(left)) => {
            if !left.is_empty() {
                tell_left(audience, context, &left).await;
            }
            release(audience, context).await
        }
        Ok(DeletionOutcome::HandedOver(to)) => match has_finalizer(&to, context).await {
            Ok(true) => {
                tracing::info!(audience = %super::name(audience), to = %to, "handed over its remote objects");
                release(audience, context).await
            }
            Ok(false) => Outcome::Unresolved(awaiting_successor(&to)),
            Err(error) => Outcome::Kubernetes(error),
        },
        Ok(DeletionOutcome::Blocked(problem)) if problem.reason.bars_deletion() => {
            wait_or_release(audience, context, Lack::Means(connection)).await
        }
        // An outage ends, and then the engine wakes whom it held up.
        Ok(DeletionOutcome::Blocked(problem)) if problem.of_connection => {
            Outcome::Unresolved(dependency_not_ready(connection))
        }
        Ok(DeletionOutcome::Blocked(problem)) => Outcome::Unresolved(problem),
        Err(unsettled) => unsettled.into(),
    }
}

/// An engine may be started yet, by whoever looks at the connection, and wakes its audiences then.
fn may_run(context: &Context, namespace: &str, connection: &str) -> bool {
    let reference = ObjectRef::new(connection).within(namespace);
    let key = (namespace.to_owned(), connection.to_owned());
    context.connections.get(&reference).is_some() && !context.engines.is_without_credential(&key)
}

enum RemoteObjects {
    Go,
    Stay,
    /// Nobody can tell whether the resource was deleted, or its definition.
    Unknown,
}

/// By the policy, the annotation, or a definition that is being removed the remote objects stay.
async fn remote_objects(audience: &SharedAudience, context: &Context) -> RemoteObjects {
    let annotations = audience.annotations();
    let is_abandoned = annotations
        .get(ABANDON)
        .is_some_and(|value| value == "true");
    if audience.spec.deletion_policy == DeletionPolicy::Retain || is_abandoned {
        return RemoteObjects::Stay;
    }
    match definition::of::<SharedAudience>(&context.client).await {
        Definition::Stays => RemoteObjects::Go,
        Definition::Leaves => RemoteObjects::Stay,
        Definition::Unknown => RemoteObjects::Unknown,
    }
}

/// Why nothing remote can be deleted, other than by an outage.
enum Lack<'a> {
    /// The connection of this name has no credential or no sandbox.
    Means(&'a str),
    Definition,
}

/// Waits for what is missing to come back, ten minutes in all; then lets go and says what stays.
async fn wait_or_release(audience: &SharedAudience, context: &Context, lack: Lack<'_>) -> Outcome {
    let status = audience.status.as_ref();
    let recorded = status.and_then(|status| status.deletion_wait.as_deref());
    match context
        .leaving
        .patience(audience, recorded, context.both_clocks())
    {
        Patience::Wait { look_again, so_far } => {
            let problem = match lack {
                Lack::Means(connection) => Problem::new(
                    Reason::DependencyNotReady,
                    format!(
                        "SharingConnection {connection} has no credential or no sandbox to delete the remote objects \
                         with; its status says why. If that stays so for ten minutes, this resource is released, and \
                         the remote objects stay."
                    ),
                )
                .of_connection(),
                Lack::Definition => Problem::new(
                    Reason::RemovalUnknown,
                    definition::unknown("this resource"),
                ),
            };
            let look_again = Some(look_again);
            Outcome::CannotDelete(
                Problem {
                    look_again,
                    ..problem
                },
                so_far,
            )
        }
        Patience::Over => match lack {
            Lack::Means(connection)
                if !sharing_connection::lacks_credential(audience, connection, context).await =>
            {
                Outcome::Unresolved(Problem {
                    look_again: Some(LOOK_AGAIN),
                    ..dependency_not_ready(connection)
                })
            }
            lack => release_with_objects(audience, context, &lack).await,
        },
    }
}

/// What came back in the last moment is waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What the status names and is not ours any more: left as it is, and told wherever somebody may look.
async fn tell_left(audience: &SharedAudience, context: &Context, left: &Left) {
    let name = super::name(audience);
    tracing::warn!(target: "audit", audience = %name, %left, "went; objects that are not ours any more were left as they are");
    let message = format!(
        "SharedAudience {name} went. Its status named objects that do not carry the mark of this operator any more, and \
         they were left as they are: {left}. If nobody else needs them, delete them there."
    );
    let resource = audience.object_ref(&());
    events::on_left(&context.recorder, &resource, &message).await;
    tell_on_pod(audience, context, &message).await;
}

async fn tell_on_pod(audience: &SharedAudience, context: &Context, message: &str) {
    let (pod, uid) = (context.settings.pod.as_ref(), audience.uid());
    events::on_release(&context.recorder, pod, &uid.unwrap_or_default(), message).await;
}

async fn release_with_objects(
    audience: &SharedAudience,
    context: &Context,
    lack: &Lack<'_>,
) -> Outcome {
    let name = super::name(audience);
    let left = left_behind(&status::recorded(audience));
    let why = match lack {
        Lack::Means(connection) => format!(
            "SharingConnection {connection} had no credential or no sandbox to delete them with for ten minutes"
        ),
        Lack::Definition => "for ten minutes the operator could not read whether the \
            CustomResourceDefinition was being removed"
            .to_owned(),
    };
    tracing::warn!(target: "audit", audience = %name, %left, "released without deleting its remote objects: {why}");
    let message = format!(
        "SharedAudience {name} went, and its remote objects stay, since {why}: {left}. Delete them there."
    );
    tell_on_pod(audience, context, &message).await;
    context.settings.metrics.released_without_deletion();
    release(audience, context).await
}

/// What stays in either system, for a person.
fn left_behind(recorded: &Recorded) -> String {
    let to_audience_manager::RecordedIds {
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

/// The connection that may wait for this is woken once the cache has seen it go (`seen`): woken now, it would still see
/// the audience.
async fn release(audience: &SharedAudience, context: &Context) -> Outcome {
    match publish::remove_finalizer(&context.client, audience).await {
        Ok(()) => Outcome::Released,
        Err(error) => Outcome::Kubernetes(error),
    }
}

/// Whether the API server, asked now, shows a resource that stays and carries our finalizer: only then do the objects
/// that were marked as its own have an owner.
async fn has_finalizer(share: &ShareName, context: &Context) -> Result<bool, kube::Error> {
    let api: Api<SharedAudience> =
        Api::namespaced(context.client.clone(), share.namespace.as_str());
    let found = publish::bounded(api.get_metadata_opt(share.name.as_str())).await?;
    Ok(found.is_some_and(|found| {
        found.metadata.deletion_timestamp.is_none()
            && found
                .finalizers()
                .iter()
                .any(|finalizer| finalizer == FINALIZER)
    }))
}

fn awaiting_successor(successor: &ShareName) -> Problem {
    Problem {
        look_again: Some(SUCCESSOR_CHECK),
        ..Problem::new(
            Reason::Progressing,
            format!(
                "SharedAudience {successor} shares the same source and takes the remote objects over. Nothing was deleted. \
                 This resource is released once {successor} carries the operator's finalizer."
            ),
        )
    }
}

/// The operator sets the finalizer within a moment of the resource's creation.
const SUCCESSOR_CHECK: Duration = Duration::from_secs(2);

/// Every other resource that manages a source of the same two tenants: one may take the objects over. `Err` where one of
/// them may share the same source and has not got our finalizer yet.
fn rivals(audience: &SharedAudience, context: &Context) -> Result<Vec<Declaration>, Problem> {
    let connection = &audience.spec.connection_ref.name;
    let namespace = audience.namespace().unwrap_or_default();
    let tenants = tenants_of(&namespace, connection, context);
    let source = validate::source(audience).ok();
    let mut rivals = Vec::new();
    for other in context.audiences.state() {
        let other_namespace = other.namespace().unwrap_or_default();
        let other_connection = &other.spec.connection_ref.name;
        let same_tenants = (&other_namespace, other_connection) == (&namespace, connection)
            || tenants.is_some()
                && tenants_of(&other_namespace, other_connection, context) == tenants;
        let stays = other.metadata.deletion_timestamp.is_none()
            && other.metadata.uid != audience.metadata.uid;
        if !stays || !same_tenants || !validate::manages(&other) {
            continue;
        }
        let Some(declaration) = declaration(&other) else {
            continue;
        };
        if !other
            .finalizers()
            .iter()
            .any(|finalizer| finalizer == FINALIZER)
            && may_be_same(source.as_ref(), &declaration.source)
        {
            return Err(awaiting_successor(&declaration.share));
        }
        rivals.push(declaration);
    }
    Ok(rivals)
}

/// Whether two ways of naming can mean one source, as far as the words alone show.
fn may_be_same(a: Option<&SourceSelector>, b: &SourceSelector) -> bool {
    match (a, b) {
        (None, _) => false,
        (Some(SourceSelector::Audience(a)), SourceSelector::Audience(b)) => {
            let id = |selector: &AudienceSelector| match selector {
                AudienceSelector::Id(id) => Some(id.clone()),
                AudienceSelector::Name(_) => None,
            };
            a == b || id(a).is_none() || id(b).is_none()
        }
        (Some(SourceSelector::AudienceManager(a)), SourceSelector::AudienceManager(b)) => {
            let is_sid = |naming: &Naming| matches!(naming, Naming::Sid(_));
            a.kind == b.kind && (a.naming == b.naming || !is_sid(&a.naming) || !is_sid(&b.naming))
        }
        (Some(SourceSelector::Audience(_)), SourceSelector::AudienceManager(_))
        | (Some(SourceSelector::AudienceManager(_)), SourceSelector::Audience(_)) => false,
    }
}

/// What tells one pair of tenants, and the place in it, from another.
fn tenants_of(
    namespace: &str,
    connection: &str,
    context: &Context,
) -> Option<(String, String, AudienceManagerSettings)> {
    let reference = ObjectRef::new(connection).within(namespace);
    let connection = context.connections.get(&reference)?;
    let spec = &connection.spec;
    Some((
        spec.organization_id.to_ascii_lowercase(),
        spec.experience_platform.sandbox.clone(),
        spec.audience_manager.clone(),
    ))
}

/// What an audience asks for, without looking at anything remote.
pub(crate) fn declaration(audience: &SharedAudience) -> Option<Declaration> {
    let recorded = status::recorded(audience);
    Some(Declaration {
        share: share_name(audience)?,
        uid: validate::uid(audience),
        created: created(audience),
        source: validate::source(audience).ok()?,
        pinned: recorded.source,
        home: recorded.home,
        strategy: validate::strategy(audience),
        additional_keys: validate::additional_keys(audience),
        destinations: validate::segment_destinations(audience),
    })
}
