//! Status code × kind of call → failure, for what a service does not say in words of its own. One table, read top down.

use std::time::Duration;

use super::Error;
use super::kind::{CallKind, Effect, Kind};
use super::refusal::Refusal;
use crate::service::System;

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
    let kind = match kind(system, operation, call, status, &refusal) {
        // The server asks to wait and says for how long: it is not broken.
        Kind::Unavailable if status == 503 && retry_after.is_some() => Kind::Throttled,
        kind => kind,
    };
    let effect = match status {
        // Whether the service behind a proxy got it is not known.
        _ if refusal.page && kind != Kind::NotEntitled => call.effect_if_sent(),
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

fn kind(
    system: System,
    operation: &'static str,
    call: CallKind,
    status: u16,
    refusal: &Refusal,
) -> Kind {
    match refusal.code.as_deref() {
        // A missing token reads as 403 (experience-platform.md §1.4); a wrong key is a wrong credential too, and so is one
        // of another organization or without the product profile.
        Some("401013" | "403010" | "403000" | "403003" | "403025" | "403027")
            if refusal.gateway && call != CallKind::Token =>
        {
            return Kind::CredentialsRefused;
        }
        _ => {}
    }
    if let Some(kind) = (system.service().verdict)(operation, call, status, refusal) {
        return kind;
    }
    match (status, call) {
        (429, _) => Kind::Throttled,
        (408 | 500..=599, _) => Kind::Unavailable,
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
