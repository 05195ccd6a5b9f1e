//! The whole operator in one process over the modelled cluster and the simulated systems, on a virtual clock. A process
//! that dies is started again, as the kubelet would.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adobe_client::endpoints::{Allowed, Endpoints};
use adobe_client::transport::{self, Body, Transport, TransportError};
use adobe_openapi::Trial;
use adobe_simulator::{Options, Seed, Simulator};
use audience_sharing_core::domain::mark::OwnerId;
use audience_sharing_operator::controller::run::run;
use audience_sharing_operator::controller::{Scope, Settings};
use audience_sharing_operator::observability::metrics::Metrics;
use audience_sharing_operator::observability::probes::Readiness;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::change_judge::ChangeJudge;
use crate::choke_point::{ChokePoint, Lost, Outgoing, System};
use crate::cluster::{Cluster, Key};
use crate::judged;
use crate::operations::LOYAL_GAMERS;
use crate::run::LOOK;
use crate::strangers::{self, Ours};
use crate::tenants;
use crate::virtual_time;

pub(crate) const NAMESPACE: &str = "marketing";
pub(crate) const SYSTEM_NAMESPACE: &str = "audience-sharing-system";
pub(crate) const OWNER: &str = "test-owner";
/// Must be told nowhere but in the request for a token.
pub(crate) const SECRET: &str = "canary-7f3d-secret";

thread_local! {
    /// When the world of this thread began, and by how much the operator's wall clock is wrong.
    static ORIGIN: Cell<Option<Instant>> = const { Cell::new(None) };
    static SKEW: Cell<SignedDuration> = const { Cell::new(SignedDuration::ZERO) };
    static READ_ONLY: Cell<bool> = const { Cell::new(false) };
    /// The owner id of the operator, and those that it had before; none: [`OWNER`] alone.
    static OWNERS: RefCell<Vec<OwnerId>> = const { RefCell::new(Vec::new()) };
    static CLIENT_RATE_LIMIT: Cell<u32> = const { Cell::new(CLIENT_RATE_LIMIT_MAX) };
    /// Of all processes of the world.
    static METRICS: RefCell<Metrics> = RefCell::default();
}

/// Under it the budget of a connection is what holds its calls back.
const CLIENT_RATE_LIMIT_MAX: u32 = 6_000;

/// 2026-01-05T00:00:00Z, where the simulator's clock starts too.
const START: i64 = 1_767_571_200;

/// The virtual wall clock, as a machine without error would show it.
pub(crate) fn wall_clock() -> Timestamp {
    let origin = ORIGIN.get().unwrap_or_else(Instant::now);
    let passed = SignedDuration::try_from(Instant::now() - origin).unwrap();
    Timestamp::from_second(START).unwrap() + passed
}

fn skewed_clock() -> Timestamp {
    wall_clock() + SKEW.get()
}

pub(crate) fn set_skew(skew: SignedDuration) {
    SKEW.set(skew);
}

/// Of the processes that start from here on.
pub(crate) fn set_read_only(read_only: bool) {
    READ_ONLY.set(read_only);
}

/// Of the processes that start from here on.
pub(crate) fn set_owner(owner: &str, previous: &[&str]) {
    let all = [owner].into_iter().chain(previous.iter().copied());
    OWNERS.set(all.map(|text| OwnerId::parse(text).unwrap()).collect());
}

/// Requests per minute of one client, of the processes that start from here on.
pub(crate) fn set_client_rate_limit(requests_per_minute: u32) {
    CLIENT_RATE_LIMIT.set(requests_per_minute);
}

/// How many plans were computed.
pub(crate) fn plans() -> usize {
    let told = METRICS.with_borrow(Metrics::encode);
    let count = told
        .lines()
        .find_map(|line| line.strip_prefix("audience_sharing_plans_total "));
    count.unwrap().parse().unwrap()
}

