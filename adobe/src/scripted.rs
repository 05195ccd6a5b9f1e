//! For tests: a transport that answers by a function and remembers what it was asked, on the tokio clock.

#![expect(clippy::disallowed_methods, reason = "time is virtual here")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audience_sharing_core::domain::identifier::OrganizationId;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::credential::Credential;
use super::endpoints::Endpoints;
use super::gateway::{
    CallContext, ClientLimiter, Gateway, GatewayOptions, Priority, RateLimitOptions,
};
use super::lease_guard::LeaseGuard;
use super::observer::{CallRecord, Observer};
use super::transport::{Body, Transport, TransportError, body};

/// What the transport was asked.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) method: Method,
    /// Without scheme: `aam.adobe.io/v1/traits/7?…`.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn is_for_a_token(&self) -> bool {
        self.target.ends_with("/ims/token/v3")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.target)
    }
}

/// What the transport answers.
pub(super) struct Reply {
    after: Duration,
    head: Result<(u16, HeaderMap), TransportError>,
    chunks: Vec<Result<Bytes, TransportError>>,
    /// How often a space comes after them, without end.
    trickles: Option<Duration>,
}

impl Reply {
    pub(super) fn text(status: u16, text: impl Into<String>) -> Self {
        let chunks = vec![Ok(Bytes::from(text.into()))];
        Self {
            after: Duration::ZERO,
            head: Ok((status, HeaderMap::new())),
            chunks,
            trickles: None,
        }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::text(status, value.to_string())
    }

    pub(super) fn token(lifetime_seconds: u64) -> Self {
        Self::json(
            200,
            &json!({"access_token": "canary-token", "token_type": "bearer", "expires_in": lifetime_seconds}),
        )
    }

    pub(super) fn failure(failure: TransportError) -> Self {
        Self {
            after: Duration::ZERO,
            head: Err(failure),
            chunks: Vec::new(),
            trickles: None,
        }
    }

    pub(super) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok((_, headers)) = &mut self.head {
            headers.insert(name, value.parse().expect("a header"));
        }
        self
    }

    /// Never ends the body.
    pub(super) fn trickling(self, every: Duration) -> Self {
        Self {
            trickles: Some(every),
            ..self
        }
    }

    /// Ends the body in a broken connection.
    pub(super) fn broken(mut self) -> Self {
        self.chunks.push(Err(TransportError::CONNECTION_LOST));
        self
    }
}

type Script = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

struct Scripted {
    script: Box<Script>,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Transport for Scripted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let (head, sent) = request.into_parts();
        let asked = Asked {
            at: Instant::now(),
            method: head.method,
            target: head.uri.to_string().trim_start_matches("https://").into(),
            headers: head.headers,
            body: sent.to_vec(),
        };
        let number = {
            let mut log = self.log.lock().expect("the log");
            log.push(asked.clone());
            log.len() - 1
        };
        let Reply {
            after,
            head,
            chunks,
            trickles,
        } = (self.script)(&asked, number);
        sleep(after).await;
        let (status, headers) = head?;
        let trickle = stream::unfold(trickles, |every| async move {
            sleep(every?).await;
            Some((Ok(Bytes::from_static(b" ")), every))
        });
        let chunks = stream::iter(chunks).chain(trickle);
        let mut response = Response::new(body(axum::body::Body::from_stream(chunks)));
        *response.status_mut() = status.try_into().expect("a status code");
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<CallRecord>>);

impl Observer for Heard {
    fn on_call(&self, call: CallRecord) {
        self.0.lock().expect("the records").push(call);
    }
}

/// A gateway on a script, and what it did.
pub(super) struct World {
    pub(super) gateway: Gateway,
    pub(super) heard: Arc<Heard>,
    log: Arc<Mutex<Vec<Asked>>>,
}

/// Differs from the default in what a test is about.
pub(super) struct Setting {
    pub(super) rate_limit: RateLimitOptions,
    pub(super) read_only: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            rate_limit: RateLimitOptions {
                requests_per_minute: 300,
                burst: 10,
            },
            read_only: false,
        }
    }
}

impl World {
    /// `script` answers what is asked, given its number from 0.
    pub(super) fn of(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(Setting::default(), script)
    }

    /// As [`World::of`], with a token whenever one is asked for; `script` counts only the other calls.
    pub(super) fn authorized(
        script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::authorized_with(Setting::default(), script)
    }

    pub(super) fn authorized_with(
        setting: Setting,
        script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let others = Mutex::new(0);
        Self::with(setting, move |asked, _| {
            if asked.is_for_a_token() {
                return Reply::token(86_399);
            }
            let number = {
                let mut others = others.lock().expect("the count");
                *others += 1;
                *others - 1
            };
            script(asked, number)
        })
    }

    pub(super) fn with(
        setting: Setting,
        script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let Setting {
            rate_limit,
            read_only,
        } = setting;
        let log = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::new(Heard::default());
        let started = Instant::now();
        let gateway = Gateway::new(GatewayOptions {
            endpoints: Endpoints::default(),
            organization: OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg"),
            credential: credential("canary-secret"),
            transport: Arc::new(Scripted {
                script: Box::new(script),
                log: log.clone(),
            }),
            limiter: ClientLimiter::new(6_000).connection("marketing/acme", rate_limit),
            read_only,
            rng_seed: 1,
            // Noon of the first of March 2026, and on with the tokio clock.
            wall_clock: Arc::new(move || {
                let noon: jiff::Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
                noon + jiff::SignedDuration::try_from(started.elapsed()).expect("a duration")
            }),
            observer: heard.clone(),
        });
        Self {
            gateway,
            heard,
            log,
        }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.log.lock().expect("the log").clone()
    }

    /// Everything but the calls for a token.
    pub(super) fn calls(&self) -> Vec<Asked> {
        self.asked()
            .into_iter()
            .filter(|asked| !asked.is_for_a_token())
            .collect()
    }

    pub(super) fn token_calls(&self) -> usize {
        self.asked()
            .iter()
            .filter(|asked| asked.is_for_a_token())
            .count()
    }
}

pub(super) fn credential(secret: &str) -> Credential {
    Credential {
        client_id: "client".into(),
        client_secret: secret.into(),
        scopes: "openid,session".into(),
    }
}

pub(super) fn context(priority: Priority, key: &str) -> CallContext {
    CallContext {
        priority,
        key: key.into(),
    }
}

pub(super) fn change() -> CallContext {
    context(Priority::Change, "loyal-gamers")
}

/// A lease for longer than any test.
pub(super) fn leased() -> LeaseGuard {
    lease_of(1_000_000)
}

/// A lease that is not renewed.
pub(super) fn lease_of(seconds: u64) -> LeaseGuard {
    let until = Instant::now() + Duration::from_secs(seconds);
    LeaseGuard::of(
        tokio::sync::watch::channel(Some(until)).1,
        super::lease_guard::always(true),
    )
}
