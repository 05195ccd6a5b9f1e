//! The gateway: every call with the credential of one Secret passes here (law L9). Another Secret has another gateway,
//! with a token and circuits of its own, even if it names the same client id; they share a rate limiter.
//!
//! It adds the token and the headers, keeps the rate and the order of the calls, waits when a server asks to, and stops
//! calling what does not work. It decides nothing about objects, and sends again only what was certainly not taken: a
//! call that was refused for its token, once, and a call that was one too many, when it is granted again.

mod breaker;
mod call_context;
mod exchange;
mod headers;
mod identity;
mod limiter;
mod renewal;
mod repeated_filter;
mod retry_after;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use audience_sharing_core::domain::identifier::{OrganizationId, SandboxName};
use bytes::Bytes;
use http::Method;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::credential::Credential;
use super::endpoints::Endpoints;
use super::error::{Effect, Error, Kind};
use super::lease_guard::LeaseGuard;
use super::observer::Observer;
use super::service::System;
use super::transport::SharedTransport;
use breaker::{Breaker, Pass};
use exchange::Exchange;
use limiter::{PAUSE_WAITED_MAX, Permit};
use repeated_filter::RepeatedFilter;
use token::{Token, Tokens};

pub use call_context::{CallContext, Priority, RateLimitOptions};
pub use exchange::WallClock;
pub(super) use exchange::{Operation, REQUEST_TIMEOUT, Reading};
pub use limiter::{ClientLimiter, ConnectionLimiter};

/// What a gateway is made of.
pub struct GatewayOptions {
    pub endpoints: Endpoints,
    pub organization: OrganizationId,
    pub credential: Credential,
    pub transport: SharedTransport,
    /// The place of the connection in the limiter of its client.
    pub limiter: ConnectionLimiter,
    /// Lets no write through.
    pub read_only: bool,
    pub rng_seed: u64,
    pub wall_clock: WallClock,
    pub observer: Arc<dyn Observer>,
}

impl fmt::Debug for GatewayOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoints,
            organization,
            read_only,
            ..
        } = self;
        formatter
            .debug_struct("GatewayOptions")
            .field("endpoints", endpoints)
            .field("organization", organization)
            .field("read_only", read_only)
            .finish_non_exhaustive()
    }
}

/// What one connection has of the gateway of its Secret. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    limiter: ConnectionLimiter,
    /// Once it is cancelled, no call starts.
    stop: CancellationToken,
    /// The grant that the next calls share.
    together: Option<Arc<Together>>,
}

/// One grant for calls that follow each other at once: a read, and the write that is decided by it.
struct Together {
    requests: u32,
    permit: Mutex<Option<Permit>>,
}

/// The gateway of a Secret that another connection may use too: it lives as long as one of them does.
#[derive(Clone, Debug)]
pub struct SharedGateway(Weak<Shared>);

struct Shared {
    endpoints: Endpoints,
    organization: OrganizationId,
    read_only: bool,
    exchange: Exchange,
    tokens: Tokens,
    repeated_filter: RepeatedFilter,
    /// One for each service. While that of the identity service is open, nothing else is tried either.
    circuits: [Breaker; System::ALL.len()],
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("organization", &self.shared.organization)
            .finish_non_exhaustive()
    }
}

/// A request to a service, before the gateway's own headers.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    /// Below the service's base path, with its query.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
    pub(super) sandbox: Option<&'a SandboxName>,
    pub(super) lease_guard: Option<LeaseGuard>,
    /// The media type to ask for, where it is not plain JSON.
    pub(super) accept: Option<&'static str>,
}

/// How an attempt failed.
enum Failed {
    /// The token was refused; the request was not taken.
    Token(Error),
    /// It was one call too many; the request was not taken.
    Throttled(Error),
    Finally(Error),
}

/// All that a call needs to be sent at once.
struct Cleared<'a> {
    permit: Permit,
    identity: Pass<'a>,
    service: Pass<'a>,
    token: Token,
}

