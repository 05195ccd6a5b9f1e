//! What the lists of Leases say over time: who renews, who has stopped, who has gone.
//!
//! A Lease is judged by when this process saw it change, never by the times in it (`lease.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::time::Instant;

use super::ALIVE_FOR;
use crate::controller::lease::{self, Observed};

/// On the Lease of a replica: which others can stand in for it.
pub(super) const GROUP: &str = "audience-sharing.dev/replica-group";

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

    /// Folds a whole list in; answers the identities of the living replicas of our group, and who of any group went.
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
                match observed_state(&record, now - since) {
                    Standing::Alive(identity) if label(GROUP) == Some(self.group.as_str()) => {
                        alive.insert(identity.to_owned());
                    }
                    Standing::Alive(_) | Standing::Silent => {}
                    Standing::Gone => departed.push(Departed {
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

enum Standing<'a> {
    /// By this identity.
    Alive(&'a str),
    /// It may be dead, or cut off for a while.
    Silent,
    Gone,
}

fn observed_state(record: &LeaseSpec, since_last_change: Duration) -> Standing<'_> {
    match record.holder_identity.as_deref() {
        None | Some("") => Standing::Gone,
        Some(_) if since_last_change >= GONE_AFTER => Standing::Gone,
        Some(_) if since_last_change >= lease::duration(record, ALIVE_FOR) => Standing::Silent,
        Some(identity) => Standing::Alive(identity),
    }
}
