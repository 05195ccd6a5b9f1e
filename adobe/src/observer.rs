//! What is reported of every request that was sent, for metrics and the audit. Never a path, a query, a body or a header.

use std::time::Duration;

use super::error::Kind;
use super::service::System;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Failed(Kind),
}

/// One request that was sent.
#[derive(Clone, Debug)]
pub struct CallRecord {
    pub system: System,
    /// A fixed word such as `traits.create`.
    pub operation: &'static str,
    pub method: http::Method,
    /// Absent where no answer came.
    pub status: Option<u16>,
    pub outcome: Outcome,
    /// From the start of the request to the end of the body; waiting for the rate limit is not in it.
    pub duration: Duration,
}

/// Called once per request, in the task that made it: it must not block.
pub trait Observer: Send + Sync + 'static {
    fn on_call(&self, call: CallRecord);
}

/// Watches nothing.
impl Observer for () {
    fn on_call(&self, _: CallRecord) {}
}