/// A client whose requests `serve` answers; a lost one is an error of the connection.
pub(crate) fn client_of<Answer>(
    serve: impl Fn(Request<Bytes>) -> Answer + Clone + Send + 'static,
) -> Client
where
    Answer: Future<Output = Result<Response<axum::body::Body>, Lost>> + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let serve = serve.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map_err(std::io::Error::other)?
                .to_bytes();
            let answer = serve(Request::from_parts(parts, body)).await;
            answer.map_err(|Lost| std::io::Error::other("the connection was lost"))
        }
    });
    Client::new(service, "default")
}

/// The way to the three systems of Adobe.
pub(crate) struct ToAdobe(pub(crate) Outgoing);

impl Transport for ToAdobe {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let system = match request.uri().port_u16() {
            Some(1) => System::IdentityService,
            Some(2) => System::AudienceManager,
            Some(3) => System::ExperiencePlatform,
            _ => return Err(TransportError::NOT_CONNECTED),
        };
        match self.0.send(system, request).await {
            Ok(answer) => Ok(answer.map(transport::body)),
            Err(Lost) => Err(TransportError::CONNECTION_LOST),
        }
    }
}

enum Command {
    /// Ends the process as Kubernetes does, and starts the next.
    Restart(oneshot::Sender<()>),
    Kill,
    Start,
}

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) simulator: Simulator,
    pub(crate) choke_point: ChokePoint,
    pub(crate) changes: ChangeJudge,
    _judged: Trial,
    commands: mpsc::UnboundedSender<Command>,
    #[expect(
        dead_code,
        reason = "held: dropping it ends the supervisor and its process"
    )]
    supervisor: tokio_util::task::AbortOnDropHandle<()>,
}

/// One life of the operator.
struct Process {
    dead: CancellationToken,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.dead.cancel();
        self.task.abort();
    }
}

impl World {
    /// A cluster without resources and this tenant with strangers in it; no operator runs yet.
    pub(crate) fn new(mut tenant: Value) -> Self {
        ORIGIN.set(Some(Instant::now()));
        SKEW.set(SignedDuration::ZERO);
        READ_ONLY.set(false);
        set_owner(OWNER, &[]);
        CLIENT_RATE_LIMIT.set(CLIENT_RATE_LIMIT_MAX);
        METRICS.set(Metrics::default());
        let cluster = Cluster::new(wall_clock);
        strangers::add(
            &mut tenant,
            Ours {
                owner: OWNER,
                namespace: NAMESPACE,
                source: LOYAL_GAMERS,
                names: &["loyal", "buyers"],
            },
        );
        let simulator = Simulator::new(Options {
            latency: Duration::ZERO,
            seed: Some(Seed::try_from(tenant).unwrap()),
            preset: tenants::PRESET,
        });
        simulator.copy_created(serde_json::from_value(strangers::copies(false)).unwrap());
        let (crashes, crashed) = mpsc::unbounded_channel();
        let (partitions, partitioned) = mpsc::unbounded_channel();
        let judged = judged::watch(&simulator);
        let choke_point = ChokePoint::new(
            cluster.clone(),
            simulator.clone(),
            judged.violations(),
            SECRET,
            crashes,
            partitions,
        );
        let (commands, commanded) = mpsc::unbounded_channel();
        let supervisor = tokio::spawn(supervise(
            choke_point.clone(),
            commanded,
            crashed,
            partitioned,
        ));
        Self {
            cluster,
            changes: ChangeJudge::of(&simulator),
            simulator,
            choke_point,
            _judged: judged,
            commands,
            supervisor: tokio_util::task::AbortOnDropHandle::new(supervisor),
        }
    }

    /// The two systems without the strangers in them.
    pub(crate) fn tenant(&self) -> Value {
        self.choke_point.tenant()
    }

    /// From here on a person copies what the operator creates into the data source that it is in as well. Such a data
    /// source cannot be deleted any more.
    pub(crate) fn copy_beside(&self) {
        let copies = serde_json::from_value(strangers::copies(true)).unwrap();
        self.simulator.copy_created(copies);
    }

