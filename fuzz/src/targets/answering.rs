//! A gateway whose network answers with the given bytes, on a clock that stands still: no socket, no wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adobe_client::Error;
use adobe_client::audience_manager::AudienceManager;
use adobe_client::credential::Credential;
use adobe_client::endpoints::Endpoints;
use adobe_client::experience_platform::ExperiencePlatform;
use adobe_client::gateway::{
    CallContext, ClientLimiter, Gateway, GatewayOptions, Priority, RateLimitOptions,
};
use adobe_client::lease_guard::{self, LeaseGuard};
use adobe_client::transport::{self, Body, Transport, TransportError};
use audience_sharing_core::domain::identifier::{OrganizationId, SandboxName};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// Printed nowhere, whatever a server answers.
pub(super) const SECRET: &str = "canary-secret-0f1e2d3c";
const TOKEN: &str = r#"{"access_token":"canary-token-4b5a6978","expires_in":86399}"#;
const TOKEN_CANARY: &str = "canary-token-4b5a6978";

/// Between the answers of an input; no JSON text holds it.
const BETWEEN_ANSWERS: u8 = 0;

/// An answer before its body is cut into chunks.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<HeaderValue>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn ok(body: &[u8]) -> Self {
        Self {
            status: 200,
            retry_after: None,
            body: body.to_vec(),
        }
    }
}

/// What is answered, in context; the last again and again.
pub(super) fn answers(data: &[u8]) -> Vec<Answer> {
    data.split(|byte| *byte == BETWEEN_ANSWERS)
        .map(Answer::ok)
        .collect()
}

struct Answering {
    token: Answer,
    answers: Mutex<VecDeque<Answer>>,
    chunk: usize,
    asked: Mutex<Vec<Request<Bytes>>>,
}

/// The end that the gateway holds.
struct Wire(Arc<Answering>);

impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let answer = if request.uri().path() == "/ims/token/v3" {
            self.0.token.clone()
        } else {
            let mut answers = self.0.answers.lock().expect("the answers");
            match answers.len() {
                0 | 1 => answers.front().cloned().unwrap_or(Answer::ok(b"")),
                _ => answers.pop_front().expect("more than one"),
            }
        };
        self.0.asked.lock().expect("what was asked").push(request);
        let chunks: Vec<Result<Bytes, TransportError>> = answer
            .body
            .chunks(self.0.chunk.max(1))
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let stream = axum::body::Body::from_stream(futures::stream::iter(chunks));
        let mut response = Response::new(transport::body(stream));
        *response.status_mut() = answer.status.try_into().expect("a status code");
        if let Some(wait) = answer.retry_after {
            response.headers_mut().insert("retry-after", wait);
        }
        Ok(response)
    }
}

/// Both clients over given answers, and what they asked.
pub(super) struct World {
    pub(super) gateway: Gateway,
    transport: Arc<Answering>,
}

/// What a world is made of where a target cares.
pub(super) struct Setting {
    pub(super) credential: Credential,
    pub(super) token: Answer,
    pub(super) answers: Vec<Answer>,
    /// Bytes that arrive at once.
    pub(super) chunk: usize,
}

impl Setting {
    pub(super) fn answering(answers: Vec<Answer>, chunk: usize) -> Self {
        Self {
            credential: Credential {
                client_id: "client".into(),
                client_secret: SECRET.into(),
                scopes: "openid".into(),
            },
            token: Answer::ok(TOKEN.as_bytes()),
            answers,
            chunk,
        }
    }
}

impl World {
    pub(super) fn of(setting: Setting) -> Self {
        let Setting {
            credential,
            token,
            answers,
            chunk,
        } = setting;
        let transport = Arc::new(Answering {
            token,
            answers: Mutex::new(answers.into()),
            chunk,
            asked: Mutex::default(),
        });
        let gateway = Gateway::new(GatewayOptions {
            endpoints: Endpoints::default(),
            organization: OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg"),
            credential,
            transport: Arc::new(Wire(transport.clone())),
            limiter: ClientLimiter::new(6_000).connection(
                "marketing/acme",
                RateLimitOptions {
                    requests_per_minute: 6_000,
                    burst: 100,
                },
            ),
            read_only: false,
            rng_seed: 1,
            wall_clock: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
            observer: Arc::new(()),
        });
        Self { gateway, transport }
    }

    pub(super) fn audience_manager(&self) -> AudienceManager {
        self.gateway.audience_manager()
    }

    pub(super) fn experience_platform(&self) -> ExperiencePlatform {
        self.gateway.experience_platform(SandboxName::new("prod"))
    }

    /// All requests, those for a token first among them.
    pub(super) fn asked(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.transport.asked.lock().expect("what was asked"))
    }
}

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"),
    );
}

/// Runs to the end in virtual time.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(work))
}

pub(super) fn context() -> CallContext {
    CallContext {
        priority: Priority::Change,
        key: "loyal-gamers".into(),
    }
}

/// A lease for longer than any input takes.
pub(super) fn leased() -> LeaseGuard {
    let until = Instant::now() + Duration::from_secs(1_000_000);
    LeaseGuard::of(
        tokio::sync::watch::channel(Some(until)).1,
        lease_guard::always(true),
    )
}

/// What came of a call in words, for comparison; an error keeps the laws of errors.
pub(super) fn outcome<T: Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            told(&error);
            format!("{error:?}")
        }
    }
}

/// An error tells fixed words and a code, and no more of what a server wrote.
pub(super) fn told(error: &Error) {
    let text = error.to_string();
    assert!(text.len() < 400, "{text}");
    assert!(
        text.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
        "{text:?}"
    );
    let debug = format!("{error:?}");
    for canary in [SECRET, TOKEN_CANARY] {
        assert!(!text.contains(canary) && !debug.contains(canary), "{text}");
    }
    let _ = (error.reason(), error.hint(), error.disposition());
    if let Some(wait) = error.retry_after() {
        assert!(wait <= Duration::from_secs(3600), "{wait:?}");
    }
}

/// Takes choices off the front of an input.
pub(super) struct Choices<'a>(pub(super) &'a [u8]);

impl Choices<'_> {
    /// Below `bound`. Digits and capitals choose 0, 1, 2 and so on, so that a person can write an input.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        let number = match first {
            b'0'..=b'9' => first - b'0',
            b'A'..=b'Z' => first - b'A' + 10,
            other => *other,
        };
        usize::from(number) % bound
    }
}
