//! One Lease per organization: which process reconciles it, and until when it may write (design.md §4.14). And one per
//! process, which says that it is alive (`replicas.rs`).
//!
//! Expiry is judged by this process' own clock, from when the record was last seen to change, never by the times in
//! the record: clocks of two machines differ (client-go's rule). The `resourceVersion` is the guard of every write, and
//! what is published as held ends a full duration after the *sending* of the last renewal that went through.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that waits between two attempts at a Lease"
)]

mod keeper;
mod record;
#[cfg(test)]
mod tests;

use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use keeper::{Keeper, Publish};
pub use record::{Decision, LeaseOptions, OtherHolder, Subject, decide};
pub(super) use record::{LABEL, OF_REPLICA, Observed, duration};

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
        let (publish_other, other_holder) = watch::channel(None);
        let stop = CancellationToken::new();
        let api = Api::namespaced(client, namespace);
        let publish = Publish {
            valid_until: sender,
            other_holder: publish_other,
        };
        let keeper = Keeper::new(api, identity, subject, observed, options, publish);
        let task = tokio::spawn(keeper.run(stop.clone()));
        LeaseHandle {
            valid_until,
            other_holder,
            stop,
            task: Some(task),
        }
    }
}

/// A Lease that is kept. Dropped, it is no longer renewed and runs out by itself.
#[derive(Debug)]
pub struct LeaseHandle {
    valid_until: watch::Receiver<Option<Instant>>,
    other_holder: watch::Receiver<Option<OtherHolder>>,
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
    pub fn other_holder(&self) -> watch::Receiver<Option<OtherHolder>> {
        self.other_holder.clone()
    }

    /// Gives the Lease up, so that another process takes over at its next attempt. Whoever calls it has stopped writing.
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