    /// The same, and no copy has the code of the original: where a source is named by its code, a copy is another one.
    pub(crate) fn copy_beside_without_codes(&self) {
        let mut copies = strangers::copies(true);
        let entries = copies.as_array_mut().unwrap();
        entries.retain(|copy| copy["changes"].get("dataSourceId").is_none());
        self.simulator
            .copy_created(serde_json::from_value(copies).unwrap());
    }

    /// A running operator, and this audience stands.
    pub(crate) async fn sharing(name: &str, source: &str) -> Self {
        let world = Self::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience(name, source));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        world
    }

    pub(crate) fn start_operator(&self) {
        let _ = self.commands.send(Command::Start);
    }

    pub(crate) fn kill_operator(&self) {
        let _ = self.commands.send(Command::Kill);
    }

    pub(crate) async fn restart_operator(&self) {
        let (done, ended) = oneshot::channel();
        let _ = self.commands.send(Command::Restart(done));
        let _ = ended.await;
    }

    /// What a user applies: made where there is none, else its spec and annotations are replaced.
    pub(crate) fn apply(&self, object: Value) {
        self.apply_in(NAMESPACE, object);
    }

    pub(crate) fn apply_in(&self, namespace: &str, object: Value) {
        let key = key_in(namespace, &object);
        if self.cluster.create(&key, object.clone()).is_ok() {
            return;
        }
        let mut known = Arc::unwrap_or_clone(self.cluster.get(&key, 0).unwrap());
        for field in ["spec", "data"] {
            if let Some(value) = object.get(field) {
                known[field] = value.clone();
            }
        }
        self.cluster.replace(&key, known).unwrap();
    }

    pub(crate) fn edit(&self, name: &str, patch: &Value) {
        // An object that is gone cannot be edited; whoever tries is told.
        self.edit_in(NAMESPACE, name, patch);
    }

    pub(crate) fn edit_in(&self, namespace: &str, name: &str, patch: &Value) {
        let key = Key {
            namespace: namespace.into(),
            ..audience_key(name)
        };
        let _ = self.cluster.merge(&key, patch);
    }

    pub(crate) fn edit_connection(&self, name: &str, patch: &Value) {
        self.cluster
            .merge(&key_of(&connection(name)), patch)
            .unwrap();
    }

    pub(crate) fn delete(&self, name: &str) {
        let _ = self.cluster.delete(&audience_key(name), &Value::Null);
    }

    pub(crate) fn audience(&self, name: &str) -> Value {
        let found = self.cluster.get(&audience_key(name), 0);
        found.map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    pub(crate) fn audiences(&self) -> Vec<Value> {
        self.cluster
            .list(
                "audience-sharing.dev/v1alpha1/sharedaudiences",
                None,
                None,
                0,
            )
            .0
    }

    pub(crate) fn connections(&self) -> Vec<Value> {
        self.cluster
            .list(
                "audience-sharing.dev/v1alpha1/sharingconnections",
                None,
                None,
                0,
            )
            .0
    }

    pub(crate) fn delete_connection(&self, name: &str) {
        let _ = self
            .cluster
            .delete(&key_of(&connection(name)), &Value::Null);
    }

    /// A person edits an object in the user interface.
    pub(crate) fn person(&self, collection: &str, id: &str, patch: &Value) {
        self.note_by_hand(collection, id);
        self.simulator.patch_object(collection, id, patch).unwrap();
        self.choke_point.snapshot();
    }

    /// A person deletes an object in the user interface; one that is in use stays.
    pub(crate) fn person_deletes(&self, collection: &str, id: &str) {
        self.note_by_hand(collection, id);
        let _ = self.simulator.delete_object(collection, id);
        self.choke_point.snapshot();
    }

    fn note_by_hand(&self, collection: &str, id: &str) {
        let state = self.tenant();
        let find = |collection: &str, fits: &dyn Fn(&Value) -> bool| {
            let mut objects = state[collection].as_array().into_iter().flatten();
            objects.find(|object| fits(object)).cloned()
        };
        let is_id = |found: &Value| id.parse().is_ok_and(|id: u64| *found == id) || *found == id;
        let found = match collection {
            // It is whose segment it is of.
            "mappings" => find(collection, &|found| is_id(&found["destinationMappingId"]))
                .and_then(|mapping| find("segments", &|found| found["sid"] == mapping["sid"])),
            _ => find(collection, &|found| {
                is_id(&found["sid"]) || is_id(&found["id"])
            }),
        };
        if let Some(object) = found {
            self.choke_point.note_by_hand(object);
        }
    }

    /// A person makes an object in the user interface.
    pub(crate) fn create(&self, collection: &str, object: Value) -> Value {
        let made = self.simulator.create_object(collection, object).unwrap();
        self.choke_point.snapshot();
        made
    }

    /// Asks for a look at both systems now.
    pub(crate) fn look_now(&self, name: &str) {
        let at = json!(wall_clock().to_string());
        self.edit(name, &json!({"metadata": {"annotations": {"audience-sharing.dev/reconcile-requested-at": at}}}));
    }
}

