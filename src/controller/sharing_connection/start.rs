//! The engine of a connection: started under the organization's lease, kept in step with spec and Secret.

#![expect(
    clippy::disallowed_methods,
    reason = "a connection that waits for a Lease is woken after a while"
)]

use std::sync::Arc;
use std::time::Duration;

use adobe_client::credential::Credential;
use adobe_client::gateway::{Gateway, GatewayOptions};
use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::OrganizationId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::{
    Configuration, Engine, EngineOptions, Problem, Report, Woken, wake_queue,
};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{recorded, secret};
use crate::api::{SharedAudience, SharingConnection};
use crate::controller::context::Context;
use crate::controller::engines::{ConnectionState, KnownLease, OwnedTask, Running, SecretKey, key};
use crate::controller::freshness;
use crate::controller::lease::{LeaseKeeper, LeaseOptions, OtherHolder, Subject};
use crate::controller::shared_audience::recorded::claim;
use crate::declaration::ConnectionDeclaration;
use crate::observability::metrics::Metrics;

pub(super) enum Ensured {
    Running(Box<Running>),
    /// The Lease is another process'; what to report of it, where that does not end by itself.
    Elsewhere(Option<Problem>),
    /// An engine panicked; the next one is not started before this has passed.
    Resting(Duration),
}

pub(super) async fn ensure(
    connection: &SharingConnection,
    declared: ConnectionDeclaration,
    context: &Context,
    credential: Credential,
) -> Ensured {
    let lease = lease(&declared.organization, context).await;
    let key = key(connection);
    let wake_audiences = || context.wake_audiences_of(&key);
    let has_credential_again = context.engines.set_with_credential(&key);
    let Some(lease) = lease else {
        // It is being handed over, and its engines with it. After that the connection is woken.
        return Ensured::Elsewhere(None);
    };
    if lease.valid_until.borrow().is_none() {
        let before = context.engines.state(&key);
        let was_elsewhere = matches!(before, ConnectionState::ReconciledElsewhere);
        context.engines.stop(&key);
        // Before it is checked, so that no change after the check is missed.
        let wakes = wake_when_held(connection, context, lease.clone());
        context.engines.await_lease(&key, Some(wakes));
        let problem = other_holder(&declared.organization, context, &lease);
        if problem.is_some() {
            context.engines.set_elsewhere(key.clone());
        }
        if problem.is_some() != was_elsewhere {
            wake_audiences();
        }
        return Ensured::Elsewhere(problem);
    }
    context.engines.await_lease(&key, None);
    let lease = lease.valid_until;
    let secret = SecretKey {
        namespace: key.0.clone(),
        name: declared.secret.clone(),
        client_id: credential.client_id.clone(),
        organization: declared.organization.to_string(),
    };
    let known = context.engines.get(&key).filter(|running| {
        running.uid == connection.uid().unwrap_or_default() && running.secret == secret
    });
    if let Some(mut running) = known {
        // Its Secret may be another one by now, with the same client id.
        secret::watch(connection, &declared.secret, context);
        let generation = connection.metadata.generation;
        let fingerprint = credential.fingerprint();
        let is_rotated = running.credential != fingerprint;
        let concerns_audiences = running.settings != declared.settings
            || running.is_invalid != declared.invalid.is_some();
        if concerns_audiences || running.generation != generation {
            let configuration = configuration(connection, context, &declared);
            // An engine that ended meanwhile is replaced at the next reconcile.
            let _ = running.engine.configure(configuration).await;
        }
        if running.rate_limit != declared.rate_limit {
            running.engine.set_rate_limit(declared.rate_limit);
        }
        running.is_invalid = declared.invalid.is_some();
        running.settings = declared.settings;
        running.generation = generation;
        running.rate_limit = declared.rate_limit;
        running.credential = fingerprint;
        context.engines.set_running(key.clone(), running.clone());
        if is_rotated {
            let _ = running.engine.replace_credential(credential).await;
        }
        if concerns_audiences || has_credential_again {
            wake_audiences();
        }
        return Ensured::Running(Box::new(running));
    }
    if let Some(left) = context.engines.early_ends.pause_left(&key, Instant::now()) {
        return Ensured::Resting(left);
    }
    context.engines.stop_engine(&key);
    let name = declared.secret.clone();
    let running = start(connection, context, secret, credential, declared, lease).await;
    context.engines.set_running(key.clone(), running.clone());
    secret::watch(connection, &name, context);
    wake_audiences();
    Ensured::Running(Box::new(running))
}

