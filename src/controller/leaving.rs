//! How long something that leaves waits for what it needs to delete its remote objects: not for ever (design.md §4.8).
//!
//! Counted on this process' own clock from when it first saw the object leave, never by the times in the object: clocks
//! of two machines differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::{Resource, ResourceExt};
use tokio::time::Instant;

/// Without any credential to delete with, an object is released after this long.
const RELEASE_AFTER: Duration = Duration::from_secs(600);
/// A credential may come back any moment; nothing else wakes a leaving object.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// What is known of the leaving objects, by their uids.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// When each was first seen without what it needs.
    first_seen: Mutex<BTreeMap<String, Instant>>,
    /// Those whose remote objects are done with: what is left is the finalizer.
    done: Mutex<BTreeSet<String>>,
    /// Before this an attempt that failed is not made again, whatever wakes the object.
    not_before: Mutex<BTreeMap<String, Instant>>,
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

    /// When to look again; `None` when it has waited long enough.
    pub(super) fn patience(&self, object: &impl Resource, now: Instant) -> Option<Duration> {
        let mut first_seen = self.first_seen();
        let since = *first_seen
            .entry(object.uid().unwrap_or_default())
            .or_insert(now);
        let left = RELEASE_AFTER.saturating_sub(now - since);
        (!left.is_zero()).then(|| left.min(CHECK_EVERY))
    }

    /// It is gone, or it has what it needs again.
    pub(super) fn forget(&self, object: &impl Resource) {
        let uid = object.uid().unwrap_or_default();
        self.first_seen().remove(&uid);
        self.not_before().remove(&uid);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.remove(&uid);
    }

    fn not_before(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        let not_before = self.not_before.lock();
        not_before.unwrap_or_else(PoisonError::into_inner)
    }

    fn first_seen(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        let first_seen = self.first_seen.lock();
        first_seen.unwrap_or_else(PoisonError::into_inner)
    }
}
