//! The gateways before the two services: token, API key, organisation, sandbox, rate. Sources: audience-manager.md
//! §1.3, §1.4, §2.3; experience-platform.md §1.2, §1.4, §4.2. Knows no object of a service but sandboxes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::flags::{AudienceManagerGateway, RateLimit};
use crate::state::{Access, Credential};
use crate::store::{Kind, Object, text_of};
use crate::world::World;

#[derive(Debug, Clone)]
pub(crate) struct Token {
    client_id: String,
    secret: String,
    expires_ms: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// In thousandths of a request.
    level: u64,
    at_ms: u64,
}

/// Who asks, after the gateway let them through.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) organization: String,
    pub(crate) pid: u64,
    pub(crate) aam_access: Access,
    pub(crate) aep_access: Access,
    pub(crate) sandboxes: Vec<String>,
    pub(crate) sandbox_administration: bool,
    /// Empty where the call names none.
    pub(crate) sandbox: Object,
}

impl Caller {
    pub(crate) fn nobody() -> Self {
        Self {
            client_id: String::new(),
            organization: String::new(),
            pid: 0,
            aam_access: Access::None,
            aep_access: Access::None,
            sandboxes: Vec::new(),
            sandbox_administration: false,
            sandbox: Object::new(),
        }
    }

    fn of(credential: &Credential) -> Self {
        Self {
            client_id: credential.client_id.clone(),
            organization: credential.organization_id.clone(),
            pid: credential.pid.unwrap_or(0),
            aam_access: match credential.pid {
                Some(_) => credential.aam_access,
                None => Access::None,
            },
            aep_access: credential.aep_access,
            sandboxes: credential.sandboxes.clone(),
            sandbox_administration: credential.sandbox_administration,
            sandbox: Object::new(),
        }
    }
}

pub(crate) fn issue_token(world: &mut World, client_id: &str, secret: &str) -> (String, u64) {
    let ttl = world.flags.token_ttl_seconds;
    let parts: Vec<String> = (0..3)
        .map(|_| {
            let bytes: Vec<u8> = (0..5).flat_map(|_| world.random().to_be_bytes()).collect();
            URL_SAFE_NO_PAD.encode(bytes)
        })
        .collect();
    let token = format!("eyJ{}", parts.join("."));
    let expires_ms = world.now_ms().saturating_add(ttl.saturating_mul(1000));
    world.tokens.insert(
        token.clone(),
        Token {
            client_id: client_id.to_owned(),
            secret: secret.to_owned(),
            expires_ms,
        },
    );
    (token, ttl)
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({"error_code": code, "message": message}))
}

pub(crate) fn invalid_token() -> Answer {
    error(401, "401013", "Oauth token is not valid")
}

pub(crate) fn too_many_requests(retry_after: Option<String>) -> Answer {
    let answer = error(429, "429050", "Too many requests");
    match retry_after {
        Some(value) => answer.with_header("retry-after", value),
        None => answer,
    }
}