/// A call that is refused since it is one too many gets in line again so often. The pauses between calls that are refused
/// in a row get longer, and end the waiting earlier: this bound is for a call that is refused while others pass.
const THROTTLED_TRIES_MAX: usize = 8;

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Finally(error)
    }
}

impl Gateway {
    /// Opens no connection and asks for no token.
    pub fn new(options: GatewayOptions) -> Self {
        let GatewayOptions {
            endpoints,
            organization,
            credential,
            transport,
            limiter,
            read_only,
            rng_seed,
            wall_clock,
            observer,
        } = options;
        let rng = Mutex::new(fastrand::Rng::with_seed(rng_seed));
        let shared = Arc::new(Shared {
            endpoints,
            organization,
            read_only,
            exchange: Exchange {
                transport,
                observer,
                wall_clock,
                rng,
            },
            tokens: Tokens::new(credential),
            repeated_filter: RepeatedFilter::default(),
            circuits: Default::default(),
        });
        Self {
            shared,
            limiter,
            stop: CancellationToken::new(),
            together: None,
        }
    }

    /// The same, whose next calls share one grant of so many requests.
    #[must_use]
    pub(super) fn together(&self, requests: u32) -> Self {
        let permit = Mutex::new(None);
        Self {
            together: Some(Arc::new(Together { requests, permit })),
            ..self.clone()
        }
    }

    pub(super) fn repeated_filter(&self) -> &RepeatedFilter {
        &self.shared.repeated_filter
    }

    /// For the owner of gateways, which gives one Secret's to the next connection that uses it.
    pub fn shared(&self) -> SharedGateway {
        SharedGateway(Arc::downgrade(&self.shared))
    }

    /// The same until `stop`: from then on it starts no call, and those that wait for a grant or for a token fail
    /// unsent.
    #[must_use]
    pub fn until(&self, stop: CancellationToken) -> Self {
        Self {
            stop,
            ..self.clone()
        }
    }

    pub fn organization(&self) -> &OrganizationId {
        &self.shared.organization
    }

    /// Takes a rotated credential: its token is asked for anew and every circuit closes. Nothing happens for the same
    /// credential. `true` if it was another one.
    pub fn replace_credential(&self, credential: Credential) -> bool {
        let replaced = self.shared.tokens.replace(credential);
        if replaced {
            for system in System::ALL {
                self.breaker(system).reset();
            }
        }
        replaced
    }

    /// Another rate limit of this connection, which holds for what waits too.
    pub fn set_rate_limit(&self, rate_limit: RateLimitOptions) {
        self.limiter.set_rate_limit(rate_limit);
    }

    /// Requests per minute that its client makes at most at present; less than is configured after an overload.
    pub fn requests_per_minute(&self) -> f64 {
        self.limiter.requests_per_minute()
    }

    /// The resync reads of `key` that wait go with the changes.
    pub fn prioritize(&self, key: &str) {
        self.limiter.prioritize(key);
    }

    /// What a call to `system` would fail with at once, if its circuit is open. Sends nothing.
    pub fn blocked(&self, system: System) -> Option<Error> {
        let now = Instant::now();
        let circuits = [System::IdentityService, system].map(|system| self.breaker(system));
        circuits.into_iter().find_map(|circuit| circuit.cause(now))
    }

    /// How long it is until every system may be tried again: `None` while all circuits are closed.
    pub fn next_probe_after(&self) -> Option<Duration> {
        let now = Instant::now();
        let open = System::ALL.map(|system| self.breaker(system).open_for(now));
        open.into_iter().max().flatten()
    }

    fn breaker(&self, system: System) -> &Breaker {
        &self.shared.circuits[system as usize]
    }

