//! The engine of a connection: started under the organisation's lease, kept in step with spec and Secret.

#![expect(
    clippy::disallowed_methods,
    reason = "a connection that waits for a Lease is looked at again after a while"
)]

use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::compose::ConnectionSettings;
use audience_sharing_core::domain::identifier::{
    CompanyId, DataSourceId, SandboxId, SandboxName, SegmentFolderId, TraitFolderId,
};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::shared_objects;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use super::{key, secret};
use crate::api::{SharedAudience, SharingConnection};
use crate::controller::context::{CachedAudiences, Context, audiences_of, organization};
use crate::controller::engines::{AbortOnDrop, KnownLease, Running, SecretKey};
use crate::controller::freshness;
use crate::controller::lease::{Elsewhere, LeaseKeeper, LeaseOptions, Subject};
use crate::controller::shared_audience::{adoption_policy, declaration};
use crate::observability::metrics::Metrics;
use adobe_client::credential::Credential;
use adobe_client::gateway::{Gateway, GatewayOptions, RateLimitOptions};
use audience_sharing_engine::{Configuration, Engine, EngineOptions, Problem, Woken, wake_queue};

pub(super) enum Ensured {
    Running(Box<Running>),
    /// The Lease is another process'; what to tell of it, where that does not end by itself.
    HeldElsewhere(Option<Problem>),
    /// An engine panicked; the next one is not started before this has passed.
    Resting(Duration),
}

pub(super) async fn ensure(
    connection: &SharingConnection,
    context: &Context,
    credential: Credential,
) -> Ensured {
    let lease = lease(connection, context).await;
    let key = key(connection);
    let has_credential_again = context.engines.set_without_credential(&key, false);
    let Some(lease) = lease else {
        // It is being handed over, and its engines with it. After that the connection is looked at again.
        return Ensured::HeldElsewhere(None);
    };
    if lease.valid_until.borrow().is_none() {
        context.engines.stop(&key);
        // Before it is looked at, so that no change after the look is missed.
        let wakes = wake_when_held(connection, context, lease.clone());
        context.engines.await_lease(&key, Some(wakes));
        let problem = held_elsewhere(connection, context, &lease);
        if context.engines.set_held_elsewhere(&key, problem.is_some()) {
            wake_audiences(connection, context);
        }
        return Ensured::HeldElsewhere(problem);
    }
    context.engines.await_lease(&key, None);
    context.engines.set_held_elsewhere(&key, false);
    let lease = lease.valid_until;
    let settings = settings(connection, context);
    let budget = budget(connection);
    let secret = secret_key(connection, &credential);
    let known = context.engines.get(&key.0, &key.1).filter(|running| {
        running.uid == connection.uid().unwrap_or_default() && running.secret == secret
    });
    if let Some(mut running) = known {
        // Its Secret may be another one by now, with the same client id.
        secret::watch(connection, context);
        let generation = connection.metadata.generation;
        let is_told = running.settings == settings && running.generation == generation;
        if !is_told {
            let configuration = configuration(connection, context, settings.clone());
            // An engine that ended meanwhile is replaced at the next look.
            let _ = running.engine.configure(configuration).await;
        }
        if running.budget != budget {
            running.engine.set_rate_limit(budget);
        }
        let fingerprint = credential.fingerprint();
        let is_rotated = running.credential != fingerprint;
        let concerns_audiences = running.settings != settings;
        if !is_told || running.budget != budget || is_rotated {
            running.settings = settings;
            running.generation = generation;
            running.budget = budget;
            running.credential = fingerprint;
            context.engines.insert(key.clone(), running.clone());
        }
        if concerns_audiences {
            wake_audiences(connection, context);
        }
        if is_rotated {
            let _ = running.engine.replace_credential(credential).await;
        }
        if has_credential_again {
            wake_audiences(connection, context);
        }
        return Ensured::Running(Box::new(running));
    }
    if let Some(left) = context.engines.early_ends.pause_left(&key, Instant::now()) {
        return Ensured::Resting(left);
    }
    context.engines.stop_engine(&key);
    let running = start(
        connection, context, secret, credential, settings, budget, lease,
    )
    .await;
    context.engines.insert(key, running.clone());
    secret::watch(connection, context);
    wake_audiences(connection, context);
    Ensured::Running(Box::new(running))
}

