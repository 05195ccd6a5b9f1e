//! Which replicas are alive, and which of them each organization is for (design.md §4.14).
//!
//! A replica is alive while it renews a Lease of its own; it knows of the others by one list of all Leases. Each
//! organization is for the living replica that rendezvous hashing names. That decides who tries for an organization's
//! Lease and who gives it back; who may write is decided by that Lease alone, so that replicas which see each other
//! differently for a while are a delay, never two writers.
mod rendezvous;
mod roll;
pub(super) mod spread;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use audience_sharing_core::domain::mark::OwnerId;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::time::Instant;

use super::lease::{LABEL, OF_REPLICA, Observed, Subject};
use super::locked::Locked;
use super::settings::{Scope, Settings};
use crate::api::GROUP;
use roll::{Departed, Roll};

/// Who is alive, as this replica last saw it.
pub(super) struct Replicas {
    identity: String,
    /// Replicas that were started with the same settings: only they can replace each other.
    group: String,
    /// None before the first list.
    alive: Locked<BTreeSet<String>>,
    known: watch::Sender<bool>,
    roll: Locked<Roll>,
}

impl Replicas {
    pub(super) fn new(settings: &Settings, scope: &Scope) -> Self {
        let group = group(settings, scope);
        Self {
            identity: settings.identity.clone(),
            alive: Locked::default(),
            known: watch::Sender::new(false),
            roll: Locked::new(Roll::new(group.clone())),
            group,
        }
    }

    /// Whether it is this replica that tries for the Lease of an organization; before its first list it tries for none.
    pub(super) fn is_for_us(&self, organization: &str) -> bool {
        rendezvous::choose(&self.alive.lock(), organization)
            .is_some_and(|chosen| *chosen == self.identity)
    }

    /// Becomes true with the first list.
    pub(super) fn known(&self) -> watch::Receiver<bool> {
        self.known.subscribe()
    }

    /// What was seen of a Lease that another replica may hold.
    pub(super) fn observed(&self, subject: &Subject) -> Option<Observed> {
        self.roll.lock().observed(&subject.name)
    }

    /// `true` if the living are not those of before.
    fn note(&self, leases: Vec<Lease>) -> (bool, Vec<Departed>) {
        let (mut alive, departed) = {
            let mut roll = self.roll.lock();
            roll.note(leases, Instant::now())
        };
        // Whatever became of its own Lease: who asks is alive.
        alive.insert(self.identity.clone());
        let changed = *self.alive.lock() != alive;
        *self.alive.lock() = alive;
        self.known.send_replace(true);
        (changed, departed)
    }

    /// The Lease by which the others know that this replica is alive.
    fn own_lease(&self, owner: OwnerId) -> Subject {
        Subject {
            name: format!("replica-{}.{GROUP}", digest([&self.identity])),
            labels: BTreeMap::from([
                (LABEL.into(), OF_REPLICA.into()),
                (roll::REPLICA_GROUP.into(), self.group.clone()),
            ]),
            owner,
            // Nobody else ever had it.
            previous_owners: None,
        }
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
