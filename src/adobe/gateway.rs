//! The gateway: every call of one credential for one organisation passes here (design.md §4.11).
//!
//! It adds the token and the headers, keeps the budget and its order, waits when a server asks to, and stops calling
//! what does not work. It decides nothing about objects, and tries again only what was certainly not taken: a call
//! that was refused for its token, once.

mod breaker;
mod budget;
mod exchange;
mod headers;
mod identity;
mod retry_after;
mod token;
mod turn;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audience_sharing_core::domain::identifier::{OrganizationId, SandboxName};
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Error;
use super::body::{OBJECT_BYTES_MAX, Splitter};
use super::credential::{Credential, Fingerprint};
use super::endpoints::Endpoints;
use super::error::Kind;
use super::observer::{Observer, System};
use super::proof::WriteProof;
use super::transport::SharedTransport;
use breaker::{Breaker, Pass};
use budget::Limiter;
use exchange::Exchange;
use token::{AtHand, Token, Tokens};

pub(super) use exchange::{Operation, REQUEST_TIMEOUT, Reading};
pub use turn::{Budget, Priority, Turn};

/// The calendar's clock, for a `Retry-After` that names a date.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a gateway is made of.
pub struct GatewayOptions {
    pub endpoints: Endpoints,
    pub organization: OrganizationId,
    pub credential: Credential,
    pub transport: SharedTransport,
    pub budget: Budget,
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
            budget,
            read_only,
            ..
        } = self;
        formatter
            .debug_struct("GatewayOptions")
            .field("endpoints", endpoints)
            .field("organization", organization)
            .field("budget", budget)
            .field("read_only", read_only)
            .finish_non_exhaustive()
    }
}

/// Cheap to clone; all clones are one gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    endpoints: Endpoints,
    organization: OrganizationId,
    read_only: bool,
    exchange: Exchange,
    limiter: Limiter,
    tokens: Tokens,
    /// Open while the credential itself is refused: then nothing else is tried either.
    identity: Breaker,
    audience_manager: Breaker,
    experience_platform: Breaker,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("organization", &self.0.organization)
            .finish_non_exhaustive()
    }
}

/// A request to one of the two systems, before the gateway's own headers.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    /// Below the system's base address, with its query.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
    pub(super) sandbox: Option<&'a SandboxName>,
    pub(super) proof: Option<WriteProof>,
    /// The media type to ask for, where it is not plain JSON.
    pub(super) accept: Option<&'static str>,
}

