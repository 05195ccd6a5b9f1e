//! What the record of a Lease says: whose it is, for how long, and what follows for this process. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use audience_sharing_core::domain::identifier::OrganizationId;
use audience_sharing_core::domain::mark::OwnerId;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::Instant;

use crate::api::GROUP;

/// The bound of a duration that a record names, in seconds: one that a stranger wrote must not lock an organization.
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
pub(in crate::controller) fn duration(record: &LeaseSpec, otherwise: Duration) -> Duration {
    record.lease_duration_seconds.map_or(otherwise, |seconds| {
        let seconds = seconds.clamp(1, RECORD_DURATION_SECONDS_MAX);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
    })
}

/// On every Lease of this software: what it is for, [`OF_ORGANIZATION`] or [`OF_REPLICA`].
pub(in crate::controller) const LABEL: &str = "audience-sharing.dev/lease";
pub(in crate::controller) const OF_ORGANIZATION: &str = "organization";
pub(in crate::controller) const OF_REPLICA: &str = "replica";

/// On every Lease that this software holds: the owner id of who held it last.
pub(in crate::controller) const OWNER: &str = "audience-sharing.dev/owner-id";

/// Which Lease is kept, and by which owner.
#[derive(Clone, Debug)]
pub struct Subject {
    pub(in crate::controller) name: String,
    pub(in crate::controller) labels: BTreeMap<String, String>,
    pub(in crate::controller) owner: OwnerId,
    /// A Lease with the mark of another owner than these and ours is never taken; `None`: whoever held it.
    pub(in crate::controller) previous_owners: Option<Vec<OwnerId>>,
}

impl Subject {
    /// `organization-`, the 24 hex digits in lower case, and the API group: nobody else's Lease has that name by chance.
    pub fn organization(
        organization: &OrganizationId,
        owner: OwnerId,
        previous_owners: Vec<OwnerId>,
    ) -> Self {
        let digits = organization.as_str().split('@').next().unwrap_or_default();
        Self {
            name: format!("organization-{}.{GROUP}", digits.to_ascii_lowercase()),
            labels: BTreeMap::from([(LABEL.into(), OF_ORGANIZATION.into())]),
            owner,
            previous_owners: Some(previous_owners),
        }
    }

    /// The owner that a Lease records, if it is one for whom this one may not take over.
    pub(in crate::controller) fn foreign_owner(&self, recorded: &str) -> Option<String> {
        let previous = self.previous_owners.as_ref()?;
        let known = previous.iter().chain([&self.owner]);
        let is_known = known.into_iter().any(|known| known.as_str() == recorded);
        (!is_known).then(|| recorded.to_owned())
    }
}

/// Why a Lease is not ours, as far as a person can do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherHolder {
    /// Another process holds it, and has been seen to since then.
    Held { by: String, since: Instant },
    /// It records this owner id, which is not ours nor one that we had before.
    Owned(String),
}

/// A record of another holder, and since when it is known to be as it is.
pub(in crate::controller) type Observed = (LeaseSpec, Instant);

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
