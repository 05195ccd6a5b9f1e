//! Status code × kind of call × error code → failure. One table, read top down.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Effect, Error, Kind};
use crate::observer::System;

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

/// What an answer other than 2xx says, and who said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Option<Box<str>>,
    /// The gateway said it rather than the service.
    pub(crate) gateway: bool,
    /// The identity service's own form: a word in `error`.
    pub(crate) oauth: bool,
    /// A page for people. No API of Adobe's answers with one: a proxy, or a server that does not know the path, did
    /// (experience-platform.md §1.5).
    pub(crate) page: bool,
}

impl Refusal {
    /// Reads the code out of the known shapes (audience-manager.md §2.3, experience-platform.md §1.4, §3.6): the
    /// gateway's `error_code`, Audience Manager's `code` (also inside `data`), the last part of `type`, IMS's `error`.
    /// Any other body has none.
    pub(crate) fn read(body: &[u8]) -> Self {
        if is_markup(body) {
            return Self::page();
        }
        #[derive(Deserialize)]
        struct Shape {
            error_code: Option<Value>,
            code: Option<Value>,
            data: Option<Value>,
            r#type: Option<Value>,
            error: Option<Value>,
        }
        let Ok(shape) = serde_json::from_slice::<Shape>(body) else {
            return Self::default();
        };
        let gateway = shape.error_code.is_some();
        let inner = shape.data.as_ref().and_then(|data| data.get("code"));
        let problem = shape
            .r#type
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|uri| uri.rsplit('/').next());
        let code = shape
            .error_code
            .as_ref()
            .and_then(word)
            .or_else(|| problem.filter(|code| code.contains('-')).and_then(plain))
            .or_else(|| shape.code.as_ref().and_then(word))
            .or_else(|| inner.and_then(word))
            .or_else(|| shape.error.as_ref().and_then(word));
        let oauth =
            !gateway && matches!(&shape.error, Some(Value::String(text)) if plain(text).is_some());
        Self {
            code,
            gateway,
            oauth,
            page: false,
        }
    }

    pub(crate) fn page() -> Self {
        Self {
            page: true,
            ..Self::default()
        }
    }
}

/// A page of HTML or XML, whatever its header says.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

fn word(value: &Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => plain(text),
        Value::Number(number) => plain(&number.to_string()),
        _ => None,
    }
}

/// Only what looks like a code may pass into messages: `^[A-Za-z0-9_.-]{1,64}$`.
fn plain(text: &str) -> Option<Box<str>> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    fits.then(|| text.into())
}

pub(crate) const A_PAGE: &str = "a page of HTML instead of an answer";

/// The failure that an answer other than 2xx means. `retry_after` is what its header asks for.
pub(crate) fn classify(
    system: System,
    operation: &'static str,
    call: CallKind,
    status: u16,
    refusal: Refusal,
    retry_after: Option<Duration>,
) -> Error {
    let kind = match kind(call, status, &refusal) {
        // The server asks to wait and says for how long: it is not broken.
        Kind::Unavailable if status == 503 && retry_after.is_some() => Kind::Throttled,
        kind => kind,
    };
    let effect = match status {
        // Nobody knows whether what stands behind a proxy got it.
        _ if refusal.page => call.effect_if_sent(),
        // 408: the server gave up in the middle. Other 4xx are refusals.
        400..=407 | 409..=499 => Effect::None,
        _ => call.effect_if_sent(),
    };
    let error = Error::new(kind, system, operation);
    let error = match refusal.page {
        true => error.with_detail(A_PAGE),
        false if refusal.code.is_some() && !refusal.gateway => error.with_proof(),
        false => error,
    };
    error
        .with_status(status)
        .with_code(refusal.code)
        .with_effect(effect)
        .with_retry_after(retry_after)
        .with_gateway(refusal.gateway)
}

fn kind(call: CallKind, status: u16, refusal: &Refusal) -> Kind {
    match refusal.code.as_deref() {
        // A missing token reads as 403 (experience-platform.md §1.4); a wrong key is a wrong credential too, and so is one
        // of another organisation or without the product profile.
        Some("401013" | "403010" | "403000" | "403003" | "403025" | "403027")
            if refusal.gateway && call != CallKind::Token =>
        {
            return Kind::CredentialsRefused;
        }
        // A right that could not be checked comes as 500 (experience-platform.md §3.6).
        Some("UPAPI-113751-500") => return Kind::AccessDenied,
        // An organisation without the product (experience-platform.md §3.6, §3.8).
        Some("UPAPI-113740-403" | "AIS-100922-401" | "100922-401") => return Kind::NotEntitled,
        Some("UPAPI-113631-403") => return Kind::DeletionBlocked,
        // The second: a destination that takes one segment has it (audience-manager.md §2.3).
        Some("RESOURCE_LIMIT_EXCEEDED" | "BID_MANAGER_DESTINATION_1_SEGMENT")
            if (400..500).contains(&status) =>
        {
            return Kind::LimitExceeded;
        }
        Some("COMPLEX_RULE") if (400..500).contains(&status) => return Kind::RuleInvalid,
        Some(code) if (400..500).contains(&status) && code.starts_with("CANNOT_DELETE_") => {
            return Kind::DeletionBlocked;
        }
        Some(code) if (400..500).contains(&status) && code.starts_with("INVALID_EXPRESSION") => {
            return Kind::RuleInvalid;
        }
        _ => {}
    }
    match (status, call) {
        (429, _) => Kind::Throttled,
        (408 | 500..=599, _) => Kind::Unavailable,
        // IMS answers a wrong secret, scope or client id with 400, 401 or 403 in a form of its own (audience-manager.md
        // §1.1). Anything else comes from something in front of it, and says nothing about the credential.
        (400 | 401 | 403, CallKind::Token) if refusal.oauth => Kind::CredentialsRefused,
        (400 | 401 | 403, CallKind::Token) => Kind::Unavailable,
        (400..=499, CallKind::Token) if refusal.page => Kind::Unavailable,
        (400..=499, _) if refusal.page => Kind::UnexpectedAnswer,
        (401, _) => Kind::CredentialsRefused,
        (403, _) => Kind::AccessDenied,
        // The gateway's own 404 is a wrong address, not a missing object.
        (404 | 410, CallKind::Read | CallKind::Update | CallKind::Delete) if !refusal.gateway => {
            Kind::NotFound
        }
        (404 | 410, CallKind::Create) if !refusal.gateway => Kind::RequestRefused,
        (404 | 410, _) => Kind::UnexpectedAnswer,
        (400 | 409 | 422, CallKind::Validate) => Kind::RuleInvalid,
        (409, CallKind::Create | CallKind::Update) => Kind::Conflict,
        // A segment definition whose name is taken (experience-platform.md §2.1).
        (422, CallKind::Create) => Kind::Conflict,
        // A folder that is not empty, a trait in a segment (audience-manager.md §3.3, §4.4).
        (409, CallKind::Delete) => Kind::DeletionBlocked,
        (400..=499, _) => Kind::RequestRefused,
        _ => Kind::UnexpectedAnswer,
    }
}
