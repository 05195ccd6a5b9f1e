//! What one reconcile of an audience came to, before anything of it is written down.

use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::{NotReconciled, Problem, ReconcileOutcome};

use crate::api::DeletionWaitStatus;

pub(super) enum Outcome {
    Reconciled {
        reconciled: Box<ReconcileOutcome>,
        /// The request for users that was handled.
        users_requested: Option<String>,
    },
    Suspended,
    /// Something in Kubernetes is missing or wrong, or the spec is; nothing remote was judged.
    Unresolved(Problem),
    /// It is being deleted, and its remote objects cannot be; for how long that has lasted.
    CannotDelete(Problem, DeletionWaitStatus),
    /// The API server failed; tried again soon, with nothing to write down.
    Kubernetes(kube::Error),
    /// The object has changed since it was read from the cache, or the API server did not answer.
    Superseded,
    /// Another process reconciles this organization, or may by now, or the engine is just being replaced: whoever starts
    /// it wakes us.
    NotOurs,
    /// The engine panicked while it planned for this audience.
    Panicked,
    /// The object is gone.
    Released,
}

impl From<NotReconciled> for Outcome {
    fn from(why: NotReconciled) -> Self {
        match why {
            NotReconciled::Superseded => Self::Superseded,
            NotReconciled::Panicked => Self::Panicked,
            NotReconciled::Ended(_) => Self::NotOurs,
        }
    }
}

/// What a connection that is not ready means for its audiences: reported there, referred to here.
pub(super) fn dependency_not_ready(connection: &str) -> Problem {
    let message = format!(
        "SharingConnection {connection} is not ready; see its status. Nothing was changed for this audience."
    );
    Problem::new(Reason::DependencyNotReady, message).of_connection()
}