fn bearer(incoming: &Incoming) -> Result<&str, Answer> {
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

fn holder(world: &World, token: &str) -> Option<Caller> {
    let issued = world.tokens.get(token)?;
    let credential = world
        .credentials
        .iter()
        .find(|credential| credential.client_id == issued.client_id)?;
    let expired = issued.expires_ms <= world.now_ms();
    let revoked = world.flags.removed_secrets_kill_tokens
        && !credential.secrets().any(|secret| secret == issued.secret);
    (!expired && !revoked).then(|| Caller::of(credential))
}

fn check_api_key(incoming: &Incoming, caller: &Caller) -> Result<(), Answer> {
    match incoming.header("x-api-key") {
        None => Err(error(403, "403000", "Api Key is required")),
        Some(key) if key != caller.client_id => Err(error(403, "403003", "Api Key is invalid")),
        Some(_) => Ok(()),
    }
}

/// audience-manager.md §1.2–§1.4, §2.3: the token (a missing one has the code that the same
/// gateway answers for Experience Platform), then the API key, then the organisation where the request names one.
pub(crate) fn audience_manager(world: &mut World, incoming: &Incoming) -> Result<Caller, Answer> {
    let legacy = world.flags.audience_manager_gateway == AudienceManagerGateway::Demdex;
    let token = bearer(incoming).map_err(|refusal| match legacy {
        true => legacy_refusal("unauthorized", "Full authentication is required"),
        false => refusal,
    })?;
    let caller = holder(world, token).ok_or_else(|| match legacy {
        true => legacy_refusal("invalid_token", "Access token expired"),
        false => invalid_token(),
    })?;
    if !legacy {
        check_api_key(incoming, &caller)?;
    }
    match incoming.header("x-gw-ims-org-id") {
        None if world.flags.audience_manager_needs_organization => {
            return Err(error(400, "400003", "Missing header"));
        }
        Some(organization) if organization != caller.organization => {
            return Err(error(403, "403025", "Profile is not valid"));
        }
        None | Some(_) => {}
    }
    spend(world, &caller, System::AudienceManager)?;
    Ok(caller)
}

fn legacy_refusal(code: &str, description: &str) -> Answer {
    Answer::json(
        401,
        json!({"error": code, "error_description": description}),
    )
    .with_header(
        "www-authenticate",
        format!("Bearer realm=\"oauth\", error=\"{code}\", error_description=\"{description}\""),
    )
}

/// experience-platform.md §1.4: token, API key, organisation, then the sandbox.
pub(crate) fn experience_platform(
    world: &mut World,
    incoming: &Incoming,
    sandboxed: bool,
) -> Result<Caller, Answer> {
    let token = bearer(incoming)?;
    let mut caller = holder(world, token).ok_or_else(invalid_token)?;
    check_api_key(incoming, &caller)?;
    match incoming.header("x-gw-ims-org-id") {
        None => return Err(error(400, "400003", "Missing header")),
        Some(name) if !well_formed(name) => {
            return Err(error(403, "403027", "User region is missing"));
        }
        Some(name) if name != caller.organization => {
            return Err(error(403, "403025", "Profile is not valid"));
        }
        Some(_) if caller.aep_access == Access::None => {
            return Err(error(403, "403027", "User region is missing"));
        }
        Some(_) => {}
    }
    spend(world, &caller, System::ExperiencePlatform)?;
    if sandboxed {
        let Some(name) = incoming.header("x-sandbox-name") else {
            return Err(error(400, "400003", "Missing header"));
        };
        caller.sandbox = usable_sandbox(world, &caller, name).ok_or_else(|| {
            let status = world.flags.unknown_sandbox_status;
            let title = match status {
                404 => "NotFoundError",
                _ => "ForbiddenError",
            };
            problem(status, title, &format!("Sandbox {name} is not available"))
        })?;
    }
    Ok(caller)
}

/// The gateway's other shape (experience-platform.md §1.4, the content type).
pub(crate) fn problem(status: u16, title: &str, detail: &str) -> Answer {
    Answer::json(
        status,
        json!({"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}),
    )
}

fn well_formed(organization: &str) -> bool {
    organization
        .strip_suffix("@AdobeOrg")
        .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn usable_sandbox(world: &World, caller: &Caller, name: &str) -> Option<Object> {
    sandboxes_of(world, caller)
        .find(|sandbox| {
            text_of(sandbox, "name") == Some(name) && text_of(sandbox, "state") == Some("active")
        })
        .cloned()
}

/// The sandboxes of the caller's organisation that its role names.
pub(crate) fn sandboxes_of<'a>(
    world: &'a World,
    caller: &'a Caller,
) -> impl Iterator<Item = &'a Object> {
    world.store.all(Kind::Sandboxes).filter(|sandbox| {
        let name = text_of(sandbox, "name").unwrap_or_default();
        text_of(sandbox, "imsOrgId").is_none_or(|owner| owner == caller.organization)
            && (caller.sandboxes.is_empty() || caller.sandboxes.iter().any(|one| one == name))
    })
}

fn spend(world: &mut World, caller: &Caller, system: System) -> Result<(), Answer> {
    let Some(limit) = world.flags.rate_limit else {
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