/// A segment of Audience Manager, shared to Experience Platform.
pub(crate) fn shared_segment(name: &str, sid: &Value, strategy: &str) -> Value {
    let mut shared = audience(name, "");
    shared["spec"]["source"] = json!({"audienceManager": {"segment": {"sid": sid}}});
    shared["spec"]["target"] = json!({"experiencePlatform": {"strategy": strategy}});
    shared
}

pub(crate) fn audience_key(name: &str) -> Key {
    Key {
        resource: "audience-sharing.dev/v1alpha1/sharedaudiences".into(),
        namespace: NAMESPACE.into(),
        name: name.into(),
    }
}

pub(crate) fn key_of(object: &Value) -> Key {
    key_in(NAMESPACE, object)
}

fn key_in(namespace: &str, object: &Value) -> Key {
    let plural = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
    let name = object["metadata"]["name"].as_str().unwrap();
    Key {
        resource: format!("{}/{plural}", object["apiVersion"].as_str().unwrap()),
        namespace: namespace.into(),
        name: name.into(),
    }
}

pub(crate) fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth"},
        "data": {"clientId": "ZGVtby1jbGllbnQ=", "clientSecret": "Y2FuYXJ5LTdmM2Qtc2VjcmV0"},
    })
}

pub(crate) fn connection(name: &str) -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharingConnection", "metadata": {"name": name},
        "spec": {
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
            "credentialsSecretRef": {"name": "adobe-oauth"},
            "experiencePlatform": {"sandbox": "prod"},
        },
    })
}

pub(crate) fn audience(name: &str, source: &str) -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience", "metadata": {"name": name},
        "spec": {"connectionRef": {"name": "acme"}, "source": {"experiencePlatform": {"id": source}}},
    })
}

/// The realistic tenant, for the credential of [`secret`].
pub(crate) fn seed() -> Value {
    static STATE: OnceLock<Value> = OnceLock::new();
    STATE.get_or_init(|| tenants::realistic(SECRET)).clone()
}

/// The kubelet's patience before it starts a container again.
const RESTART_AFTER: Duration = Duration::from_secs(2);

