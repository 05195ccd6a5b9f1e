//! Keeps this replica's own Lease, lists those of the others, and hands over the organizations that are for another.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that waits between two lists of the replicas"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::roll::{ALIVE_FOR, Departed};
use crate::controller::context::Context;
use crate::controller::engines::key;
use crate::controller::lease::{self, LeaseKeeper, LeaseOptions};
use crate::controller::publish;
use crate::declaration;

/// Between two updates beside others, and the longest that one may take: so soon it is noticed that one goes.
const UPDATE_EVERY: Duration = Duration::from_secs(5);
/// Between two updates of a replica that is alone: who comes finds it, and can wait.
const UPDATE_ALONE_EVERY: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Shows that this replica is alive and keeps the Leases that are for it, until `stop`; then the
/// others learn at once that it goes.
pub(in crate::controller) async fn spread(context: &Context, stop: &CancellationToken) {
    let settings = &context.settings;
    let own = LeaseKeeper::start(
        context.client.clone(),
        &settings.namespace,
        settings.identity.clone(),
        context.replicas.own_lease(settings.owner.clone()),
        None,
        LeaseOptions {
            duration: ALIVE_FOR,
            renew_every: RENEW_EVERY,
            wall_clock: settings.wall_clock,
        },
    );
    // An update is not cut short: it may be giving a Lease back.
    let updates = async {
        while !stop.is_cancelled() {
            update(context).await;
            let pause = match context.replicas.alive.lock().len() {
                1 => UPDATE_ALONE_EVERY,
                _ => UPDATE_EVERY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    };
    let stopping = async {
        stop.cancelled().await;
        own.release().await;
    };
    futures::future::join(updates, stopping).await;
}

async fn update(context: &Context) {
    let api: Api<Lease> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let ours = ListParams::default().labels(lease::LABEL);
    let leases = match timeout(UPDATE_EVERY, api.list(&ours)).await {
        Ok(Ok(leases)) => leases.items,
        Ok(Err(error)) => {
            let what = publish::describe(&error);
            return tracing::warn!(
                "the Leases of the replicas cannot be listed: {what}; tried again soon"
            );
        }
        Err(_) => {
            return tracing::warn!("no list of the replicas' Leases in time; tried again soon");
        }
    };
    let (changed, departed) = context.replicas.note(leases);
    if changed {
        let replicas = context.replicas.alive.lock().len();
        tracing::info!(replicas, "replicas that are alive");
        context.settings.metrics.replicas_alive(replicas);
    }
    // What was given back may be for us again since the update began.
    if give_back(context).await || changed {
        wake_all(context);
    }
    for departed in departed {
        forget(&api, departed).await;
    }
}

/// Hands over what is for another replica, and what no connection needs any more; `false`: there was nothing.
async fn give_back(context: &Context) -> bool {
    let wanted: BTreeSet<String> = context
        .connections
        .state()
        .iter()
        .map(|connection| declaration::organization(connection).to_string())
        .collect();
    let kept = context.engines.organizations().await;
    let given_up = kept.into_iter().filter(|organization| {
        !wanted.contains(organization) || !context.replicas.is_for_us(organization)
    });
    let handed_over =
        given_up.map(|organization| async move { context.engines.hand_over(&organization).await });
    !futures::future::join_all(handed_over).await.is_empty()
}

/// Each connection is reconciled anew: its organization may be for us now.
fn wake_all(context: &Context) {
    for connection in context.connections.state() {
        context.engines.wake_connection(&key(&connection));
    }
}

/// Of a replica that went nothing else is left. Another one may have deleted it already.
async fn forget(api: &Api<Lease>, departed: Departed) {
    let as_seen = DeleteParams::default().preconditions(Preconditions {
        uid: departed.uid,
        resource_version: departed.resource_version,
    });
    if let Err(error) = api.delete(&departed.name, &as_seen).await {
        let what = publish::describe(&error);
        tracing::debug!(
            lease = departed.name,
            "the Lease of a replica that went stays: {what}"
        );
    }
}
