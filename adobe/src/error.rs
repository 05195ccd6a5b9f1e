//! What a call to Adobe can come to, other than well: who tries again, whether something may have been written, and
//! what a person can do. Built from the status code and the service's own error code; a body's text never enters.

pub(crate) mod classify;
pub(crate) mod kind;
pub(crate) mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;

use super::service::{CREATE_EXTERNAL, CREATE_METADATA, System};

pub use kind::{Effect, Kind};

/// A call that failed. Its text names the system, the operation, the status code and the service's own error code, and
/// holds no time, no id and nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    system: System,
    operation: &'static str,
    status: Option<u16>,
    code: Option<Box<str>>,
    detail: Option<&'static str>,
    effect: Effect,
    retry_after: Option<Duration>,
    gateway: bool,
    proven: bool,
}

impl Error {
    pub(super) fn new(kind: Kind, system: System, operation: &'static str) -> Self {
        let (status, code, detail, retry_after) = (None, None, None, None);
        Self {
            kind,
            system,
            operation,
            status,
            code,
            detail,
            effect: Effect::None,
            retry_after,
            gateway: false,
            proven: false,
        }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn with_code(mut self, code: Option<Box<str>>) -> Self {
        self.code = code;
        self
    }

    pub(super) fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    pub(super) fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub(super) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Marks an answer of the gateway in front of the service: it holds for every call, not for this one's object.
    pub(super) fn with_gateway(mut self, gateway: bool) -> Self {
        self.gateway = gateway;
        self
    }

    /// Marks what the service itself says.
    pub(super) fn with_proof(mut self) -> Self {
        self.proven = true;
        self
    }

    /// The cause that a breaker remembers, as the failure of a call that was not sent.
    pub(super) fn remembered(&self, operation: &'static str) -> Self {
        Self {
            operation,
            effect: Effect::None,
            ..self.clone()
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn system(&self) -> System {
        self.system
    }

    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The status code of the answer, if one came.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The service's own word, such as `RESOURCE_LIMIT_EXCEEDED` or `UPAPI-113430-404`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether a write may have happened.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// How long the server asked to wait; at most an hour. Of a refusal it means nothing.
    pub fn retry_after(&self) -> Option<Duration> {
        let waits = matches!(self.kind, Kind::Throttled | Kind::Unavailable);
        self.retry_after.filter(|_| waits)
    }

    pub(super) fn is_from_gateway(&self) -> bool {
        self.gateway
    }

    /// The one object that was asked for does not exist, as far as the answer shows (law L2); see [`Self::is_proven`].
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// The service itself says so, in its own form. Without that a proxy may have answered.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    pub fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// Who tries again, and when.
    pub fn disposition(&self) -> Disposition {
        match self.retry_after() {
            Some(wait) => Disposition::RetryAfter(wait),
            None => self.reason().disposition(),
        }
    }

    /// The word for condition, event and metric.
    pub fn reason(&self) -> Reason {
        match self.kind {
            Kind::ReadOnly => Reason::ReadOnly,
            // A process that stops gives the lease to the next one.
            Kind::LeaseExpiring | Kind::Stopped => Reason::LeaseNotHeld,
            Kind::CredentialsRefused => Reason::CredentialsRefused,
            Kind::AccessDenied => Reason::AccessDenied,
            Kind::NotEntitled => Reason::NotEntitled,
            // A conflict is resolved by looking the key up; a missing object by planning again.
            Kind::NotFound | Kind::Conflict | Kind::NotWanted => Reason::ChangedMeanwhile,
            Kind::RequestRefused => Reason::RequestRefused,
            Kind::RuleInvalid => Reason::RuleInvalid,
            Kind::LimitExceeded => Reason::LimitExceeded,
            Kind::DeletionBlocked => Reason::DeletionBlocked,
            Kind::Throttled => Reason::Throttled,
            Kind::Unavailable => self.system.service().unavailable,
            Kind::UnexpectedAnswer => Reason::UnexpectedAnswer,
        }
    }

    /// What a person can do about it, as a sentence: what the reason says, unless more is known.
    pub fn hint(&self) -> &'static str {
        match (self.kind, self.operation) {
            (Kind::AccessDenied, _) => self.system.service().access_hint,
            (Kind::CredentialsRefused, _) => {
                let hint = self.system.service().credential_hint;
                hint.unwrap_or_else(|| self.reason().remedy())
            }
            (Kind::NotEntitled, CREATE_METADATA) => {
                "Either the organisation is not enabled for the external audiences service, or the namespace \
                 AudienceManagerSharing is not: ask your Adobe representative for both, or share with the strategy \
                 SegmentDefinition or ExternalAudience from a new SharedAudience."
            }
            (Kind::NotEntitled, CREATE_EXTERNAL) => {
                "Adobe may have withdrawn this way to make external audiences, or the organisation is not enabled for \
                 external audiences of Real-Time CDP: share with the strategy MetadataOnly from a new SharedAudience, or \
                 ask your Adobe representative for the product."
            }
            (Kind::NotEntitled, _) => {
                "The organisation is not enabled for external audiences of Real-Time CDP: ask your Adobe representative \
                 for it, or share with the strategy MetadataOnly from a new SharedAudience."
            }
            _ => self.reason().remedy(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            system,
            operation,
            status,
            code,
            detail,
            ..
        } = self;
        let text = match kind {
            Kind::ReadOnly => "the operator is read-only: {} was not sent to {system}",
            Kind::LeaseExpiring => {
                "the lease would not outlast the request: {} was not sent to {system}"
            }
            Kind::Stopped => "the operator stops: {} was not sent to {system}",
            Kind::NotWanted => "the resource changed while {} waited: it was not sent to {system}",
            Kind::CredentialsRefused => "{system} refused the credential",
            Kind::AccessDenied => "{system} denied {}",
            Kind::NotEntitled => "{system} does not offer {} to the organisation",
            Kind::NotFound => "{system} found no such object for {}",
            Kind::Conflict => "{system} refused {}: the object exists or changed meanwhile",
            Kind::RequestRefused => "{system} refused {}",
            Kind::RuleInvalid => "{system} refused the rule in {}",
            Kind::LimitExceeded => "{system} refused {}: a limit of the tenant is reached",
            Kind::DeletionBlocked => "{system} refused {}: the object is still used",
            Kind::Throttled => "{system} asked to wait",
            Kind::Unavailable => "{system} failed at {}",
            Kind::UnexpectedAnswer => "{system} answered {} in a form that is not understood",
        };
        let text = text.replace("{}", operation);
        formatter.write_str(&text.replace("{system}", &system.to_string()))?;
        if let Some(detail) = detail {
            write!(formatter, ": {detail}")?;
        }
        match (status, code) {
            (Some(status), Some(code)) => write!(formatter, " ({status} {code})"),
            (Some(status), None) => write!(formatter, " ({status})"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
