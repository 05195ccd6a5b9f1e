//! Resources at which the operator panicked: reported, and not tried again until they change (L10).

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;

use audience_sharing_core::domain::reason::Reason;
use futures::FutureExt;
use kube::Resource;

use super::by_uid::ByUid;
use super::requested;
use audience_sharing_engine::Problem;

/// What the resource was asked for when the operator panicked.
#[derive(Debug, Default)]
pub(super) struct Quarantine(pub(super) ByUid<u64>);

/// The operator panicked. What it said may quote what it worked with: only the panic hook reports that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(_: Box<dyn Any + Send>) -> Self {
        Self
    }
}

impl Quarantine {
    /// Whether it was already tried as it is now.
    pub(super) fn contains(&self, object: &impl Resource) -> bool {
        self.0
            .with(object, |known| *known == Some(declared(object)))
    }

    pub(super) fn add(&self, object: &impl Resource) {
        self.0.with(object, |known| *known = Some(declared(object)));
    }
}

/// What a person changes to have it tried again: the spec, the deletion, the request to reconcile now.
fn declared(object: &impl Resource) -> u64 {
    let mut hasher = DefaultHasher::new();
    let metadata = object.meta();
    metadata.generation.hash(&mut hasher);
    metadata.deletion_timestamp.is_some().hash(&mut hasher);
    requested::value(object).hash(&mut hasher);
    hasher.finish()
}

/// Runs work on one resource; a panic ends it, and nothing else. What the work shares with others is behind locks whose
/// poison is ignored.
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