/// `None` where the organisation is another replica's.
async fn lease(connection: &SharingConnection, context: &Context) -> Option<KnownLease> {
    let organization = organization(connection);
    let is_for_us = || context.replicas.is_for_us(organization.as_str());
    let start = || {
        let subject = Subject::organization(
            &organization,
            context.settings.owner.clone(),
            context.settings.previous_owners.clone(),
        );
        let lease = LeaseKeeper::start(
            context.client.clone(),
            &context.settings.namespace,
            context.settings.identity.clone(),
            subject.clone(),
            context.replicas.observed(&subject),
            LeaseOptions::new(context.settings.wall_clock),
        );
        tokio::spawn(count_lease(
            lease.valid_until(),
            context.settings.metrics.clone(),
        ));
        lease
    };
    context
        .engines
        .lease(organization.as_str(), is_for_us, start)
        .await
}

/// Ends with the lease's keeper.
async fn count_lease(
    mut lease: tokio::sync::watch::Receiver<Option<tokio::time::Instant>>,
    metrics: Metrics,
) {
    while lease.wait_for(Option::is_some).await.is_ok() {
        metrics.lease_taken();
        let kept = lease.wait_for(Option::is_none).await.is_ok();
        metrics.lease_lost();
        // A closed channel still shows its last value: waiting for that again would never pause.
        if !kept {
            return;
        }
    }
}

fn secret_key(connection: &SharingConnection, credential: &Credential) -> SecretKey {
    SecretKey {
        namespace: connection.namespace().unwrap_or_default(),
        name: connection.spec.credentials_secret_ref.name.clone(),
        client_id: credential.client_id.clone(),
        organization: organization(connection).to_string(),
    }
}

fn configuration(
    connection: &SharingConnection,
    context: &Context,
    settings: ConnectionSettings,
) -> Configuration {
    Configuration {
        settings,
        resync_interval: connection.spec.resync_interval(),
        freshness: freshness::of(connection, &context.client),
    }
}

async fn start(
    connection: &SharingConnection,
    context: &Context,
    secret: SecretKey,
    credential: Credential,
    settings: ConnectionSettings,
    budget: RateLimitOptions,
    lease: tokio::sync::watch::Receiver<Option<tokio::time::Instant>>,
) -> Running {
    let fingerprint = credential.fingerprint();
    let organization = organization(connection);
    let limiter = context.engines.limiter(
        &secret,
        context.settings.client_rate_limit,
        &key(connection),
        budget,
    );
    let gateway = context.engines.gateway(&secret, limiter, |limiter| {
        Gateway::new(GatewayOptions {
            endpoints: context.settings.endpoints.clone(),
            organization: organization.clone(),
            credential: credential.clone(),
            transport: context.settings.transport.clone(),
            limiter,
            read_only: context.settings.read_only,
            rng_seed: context.settings.rng_seed,
            wall_clock: Arc::new(context.settings.wall_clock),
            observer: Arc::new(context.settings.metrics.clone()),
        })
    });
    gateway.replace_credential(credential);
    let (wake, woken) = wake_queue();
    let engine = Engine::start(EngineOptions {
        gateway,
        sandbox: SandboxName::new(connection.spec.experience_platform.sandbox.as_str()),
        configuration: configuration(connection, context, settings.clone()),
        recorded_shared_objects: recorded_shared_objects(connection),
        recorded_created: recorded_created(connection),
        recorded_tenant: recorded_tenant(connection),
        lease: lease.clone(),
        shared_lock: context.engines.shared_lock(organization.as_str()),
        existing: Arc::new(CachedAudiences {
            store: context.audiences.clone(),
            undecoded: context.undecoded_audiences.clone(),
            scope: context.scope.clone(),
        }),
        wake,
        rng_seed: context.settings.rng_seed,
        observer: Arc::new(context.settings.metrics.clone()),
    });
    let namespace = connection.namespace().unwrap_or_default();
    let declarations = audiences_of(&context.audiences, &namespace, &connection.name_any());
    // The engine has just been started: it takes messages.
    let _ = engine
        .declare(
            declarations
                .iter()
                .filter(|audience| audience.metadata.deletion_timestamp.is_none())
                .filter_map(|audience| declaration(audience))
                .collect(),
        )
        .await;
    let watchers = vec![
        forward_wakes(woken, context),
        follow_report(connection, &engine, lease.clone(), context),
    ];
    Running {
        uid: connection.uid().unwrap_or_default(),
        organization: organization.to_string(),
        secret,
        credential: fingerprint,
        budget,
        settings,
        generation: connection.metadata.generation,
        engine,
        lease,
        watchers: Arc::new(watchers),
    }
}

