//! Which replicas are alive, and which of them each organisation is for (design.md §4.14).
//!
//! A replica is alive while it renews a Lease of its own; it knows of the others by one list of all Leases. Each
//! organisation is for the living replica that rendezvous hashing names. That decides who tries for an organisation's
//! Lease and who gives it back; who may write is decided by that Lease alone, so that replicas which see each other
//! differently for a while are a delay, never two writers.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place that waits between two looks at the replicas"
)]

mod rendezvous;
mod roll;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audience_sharing_core::domain::mark::OwnerId;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::context::{Context, Settings, organization};
use super::lease::{self, LeaseKeeper, LeaseOptions, Observed, Subject};
use super::publish;
use super::run::Scope;
use roll::{Departed, Roll};

/// Between two looks beside others, and the longest that one may take: so soon it is noticed that one goes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two looks of a replica that is alone: who comes finds it, and can wait.
const LOOK_ALONE_EVERY: Duration = Duration::from_secs(15);
/// A replica that has not renewed for so long is taken for dead: two renewals may fail. Nothing is lost by a longer one,
/// since the Leases of organisations hold for 90 s.
const ALIVE_FOR: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Who is alive, as this replica last saw it.
pub(super) struct Replicas {
    identity: String,
    /// Replicas that were told the same: only they can stand in for each other.
    group: String,
    /// None before the first look.
    alive: Mutex<BTreeSet<String>>,
    known: watch::Sender<bool>,
    roll: Mutex<Roll>,
}

impl Replicas {
    pub(super) fn new(settings: &Settings, scope: &Scope) -> Self {
        let group = group(settings, scope);
        Self {
            identity: settings.identity.clone(),
            alive: Mutex::default(),
            known: watch::Sender::new(false),
            roll: Mutex::new(Roll::new(group.clone())),
            group,
        }
    }

    /// Whether it is this replica that tries for the Lease of an organisation; before its first look it tries for none.
    pub(super) fn is_for_us(&self, organization: &str) -> bool {
        rendezvous::choose(&self.alive(), organization)
            .is_some_and(|chosen| *chosen == self.identity)
    }

    /// Becomes true with the first look.
    pub(super) fn known(&self) -> watch::Receiver<bool> {
        self.known.subscribe()
    }

    fn alive(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen of a Lease that another replica may hold.
    pub(super) fn observed(&self, subject: &Subject) -> Option<Observed> {
        let roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
        roll.observed(&subject.name)
    }

    /// `true` if the living are not those of before.
    fn note(&self, leases: Vec<Lease>) -> (bool, Vec<Departed>) {
        let (mut alive, departed) = {
            let mut roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
            roll.note(leases, Instant::now())
        };
        // Whatever became of its own Lease: who asks is alive.
        alive.insert(self.identity.clone());
        let changed = *self.alive() != alive;
        *self.alive() = alive;
        self.known.send_replace(true);
        (changed, departed)
    }
}

/// Says that this replica is alive and sees to it that it holds the Leases that are for it, until `stop`; then the
/// others learn at once that it goes.
pub(super) async fn spread(context: &Context, stop: &CancellationToken) {
    let settings = &context.settings;
    let own = LeaseKeeper::start(
        context.client.clone(),
        &settings.namespace,
        settings.identity.clone(),
        own_lease(&context.replicas, settings.owner.clone()),
        None,
        LeaseOptions {
            duration: ALIVE_FOR,
            renew_every: RENEW_EVERY,
            wall_clock: settings.wall_clock,
        },
    );
    // A look is not cut short: it may be giving a Lease back.
    let looking = async {
        while !stop.is_cancelled() {
            look(context).await;
            let pause = match context.replicas.alive().len() {
                1 => LOOK_ALONE_EVERY,
                _ => LOOK_EVERY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    };
    let leaving = async {
        stop.cancelled().await;
        own.release().await;
    };
    futures::future::join(looking, leaving).await;
}

fn own_lease(replicas: &Replicas, owner: OwnerId) -> Subject {
    Subject {
        name: format!("audience-sharing-replica-{}", digest([&replicas.identity])),
        labels: BTreeMap::from([
            (lease::LABEL.into(), lease::OF_REPLICA.into()),
            (roll::GROUP.into(), replicas.group.clone()),
        ]),
        owner,
        // Nobody else ever had it.
        previous_owners: None,
    }
}

async fn look(context: &Context) {
    let api: Api<Lease> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let ours = ListParams::default().labels(lease::LABEL);
    let leases = match timeout(LOOK_EVERY, api.list(&ours)).await {
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
        let replicas = context.replicas.alive().len();
        tracing::info!(replicas, "replicas that are alive");
        context.settings.metrics.replicas_alive(replicas);
    }
    // What was given back may be for us again since the look began.
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
        .map(|connection| organization(connection).to_string())
        .collect();
    let kept = context.engines.organizations().await;
    let leaving = kept.into_iter().filter(|organization| {
        !wanted.contains(organization) || !context.replicas.is_for_us(organization)
    });
    let handed_over =
        leaving.map(|organization| async move { context.engines.hand_over(&organization).await });
    !futures::future::join_all(handed_over).await.is_empty()
}

/// Each connection is looked at anew: its organisation may be for us now.
fn wake_all(context: &Context) {
    for connection in context.connections.state() {
        let namespace = connection.namespace().unwrap_or_default();
        context
            .engines
            .wake_connection(&namespace, &connection.name_any());
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

/// What must be equal for two processes to do the same work.
fn group(settings: &Settings, scope: &Scope) -> String {
    let scope = match scope {
        Scope::Cluster => String::new(),
        Scope::Namespaces(namespaces) => namespaces.iter().cloned().collect::<Vec<_>>().join(","),
    };
    digest([
        settings.owner.as_str(),
        scope.as_str(),
        if settings.read_only { "read-only" } else { "" },
    ])
}

/// 16 hex digits.
fn digest<Text: AsRef<str>>(parts: impl IntoIterator<Item = Text>) -> String {
    format!("{:016x}", rendezvous::hash(parts))
}
