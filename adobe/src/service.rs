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
    pub(crate) verdict: fn(&'static str, CallKind, u16, &Refusal) -> Option<Kind>,
    /// The service does not answer.
    pub(crate) unavailable: Reason,
    /// What to do where the credential lacks a right.
    pub(crate) access_hint: &'static str,
    /// What to do where the service does not take the credential; it ends as the reason says. `None`: that alone.
    pub(crate) credential_hint: Option<&'static str>,
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
    credential_hint: None,
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
    credential_hint: Some(
        "Adobe's identity service gives a token for the credential: the project may lack the Audience Manager API, its \
         product profile or its scopes. Add them, and copy all scopes that the credential's page shows. Check clientId, \
         clientSecret and scopes in the Secret, and spec.organizationId, against the OAuth server-to-server credential in \
         Adobe Developer Console, and that the credential has the product profile.",
    ),
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
    credential_hint: Some(
        "Adobe's identity service gives a token for the credential: the project may lack the Experience Platform API, \
         its product profile AEP-Default-All-Users or its scopes. Add them, and copy all scopes that the credential's \
         page shows. Check clientId, clientSecret and scopes in the Secret, and spec.organizationId, against the OAuth \
         server-to-server credential in Adobe Developer Console, and that the credential has the product profile.",
    ),
};

const ROLE_HINT: &str = "Give the credential a role with the permissions View Segments and Manage Segments and access to the \
                         sandbox.";

/// IMS answers a wrong secret, scope or client id with 400, 401 or 403 in a form of its own (audience-manager.md §1.1).
/// Anything else comes from something in front of it, and says nothing about the credential.
fn verdict_of_identity_service(
    _: &str,
    _: CallKind,
    status: u16,
    refusal: &Refusal,
) -> Option<Kind> {
    match status {
        400 | 401 | 403 if refusal.oauth => Some(Kind::CredentialsRefused),
        400 | 401 | 403 => Some(Kind::Unavailable),
        400..=499 if refusal.page && status != 429 => Some(Kind::Unavailable),
        _ => None,
    }
}

/// audience-manager.md §2.3.
fn verdict_of_audience_manager(
    operation: &str,
    _: CallKind,
    status: u16,
    refusal: &Refusal,
) -> Option<Kind> {
    // The ids of the traits that are made of a model, and no code (§6.3).
    if operation == "models.delete" && status == 400 && !refusal.page {
        return Some(Kind::DeletionBlocked);
    }
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

/// experience-platform.md §3.6, §3.8, §3.12.
fn verdict_of_experience_platform(
    operation: &str,
    call: CallKind,
    status: u16,
    refusal: &Refusal,
) -> Option<Kind> {
    let code = refusal.code.as_deref();
    match code {
        // A right that could not be checked comes as 500.
        Some("UPAPI-113751-500") => return Some(Kind::AccessDenied),
        // An organization without the product.
        Some("UPAPI-113740-403" | "AIS-100922-401" | "100922-401") => {
            return Some(Kind::NotEntitled);
        }
        Some("UPAPI-113631-403") => return Some(Kind::DeletionBlocked),
        _ => {}
    }
    // Errors of the external audiences service may come in the gateway's form, but never with the gateway's six digits.
    if refusal.gateway && code.is_none_or(|code| !code.contains('-')) {
        return None;
    }
    match (operation, status) {
        (CREATE_EXTERNAL, 400) if !refusal.page && !code.is_some_and(is_about_the_body) => {
            Some(Kind::NotEntitled)
        }
        (CREATE_METADATA, 400) if !refusal.page => Some(Kind::NotEntitled),
        // Whom access control denies is told so by its code.
        (CREATE_EXTERNAL | CREATE_METADATA, 403) if !refusal.page => {
            (code != Some("UPAPI-113752-403")).then_some(Kind::NotEntitled)
        }
        // A path that the service does not know is answered with a page (§1.4).
        (CREATE_EXTERNAL | CREATE_METADATA, 404) => Some(Kind::NotEntitled),
        (_, 404) if !refusal.page && is_about_the_sandbox(operation, call, code) => {
            Some(Kind::AccessDenied)
        }
        _ => None,
    }
}

pub(crate) const CREATE_EXTERNAL: &str = "audiences.create-external";
pub(crate) const CREATE_METADATA: &str = "audiences.create-metadata";

/// The three documented refusals of a body; any other one says that the service does not take such audiences (§3.12).
fn is_about_the_body(code: &str) -> bool {
    matches!(
        code,
        "UPLIB-101206-500" | "UPAPI-113434-400" | "UPLIB-101554-503"
    )
}

/// Of a missing audience the profile service says so in a code of its own. A 404 without one, or with one of sandbox
/// management's (§4.2), is about the sandbox in the header; nothing in it is gone.
fn is_about_the_sandbox(operation: &str, call: CallKind, code: Option<&str>) -> bool {
    match code {
        Some(code) => code.starts_with("SMS-"),
        None => operation != SANDBOXES && call != CallKind::Token,
    }
}

pub(crate) const SANDBOXES: &str = "sandboxes.list";