/// What the engine found, as work for the audiences' reconciler.
fn forward_wakes(
    mut woken: Woken<audience_sharing_core::compose::ShareName>,
    context: &Context,
) -> AbortOnDrop {
    let wake = context.engines.wake_audience.clone();
    AbortOnDrop(tokio::spawn(async move {
        while let Some(share) = woken.next().await {
            let reference = ObjectRef::<SharedAudience>::new(share.name.as_str())
                .within(share.namespace.as_str());
            if wake.send(reference).is_err() {
                return;
            }
        }
    }))
}

/// Wakes the connection when its report or its lease changes, or when its engine ends by itself.
fn follow_report(
    connection: &SharingConnection,
    engine: &Engine,
    mut lease: tokio::sync::watch::Receiver<Option<tokio::time::Instant>>,
    context: &Context,
) -> AbortOnDrop {
    let wake = context.engines.wake_connection.clone();
    let reference = ObjectRef::from_obj(connection);
    let mut report = engine.report();
    let engine = engine.clone();
    let (early_ends, key) = (context.engines.early_ends.clone(), key(connection));
    AbortOnDrop(tokio::spawn(async move {
        let mut told = report.borrow().clone();
        loop {
            tokio::select! {
                changed = report.changed() => {
                    if changed.is_err() && engine.is_stopping() {
                        return;
                    }
                    if changed.is_err() {
                        tracing::error!(%reference, "the engine ended by itself; it is started again after a pause");
                        early_ends.add(&key, Instant::now());
                        let _ = wake.send(reference);
                        return;
                    }
                    let now = audience_sharing_engine::Report { resyncs: 0, ..report.borrow().clone() };
                    if std::mem::replace(&mut told, now.clone()) == now {
                        continue; // a pass that found nothing new
                    }
                }
                lost = async { lease.wait_for(Option::is_none).await.is_ok() } => {
                    // What it knows may be outdated as soon as another process writes: it does not live on, even if
                    // the lease comes back before anybody has looked.
                    engine.stop();
                    let back = async { lease.wait_for(Option::is_some).await.is_ok() };
                    if lost && wake.send(reference.clone()).is_ok() && back.await {
                        let _ = wake.send(reference);
                    }
                    return;
                }
            }
            if wake.send(reference.clone()).is_err() {
                return;
            }
        }
    }))
}

/// A replica that makes way does so within seconds, and the Lease of one that died runs out after ninety: whoever still
/// holds it after this long is another installation of the operator.
const HELD_FOR_GOOD: Duration = Duration::from_secs(180);

/// Looks at the connection again as soon as the Lease is ours, or it is clear that it will not be.
fn wake_when_held(
    connection: &SharingConnection,
    context: &Context,
    mut lease: KnownLease,
) -> AbortOnDrop {
    let wake = context.engines.wake_connection.clone();
    let reference = ObjectRef::from_obj(connection);
    let known = lease.elsewhere.borrow_and_update().clone();
    AbortOnDrop(tokio::spawn(async move {
        let until = match &known {
            Some(Elsewhere::Held { since, .. }) => *since + HELD_FOR_GOOD,
            Some(Elsewhere::Owned(_)) | None => tokio::time::Instant::now() + HELD_FOR_GOOD,
        };
        let is_told = until <= tokio::time::Instant::now();
        tokio::select! {
            held = lease.valid_until.wait_for(Option::is_some) => if held.is_err() {
                return;
            },
            changed = lease.elsewhere.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep_until(until), if !is_told => {}
        }
        let _ = wake.send(reference);
    }))
}

/// What a person has to do about a Lease that another installation keeps.
fn held_elsewhere(
    connection: &SharingConnection,
    context: &Context,
    lease: &KnownLease,
) -> Option<Problem> {
    let settings = &context.settings;
    let organization = organization(connection);
    let subject = Subject::organization(&organization, settings.owner.clone(), Vec::new());
    let which = format!(
        "Lease {} in namespace {} of organization {organization}",
        subject.name, settings.namespace
    );
    let (reason, what) = match &*lease.elsewhere.borrow() {
        Some(Elsewhere::Owned(owner)) => (
            Reason::OwnerIdChanged,
            format!(
                "{which} records the owner id {owner}, and this operator was started with {}: nothing is changed in \
                 either system.",
                settings.owner
            ),
        ),
        Some(Elsewhere::Held { by, since }) if since.elapsed() >= HELD_FOR_GOOD => (
            Reason::LeaseHeldElsewhere,
            format!(
                "{which} is held by {by}, which is not a replica of this operator or does not make way: this operator \
                 changes nothing for this connection."
            ),
        ),
        _ => return None,
    };
    let message = format!("{what} {}", reason.remedy());
    Some(Problem::new(reason, message).of_connection())
}