/// `None` where the organization is another replica's.
async fn lease(organization: &OrganizationId, context: &Context) -> Option<KnownLease> {
    let is_for_us = || context.replicas.is_for_us(organization.as_str());
    let start = || {
        let subject = Subject::organization(
            organization,
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
async fn count_lease(mut lease: watch::Receiver<Option<Instant>>, metrics: Metrics) {
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

fn configuration(
    connection: &SharingConnection,
    context: &Context,
    declared: &ConnectionDeclaration,
) -> Configuration {
    Configuration {
        settings: declared.settings.clone(),
        resync_interval: declared.resync_interval,
        freshness: freshness::of(connection, &context.client),
    }
}

async fn start(
    connection: &SharingConnection,
    context: &Context,
    secret: SecretKey,
    credential: Credential,
    declared: ConnectionDeclaration,
    lease: watch::Receiver<Option<Instant>>,
) -> Running {
    let fingerprint = credential.fingerprint();
    let (key, settings) = (key(connection), &context.settings);
    let limiter = context.engines.limiter(
        &secret,
        settings.client_rate_limit,
        &key,
        declared.rate_limit,
    );
    let gateway = context.engines.gateway(&secret, limiter, |limiter| {
        Gateway::new(GatewayOptions {
            endpoints: settings.endpoints.clone(),
            organization: declared.organization.clone(),
            credential: credential.clone(),
            transport: settings.transport.clone(),
            limiter,
            read_only: settings.read_only,
            rng_seed: settings.rng_seed,
            wall_clock: Arc::new(settings.wall_clock),
            observer: Arc::new(settings.metrics.clone()),
        })
    });
    gateway.replace_credential(credential);
    let (wake, woken) = wake_queue();
    let engine = Engine::start(EngineOptions {
        gateway,
        sandbox: declared.sandbox.clone(),
        configuration: configuration(connection, context, &declared),
        recorded_shared_objects: recorded::shared_objects(connection),
        recorded_created: recorded::created_folders(connection),
        recorded_tenant: recorded::tenant(connection),
        lease: lease.clone(),
        shared_lock: context.engines.shared_lock(declared.organization.as_str()),
        existing: Arc::new(context.cached_audiences()),
        wake,
        rng_seed: settings.rng_seed,
        observer: Arc::new(settings.metrics.clone()),
    });
    let audiences = context.audiences_of(&key);
    let living = audiences
        .iter()
        .filter(|audience| audience.metadata.deletion_timestamp.is_none());
    // The engine has just been started: it takes messages.
    let _ = engine
        .declare(living.filter_map(|audience| claim(audience)).collect())
        .await;
    let watchers = vec![
        forward_wakes(woken, context),
        follow_report(connection, &engine, lease.clone(), context),
    ];
    Running {
        uid: connection.uid().unwrap_or_default(),
        organization: declared.organization.to_string(),
        secret,
        credential: fingerprint,
        rate_limit: declared.rate_limit,
        settings: declared.settings,
        generation: connection.metadata.generation,
        is_invalid: declared.invalid.is_some(),
        engine,
        lease,
        watchers: Arc::new(watchers),
    }
}

/// What the engine found, as work for the audiences' reconciler.
fn forward_wakes(mut woken: Woken<ShareName>, context: &Context) -> OwnedTask {
    let wake = context.engines.wake_audience.clone();
    OwnedTask::new(tokio::spawn(async move {
        while let Some(share) = woken.next().await {
            let reference = ObjectRef::<SharedAudience>::new(share.name.as_str())
                .within(share.namespace.as_str());
            wake.wake(reference);
        }
    }))
}

/// Wakes the connection when its report or its lease changes, or when its engine ends by itself.
fn follow_report(
    connection: &SharingConnection,
    engine: &Engine,
    mut lease: watch::Receiver<Option<Instant>>,
    context: &Context,
) -> OwnedTask {
    let wake = context.engines.wake_connection.clone();
    let reference = ObjectRef::from_obj(connection);
    let mut report = engine.report();
    let engine = engine.clone();
    let (early_ends, key) = (context.engines.early_ends.clone(), key(connection));
    OwnedTask::new(tokio::spawn(async move {
        let mut last = report.borrow().clone();
        loop {
            tokio::select! {
                changed = report.changed() => {
                    if changed.is_err() && engine.is_stopping() {
                        return;
                    }
                    if changed.is_err() {
                        tracing::error!(%reference, "the engine ended by itself; it is started again after a pause");
                        early_ends.add(&key, Instant::now());
                        wake.wake(reference);
                        return;
                    }
                    let now = Report { resyncs: 0, ..report.borrow().clone() };
                    if std::mem::replace(&mut last, now.clone()) == now {
                        continue; // a resync that found nothing new
                    }
                }
                lost = async { lease.wait_for(Option::is_none).await.is_ok() } => {
                    // What it knows may be outdated as soon as another process writes: it does not live on, even if
                    // the lease comes back before the connection is reconciled.
                    engine.stop();
                    let back = async { lease.wait_for(Option::is_some).await.is_ok() };
                    if lost {
                        wake.wake(reference.clone());
                        if back.await {
                            wake.wake(reference);
                        }
                    }
                    return;
                }
            }
            wake.wake(reference.clone());
        }
    }))
}

/// A replica that makes way does so within seconds, and the Lease of one that died runs out after ninety: whoever still
/// holds it after this long is another installation of the operator.
const FOR_GOOD_AFTER: Duration = Duration::from_secs(180);

/// Wakes the connection as soon as the Lease is ours, or it is clear that it will not be.
fn wake_when_held(
    connection: &SharingConnection,
    context: &Context,
    mut lease: KnownLease,
) -> OwnedTask {
    let wake = context.engines.wake_connection.clone();
    let reference = ObjectRef::from_obj(connection);
    let known = lease.other_holder.borrow_and_update().clone();
    OwnedTask::new(tokio::spawn(async move {
        let until = match &known {
            Some(OtherHolder::Held { since, .. }) => *since + FOR_GOOD_AFTER,
            Some(OtherHolder::Owned(_)) | None => Instant::now() + FOR_GOOD_AFTER,
        };
        let has_passed = until <= Instant::now();
        tokio::select! {
            held = lease.valid_until.wait_for(Option::is_some) => if held.is_err() {
                return;
            },
            changed = lease.other_holder.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep_until(until), if !has_passed => {}
        }
        wake.wake(reference);
    }))
}

/// What a person has to do about a Lease that another installation keeps.
fn other_holder(
    organization: &OrganizationId,
    context: &Context,
    lease: &KnownLease,
) -> Option<Problem> {
    let settings = &context.settings;
    let subject = Subject::organization(organization, settings.owner.clone(), Vec::new());
    let which = format!(
        "Lease {} in namespace {} of organization {organization}",
        subject.name, settings.namespace
    );
    let (reason, what) = match &*lease.other_holder.borrow() {
        Some(OtherHolder::Owned(owner)) => (
            Reason::OwnerIdChanged,
            format!(
                "{which} records the owner id {owner}, and this operator was started with {}: nothing is changed in \
                 either system.",
                settings.owner
            ),
        ),
        Some(OtherHolder::Held { by, since }) if since.elapsed() >= FOR_GOOD_AFTER => (
            Reason::LeaseHeldElsewhere,
            format!(
                "{which} is held by {by}, which is not a replica of this operator or does not give it up: this operator \
                 changes nothing for this connection."
            ),
        ),
        _ => return None,
    };
    let message = format!("{what} {}", reason.remedy());
    Some(Problem::new(reason, message).of_connection())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_goes_while_it_is_held_is_counted_as_lost_and_then_no_more() {
        let metrics = Metrics::default();
        let (keeper, lease) = tokio::sync::watch::channel(Some(Instant::now()));
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
