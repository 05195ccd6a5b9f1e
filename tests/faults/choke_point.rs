//! The one numbered choke point: every call that leaves the operator, to the API server and to Adobe alike, and the
//! kinds of fault that may befall it (F1 to F15).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adobe_openapi::Violations;
use adobe_simulator::{ConnectionLost, Fault as SimulatorFault, FaultKind, Match, Simulator};
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::cluster::{Cluster, Refusal, Service, answer, is_watch, refused};
use crate::fault::{FOR_EVER, Fault, LATE, PARTITION};
use crate::gate::{Gate, Moment};
use crate::judged::note_request;
use crate::needless;
use crate::oracles::AUDIENCES;
use crate::{strangers, virtual_time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Kubernetes,
    IdentityService,
    AudienceManager,
    ExperiencePlatform,
}

/// A call, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// From 1, over all systems and all processes.
    pub(crate) number: usize,
    pub(crate) process: usize,
    pub(crate) system: System,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) at: tokio::time::Instant,
}

impl Call {
    /// The renewal of a Lease is the one thing that goes on at rest.
    pub(crate) fn is_of_lease(&self) -> bool {
        self.path.contains("/leases")
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
            && self.system != System::IdentityService
            && !self.path.ends_with("/validate/")
    }

    pub(crate) fn is_remote_write(&self) -> bool {
        self.is_write() && self.system != System::Kubernetes
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} {:?} {} {}",
            self.number, self.system, self.method, self.path
        )
    }
}

/// What the operator's side sees instead of an answer.
#[derive(Debug)]
pub(crate) struct Lost;

/// Which call meets a fault.
#[derive(Clone, Debug)]
enum Which {
    Number(usize),
    /// The next one with this method whose path holds this text.
    Next(Method, String),
}

impl Which {
    fn fits(&self, call: &Call) -> bool {
        match self {
            Self::Number(number) => *number == call.number,
            Self::Next(method, text) => *method == call.method && call.path.contains(text),
        }
    }
}

/// Answers in the place of a system, for as long as it stands there; what it leaves alone passes.
pub(crate) type Proxy = Arc<dyn Fn(&Call) -> Option<Response<Body>> + Send + Sync>;

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    planned: Vec<(Which, Fault)>,
    played: Vec<(Call, Fault)>,
    /// Another process holds the lease.
    leased_elsewhere: bool,
    unreachable_until: Option<tokio::time::Instant>,
    violations: Vec<String>,
    /// What stood in the two systems after each change, with the version of the cluster.
    snapshots: Vec<(u64, Arc<serde_json::Value>)>,
    keeps_no_snapshots: bool,
    gate: Option<Arc<Gate>>,
    proxy: Option<Proxy>,
    /// What a person changed by hand: the version of the cluster then, and the object as it was before.
    by_hand: Vec<(u64, serde_json::Value)>,
}

/// Shared by all processes of a world.
#[derive(Clone)]
pub(crate) struct ChokePoint {
    pub(crate) cluster: Cluster,
    pub(crate) simulator: Simulator,
    judged: Violations,
    log: Arc<Mutex<Log>>,
    /// Told which process died.
    crashes: mpsc::UnboundedSender<usize>,
    partitions: mpsc::UnboundedSender<Duration>,
    /// What must be told nowhere but in the request for a token.
    canary: &'static str,
}

/// The choke point as one process sees it: a dead one sends nothing any more.
#[derive(Clone)]
pub(crate) struct Outgoing {
    point: ChokePoint,
    process: usize,
    dead: CancellationToken,
}

impl ChokePoint {
    pub(crate) fn new(
        cluster: Cluster,
        simulator: Simulator,
        judged: Violations,
        canary: &'static str,
        crashes: mpsc::UnboundedSender<usize>,
        partitions: mpsc::UnboundedSender<Duration>,
    ) -> Self {
        Self {
            cluster,
            simulator,
            judged,
            log: Arc::default(),
            crashes,
            partitions,
            canary,
        }
    }