async fn supervise(
    point: ChokePoint,
    mut commands: mpsc::UnboundedReceiver<Command>,
    mut crashes: mpsc::UnboundedReceiver<usize>,
    mut partitions: mpsc::UnboundedReceiver<Duration>,
) {
    let mut lives = 0;
    let mut process: Option<Process> = None;
    loop {
        tokio::select! {
            Some(life) = crashes.recv() => {
                if life == lives {
                    drop(process.take());
                    virtual_time::passes(RESTART_AFTER).await;
                    lives += 1;
                    process = Some(launch(&point, lives));
                }
            }
            Some(lasts) = partitions.recv() => {
                tokio::spawn(rival(point.clone(), lasts));
            }
            command = commands.recv() => match command {
                None => return,
                Some(Command::Kill) => process = None,
                Some(Command::Start) => {
                    lives += 1;
                    process = Some(launch(&point, lives));
                }
                Some(Command::Restart(done)) => {
                    if let Some(mut ending) = process.take() {
                        ending.stop.cancel();
                        if let Err(error) = (&mut ending.task).await {
                            point.violate(format!("O5: a graceful stop panicked: {error}"));
                        }
                    }
                    lives += 1;
                    process = Some(launch(&point, lives));
                    let _ = done.send(());
                }
            }
        }
    }
}

fn launch(point: &ChokePoint, life: usize) -> Process {
    let (dead, stop) = (CancellationToken::new(), CancellationToken::new());
    let outgoing = point.outgoing(life, dead.clone());
    let to_cluster = outgoing.clone();
    let client = client_of(move |request| {
        let outgoing = to_cluster.clone();
        async move { outgoing.send(System::Kubernetes, request).await }
    });
    let endpoints = Endpoints::parse(
        "http://127.0.0.1:1",
        "http://127.0.0.1:2/v1",
        "http://127.0.0.1:3",
        Allowed::AlsoLoopback,
    );
    let mut owners = OWNERS.with_borrow(Clone::clone);
    let settings = Settings {
        namespace: SYSTEM_NAMESPACE.into(),
        identity: "audience-sharing-0_uid-0".into(),
        pod: Some(pod()),
        owner: owners.remove(0),
        previous_owners: owners,
        endpoints: endpoints.unwrap(),
        transport: Arc::new(ToAdobe(outgoing)),
        read_only: READ_ONLY.get(),
        client_rate_limit: CLIENT_RATE_LIMIT.get(),
        watch_secrets: true,
        rng_seed: 7,
        wall_clock: skewed_clock,
        metrics: METRICS.with_borrow(Clone::clone),
    };
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        run(
            client,
            &Scope::Cluster,
            settings,
            Readiness::default(),
            stopped,
        )
        .await;
    });
    Process { dead, stop, task }
}

/// The operator's own, which is told what no object is left to tell.
fn pod() -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        namespace: Some(SYSTEM_NAMESPACE.into()),
        name: Some("audience-sharing-0".into()),
        uid: Some("uid-0".into()),
        ..ObjectReference::default()
    }
}

/// Another process, which takes every lease when it has run out, and gives it back when the API server can be reached
/// again.
async fn rival(point: ChokePoint, lasts: Duration) {
    let resource = "coordination.k8s.io/v1/leases";
    let ends = Instant::now() + lasts;
    // By its own clock, from when it saw the record last change.
    virtual_time::passes(Duration::from_secs(90)).await;
    let hold = |holder: Value| {
        let (leases, _) = point.cluster.list(resource, None, None, 0);
        for lease in &leases {
            let name = lease["metadata"]["name"].as_str().unwrap();
            let namespace = lease["metadata"]["namespace"].as_str().unwrap();
            let key = Key {
                resource: resource.into(),
                namespace: namespace.into(),
                name: name.into(),
            };
            let renewed = wall_clock().to_string();
            let patch = json!({"spec": {"holderIdentity": holder, "renewTime": renewed}});
            point.cluster.merge(&key, &patch).unwrap();
        }
        leases.len()
    };
    // Where none was ever made, it holds none: the process that makes one later has it.
    let held = hold(json!("audience-sharing-1_uid-1"));
    point.set_leased_elsewhere(held > 0);
    virtual_time::passes(ends - Instant::now()).await;
    point.set_leased_elsewhere(false);
    hold(Value::Null);
}
