//! Resources at which the operator panicked: reported, and not tried again until they change (L10).

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audience_sharing_core::domain::reason::Reason;
use futures::FutureExt;
use kube::{Resource, ResourceExt};

use super::requested;
use crate::api::annotations::ABANDON;
use audience_sharing_engine::Problem;

/// By uid: as what the resource was asked for when the operator panicked.
#[derive(Debug, Default)]
pub(super) struct Quarantine(Mutex<BTreeMap<String, u64>>);

/// The operator panicked. What it said may quote what it worked with: that is told nowhere but by the panic hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(_: Box<dyn Any + Send>) -> Self {
        Self
    }
}

impl Quarantine {
    /// Whether it was already tried as it is now.
    pub(super) fn blockers(&self, object: &impl Resource) -> bool {
        self.lock().get(&object.uid().unwrap_or_default()) == Some(&asked(object))
    }

    pub(super) fn add(&self, object: &impl Resource) {
        self.lock()
            .insert(object.uid().unwrap_or_default(), asked(object));
    }

    /// It went well, or it is gone.
    pub(super) fn forget(&self, object: &impl Resource) {
        self.lock().remove(&object.uid().unwrap_or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person changes to have it tried again: the spec, the deletion, the request to look now, the wish to let go.
fn asked(object: &impl Resource) -> u64 {
    let mut hasher = DefaultHasher::new();
    let metadata = object.meta();
    metadata.generation.hash(&mut hasher);
    metadata.deletion_timestamp.is_some().hash(&mut hasher);
    requested::value(object).hash(&mut hasher);
    object.annotations().get(ABANDON).hash(&mut hasher);
    hasher.finish()
}

/// Runs work on one resource; a panic ends it, and nothing else. What the work shares with others is behind locks that
/// nobody takes for spoiled.
pub(super) async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(Panicked::from)
}

pub(super) fn problem() -> Problem {
    Problem::new(
        Reason::InternalError,
        format!(
            "The operator panicked while it worked on this resource, which is a defect of the operator. Nothing more is \
             tried until the resource changes. {}",
            Reason::InternalError.remedy()
        ),
    )
}
