//! The words in which calls and their failures are classified. No table and no text is here.

/// Whether a call changed something on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was written.
    None,
    /// A write may have happened: look the object up by its key before trying again (design.md §4.4).
    Unknown,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `--read-only`; nothing was sent.
    ReadOnly,
    /// The lease would not outlast the request; nothing was sent.
    LeaseExpiring,
    /// The connection is being stopped; nothing was sent.
    Stopped,
    /// What the write was for has changed while it waited; nothing was sent.
    NotWanted,
    /// IMS or the gateway refuses the credential.
    CredentialsRefused,
    /// The credential is valid and lacks a right. Never a sign that an object is gone.
    AccessDenied,
    /// The organization lacks the product that the call belongs to.
    NotEntitled,
    /// The service itself says that the one object asked for does not exist.
    NotFound,
    /// The object exists already, or changed meanwhile.
    Conflict,
    /// The service refuses the request as it is.
    RequestRefused,
    /// The service refuses a rule.
    RuleInvalid,
    /// An item limit of the tenant is reached.
    LimitExceeded,
    /// The object is still used.
    DeletionBlocked,
    /// The credential has to wait.
    Throttled,
    /// No answer, or a failure of the service.
    Unavailable,
    /// An answer that cannot be understood.
    UnexpectedAnswer,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::ReadOnly,
        Self::LeaseExpiring,
        Self::Stopped,
        Self::NotWanted,
        Self::CredentialsRefused,
        Self::AccessDenied,
        Self::NotEntitled,
        Self::NotFound,
        Self::Conflict,
        Self::RequestRefused,
        Self::RuleInvalid,
        Self::LimitExceeded,
        Self::DeletionBlocked,
        Self::Throttled,
        Self::Unavailable,
        Self::UnexpectedAnswer,
    ];
}

/// What a call does, as far as its failure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A token.
    Token,
    /// One object by its id.
    Read,
    /// Many objects; a 404 proves nothing (audience-manager.md §2.1).
    List,
    /// A rule to be checked; nothing is written.
    Validate,
    Create,
    Update,
    Delete,
}

impl CallKind {
    pub(crate) fn writes(self) -> bool {
        match self {
            Self::Create | Self::Update | Self::Delete => true,
            Self::Token | Self::Read | Self::List | Self::Validate => false,
        }
    }

    /// What can be said once the request may have arrived.
    pub(crate) fn effect_if_sent(self) -> Effect {
        if self.writes() {
            Effect::Unknown
        } else {
            Effect::None
        }
    }
}