pub(super) fn wake_audiences(connection: &SharingConnection, context: &Context) {
    let namespace = connection.namespace().unwrap_or_default();
    for audience in audiences_of(&context.audiences, &namespace, &connection.name_any()) {
        context.engines.wake_audience(&audience);
    }
}

fn settings(connection: &SharingConnection, context: &Context) -> ConnectionSettings {
    let audience_manager = &connection.spec.audience_manager;
    ConnectionSettings {
        owner: context.settings.owner.clone(),
        previous_owners: context.settings.previous_owners.clone(),
        data_source: audience_manager.data_source.as_str().into(),
        trait_folder: audience_manager.trait_folder.as_str().into(),
        segment_folder: audience_manager.segment_folder.as_str().into(),
        merge_rule: audience_manager
            .profile_merge_rule
            .as_ref()
            .and_then(|rule| u64::try_from(rule.data_source_id).ok())
            .map(DataSourceId),
        trait_rule_key: audience_manager.trait_rule_key.as_str().into(),
        adoption: adoption_policy(connection.spec.adoption_policy),
    }
}

/// The schema bounds both; what was stored before it did is brought inside.
fn budget(connection: &SharingConnection) -> RateLimitOptions {
    let at_least_one = |value: i32| u32::try_from(value).unwrap_or(1).max(1);
    RateLimitOptions {
        requests_per_minute: at_least_one(connection.spec.rate_limit.requests_per_minute),
        burst: at_least_one(connection.spec.rate_limit.burst),
    }
}

fn id(recorded: Option<i64>) -> Option<u64> {
    recorded.and_then(|id| u64::try_from(id).ok())
}

/// A data source that is Adobe's is never recorded as ours.
fn recorded_shared_objects(
    connection: &SharingConnection,
) -> shared_objects::RecordedSharedObjects {
    let known = connection
        .own_status()
        .and_then(|status| status.audience_manager.as_ref());
    let observed = known
        .and_then(|known| known.data_source_observed)
        .unwrap_or_default();
    shared_objects::RecordedSharedObjects {
        data_source: known
            .filter(|_| !observed)
            .and_then(|known| id(known.data_source_id))
            .map(DataSourceId),
        controlled: known
            .into_iter()
            .flat_map(|known| &known.controlled_data_sources)
            .filter_map(|known| {
                let controls = ExportControls::parse(&known.labels)?;
                Some((controls, DataSourceId(id(Some(known.data_source_id))?)))
            })
            .collect(),
        trait_folder: known
            .and_then(|known| id(known.trait_folder_id))
            .map(TraitFolderId),
        segment_folder: known
            .and_then(|known| id(known.segment_folder_id))
            .map(SegmentFolderId),
    }
}

fn recorded_created(connection: &SharingConnection) -> (Vec<TraitFolderId>, Vec<SegmentFolderId>) {
    let known = connection
        .own_status()
        .and_then(|status| status.audience_manager.as_ref());
    let ids = |ids: &[i64]| {
        ids.iter()
            .filter_map(|known| id(Some(*known)))
            .collect::<Vec<_>>()
    };
    known.map_or_else(Default::default, |known| {
        (
            ids(&known.created_trait_folder_ids)
                .into_iter()
                .map(TraitFolderId)
                .collect(),
            ids(&known.created_segment_folder_ids)
                .into_iter()
                .map(SegmentFolderId)
                .collect(),
        )
    })
}

fn recorded_tenant(connection: &SharingConnection) -> Tenant {
    let tenant = connection
        .own_status()
        .and_then(|status| status.tenant.as_ref());
    Tenant {
        company: tenant
            .and_then(|tenant| id(tenant.company_id))
            .map(CompanyId),
        sandbox: tenant
            .and_then(|tenant| tenant.sandbox_id.as_deref())
            .map(SandboxId::new),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_goes_while_it_is_held_is_counted_as_lost_and_then_no_more() {
        let metrics = Metrics::default();
        let (keeper, lease) = tokio::sync::watch::channel(Some(tokio::time::Instant::now()));
        drop(keeper);
        let counted = tokio::time::timeout(
            std::time::Duration::from_secs(1),
            count_lease(lease, metrics.clone()),
        );
        counted.await.unwrap();
        let text = metrics.encode();
        assert!(text.contains("leases_held 0"), "{text}");
    }
}
