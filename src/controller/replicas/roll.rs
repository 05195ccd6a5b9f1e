//! What the lists of Leases say over time: who renews, who has stopped, who has gone.
//!
//! A Lease is judged by when this process saw it change, never by the times in it (`lease.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::time::Instant;

use crate::controller::lease::{self, Observed};

/// On the Lease of a replica: which others can replace it.
pub(super) const REPLICA_GROUP: &str = "audience-sharing.dev/replica-group";

/// A replica that has not renewed for so long is taken for dead: two renewals may fail. Nothing is lost by a longer one,
/// since the Leases of organizations hold for 90 s.
pub(super) const ALIVE_FOR: Duration = Duration::from_secs(30);

/// A replica that was not seen for so long does not come back: its Lease is deleted.
const GONE_AFTER: Duration = Duration::from_secs(3_600);

pub(super) struct Roll {
    group: String,
    /// By the Lease's name.
    seen: BTreeMap<String, Observed>,
}

/// The Lease of a replica that went, as it was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Departed {
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
}

impl Roll {
    pub(super) fn new(group: String) -> Self {
        Self {
            group,
            seen: BTreeMap::new(),
        }
    }

    /// Takes a whole list; answers the identities of the living replicas of our group, and who of any group went.
    pub(super) fn note(
        &mut self,
        leases: Vec<Lease>,
        now: Instant,
    ) -> (BTreeSet<String>, Vec<Departed>) {
        let mut before = std::mem::take(&mut self.seen);
        let (mut alive, mut departed) = (BTreeSet::new(), Vec::new());
        for lease in leases {
            let (metadata, record) = (lease.metadata, lease.spec.unwrap_or_default());
            let name = metadata.name.unwrap_or_default();
            let since = before
                .remove(&name)
                .filter(|(known, _)| *known == record)
                .map_or(now, |(_, since)| since);
            let label = |key: &str| {
                let labels = metadata.labels.as_ref();
                labels
                    .and_then(|labels| labels.get(key))
                    .map(String::as_str)
            };
            if label(lease::LABEL) == Some(lease::OF_REPLICA) {
                match presence(&record, now - since) {
                    Presence::Alive(identity)
                        if label(REPLICA_GROUP) == Some(self.group.as_str()) =>
                    {
                        alive.insert(identity.to_owned());
                    }
                    Presence::Alive(_) | Presence::Silent => {}
                    Presence::Gone => departed.push(Departed {
                        name: name.clone(),
                        uid: metadata.uid,
                        resource_version: metadata.resource_version,
                    }),
                }
            }
            self.seen.insert(name, (record, since));
        }
        (alive, departed)
    }

    pub(super) fn observed(&self, name: &str) -> Option<Observed> {
        self.seen.get(name).cloned()
    }
}

enum Presence<'a> {
    /// By this identity.
    Alive(&'a str),
    /// It may be dead, or cut off for a while.
    Silent,
    Gone,
}

fn presence(record: &LeaseSpec, since_last_change: Duration) -> Presence<'_> {
    match record.holder_identity.as_deref() {
        None | Some("") => Presence::Gone,
        Some(_) if since_last_change >= GONE_AFTER => Presence::Gone,
        Some(_) if since_last_change >= lease::duration(record, ALIVE_FOR) => Presence::Silent,
        Some(identity) => Presence::Alive(identity),
    }
}