    pub(crate) fn outgoing(&self, process: usize, dead: CancellationToken) -> Outgoing {
        Outgoing {
            point: self.clone(),
            process,
            dead,
        }
    }

    /// The call with this number, counted from the next one on, meets `fault`.
    pub(crate) fn plan(&self, ahead: usize, fault: Fault) {
        let mut log = self.log.lock().unwrap();
        let number = log.calls.len() + ahead;
        log.planned.push((Which::Number(number), fault));
    }

    /// The next call with this method whose path holds `text` meets `fault`.
    pub(crate) fn plan_next(&self, method: Method, text: &str, fault: Fault) {
        let which = Which::Next(method, text.to_owned());
        self.log.lock().unwrap().planned.push((which, fault));
    }

    /// What stands in the two systems is no longer kept with every write: for worlds of thousands.
    pub(crate) fn keep_no_snapshots(&self) {
        self.log.lock().unwrap().keeps_no_snapshots = true;
    }

    /// Holds calls as `gate` says.
    pub(crate) fn set_gate(&self, gate: Option<Arc<Gate>>) {
        self.log.lock().unwrap().gate = gate;
    }

    pub(crate) fn set_proxy(&self, proxy: Option<Proxy>) {
        self.log.lock().unwrap().proxy = proxy;
    }

    /// What was planned and not met will not be.
    pub(crate) fn unplan(&self) {
        self.log.lock().unwrap().planned.clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.log.lock().unwrap().calls.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.log.lock().unwrap().calls.len()
    }

    /// The faults that were met, each with its call.
    pub(crate) fn played(&self) -> Vec<(Call, Fault)> {
        self.log.lock().unwrap().played.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.log.lock().unwrap().violations.clone()
    }

    /// The two systems as a test speaks of them: without the strangers in them.
    pub(crate) fn tenant(&self) -> serde_json::Value {
        let is_known = |collection: &str, object: &_| !strangers::is_stranger(collection, object);
        self.simulator.state_of(is_known)
    }

    pub(crate) fn snapshot(&self) {
        if self.log.lock().unwrap().keeps_no_snapshots {
            return;
        }
        let taken = (self.cluster.version(), Arc::new(self.tenant()));
        self.log.lock().unwrap().snapshots.push(taken);
    }

    pub(crate) fn snapshots(&self) -> Vec<(u64, Arc<serde_json::Value>)> {
        self.log.lock().unwrap().snapshots.clone()
    }

    pub(crate) fn note_by_hand(&self, object: serde_json::Value) {
        let version = self.cluster.version();
        self.log.lock().unwrap().by_hand.push((version, object));
    }

    pub(crate) fn by_hand(&self) -> Vec<(u64, serde_json::Value)> {
        self.log.lock().unwrap().by_hand.clone()
    }

    pub(crate) fn violate(&self, what: impl Into<String>) {
        self.log.lock().unwrap().violations.push(what.into());
    }

    pub(crate) fn set_leased_elsewhere(&self, leased: bool) {
        self.log.lock().unwrap().leased_elsewhere = leased;
    }

    /// Numbers a call, and says which fault it meets.
    fn number(
        &self,
        process: usize,
        system: System,
        request: &Request<Bytes>,
    ) -> (Call, Option<Fault>) {
        let mut log = self.log.lock().unwrap();
        let path = request.uri().path_and_query().map(ToString::to_string);
        let call = Call {
            number: log.calls.len() + 1,
            process,
            system,
            method: request.method().clone(),
            path: path.unwrap_or_default(),
            at: tokio::time::Instant::now(),
        };
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(self.canary);
        if (system != System::IdentityService && told(request.body())) || told(call.path.as_bytes())
        {
            log.violations
                .push(format!("O7: the secret was told in {call}"));
        }
        if call.is_remote_write() && call.method == Method::DELETE {
            let (audiences, _) = self.cluster.list(AUDIENCES, None, None, 0);
            let wrong = needless::deletion(&call, &self.tenant(), &audiences);
            log.violations.extend(wrong);
        }
        if log.leased_elsewhere && call.is_remote_write() {
            log.violations
                .push(format!("O4: another process holds the lease during {call}"));
        }
        log.calls.push(call.clone());
        let fault = log.planned.iter().position(|(which, _)| which.fits(&call));
        let fault = fault
            .map(|at| log.planned.swap_remove(at).1)
            .filter(|fault| fault.fits(&call));
        if let Some(fault) = fault {
            log.played.push((call.clone(), fault));
        }
        (call, fault)
    }

