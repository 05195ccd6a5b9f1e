//! Adobe IMS: tokens for OAuth server-to-server credentials. Sources: audience-manager.md §1.1, experience-platform.md
//! §1.1. A refusal never repeats what was sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::caller::Token;
use crate::calls::System;
use crate::exchange::{Answer, Incoming, Query};
use crate::service::{Ask, Effect, Endpoint, Service, on};
use crate::world::World;

impl System {
    pub const IMS: Self = Self("ims");
}

#[derive(Debug)]
pub(crate) struct Ims;

impl Service for Ims {
    fn system(&self) -> System {
        System::IMS
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        const {
            &[
                on(Effect::Write, "POST", "/ims/token/v3", token),
                on(Effect::Write, "POST", "/ims/token/v2", token),
            ]
        }
    }

    fn failure(&self, _: &World, _: &Incoming, status: u16, message: &str) -> Answer {
        refusal(status, "server_error", message)
    }
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        json!({"error": error, "error_description": description}),
    )
}

/// `POST /ims/token/v3` and `/v2`; parameters in the form body or in the query.
fn token(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let form = form_of(ask)?;
    let parameter = |name: &str| {
        form.get(name)
            .or_else(|| ask.query.get(name))
            .filter(|value| !value.is_empty())
    };
    let missing =
        |name: &str| refusal(400, "invalid_request", &format!("missing parameter {name}"));
    let grant = parameter("grant_type").ok_or_else(|| missing("grant_type"))?;
    if grant != "client_credentials" {
        return Err(refusal(
            400,
            "unsupported_grant_type",
            "unsupported grant_type",
        ));
    }
    let client_id = parameter("client_id").ok_or_else(|| missing("client_id"))?;
    let secret = parameter("client_secret").ok_or_else(|| missing("client_secret"))?;
    let credential = world
        .credentials
        .iter()
        .find(|credential| credential.client_id == client_id)
        .filter(|credential| credential.secrets().any(|known| known == secret));
    let Some(credential) = credential else {
        return Err(refusal(
            world.flags.ims.invalid_client_status,
            "invalid_client",
            "invalid client_id or client_secret",
        ));
    };
    let scope =
        parameter("scope").ok_or_else(|| refusal(400, "invalid_scope", "scope is missing"))?;
    let unknown = scope
        .split([',', ' '])
        .filter(|one| !one.is_empty())
        .any(|one| {
            !credential.scopes.is_empty() && !credential.scopes.iter().any(|known| known == one)
        });
    if unknown {
        return Err(refusal(
            400,
            "invalid_scope",
            "the requested scope is not granted to this client",
        ));
    }
    let (token, expires_in) = issue_token(world, client_id, secret);
    Ok(Answer::json(
        200,
        json!({"access_token": token, "token_type": "bearer", "expires_in": expires_in}),
    ))
}

fn form_of(ask: &Ask<'_>) -> Result<Query, Answer> {
    if ask.incoming.body.is_empty() {
        return Ok(Query::default());
    }
    if !ask
        .incoming
        .content_type_is(&["application/x-www-form-urlencoded"])
    {
        return Err(refusal(
            400,
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    Ok(Query::parse(&String::from_utf8_lossy(&ask.incoming.body)))
}

fn issue_token(world: &mut World, client_id: &str, secret: &str) -> (String, u64) {
    let ttl = world.flags.ims.token_ttl_seconds;
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
