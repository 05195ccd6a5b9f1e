//! One Lease as the API server keeps it (measured.md §7): a create of what exists and a replace of an old version are
//! 409, a replace without a version is 422. Faults and delays are taken from one seed.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::time::Instant;
use tower::service_fn;

/// How often a request goes wrong, in parts of 100.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) refused_percent: u8,
    pub(super) answer_lost_percent: u8,
    pub(super) delay_max: Duration,
}

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    version: u64,
    requests: Vec<(Method, StatusCode)>,
    written: Option<Instant>,
    conflict_next: bool,
    down: bool,
}

#[derive(Clone)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
    chance: Arc<Mutex<fastrand::Rng>>,
    faults: Faults,
}

impl Server {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let chance = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        Self {
            state: Arc::default(),
            chance,
            faults,
        }
    }

    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        Client::new(
            service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move { Ok::<_, Infallible>(server.answer(request).await) }
            }),
            "operator",
        )
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.state.lock().unwrap().lease.clone()
    }

    /// When the object last changed.
    pub(super) fn written(&self) -> Option<Instant> {
        self.state.lock().unwrap().written
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.lease()?.spec?.holder_identity
    }

    pub(super) fn delete(&self) {
        self.state.lock().unwrap().lease = None;
    }

    /// Somebody edits the object before the next replace arrives.
    pub(super) fn conflict_next(&self) {
        self.state.lock().unwrap().conflict_next = true;
    }

    /// Answers every request with 500, or no longer.
    pub(super) fn set_down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    pub(super) fn take_requests(&self) -> Vec<(Method, StatusCode)> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Full<Bytes>> {
        let (before, after, refused, lost) = self.draw();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let server = self.clone();
        // A task of its own: a caller that gives up does not call the request back.
        tokio::spawn(async move {
            tokio::time::sleep(before).await;
            if refused {
                return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
            }
            let response = server.apply(&parts.method, &body);
            tokio::time::sleep(after).await;
            if lost {
                failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
            } else {
                response
            }
        })
        .await
        .unwrap()
    }

    fn draw(&self) -> (Duration, Duration, bool, bool) {
        let mut chance = self.chance.lock().unwrap();
        let mut share = |percent: u8| chance.u8(0..100) < percent;
        let (refused, lost) = (
            share(self.faults.refused_percent),
            share(self.faults.answer_lost_percent),
        );
        let mut delay = || self.faults.delay_max.mul_f64(chance.f64() / 2.0);
        (delay(), delay(), refused, lost)
    }

    fn apply(&self, method: &Method, body: &[u8]) -> Response<Full<Bytes>> {
        let mut state = self.state.lock().unwrap();
        let response = state.apply(method, body);
        state.requests.push((method.clone(), response.status()));
        response
    }
}

impl State {
    fn apply(&mut self, method: &Method, body: &[u8]) -> Response<Full<Bytes>> {
        if self.down {
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
        }
        if *method == Method::GET {
            return match &self.lease {
                Some(lease) => success(StatusCode::OK, lease),
                None => failure(StatusCode::NOT_FOUND, "NotFound"),
            };
        }
        if std::mem::take(&mut self.conflict_next) {
            self.store(self.lease.clone().unwrap());
        }
        let lease: Lease = serde_json::from_slice(body).unwrap();
        let stored = self
            .lease
            .as_ref()
            .map(|lease| lease.metadata.resource_version.clone());
        match (method.as_str(), stored) {
            ("POST", None) => success(StatusCode::CREATED, self.store(lease)),
            ("POST", Some(_)) => failure(StatusCode::CONFLICT, "AlreadyExists"),
            ("PUT", _) if lease.metadata.resource_version.is_none() => {
                failure(StatusCode::UNPROCESSABLE_ENTITY, "Invalid")
            }
            ("PUT", Some(version)) if version == lease.metadata.resource_version => {
                success(StatusCode::OK, self.store(lease))
            }
            ("PUT", Some(_)) => failure(StatusCode::CONFLICT, "Conflict"),
            ("PUT", None) => failure(StatusCode::NOT_FOUND, "NotFound"),
            (other, _) => panic!("the keeper has no use for {other}"),
        }
    }

    fn store(&mut self, mut lease: Lease) -> &Lease {
        self.version += 1;
        self.written = Some(Instant::now());
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease.insert(lease)
    }
}

fn success(status: StatusCode, lease: &Lease) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(lease).unwrap();
    Response::builder()
        .status(status)
        .body(Full::new(body.into()))
        .unwrap()
}

fn failure(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": reason, "reason": reason, "code": status.as_u16(),
    });
    Response::builder()
        .status(status)
        .body(Full::new(body.to_string().into()))
        .unwrap()
}