    fn is_partitioned(&self) -> bool {
        let log = self.log.lock().unwrap();
        log.unreachable_until
            .is_some_and(|until| until > tokio::time::Instant::now())
    }

    async fn perform(
        &self,
        call: &Call,
        request: &Request<Bytes>,
        service: Service,
    ) -> Result<Response<Body>, Lost> {
        let router = match call.system {
            System::Kubernetes => return Ok(answer(&self.cluster, request, service)),
            System::IdentityService => self.simulator.router(adobe_simulator::System::IMS),
            System::AudienceManager => self
                .simulator
                .router(adobe_simulator::System::AUDIENCE_MANAGER),
            System::ExperiencePlatform => self
                .simulator
                .router(adobe_simulator::System::EXPERIENCE_PLATFORM),
        };
        let Ok(answer) = router.oneshot(request.clone().map(Body::from)).await;
        if call.is_remote_write() {
            self.snapshot();
        }
        match answer.extensions().get::<ConnectionLost>().is_some() {
            true => Err(Lost),
            false => Ok(answer),
        }
    }
}

impl Outgoing {
    /// Sends a call, or what a fault makes of it. Of a dead process nothing goes out and nothing comes back.
    pub(crate) async fn send(
        &self,
        system: System,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Lost> {
        if self.dead.is_cancelled() {
            return std::future::pending().await;
        }
        let point = &self.point;
        let (call, fault) = point.number(self.process, system, &request);
        if system == System::Kubernetes && point.is_partitioned() {
            virtual_time::passes(Duration::from_secs(3)).await;
            return Err(Lost);
        }
        let gate = point.log.lock().unwrap().gate.clone();
        let held = gate.as_ref().and_then(|gate| gate.holds(&call));
        if let (Some(gate), Some(held)) = (&gate, held) {
            gate.pass(held, Moment::Effect).await;
        }
        let proxy = point.log.lock().unwrap().proxy.clone();
        if let Some(answer) = proxy.and_then(|proxy| proxy(&call)) {
            return Ok(answer);
        }
        let result = match fault {
            None => point.perform(&call, &request, Service::default()).await,
            Some(fault) => {
                if system == System::ExperiencePlatform {
                    note_request(&point.judged, &request);
                }
                self.suffer(&call, &request, fault).await
            }
        };
        if let (Some(gate), Some(held)) = (&gate, held) {
            gate.pass(held, Moment::Answer).await;
        }
        match self.dead.is_cancelled() {
            true => std::future::pending().await,
            false => result,
        }
    }

    async fn suffer(
        &self,
        call: &Call,
        request: &Request<Bytes>,
        fault: Fault,
    ) -> Result<Response<Body>, Lost> {
        let point = &self.point;
        let perform = || point.perform(call, request, Service::default());
        match fault {
            Fault::CrashBefore => self.die().await,
            Fault::CrashAfter => {
                let _ = perform().await;
                self.die().await
            }
            Fault::NoAnswer => {
                let _ = perform().await;
                virtual_time::passes(FOR_EVER).await;
                Err(Lost)
            }
            Fault::Nothing => {
                virtual_time::passes(FOR_EVER).await;
                Err(Lost)
            }
            Fault::Swallowed => std::future::pending().await,
            Fault::Error => Ok(failure(call.system, 503, "ServiceUnavailable", None)),
            Fault::ErrorAfterEffect => {
                perform().await?;
                Ok(failure(call.system, 500, "InternalError", None))
            }
            Fault::Throttled { retry_after } => Ok(failure(
                call.system,
                429,
                "TooManyRequests",
                retry_after.then_some("7"),
            )),
            Fault::Unauthorized => Ok(failure(call.system, 401, "Unauthorized", None)),
            Fault::Forbidden => Ok(failure(call.system, 403, "Forbidden", None)),
            Fault::Truncated => {
                let (mut parts, body) = perform().await?.into_parts();
                let whole = axum::body::to_bytes(body, usize::MAX)
                    .await
                    .map_err(|_| Lost)?;
                parts.headers.remove("content-length");
                Ok(Response::from_parts(
                    parts,
                    Body::from(whole.slice(..whole.len() / 2)),
                ))
            }
            Fault::WrongType => {
                let page = Response::builder().header("content-type", "text/html");
                Ok(page
                    .body(Body::from("<html><body>Please stand by</body></html>"))
                    .unwrap())
            }
            Fault::Stale | Fault::Older { .. } if call.system == System::Kubernetes => {
                let service = Service {
                    changes_ago: match fault {
                        Fault::Older { changes } => changes,
                        _ => 1,
                    },
                    lag: Duration::from_secs(20),
                    ..Service::default()
                };
                point.perform(call, request, service).await
            }
            Fault::Stale | Fault::Older { .. } => {
                point.simulator.add_fault(SimulatorFault {
                    matching: Match {
                        method: Some("GET".into()),
                        path_contains: Some(call.path.clone()),
                        ..Match::default()
                    },
                    skip: 0,
                    times: 1,
                    kind: FaultKind::StaleList { writes: 1 },
                });
                let result = perform().await;
                // A reading of a single object is not stale in the simulator: the fault must not wait for a later call.
                point.simulator.clear_faults();
                result
            }
            Fault::Conflict => Ok(refused(&Refusal::new(
                409,
                "Conflict",
                "the object has been modified",
            ))),
            Fault::Reset => {
                let _ = perform().await;
                Err(Lost)
            }
            Fault::LeaseLost => {
                let until = tokio::time::Instant::now() + PARTITION;
                point.log.lock().unwrap().unreachable_until = Some(until);
                let _ = point.partitions.send(PARTITION);
                // The call in flight is a slow one.
                virtual_time::passes(Duration::from_secs(40)).await;
                match call.system {
                    System::Kubernetes => Err(Lost),
                    _ => perform().await,
                }
            }
            Fault::LateEffect => {
                let (point, call, request) = (point.clone(), call.clone(), request.clone());
                tokio::spawn(async move {
                    virtual_time::passes(LATE).await;
                    let _ = point.perform(&call, &request, Service::default()).await;
                });
                self.die().await
            }
            Fault::WatchRepeats => {
                let service = Service {
                    repeats: true,
                    ends_after: Some(2),
                    ..Service::default()
                };
                point.perform(call, request, service).await
            }
            Fault::WatchExpires => {
                debug_assert!(is_watch(request));
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "too old resource version", "reason": "Expired", "code": 410,
                });
                let line = format!("{}\n", json!({"type": "ERROR", "object": status}));
                Ok(Response::new(Body::from(line)))
            }
        }
    }

    /// The end of this process, in the middle of a call.
    async fn die<T>(&self) -> T {
        self.dead.cancel();
        // Nobody waits for it only when the world has ended.
        let _ = self.point.crashes.send(self.process);
        std::future::pending().await
    }
}

/// An error as the system itself, or the gateway before it, would write it.
pub(crate) fn failure(
    system: System,
    code: u16,
    reason: &'static str,
    retry_after: Option<&str>,
) -> Response<Body> {
    if system == System::Kubernetes {
        return refused(&Refusal::new(code, reason, "a fault was played"));
    }
    let body = match code {
        401 => json!({"error_code": "401013", "message": "Oauth token is not valid"}),
        429 => json!({"error_code": "429050", "message": "Too many requests"}),
        _ => json!({"code": "FAULT", "message": "a fault was played"}),
    };
    let mut response = Response::builder()
        .status(code)
        .header("content-type", "application/json");
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outgoing")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
