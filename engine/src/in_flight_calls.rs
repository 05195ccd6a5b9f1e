//! The calls under way: for whom each answer is, and how many may change something, which is what a stop must know.
//! Sends nothing and judges nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use audience_sharing_core::call::Call;
use audience_sharing_core::facts::Response;
use audience_sharing_core::inventory::Sequence;
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::job::Scope;
use super::shared_lock::WritesSeen;
use adobe_client::Error;

/// How long a graceful stop waits for the calls in flight.
const DRAIN: Duration = Duration::from_secs(10);

/// What came of a call or a list.
pub(super) enum Completion {
    Answer(Box<Answered>),
    /// Another engine wrote shared objects since this one listed them: nothing was sent.
    Outdated(Scope, Box<Call>, WritesSeen),
    Resync(super::resync::ResyncCompletion),
}

pub(super) struct Answered {
    pub(super) owner: Scope,
    pub(super) call: Call,
    pub(super) sent: Sequence,
    pub(super) result: Result<Response, Error>,
    /// Of a write of shared objects, how many there were with it.
    pub(super) seen: Option<WritesSeen>,
}

/// How an engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing that it sent can change anything any more.
    Cleanly,
    /// The end of a write was not awaited: it may take effect until it would have timed out.
    WritesAbandoned,
}

#[derive(Default)]
pub(super) struct InFlightCalls {
    /// Each with whether it writes, and when it was sent.
    calls: FuturesUnordered<BoxFuture<'static, (bool, Sequence, Completion)>>,
    writes: usize,
    sent: BTreeSet<Sequence>,
}

impl InFlightCalls {
    pub(super) fn start(
        &mut self,
        is_write: bool,
        sent: Sequence,
        call: impl Future<Output = Completion> + Send + 'static,
    ) {
        self.writes += usize::from(is_write);
        self.sent.insert(sent);
        let call = call.map(move |completion| (is_write, sent, completion));
        self.calls.push(call.boxed());
    }

    /// When the oldest of them was sent.
    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.sent.first().copied()
    }

    /// The next answer; `None` if nothing is under way. Dropped, it loses none.
    pub(super) async fn next(&mut self) -> Option<Completion> {
        let (is_write, sent, completion) = self.calls.next().await?;
        self.writes -= usize::from(is_write);
        self.sent.remove(&sent);
        Some(completion)
    }

    /// Waits for what is under way, and abandons what takes too long: the next engine looks its objects up.
    pub(super) async fn drain(&mut self) -> Ended {
        let deadline = Instant::now() + DRAIN;
        if !self.calls.is_empty() {
            tracing::info!(calls = self.calls.len(), "waiting for the calls under way");
        }
        while !self.calls.is_empty() {
            if timeout_at(deadline, self.next()).await.is_err() {
                tracing::warn!(
                    calls = self.calls.len(),
                    writes = self.writes,
                    "stopped with calls in flight; their outcome is looked up next"
                );
                break;
            }
        }
        match self.writes {
            0 => Ended::Cleanly,
            _ => Ended::WritesAbandoned,
        }
    }
}
