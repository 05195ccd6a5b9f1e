//! Adobe's services, each described in one place: where it is, what its requests carry, how its lists come in pages, what
//! its own error codes mean, and what a person can do about a refusal. Each has a circuit of its own; that of the identity
//! service holds for all.
//!
//! Another service is another [`System`], one more description and a typed client. Nothing is sent from here.

use std::fmt;

use audience_sharing_core::domain::reason::Reason;

use crate::endpoints::{Endpoint, Endpoints};
use crate::error::kind::{CallKind, Kind};
use crate::error::refusal::Refusal;
use crate::paging::Paging;

/// A service of Adobe's.
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
        self.service().label
    }

    pub(crate) const fn service(self) -> &'static Service {
        match self {
            Self::IdentityService => &IDENTITY_SERVICE,
            Self::AudienceManager => &AUDIENCE_MANAGER,
            Self::ExperiencePlatform => &EXPERIENCE_PLATFORM,
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.service().name)
    }
}

pub(crate) struct Service {
    label: &'static str,
    name: &'static str,
    pub(crate) endpoint: fn(&Endpoints) -> &Endpoint,
    /// Between the endpoint and the path of a call.
    pub(crate) base_path: &'static str,
    /// Beside those that the gateway adds to every request.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) paging: Paging,
    /// What a refusal means in this service alone; `None` leaves it to the table for all.
    pub(crate) verdict: fn(CallKind, u16, &Refusal) -> Option<Kind>,
    /// The service does not answer.
    pub(crate) unavailable: Reason,
    /// What to do where the credential lacks a right.
    pub(crate) access_hint: &'static str,
}

static IDENTITY_SERVICE: Service = Service {
    label: "ims",
    name: "Adobe's identity service",
    endpoint: |endpoints| &endpoints.ims,
    base_path: "/ims",
    headers: &[],
    paging: Paging::Whole,
    verdict: verdict_of_identity_service,
    unavailable: Reason::IdentityServiceUnavailable,
    access_hint: ROLE_HINT,
};

static AUDIENCE_MANAGER: Service = Service {
    label: "audience-manager",
    name: "Audience Manager",
    endpoint: |endpoints| &endpoints.audience_manager,
    base_path: "",
    // Otherwise texts come HTML-escaped (audience-manager.md §1.4).
    headers: &[("aam-disable-escaping-html", "true")],
    paging: Paging::Whole,
    verdict: verdict_of_audience_manager,
    unavailable: Reason::AudienceManagerUnavailable,
    access_hint: "Give the credential's technical account the right in an Audience Manager RBAC group.",
};

static EXPERIENCE_PLATFORM: Service = Service {
    label: "experience-platform",
    name: "Experience Platform",
    endpoint: |endpoints| &endpoints.experience_platform,
    base_path: "/data",
    headers: &[],
    paging: Paging::Next { member: "children" },
    verdict: verdict_of_experience_platform,
    unavailable: Reason::ExperiencePlatformUnavailable,
    access_hint: ROLE_HINT,
};

const ROLE_HINT: &str = "Give the credential a role with the permissions View Segments and Manage Segments and access to the \
                         sandbox.";

/// IMS answers a wrong secret, scope or client id with 400, 401 or 403 in a form of its own (audience-manager.md §1.1).
/// Anything else comes from something in front of it, and says nothing about the credential.
fn verdict_of_identity_service(_: CallKind, status: u16, refusal: &Refusal) -> Option<Kind> {
    match status {
        400 | 401 | 403 if refusal.oauth => Some(Kind::CredentialsRefused),
        400 | 401 | 403 => Some(Kind::Unavailable),
        400..=499 if refusal.page && status != 429 => Some(Kind::Unavailable),
        _ => None,
    }
}

/// audience-manager.md §2.3.
fn verdict_of_audience_manager(_: CallKind, status: u16, refusal: &Refusal) -> Option<Kind> {
    let code = refusal.code.as_deref()?;
    match code {
        _ if !(400..500).contains(&status) => None,
        // The second: a destination that takes one segment has it.
        "RESOURCE_LIMIT_EXCEEDED" | "BID_MANAGER_DESTINATION_1_SEGMENT" => {
            Some(Kind::LimitExceeded)
        }
        "COMPLEX_RULE" => Some(Kind::RuleInvalid),
        _ if code.starts_with("CANNOT_DELETE_") => Some(Kind::DeletionBlocked),
        _ if code.starts_with("INVALID_EXPRESSION") => Some(Kind::RuleInvalid),
        _ => None,
    }
}

/// experience-platform.md §3.6, §3.8.
fn verdict_of_experience_platform(_: CallKind, _: u16, refusal: &Refusal) -> Option<Kind> {
    match refusal.code.as_deref()? {
        // A right that could not be checked comes as 500.
        "UPAPI-113751-500" => Some(Kind::AccessDenied),
        // An organization without the product.
        "UPAPI-113740-403" | "AIS-100922-401" | "100922-401" => Some(Kind::NotEntitled),
        "UPAPI-113631-403" => Some(Kind::DeletionBlocked),
        _ => None,
    }
}
