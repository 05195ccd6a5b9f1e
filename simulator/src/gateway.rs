//! What the gateways before the services share: token, API key, rate, and their error. Sources: audience-manager.md §1.3,
//! §1.4, §2.3; experience-platform.md §1.2, §1.4. Each service composes its own gateway of these.

use serde_json::json;

use crate::caller::{Bucket, Caller};
use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::flags::RateLimit;
use crate::world::World;

pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({"error_code": code, "message": message}))
}

pub(crate) fn invalid_token() -> Answer {
    error(401, "401013", "Oauth token is not valid")
}

/// The credential is known, and not made for this service: the wrong scopes, or no product profile.
pub(crate) fn unentitled(world: &World) -> Answer {
    match world.flags.shared.unentitled_status {
        401 => invalid_token(),
        status => error(status, "403027", "User region is missing"),
    }
}

pub(crate) fn too_many_requests(retry_after: Option<String>) -> Answer {
    let answer = error(429, "429050", "Too many requests");
    match retry_after {
        Some(value) => answer.with_header("retry-after", value),
        None => answer,
    }
}

pub(crate) fn bearer(incoming: &Incoming) -> Result<&str, Answer> {
    let Some(value) = incoming.header("authorization") else {
        return Err(error(403, "403010", "Oauth token is missing."));
    };
    let (scheme, token) = value.split_once(' ').ok_or_else(invalid_token)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(invalid_token())
    }
}

pub(crate) fn holder(world: &World, token: &str) -> Option<Caller> {
    let issued = world.tokens.get(token)?;
    let credential = world
        .credentials
        .iter()
        .find(|credential| credential.client_id == issued.client_id)?;
    let expired = issued.expires_ms <= world.now_ms();
    let revoked = world.flags.ims.removed_secrets_kill_tokens
        && !credential.secrets().any(|secret| secret == issued.secret);
    (!expired && !revoked).then(|| Caller::of(credential))
}

pub(crate) fn check_api_key(incoming: &Incoming, caller: &Caller) -> Result<(), Answer> {
    match incoming.header("x-api-key") {
        None => Err(error(403, "403000", "Api Key is required")),
        Some(key) if key != caller.client_id => Err(error(403, "403003", "Api Key is invalid")),
        Some(_) => Ok(()),
    }
}

pub(crate) fn spend(world: &mut World, caller: &Caller, system: System) -> Result<(), Answer> {
    let Some(limit) = world.flags.shared.rate_limit else {
        return Ok(());
    };
    let RateLimit {
        requests_per_minute,
        burst,
        retry_after,
    } = limit;
    let now_ms = world.now_ms();
    let full = burst.max(1).saturating_mul(1000);
    let bucket = world
        .buckets
        .entry((caller.client_id.clone(), system))
        .or_insert(Bucket {
            level: full,
            at_ms: now_ms,
        });
    // Thousandths of a request per millisecond: requests_per_minute / 60.
    let refill = now_ms
        .saturating_sub(bucket.at_ms)
        .saturating_mul(requests_per_minute)
        / 60;
    if refill > 0 {
        bucket.level = bucket.level.saturating_add(refill).min(full);
        bucket.at_ms = now_ms;
    }
    if bucket.level >= 1000 {
        bucket.level -= 1000;
        return Ok(());
    }
    let seconds = (1000 - bucket.level)
        .saturating_mul(60)
        .div_ceil(requests_per_minute.max(1))
        .div_ceil(1000)
        .max(1);
    Err(too_many_requests(retry_after.then(|| seconds.to_string())))
}
