//! One Lease per organisation: which process reconciles it, and until when it may write (design.md §4.14). And one per
//! process, which says that it is alive (`replicas.rs`).
//!
//! Expiry is judged by this process' own clock, from when the record was last seen to change, never by the times in
//! the record: clocks of two machines differ (client-go's rule). The `resourceVersion` is the guard of every write, and
//! what is published as held ends a full duration after the *sending* of the last renewal that went through.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place that waits between two looks at a Lease"
)]

mod keeper;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use audience_sharing_core::domain::identifier::OrganizationId;
use audience_sharing_core::domain::mark::OwnerId;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use keeper::{Keeper, Publish};

/// The bound of a duration that a record names, in seconds: one that a stranger wrote must not lock an organisation.
const RECORD_DURATION_SECONDS_MAX: i32 = 3_600;

/// What to do about a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody holds it, or its holder let it run out.
    Acquire,
    /// It is ours.
    Renew,
    /// Another holds it, and it runs out in this time if it is not renewed.
    Wait(Duration),
}

/// Decides on a record. `since_last_change` is local, monotonic, and counted from when this process first saw `record`
/// as it is; `otherwise` is the duration of a record that names none.
pub fn decide(
    record: &LeaseSpec,
    me: &str,
    since_last_change: Duration,
    otherwise: Duration,
) -> Decision {
    let holder = record
        .holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty());
    let Some(holder) = holder else {
        return Decision::Acquire;
    };
    if holder == me {
        return Decision::Renew;
    }
    match duration(record, otherwise).checked_sub(since_last_change) {
        Some(left) if !left.is_zero() => Decision::Wait(left),
        _ => Decision::Acquire,
    }
}

/// For how long a record holds from its last change; `otherwise` is for one that does not say.
pub(super) fn duration(record: &LeaseSpec, otherwise: Duration) -> Duration {
    record.lease_duration_seconds.map_or(otherwise, |seconds| {
        let seconds = seconds.clamp(1, RECORD_DURATION_SECONDS_MAX);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
    })
}

/// On every Lease of this software: what it is for, [`OF_ORGANIZATION`] or [`OF_REPLICA`].
pub(super) const LABEL: &str = "audience-sharing.dev/lease";
pub(super) const OF_ORGANIZATION: &str = "organization";
pub(super) const OF_REPLICA: &str = "replica";

/// On every Lease that this software holds: the owner id of who held it last.
pub(super) const OWNER: &str = "audience-sharing.dev/owner-id";

/// Which Lease is kept, and by which owner.
#[derive(Clone, Debug)]
pub struct Subject {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) owner: OwnerId,
    /// A Lease with the mark of another owner than these and ours is never taken; `None`: whoever held it.
    pub(super) previous_owners: Option<Vec<OwnerId>>,
}

impl Subject {
    /// `audience-sharing-` and the 24 hex digits, in lower case.
    pub fn organization(
        organization: &OrganizationId,
        owner: OwnerId,
        previous_owners: Vec<OwnerId>,
    ) -> Self {
        let digits = organization.as_str().split('@').next().unwrap_or_default();
        Self {
            name: format!("audience-sharing-{}", digits.to_ascii_lowercase()),
            labels: BTreeMap::from([(LABEL.into(), OF_ORGANIZATION.into())]),
            owner,
            previous_owners: Some(previous_owners),
        }
    }

    /// The owner that a Lease records, if it is one for whom this one may not take over.
    pub(super) fn foreign_owner(&self, recorded: &str) -> Option<String> {
        let previous = self.previous_owners.as_ref()?;
        let known = previous.iter().chain([&self.owner]);
        let is_known = known.into_iter().any(|known| known.as_str() == recorded);
        (!is_known).then(|| recorded.to_owned())
    }
}

/// Why a Lease is not ours, as far as a person can do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Another process holds it, and has been seen to since then.
    Held { by: String, since: Instant },
    /// It records this owner id, which is not ours nor one that we had before.
    Owned(String),
}

/// A record of another holder, and since when it is known to be as it is.
pub(super) type Observed = (LeaseSpec, Instant);

#[derive(Clone, Copy, Debug)]
pub struct LeaseOptions {
    /// How long a renewal holds; whole seconds, at least one.
    pub duration: Duration,
    /// Between two renewals, and the longest that one request may take. A third of `duration` leaves two tries.
    pub renew_every: Duration,
    /// For `acquireTime` and `renewTime`, which are read by people only.
    pub wall_clock: fn() -> jiff::Timestamp,
}

impl LeaseOptions {
    /// 90 s, renewed every 5 s. No write starts that could outlive the lease (design.md §4.14), and one request may take
    /// 70 s, longer than Adobe's gateway waits: 20 s are left, in which three renewals may fail.
    pub fn new(wall_clock: fn() -> jiff::Timestamp) -> Self {
        Self {
            duration: Duration::from_secs(90),
            renew_every: Duration::from_secs(5),
            wall_clock,
        }
    }
}

/// Starts the task that acquires and renews one Lease.
#[derive(Debug)]
pub struct LeaseKeeper;

impl LeaseKeeper {
    /// `namespace` is the operator's own. `identity` must differ from that of every other process that ever ran (a
    /// Pod's name and uid), since a record with our identity is taken as ours. `observed`: what was seen of it already.
    pub fn start(
        client: Client,
        namespace: &str,
        identity: String,
        subject: Subject,
        observed: Option<Observed>,
        options: LeaseOptions,
    ) -> LeaseHandle {
        let (sender, valid_until) = watch::channel(None);
        let (tell_elsewhere, elsewhere) = watch::channel(None);
        let stop = CancellationToken::new();
        let api = Api::namespaced(client, namespace);
        let publish = Publish {
            valid_until: sender,
            elsewhere: tell_elsewhere,
        };
        let keeper = Keeper::new(api, identity, subject, observed, options, publish);
        let task = tokio::spawn(keeper.run(stop.clone()));
        LeaseHandle {
            valid_until,
            elsewhere,
            stop,
            task: Some(task),
        }
    }
}

/// A Lease that is kept. Dropped, it is no longer renewed and runs out by itself.
#[derive(Debug)]
pub struct LeaseHandle {
    valid_until: watch::Receiver<Option<Instant>>,
    elsewhere: watch::Receiver<Option<Elsewhere>>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl LeaseHandle {
    /// Until when no other process can hold the Lease; `None` while it is not ours. A value in the past is as good as
    /// `None`: compare it with the clock before each write.
    pub fn valid_until(&self) -> watch::Receiver<Option<Instant>> {
        self.valid_until.clone()
    }

    /// Why it is not ours; `None` while it is, or nobody knows.
    pub fn elsewhere(&self) -> watch::Receiver<Option<Elsewhere>> {
        self.elsewhere.clone()
    }

    /// Gives the Lease up, so that another process takes over at its next look. Whoever calls it has stopped writing.
    pub async fn release(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the task that keeps a Lease ended early; the Lease runs out by itself");
        }
    }
}

impl Drop for LeaseHandle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
