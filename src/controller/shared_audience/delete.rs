//! An audience that is being deleted: its policy says whether its objects are deleted too, and its finalizer is removed in
//! the end (L7). Neither an invalid spec nor a missing connection can hold it for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use audience_sharing_core::compose::{AudienceSelector, Mode, ShareName, SourceSelector};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::Naming;
use audience_sharing_core::ownership::Left;
use audience_sharing_core::plan::to_audience_manager;
use audience_sharing_engine::{Declaration, DeletionOutcome, DeletionRequest, Problem};
use kube::{Api, Resource};

use super::outcome::{Outcome, dependency_not_ready};
use super::recorded::{self, RecordedStatus, recorded};
use crate::api::SharedAudience;
use crate::controller::context::Context;
use crate::controller::definition::{self, Definition};
use crate::controller::deletion_wait::Patience;
use crate::controller::engines::{ConnectionKey, ConnectionState, connection_of};
use crate::controller::publish::{full_name, has_finalizer};
use crate::controller::sharing_connection::lacks_credential;
use crate::controller::{events, freshness, publish};
use crate::declaration::AudienceDeclaration;

pub(super) async fn delete(audience: &SharedAudience, context: &Context) -> Outcome {
    if !has_finalizer(audience) {
        return Outcome::Released;
    }
    let declared = AudienceDeclaration::of(audience);
    let key = connection_of(audience);
    let connection = key.1.as_str();
    let state = context.engines.state(&key);
    let definition = match declared.retain {
        true => None,
        false => Some(definition::of::<SharedAudience>(&context.client).await),
    };
    match definition {
        Some(Definition::Stays) => {}
        Some(Definition::Unknown) => {
            return wait_or_release(audience, context, Lack::Definition).await;
        }
        // The remote objects stay.
        None | Some(Definition::BeingRemoved) => {
            if let (Some(running), Some(share)) = (state.engine(), declared.name) {
                // An engine that has ended knows of no claim any more.
                let _ = running.engine.release(share).await;
            }
            return release(audience, context).await;
        }
    }
    let running = match state {
        ConnectionState::Running(running) | ConnectionState::WithoutCredential(Some(running)) => {
            running
        }
        ConnectionState::ReconciledElsewhere => {
            return Outcome::Unresolved(dependency_not_ready(connection));
        }
        // The reconciler of the connection has yet to start an engine, and wakes its audiences then.
        ConnectionState::Starting if context.connection(&key).is_some() => {
            return Outcome::NotOurs;
        }
        // It was never reconciled: there is nothing to wait for.
        ConnectionState::Starting if recorded::is_empty(audience) => {
            return release(audience, context).await;
        }
        ConnectionState::Starting | ConnectionState::WithoutCredential(None) => {
            return wait_or_release(audience, context, Lack::Means(connection)).await;
        }
    };
    let rivals = match rivals(audience, &declared, context) {
        Ok(rivals) => rivals,
        Err(waiting) => return Outcome::Unresolved(waiting),
    };
    let Some(share) = declared.name else {
        return release(audience, context).await;
    };
    let (recorded, selector) = (recorded(audience), declared.source.ok());
    let deletion = DeletionRequest {
        share,
        uid: declared.uid,
        source: recorded.source.or_else(|| selector.as_ref()?.id()),
        selector,
        data_source: recorded.data_source,
        recorded: recorded.objects,
        declares_models: !declared.model_keys.is_empty(),
        declared: declared.destinations,
        recorded_audience: declared.to_experience_platform.then_some(recorded.audience),
        strategy: declared.strategy,
        recorded_tenant: recorded.tenant,
        rivals,
        freshness: freshness::of(audience, &context.client),
    };
    match running.engine.delete(deletion).await {
        Ok(_) if !running.holds_lease() => Outcome::NotOurs,
        Ok(DeletionOutcome::Gone(left)) => {
            if !left.is_empty() {
                report_left(audience, context, &left).await;
            }
            release(audience, context).await
        }
        Ok(DeletionOutcome::HandedOver(to)) => match is_finalized(&to, context).await {
            Ok(true) => {
                tracing::info!(audience = %full_name(audience), to = %to, "handed over its remote objects");
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
        Err(why) => why.into(),
    }
}

/// Why nothing remote can be deleted, other than by an outage.
enum Lack<'a> {
    /// The connection of this name has no credential or no sandbox.
    Means(&'a str),
    Definition,
}

/// Waits for what is missing to come back, ten minutes in all; then releases the resource and reports what stays.
async fn wait_or_release(audience: &SharedAudience, context: &Context, lack: Lack<'_>) -> Outcome {
    let status = audience.status.as_ref();
    let recorded = status.and_then(|status| status.deletion_wait.as_deref());
    match context
        .deletion_waits
        .patience(audience, recorded, context.both_clocks())
    {
        Patience::Wait {
            retry_after,
            so_far,
        } => {
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
            Outcome::CannotDelete(
                Problem {
                    look_again: Some(retry_after),
                    ..problem
                },
                so_far,
            )
        }
        Patience::Over => match lack {
            Lack::Means(connection) if !lacks_credential(audience, context).await => {
                Outcome::Unresolved(Problem {
                    look_again: Some(RETRY_AFTER),
                    ..dependency_not_ready(connection)
                })
            }
            lack => release_with_objects(audience, context, &lack).await,
        },
    }
}

/// What came back in the last moment is waited for.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What the status names and is not ours any more: left as it is, and reported on the resource and on the Pod.
async fn report_left(audience: &SharedAudience, context: &Context, left: &Left) {
    let name = full_name(audience);
    tracing::warn!(target: "audit", audience = %name, %left, "released; objects that are not ours any more were left as they are");
    let message = format!(
        "SharedAudience {name} went. Its status named objects that do not carry the mark of this operator any more, and \
         they were left as they are: {left}. If nobody else needs them, delete them there."
    );
    let resource = audience.object_ref(&());
    events::on_left(&context.recorder, &resource, &message).await;
    events::on_release(context, audience, &message).await;
}

async fn release_with_objects(
    audience: &SharedAudience,
    context: &Context,
    lack: &Lack<'_>,
) -> Outcome {
    let name = full_name(audience);
    let left = left_behind(&recorded(audience));
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
    events::on_release(context, audience, &message).await;
    context.settings.metrics.released_without_deletion();
    release(audience, context).await
}

/// What stays in either system, for a person.
fn left_behind(recorded: &RecordedStatus) -> String {
    let to_audience_manager::RecordedIds {
        trait_sid,
        segment_sid,
        observed,
        additional_segments,
        mappings,
        models,
        traits: _,
        adobes: _,
    } = &recorded.objects;
    let own = [
        trait_sid.map(|sid| format!("trait {sid}")),
        segment_sid.map(|sid| format!("segment {sid}")),
    ];
    let own = own.into_iter().flatten().filter(|_| !observed);
    let additional = additional_segments
        .iter()
        .map(|(key, sid)| format!("segment {sid} ({key})"));
    let models = models.iter().flat_map(|known| {
        let traits = known.traits.iter();
        let traits = traits.map(|(key, sid)| format!("trait {sid} ({key})"));
        traits.chain([format!("model {} ({})", known.id, known.key)])
    });
    let mappings = mappings.iter().filter_map(|known| {
        let id = known.mapping?;
        Some(format!("mapping {id} to destination {}", known.destination))
    });
    let audience = recorded.audience.audience.as_ref();
    let audience = audience
        .filter(|_| !recorded.audience.observed)
        .map(|id| format!("audience {id} of Experience Platform"));
    let all = own
        .chain(additional)
        .chain(models)
        .chain(mappings)
        .chain(audience);
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
async fn is_finalized(share: &ShareName, context: &Context) -> Result<bool, kube::Error> {
    let api: Api<SharedAudience> =
        Api::namespaced(context.client.clone(), share.namespace.as_str());
    let found = api.get_metadata_opt(share.name.as_str()).await?;
    Ok(found
        .is_some_and(|found| found.metadata.deletion_timestamp.is_none() && has_finalizer(&found)))
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
fn rivals(
    audience: &SharedAudience,
    declared: &AudienceDeclaration,
    context: &Context,
) -> Result<Vec<Declaration>, Problem> {
    let (own, mut same_tenants) = (connection_of(audience), BTreeMap::new());
    let source = declared.source.as_ref().ok();
    let mut rivals = Vec::new();
    for other in context.audiences.state() {
        let stays = other.metadata.deletion_timestamp.is_none()
            && other.metadata.uid != audience.metadata.uid;
        let is_same = *same_tenants
            .entry(connection_of(&other))
            .or_insert_with_key(|theirs| {
                *theirs == own || have_same_tenants(&own, theirs, context)
            });
        if !stays || !is_same || AudienceDeclaration::of(&other).mode == Mode::Observe {
            continue;
        }
        let Some(claim) = recorded::claim(&other) else {
            continue;
        };
        if !has_finalizer(&*other) && may_be_same(source, &claim.source) {
            return Err(awaiting_successor(&claim.share));
        }
        rivals.push(claim);
    }
    Ok(rivals)
}

/// Whether two connections, each by namespace and name, are of the same two tenants.
fn have_same_tenants(a: &ConnectionKey, b: &ConnectionKey, context: &Context) -> bool {
    let declared = |key| Some(context.declared(&*context.connection(key)?));
    declared(a)
        .zip(declared(b))
        .is_some_and(|(a, b)| a.tenants() == b.tenants())
}

/// Whether two ways of naming can mean one source, as far as the words alone show.
fn may_be_same(a: Option<&SourceSelector>, b: &SourceSelector) -> bool {
    match (a, b) {
        (None, _) => false,
        (Some(SourceSelector::Audience(a)), SourceSelector::Audience(b)) => {
            a == b || !matches!((a, b), (AudienceSelector::Id(_), AudienceSelector::Id(_)))
        }
        (Some(SourceSelector::AudienceManager(a)), SourceSelector::AudienceManager(b)) => {
            let namings = (&a.naming, &b.naming);
            a.kind == b.kind
                && (a.naming == b.naming || !matches!(namings, (Naming::Sid(_), Naming::Sid(_))))
        }
        (Some(SourceSelector::Audience(_)), SourceSelector::AudienceManager(_))
        | (Some(SourceSelector::AudienceManager(_)), SourceSelector::Audience(_)) => false,
    }
}
