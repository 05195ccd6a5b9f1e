//! Attempts that must fail, each with what stops it; SECURITY.md lists them beside those that other tests make.

mod addresses;
mod canaries;
mod names;
mod namespaces;
mod read_only;
mod redirects;
mod rules;
mod sizes;

use std::sync::Arc;

use adobe_client::credential::{Credential, DEFAULT_SCOPES};
use adobe_client::endpoints::{Allowed, Endpoints};
use adobe_client::gateway::{
    CallContext, ClientLimiter, Gateway, GatewayOptions, Priority, RateLimitOptions,
};
use adobe_client::network::{NetworkTransport, Proxy};
use audience_sharing_core::domain::identifier::OrganizationId;

/// A gateway on the real network stack, over servers on loopback.
fn gateway(ims: &str, audience_manager: &str, experience_platform: &str) -> Gateway {
    let endpoints = Endpoints::parse(
        ims,
        audience_manager,
        experience_platform,
        Allowed::AlsoLoopback,
    );
    Gateway::new(GatewayOptions {
        endpoints: endpoints.unwrap(),
        organization: OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg"),
        credential: Credential {
            client_id: "demo-client".into(),
            client_secret: "canary-secret".into(),
            scopes: DEFAULT_SCOPES.into(),
        },
        transport: Arc::new(NetworkTransport::new(Proxy::Direct).unwrap()),
        limiter: ClientLimiter::new(6_000).connection(
            "marketing/acme",
            RateLimitOptions {
                requests_per_minute: 6_000,
                burst: 10,
            },
        ),
        read_only: false,
        rng_seed: 7,
        wall_clock: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
        observer: Arc::new(()),
    })
}

fn context() -> CallContext {
    CallContext {
        priority: Priority::Change,
        key: "loyal".into(),
    }
}
