//! How long a deletion waits for what it needs to delete its remote objects: ten minutes, not for ever (L7).
//!
//! The time is counted, not measured: each reconcile adds what has passed on this process' own clock since the one before,
//! and the sum is recorded in the status, so that the next process goes on from there. The wall clock, which may be
//! wrong, counts only between the last reconcile of one process and the first of the next, and there for no more than
//! [`COUNTED_AT_ONCE_MAX`].

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use tokio::time::Instant;

use super::by_uid::ByUid;
use super::conditions::whole_seconds;
use crate::api::DeletionWaitStatus;

/// Without any means to delete its remote objects, a resource is released after this long.
const RELEASE_AFTER: Duration = Duration::from_secs(600);
/// What is missing may come back at any moment; nothing else wakes the object.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// What one reconcile adds at most: between two that are further apart, it may not have been missing all the time.
const COUNTED_AT_ONCE_MAX: Duration = Duration::from_secs(120);

/// What is known of the objects that are being deleted.
#[derive(Debug, Default)]
pub(super) struct DeletionWaits(pub(super) ByUid<Deletion>);

#[derive(Debug, Default)]
pub(super) struct Deletion {
    /// It cannot be deleted for want of something.
    wait: Option<Wait>,
    /// Its remote objects are deleted: what is left is the finalizer.
    is_done: bool,
    /// Before this an attempt that failed is not made again, whatever wakes the object.
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    counted: Duration,
    counted_until: Instant,
}

/// The time on both clocks: the process' own, which only goes forward, and that on the wall, which others can read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) own: Instant,
    pub(super) wall: Timestamp,
}

/// Whether to wait longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Wait {
        retry_after: Duration,
        /// For the status, where the next process finds it.
        so_far: DeletionWaitStatus,
    },
    Over,
}

impl DeletionWaits {
    /// An attempt failed: how long to wait for the next one.
    pub(super) fn failed(&self, object: &impl Resource, pause: Duration, now: Instant) {
        self.with(object, |known| known.not_before = Some(now + pause));
    }

    /// What is left of the pause after an attempt that failed.
    pub(super) fn pause_left(&self, object: &impl Resource, now: Instant) -> Option<Duration> {
        let not_before = self.with(object, |known| known.not_before)?;
        let left = not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn set_done(&self, object: &impl Resource) {
        self.with(object, |known| known.is_done = true);
    }

    pub(super) fn is_done(&self, object: &impl Resource) -> bool {
        self.with(object, |known| known.is_done)
    }

    /// The remote objects cannot be deleted now. `recorded`: what the status says of the wait so far.
    pub(super) fn patience(
        &self,
        object: &impl Resource,
        recorded: Option<&DeletionWaitStatus>,
        now: Now,
    ) -> Patience {
        let counted = self.with(object, |known| {
            let wait = known.wait.get_or_insert_with(|| Wait {
                counted: counted(recorded, now.wall),
                counted_until: now.own,
            });
            let since = now.own.saturating_duration_since(wait.counted_until);
            wait.counted += since.min(COUNTED_AT_ONCE_MAX);
            wait.counted_until = now.own;
            wait.counted
        });
        let left = RELEASE_AFTER.saturating_sub(counted);
        match left.is_zero() {
            true => Patience::Over,
            false => Patience::Wait {
                retry_after: left.min(CHECK_EVERY),
                so_far: DeletionWaitStatus {
                    seconds: i32::try_from(counted.as_secs()).unwrap_or(i32::MAX),
                    counted_at: Time(whole_seconds(now.wall)),
                },
            },
        }
    }

    /// Nothing is missing any more, or it is not known to be.
    pub(super) fn waits_no_longer(&self, object: &impl Resource) {
        self.0.with(object, |known| {
            if let Some(known) = known {
                known.wait = None;
            }
        });
    }

    fn with<T>(&self, object: &impl Resource, read: impl FnOnce(&mut Deletion) -> T) -> T {
        self.0
            .with(object, |known| read(known.get_or_insert_default()))
    }
}

/// What earlier processes counted, and the time since then, as far as the wall clock can be trusted with it.
fn counted(recorded: Option<&DeletionWaitStatus>, wall: Timestamp) -> Duration {
    let Some(recorded) = recorded else {
        return Duration::ZERO;
    };
    let seconds = u64::try_from(recorded.seconds).unwrap_or_default();
    let since = wall.duration_since(recorded.counted_at.0);
    // Negative where the clock of one of the two was wrong.
    let since = Duration::try_from(since).unwrap_or_default();
    Duration::from_secs(seconds) + since.min(COUNTED_AT_ONCE_MAX)
}
