//! What is told of every request that was sent, for metrics and the audit. Never a path, a query, a body or a header.

use std::fmt;
use std::time::Duration;

use super::error::Kind;

/// A system of Adobe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// IMS, which gives the tokens.
    IdentityService,
    AudienceManager,
    ExperiencePlatform,
}

impl System {
    pub const ALL: [Self; 3] = [
        Self::IdentityService,
        Self::AudienceManager,
        Self::ExperiencePlatform,
    ];

    /// The word for a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdentityService => "ims",
            Self::AudienceManager => "audience-manager",
            Self::ExperiencePlatform => "experience-platform",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::IdentityService => "Adobe's identity service",
            Self::AudienceManager => "Audience Manager",
            Self::ExperiencePlatform => "Experience Platform",
        })
    }
}

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
    /// From the start of the request to the end of the body; waiting for the budget is not in it.
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