    /// The body of the answer, or what surrounds the list whose elements are handed out.
    pub(super) async fn run(
        &self,
        context: &CallContext,
        call: &Call<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<Bytes, Error> {
        if self.shared.read_only && call.operation.kind.writes() {
            return Err(call.operation.error(Kind::ReadOnly));
        }
        let (mut may_renew, mut throttled) = (true, 0);
        loop {
            match self.attempt(context, call, reading, may_renew).await {
                Ok(body) => return Ok(body),
                Err(Failed::Token(_)) if may_renew => may_renew = false,
                Err(Failed::Throttled(_)) if throttled < THROTTLED_TRIES_MAX => throttled += 1,
                Err(Failed::Token(error) | Failed::Throttled(error) | Failed::Finally(error)) => {
                    return Err(error);
                }
            }
        }
    }

    async fn attempt(
        &self,
        context: &CallContext,
        call: &Call<'_>,
        reading: &mut Reading<'_>,
        may_renew: bool,
    ) -> Result<Bytes, Failed> {
        let operation = &call.operation;
        let cleared = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(operation.error(Kind::Stopped).into()),
            cleared = self.clear(context, operation) => cleared?,
        };
        let Cleared {
            mut permit,
            identity,
            service,
            token,
        } = cleared;
        // Right before the write, not before the wait for the limiter: that may have taken minutes.
        if let Some(lease_guard) = &call.lease_guard {
            let is_wanted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(operation.error(Kind::Stopped).into()),
                is_wanted = lease_guard.is_wanted() => is_wanted,
            };
            if !is_wanted {
                return Err(operation.error(Kind::NotWanted).into());
            }
        }
        // Nothing is waited for from here until the request is sent.
        let sent = Instant::now();
        if call
            .lease_guard
            .as_ref()
            .is_some_and(|lease_guard| !lease_guard.covers(sent, REQUEST_TIMEOUT))
        {
            return Err(operation.error(Kind::LeaseExpiring).into());
        }
        let request = self.request(call, &token)?;
        permit.spend();
        self.keep(permit);
        let credential = self.shared.tokens.credential();
        let secret = |code: &str| credential.is_in(code) || token.is_in(code);
        let exchange = &self.shared.exchange;
        let answer = exchange.run(operation, request, reading, &secret).await;
        self.learn(&answer, operation.system, sent);
        self.judge(answer, &token, identity, service, may_renew)
    }

    /// Waits until the call may be sent.
    ///
    /// # Errors
    /// Why it cannot be, or not for a long time.
    async fn clear(
        &self,
        context: &CallContext,
        operation: &Operation,
    ) -> Result<Cleared<'_>, Error> {
        let remembered = |cause: Error| cause.remembered(operation.name);
        let mut tries = 0;
        loop {
            if let Some(cause) = self.blocked(operation.system) {
                if tries < THROTTLED_TRIES_MAX && self.waited_for_identity_service().await {
                    tries += 1;
                    continue;
                }
                return Err(remembered(cause));
            }
            let permit = match self.kept() {
                (Some(permit), _) => permit,
                (None, requests) => {
                    let granted = self.limiter.grant(context, requests).await;
                    granted.map_err(|pause| {
                        let error = operation.error(Kind::Throttled);
                        error.with_retry_after(Some(pause))
                    })?
                }
            };
            let now = Instant::now();
            match self.admit(operation.system, now).await {
                Ok((identity, service, token)) => {
                    return Ok(Cleared {
                        permit,
                        identity,
                        service,
                        token,
                    });
                }
                // The identity service asked to wait: the call waits for another grant.
                Err(cause) if cause.kind() == Kind::Throttled && tries < THROTTLED_TRIES_MAX => {
                    tries += 1;
                }
                Err(cause) => return Err(remembered(cause)),
            }
        }
    }

    /// What is left of the grant that calls share, or how many requests to wait for.
    fn kept(&self) -> (Option<Permit>, u32) {
        let Some(together) = &self.together else {
            return (None, 1);
        };
        let mut kept = together
            .permit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (kept.take().filter(Permit::is_valid), together.requests)
    }

    fn keep(&self, permit: Permit) {
        if let Some(together) = &self.together {
            let mut kept = together
                .permit
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *kept = Some(permit);
        }
    }

    async fn admit(
        &self,
        system: System,
        now: Instant,
    ) -> Result<(Pass<'_>, Pass<'_>, Token), Error> {
        let identity = self.breaker(System::IdentityService).admit(now)?;
        let service = self.breaker(system).admit(now)?;
        let (token, identity) = self.token(identity).await?;
        Ok((identity, service, token))
    }

    /// Waits out a pause that the identity service asked of this Secret; `false` if it asked for none, or for a long one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the gateway is what waits, on tokio's clock"
    )]
    async fn waited_for_identity_service(&self) -> bool {
        let now = Instant::now();
        let identity = self.breaker(System::IdentityService);
        let throttled = identity
            .cause(now)
            .is_some_and(|cause| cause.kind() == Kind::Throttled);
        let pause = identity
            .open_for(now)
            .filter(|pause| throttled && *pause <= PAUSE_WAITED_MAX);
        let Some(pause) = pause else {
            return false;
        };
        // Not less than a second: the pause may be over, and the one probe under way.
        sleep(pause.max(Duration::from_secs(1))).await;
        true
    }

    /// Learns from an answer how fast the client may call.
    fn learn(&self, answer: &Result<Bytes, Error>, system: System, sent: Instant) {
        let Err(error) = answer else {
            return self.limiter.succeeded(system, sent);
        };
        if matches!(error.status(), Some(429 | 503 | 504)) {
            self.limiter.slow_down();
        }
        if error.kind() == Kind::Throttled {
            self.limiter.throttled(system, sent, error.retry_after());
        } else if let Some(wait) = error.retry_after() {
            self.limiter.pause(wait);
        }
    }

    /// Learns from an answer: the token, the circuits.
    fn judge(
        &self,
        answer: Result<Bytes, Error>,
        token: &Token,
        identity: Pass<'_>,
        service: Pass<'_>,
        may_renew: bool,
    ) -> Result<Bytes, Failed> {
        let Err(error) = answer else {
            identity.succeeded();
            service.succeeded();
            return answer.map_err(Failed::Finally);
        };
        let (now, chance) = (Instant::now(), self.shared.exchange.chance());
        if error.kind() == Kind::CredentialsRefused && is_about_the_token(&error) {
            self.shared.tokens.discard(token);
            // A probe is one call: it does not try again.
            if may_renew && !identity.is_probe() && !service.is_probe() {
                return Err(Failed::Token(error));
            }
            // The identity service knows the credential, and this service does not take it: the others may.
            identity.succeeded();
            service.failed(error.clone(), now, true, chance);
            return Err(Failed::Token(error));
        }
        if error.status().is_some() {
            identity.succeeded();
        }
        match error.kind() {
            Kind::CredentialsRefused => service.failed(error.clone(), now, true, chance),
            // The gateway's own 403 holds for the credential, whatever the object.
            Kind::AccessDenied if error.is_from_gateway() => {
                service.failed(error.clone(), now, true, chance)
            }
            Kind::Unavailable => service.failed(error.clone(), now, false, chance),
            Kind::Throttled | Kind::UnexpectedAnswer => drop(service),
            _ => service.succeeded(),
        }
        match error.kind() {
            // A write that may have been taken is for the caller, who can look it up.
            Kind::Throttled if error.effect() == Effect::None => Err(Failed::Throttled(error)),
            _ => Err(error.into()),
        }
    }
}

impl SharedGateway {
    /// The gateway for another connection with the same Secret; `None` if no connection uses it any more.
    pub fn for_connection(&self, limiter: ConnectionLimiter) -> Option<Gateway> {
        Some(Gateway {
            shared: self.0.upgrade()?,
            limiter,
            stop: CancellationToken::new(),
            together: None,
        })
    }

    pub fn is_used(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Whether another token may help: 401, and the gateway's codes for a bad or missing one.
fn is_about_the_token(error: &Error) -> bool {
    // A missing product is said with 401 too (experience-platform.md §3.8).
    error.status() == Some(401) && error.kind() != Kind::NotEntitled
        || matches!(error.code(), Some("401013" | "403010"))
}