/// How an attempt failed.
enum Failed {
    /// The token was refused; the request was not taken.
    Token(Error),
    Finally(Error),
}

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
            budget,
            read_only,
            rng_seed,
            wall_clock,
            observer,
        } = options;
        let rng = Mutex::new(fastrand::Rng::with_seed(rng_seed));
        Self(Arc::new(Shared {
            endpoints,
            organization,
            read_only,
            exchange: Exchange {
                transport,
                observer,
                wall_clock,
                rng,
            },
            limiter: Limiter::new(budget),
            tokens: Tokens::new(credential),
            identity: Breaker::default(),
            audience_manager: Breaker::default(),
            experience_platform: Breaker::default(),
        }))
    }

    pub fn organization(&self) -> &OrganizationId {
        &self.0.organization
    }

    /// Tells whether a Secret that was read again holds another credential.
    pub fn credential_fingerprint(&self) -> Fingerprint {
        self.0.tokens.credential().fingerprint()
    }

    /// Takes a rotated credential: its token is asked for anew and every circuit closes. Nothing happens for the same
    /// credential. `true` if it was another one.
    pub fn replace_credential(&self, credential: Credential) -> bool {
        let replaced = self.0.tokens.replace(credential);
        if replaced {
            for system in System::ALL {
                self.breaker(system).reset();
            }
        }
        replaced
    }

    /// Another budget, which holds for what waits too.
    pub fn set_budget(&self, budget: Budget) {
        self.0.limiter.set_budget(budget);
    }

    /// Requests per minute that are made at most at present; below the budget after an overload.
    pub fn requests_per_minute(&self) -> f64 {
        self.0.limiter.requests_per_minute()
    }

    /// The resync reads of `key` that wait go with the changes.
    pub fn hurry(&self, key: &str) {
        self.0.limiter.hurry(key);
    }

    /// What a call to `system` would fail with at once, if its circuit is open. Sends nothing.
    pub fn blocked(&self, system: System) -> Option<Error> {
        let now = Instant::now();
        self.0
            .identity
            .cause(now)
            .or_else(|| self.breaker(system).cause(now))
    }

    /// How long it is until every system may be tried again: `None` while all circuits are closed.
    pub fn next_probe_after(&self) -> Option<Duration> {
        let now = Instant::now();
        let open = System::ALL.map(|system| self.breaker(system).open_for(now));
        open.into_iter().max().flatten()
    }

    fn breaker(&self, system: System) -> &Breaker {
        match system {
            System::IdentityService => &self.0.identity,
            System::AudienceManager => &self.0.audience_manager,
            System::ExperiencePlatform => &self.0.experience_platform,
        }
    }

    /// The body of the answer.
    pub(super) async fn object(&self, turn: &Turn, call: &Call<'_>) -> Result<Bytes, Error> {
        self.run(
            turn,
            call,
            &mut Reading::Whole {
                bytes_max: OBJECT_BYTES_MAX,
            },
        )
        .await
    }

    /// The elements of a list, one by one; what stands around it is returned.
    pub(super) async fn elements(
        &self,
        turn: &Turn,
        call: &Call<'_>,
        splitter: fn() -> Splitter,
        each: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Bytes, Error> {
        self.run(turn, call, &mut Reading::Elements { splitter, each })
            .await
    }

    pub(super) async fn run(
        &self,
        turn: &Turn,
        call: &Call<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<Bytes, Error> {
        if self.0.read_only && call.operation.kind.writes() {
            return Err(call.operation.error(Kind::ReadOnly));
        }
        match self.attempt(turn, call, reading, true).await {
            Err(Failed::Token(_)) => {}
            Err(Failed::Finally(error)) => return Err(error),
            Ok(body) => return Ok(body),
        }
        self.attempt(turn, call, reading, false)
            .await
            .map_err(|failed| match failed {
                Failed::Token(error) | Failed::Finally(error) => error,
            })
    }

    async fn attempt(
        &self,
        turn: &Turn,
        call: &Call<'_>,
        reading: &mut Reading<'_>,
        may_try_again: bool,
    ) -> Result<Bytes, Failed> {
        let operation = &call.operation;
        let throttled = |wait| {
            operation
                .error(Kind::Throttled)
                .with_retry_after(Some(wait))
        };
        if let Some(cause) = self.blocked(operation.system) {
            return Err(cause.remembered(operation.name).into());
        }
        let permit = self.0.limiter.turn(turn).await.map_err(throttled)?;
        let now = Instant::now();
        let remembered = |cause: Error| cause.remembered(operation.name);
        let identity = self.0.identity.admit(now).map_err(remembered)?;
        let service = self
            .breaker(operation.system)
            .admit(now)
            .map_err(remembered)?;
        let (token, identity) = self.token(identity).await.map_err(remembered)?;
        if call
            .proof
            .as_ref()
            .is_some_and(|proof| !proof.covers(Instant::now(), REQUEST_TIMEOUT))
        {
            return Err(operation.error(Kind::LeaseExpiring).into());
        }
        let request = self.request(call, &token)?;
        permit.spend();
        let credential = self.0.tokens.credential();
        let secret = |code: &str| credential.is_in(code) || token.is_in(code);
        let answer = self
            .0
            .exchange
            .run(operation, request, reading, &secret)
            .await;
        self.judge(answer, &token, identity, service, may_try_again)
    }

    /// Learns from an answer: the token, the rate, the circuits.
    fn judge(
        &self,
        answer: Result<Bytes, Error>,
        token: &Token,
        identity: Pass<'_>,
        service: Pass<'_>,
        may_try_again: bool,
    ) -> Result<Bytes, Failed> {
        let Err(error) = answer else {
            self.0.limiter.speed_up();
            identity.succeeded();
            service.succeeded();
            return answer.map_err(Failed::Finally);
        };
        let (now, chance) = (Instant::now(), self.0.exchange.chance());
        if matches!(error.status(), Some(429 | 503 | 504)) {
            self.0.limiter.slow_down();
        }
        if let Some(wait) = error.retry_after() {
            self.0.limiter.pause(wait);
        }
        if error.kind() == Kind::CredentialsRefused && is_about_the_token(&error) {
            self.0.tokens.discard(token);
            // A probe is one call: it does not try again.
            if may_try_again && !identity.is_probe() {
                return Err(Failed::Token(error));
            }
            identity.failed(error.clone(), now, true, chance);
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
        Err(error.into())
    }

    /// The token, asked for if need be by one caller for all who wait.
    async fn token<'a>(&'a self, identity: Pass<'a>) -> Result<(Token, Pass<'a>), Error> {
        let tokens = &self.0.tokens;
        let attempts = match tokens.at_hand(Instant::now()) {
            AtHand::Fresh(token) => return Ok((token, identity)),
            AtHand::Aging(token) => return Ok((self.renewed(token).await, identity)),
            AtHand::Nothing(attempts) => attempts,
        };
        let _asking = tokens.asking.lock().await;
        if let Some(outcome) = tokens.outcome_since(attempts, Instant::now()) {
            return outcome.map(|token| (token, identity));
        }
        match self.ask().await {
            Ok(token) => Ok((token, identity)),
            Err(error) => {
                // Whoever asks next for a token would be asked to wait too.
                let certain = matches!(error.kind(), Kind::CredentialsRefused | Kind::Throttled);
                identity.failed(
                    error.clone(),
                    Instant::now(),
                    certain,
                    self.0.exchange.chance(),
                );
                Err(error)
            }
        }
    }

    /// A younger token if it can be had; the old one does meanwhile.
    async fn renewed(&self, old: Token) -> Token {
        let Ok(_asking) = self.0.tokens.asking.try_lock() else {
            return old;
        };
        match self.ask().await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(%error, "the token could not be renewed; the old one still works");
                self.0.tokens.renew_later(Instant::now());
                old
            }
        }
    }

    async fn ask(&self) -> Result<Token, Error> {
        let credential = self.0.tokens.credential();
        self.0.limiter.charge();
        let outcome =
            identity::request_token(&self.0.exchange, &self.0.endpoints.ims, &credential).await;
        if let Some(wait) = outcome.as_ref().err().and_then(Error::retry_after) {
            self.0.limiter.pause(wait);
        }
        self.0.tokens.keep(&credential, outcome)
    }
}

/// Whether another token may help: 401, and the gateway's codes for a bad or missing one.
fn is_about_the_token(error: &Error) -> bool {
    // A missing product is said with 401 too (experience-platform.md §3.8).
    error.status() == Some(401) && error.kind() != Kind::NotEntitled
        || matches!(error.code(), Some("401013" | "403010"))
}
