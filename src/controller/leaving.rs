//! How long something that leaves waits for what it needs to delete its remote objects: ten minutes, not for ever (L7).
//!
//! The time is counted, not measured: each look adds what has passed on this process' own clock since the look before,
//! and the sum is recorded in the status, so that the next process goes on from there. The wall clock, which may be
//! wrong, counts only between the last look of one process and the first of the next, and there for no more than
//! [`COUNTED_AT_ONCE_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;

use super::conditions::whole_seconds;
use crate::api::DeletionWaitStatus;

/// Without any means to delete its remote objects, a resource is released after this long.
const RELEASE_AFTER: Duration = Duration::from_secs(600);
/// What is missing may come back at any moment; nothing else wakes a leaving object.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// What one look adds at most: between two looks that are further apart, nobody knows that it was missing all the time.
const COUNTED_AT_ONCE_MAX: Duration = Duration::from_secs(120);

/// What is known of the leaving objects, by their uids.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Those that cannot be deleted for want of something.
    waits: Mutex<BTreeMap<String, Wait>>,
    /// Those whose remote objects are done with: what is left is the finalizer.
    done: Mutex<BTreeSet<String>>,
    /// Before this an attempt that failed is not made again, whatever wakes the object.
    not_before: Mutex<BTreeMap<String, Instant>>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    counted: Duration,
    last_look: Instant,
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
        look_again: Duration,
        /// For the status, where the next process finds it.
        so_far: DeletionWaitStatus,
    },
    Over,
}

impl Leaving {
    /// An attempt failed: how long to wait for the next one.
    pub(super) fn failed(&self, object: &impl Resource, pause: Duration, now: Instant) {
        self.not_before()
            .insert(object.uid().unwrap_or_default(), now + pause);
    }

    /// What is left of the pause after an attempt that failed.
    pub(super) fn pause_left(&self, object: &impl Resource, now: Instant) -> Option<Duration> {
        let not_before = *self.not_before().get(&object.uid().unwrap_or_default())?;
        let left = not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn set_done(&self, object: &impl Resource) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.insert(object.uid().unwrap_or_default());
    }

    pub(super) fn is_done(&self, object: &impl Resource) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.contains(&object.uid().unwrap_or_default())
    }

    /// A look that found that the remote objects cannot be deleted. `recorded`: what the status says of earlier ones.
    pub(super) fn patience(
        &self,
        object: &impl Resource,
        recorded: Option<&DeletionWaitStatus>,
        now: Now,
    ) -> Patience {
        let mut waits = self.waits();
        let wait = waits
            .entry(object.uid().unwrap_or_default())
            .or_insert_with(|| Wait {
                counted: counted(recorded, now.wall),
                last_look: now.own,
            });
        let since = now.own.saturating_duration_since(wait.last_look);
        wait.counted += since.min(COUNTED_AT_ONCE_MAX);
        wait.last_look = now.own;
        let left = RELEASE_AFTER.saturating_sub(wait.counted);
        match left.is_zero() {
            true => Patience::Over,
            false => Patience::Wait {
                look_again: left.min(CHECK_EVERY),
                so_far: DeletionWaitStatus {
                    seconds: i32::try_from(wait.counted.as_secs()).unwrap_or(i32::MAX),
                    counted_at: Time(whole_seconds(now.wall)),
                },
            },
        }
    }

    /// Nothing is missing any more, or it is not known to be.
    pub(super) fn waits_no_longer(&self, object: &impl Resource) {
        self.waits().remove(&object.uid().unwrap_or_default());
    }

    /// It is gone.
    pub(super) fn forget(&self, object: &impl Resource) {
        self.waits_no_longer(object);
        let uid = object.uid().unwrap_or_default();
        self.not_before().remove(&uid);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.remove(&uid);
    }

    fn not_before(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        let not_before = self.not_before.lock();
        not_before.unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<String, Wait>> {
        let waits = self.waits.lock();
        waits.unwrap_or_else(PoisonError::into_inner)
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
