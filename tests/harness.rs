//! What every test starts from: a namespace with an operator that watches it, and a simulated tenant.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use testbed::{
    Addresses, AuditEvent, ControlClient, ControlPlane, ControlPlaneOptions, Gate, Ledger,
    OperatorProcess, SimulatorProcess, eventually, resource_path, run_arguments,
};

use crate::change_judge::ChangeJudge;
use crate::judged::Record;
use crate::judges;
use crate::rights::{self, Refusals};
use crate::strangers::{self, Ours};

pub(crate) const LOYAL_GAMERS: &str = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";
pub(crate) const SECRET: &str = "demo-secret";

/// Long enough for a slow machine; a state that is reached ends the wait at once.
const WITHIN: Duration = Duration::from_secs(60);

/// The one control plane of the run.
pub(crate) fn shared_control_plane() -> &'static ControlPlane {
    static PLANE: OnceLock<&ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| start_control_plane(root().join("crds")))
}

/// Another one, for a test that changes what all others rely on.
pub(crate) fn start_control_plane(crds: PathBuf) -> &'static ControlPlane {
    // On a thread of its own, since each test brings its own runtime.
    let starting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let plane = runtime.block_on(async {
            let plane = ControlPlane::start(ControlPlaneOptions::default())
                .await
                .unwrap();
            let crds = crds.to_str().unwrap();
            plane
                .run_kubectl(&["apply", "--server-side", "--filename", crds])
                .await
                .unwrap();
            rights::let_definitions_be_read(&plane).await;
            plane
        });
        // Both live as long as the run.
        Box::leak(Box::new(runtime));
        &*Box::leak(Box::new(plane))
    });
    starting.join().unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The simulator's program, built beside the operator's by the same `cargo test`.
fn simulator_program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_audience-sharing"))
        .parent()
        .unwrap();
    let program = beside.join("adobe-simulator");
    assert!(
        program.exists(),
        "run `cargo build --workspace --bins` first, as `make test` does"
    );
    program
}

pub(crate) struct World {
    plane: &'static ControlPlane,
    pub(crate) namespace: String,
    pub(crate) control: ControlClient,
    pub(crate) operator: OperatorProcess,
    // Both judge once the operator has ended, while the simulator is there.
    pub(crate) changes: ChangeJudge,
    _judged: Record,
    _refusals: Refusals,
    simulator: SimulatorProcess,
}

impl World {
    /// An operator over the realistic tenant, with nothing declared yet.
    pub(crate) async fn start() -> Self {
        Self::with_seed("realistic.json").await
    }

    pub(crate) async fn with_seed(seed: &str) -> Self {
        let seed = root().join("simulator/seeds").join(seed);
        Self::over(shared_control_plane(), &seed).await
    }

    pub(crate) async fn over(plane: &'static ControlPlane, seed: &Path) -> Self {
        let (namespace, simulator) = tenant(plane, seed).await;
        let operator = start_operator(plane, &simulator, &namespace).await;
        Self {
            plane,
            _refusals: Refusals::of(plane, &namespace),
            namespace,
            control: simulator.control().unwrap(),
            changes: ChangeJudge::of_process(&simulator.addresses.control),
            operator,
            _judged: record(&simulator),
            simulator,
        }
    }

    /// An operator in the Pod `pod`, behind a gate of that name, over the realistic tenant.
    pub(crate) async fn behind_a_gate(pod: &str, ledger: &Ledger) -> (Self, Gate) {
        let seed = root().join("simulator/seeds/realistic.json");
        Self::behind_a_gate_over(pod, ledger, &seed).await
    }

    pub(crate) async fn behind_a_gate_over(
        pod: &str,
        ledger: &Ledger,
        seed: &Path,
    ) -> (Self, Gate) {
        let plane = shared_control_plane();
        let (namespace, simulator) = tenant(plane, seed).await;
        let gate = gate(pod, ledger, plane, &namespace, &simulator).await;
        let world = Self {
            operator: start_behind(&gate, &namespace).await,
            plane,
            _refusals: Refusals::of(plane, &namespace),
            namespace,
            control: simulator.control().unwrap(),
            changes: ChangeJudge::of_process(&simulator.addresses.control),
            _judged: record(&simulator),
            simulator,
        };
        (world, gate)
    }

    /// A gate for another process over the same tenant.
    pub(crate) async fn another_gate(&self, pod: &str, ledger: &Ledger) -> Gate {
        gate(pod, ledger, self.plane, &self.namespace, &self.simulator).await
    }

    /// A process in the gate's Pod: a replica, or the container that starts again.
    pub(crate) async fn start_behind(&self, gate: &Gate) -> OperatorProcess {
        start_behind(gate, &self.namespace).await
    }

    /// Ends the operator as Kubernetes would, and starts another.
    pub(crate) async fn restart_operator(&mut self) {
        self.restart_with(&[]).await;
    }

    /// The same, with these flags more.
    pub(crate) async fn restart_with(&mut self, flags: &[&str]) {
        self.stop_operator().await;
        self.start_again(flags).await;
    }

    /// After it was stopped.
    pub(crate) async fn start_again(&mut self, flags: &[&str]) {
        let account = rights::account(&self.namespace);
        let account = self.plane.kubeconfig_for(&account, Some(rights::ACCOUNTS));
        let addresses = &self.simulator.addresses;
        self.operator = start(&account.unwrap(), addresses, &self.namespace, flags).await;
    }

    /// The same, with every right in the whole cluster: nothing but the operator's own code keeps it in.
    pub(crate) async fn restart_as_administrator(&mut self, flags: &[&str]) {
        self.stop_operator().await;
        let (all, addresses) = (self.plane.kubeconfig(), &self.simulator.addresses);
        self.operator = start(all, addresses, &self.namespace, flags).await;
    }

    pub(crate) async fn stop_operator(&mut self) {
        let status = self
            .operator
            .terminate(Duration::from_secs(30))
            .await
            .unwrap();
        assert!(
            status.success(),
            "a graceful stop ends with success: {}",
            self.operator.log_tail()
        );
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(arguments);
        self.plane.run_kubectl(&all).await.unwrap()
    }

    /// What the API server says to a manifest that it refuses.
    pub(crate) async fn refusal(&self, manifest: &Value) -> String {
        let file = self.manifest(manifest);
        let kubeconfig = self.plane.kubeconfig();
        let arguments = [
            "apply",
            "--namespace",
            &self.namespace,
            "--filename",
            file.path().to_str().unwrap(),
        ];
        let output = self
            .plane
            .kubectl_output(kubeconfig, &arguments)
            .await
            .unwrap();
        assert!(
            !output.status.success(),
            "this manifest must be refused: {manifest}"
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(crate) async fn apply(&self, manifest: &Value) {
        let file = self.manifest(manifest);
        self.kubectl(&["apply", "--filename", file.path().to_str().unwrap()])
            .await;
    }

    fn manifest(&self, manifest: &Value) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), manifest.to_string()).unwrap();
        file
    }

    pub(crate) async fn apply_secret(&self, client_secret: &str) {
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth"},
            "stringData": {"clientId": "demo-client", "clientSecret": client_secret},
        }))
        .await;
    }

    pub(crate) async fn apply_connection(&self) {
        self.apply(&connection()).await;
    }

    /// Secret and connection.
    pub(crate) async fn connect(&self) {
        self.apply_secret(SECRET).await;
        self.apply_connection().await;
    }

    /// Applies the audience and waits until it stands.
    pub(crate) async fn share(&self, name: &str, source: &str) -> Value {
        self.apply(&audience(name, source)).await;
        self.ready(name).await
    }

    pub(crate) async fn get(&self, kind: &str, name: &str) -> Value {
        let found = self.find(kind, name).await;
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// A custom resource of ours, if it is there.
    pub(crate) async fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let path = resource_path(&self.namespace, kind, name);
        let object = self.plane.read(&path).await.unwrap()?;
        judges::check_status(&object);
        Some(object)
    }

    /// Waits until a custom resource of ours is gone.
    pub(crate) async fn gone(&self, kind: &str, name: &str) {
        let what = format!("the end of {kind} {name}");
        eventually(&what, WITHIN, || async {
            match self.find(kind, name).await {
                None => Ok(()),
                Some(object) => Err(object.to_string()),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()));
    }

    /// The two systems without the strangers in them.
    pub(crate) async fn tenant(&self) -> Value {
        strangers::without(self.control.state().await.unwrap())
    }

    pub(crate) fn plane(&self) -> &'static ControlPlane {
        self.plane
    }

    /// The Lease of the connection's organisation.
    pub(crate) async fn lease(&self) -> Value {
        let name = "organization-0f1e2d3c4b5a69780a49420e.audience-sharing.dev";
        let mut leases = self.leases().await.into_iter();
        leases
            .find(|lease| lease["metadata"]["name"] == name)
            .unwrap_or_default()
    }

    /// All Leases of the operator's namespace.
    pub(crate) async fn leases(&self) -> Vec<Value> {
        let group = "/apis/coordination.k8s.io/v1";
        let path = format!("{group}/namespaces/{}/leases", self.namespace);
        let list = self.plane.read(&path).await.unwrap().unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until `Ready` is true for the generation that stands; gives the object.
    pub(crate) async fn ready(&self, name: &str) -> Value {
        self.until("sharedaudience", name, "True", "").await
    }

    /// Waits until `Ready` has this status and, unless empty, this reason.
    pub(crate) async fn until(&self, kind: &str, name: &str, status: &str, reason: &str) -> Value {
        let what = format!("{kind} {name} with Ready={status} {reason}");
        let seen = eventually(&what, WITHIN, || async {
            let object = self.get(kind, name).await;
            let ready = ready_condition(&object);
            let current = ready["observedGeneration"] == object["metadata"]["generation"];
            match current
                && ready["status"] == status
                && (reason.is_empty() || ready["reason"] == reason)
            {
                true => Ok(object),
                false => Err(format!("{ready}")),
            }
        });
        seen.await
            .unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()))
    }

    /// Waits until the generation that stands was judged, well or not; gives the object.
    pub(crate) async fn until_settled(&self, kind: &str, name: &str) -> Value {
        let under_way = ["Progressing", "Pending", "DependencyNotReady"];
        self.until_judged(kind, name, &under_way).await
    }

    /// The same, where these reasons are no verdict.
    pub(crate) async fn until_judged(&self, kind: &str, name: &str, under_way: &[&str]) -> Value {
        let what = format!("{kind} {name} was judged");
        eventually(&what, WITHIN, || async {
            let object = self.get(kind, name).await;
            let ready = ready_condition(&object);
            // A suspended resource keeps the verdict on an earlier generation.
            let suspended = condition(&object, "Suspended");
            let seen = match suspended["status"] == "True" {
                true => &suspended["observedGeneration"],
                false => &ready["observedGeneration"],
            };
            let current = *seen == object["metadata"]["generation"];
            let judged = ready["reason"]
                .as_str()
                .is_some_and(|reason| !under_way.contains(&reason));
            match current && judged {
                true => Ok(object),
                false => Err(format!("{ready}")),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()))
    }

    /// Asks for a look at both systems now, and waits until it was handled.
    pub(crate) async fn look_now(&self, name: &str) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let value = format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let annotation = format!("audience-sharing.dev/reconcile-requested-at={value}");
        let annotate = ["annotate", "--overwrite", "sharedaudience", name];
        self.kubectl(&[&annotate[..], &[&annotation]].concat())
            .await;
        eventually("the request was handled", WITHIN, || async {
            let object = self.get("sharedaudience", name).await;
            match object["status"]["lastHandledReconcileAt"] == value.as_str() {
                true => Ok(()),
                false => Err(object["status"].to_string()),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()));
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.kubectl(&["delete", "sharedaudience", name, "--timeout=60s"])
            .await;
    }

    /// An object of the tenant; null where there is none.
    pub(crate) async fn remote(&self, collection: &str, id_field: &str, id: &Value) -> Value {
        let state = self.tenant().await;
        let objects = state[collection].as_array().unwrap();
        objects
            .iter()
            .find(|object| object[id_field] == *id)
            .cloned()
            .unwrap_or_default()
    }

    /// What was asked of the two systems since the last clearing, as "METHOD path" without ids; the token apart.
    pub(crate) async fn calls(&self) -> Vec<String> {
        let calls = self.control.calls().await.unwrap();
        calls
            .iter()
            .filter(|call| call.system != "ims")
            .map(|call| format!("{} {}", call.method, call.path))
            .collect()
    }

    pub(crate) fn audit_events(&self) -> Result<Vec<AuditEvent>, testbed::Error> {
        self.plane.audit_events()
    }

    /// The whole audit log of the API server, as it stands.
    pub(crate) fn audit_log(&self) -> String {
        std::fs::read_to_string(self.plane.audit_log()).unwrap()
    }

    /// What the operator wrote into this namespace, out of the API server's audit log; the Lease apart.
    /// The operator's writes that the API server received since `start`: as soon as its audit log, which follows the
    /// answers, shows `at_least` so many.
    pub(crate) async fn kubernetes_writes(&self, start: Timestamp, at_least: usize) -> Vec<String> {
        let written = |event: AuditEvent| {
            let received: Timestamp = event.received.parse().unwrap();
            let is_own = event.is_write() && !event.user_agent.starts_with("kubectl");
            let object = event.object_ref.filter(|object| {
                is_own
                    && received >= start
                    && object.namespace == self.namespace
                    && object.resource != "leases"
            })?;
            Some(format!(
                "{} {}/{}",
                event.verb, object.resource, object.subresource
            ))
        };
        eventually("the audit log shows the writes", WITHIN, || async {
            let events = self.audit_events().map_err(|error| error.to_string())?;
            let writes: Vec<_> = events.into_iter().filter_map(written).collect();
            match writes.len() >= at_least {
                true => Ok(writes),
                false => Err(format!("{writes:?}")),
            }
        })
        .await
        .unwrap()
    }

    /// Calls that change something; asking about a rule is a POST too.
    pub(crate) async fn writes(&self) -> Vec<String> {
        let calls = self.calls().await;
        calls
            .into_iter()
            .filter(|call| !call.starts_with("GET ") && !call.ends_with("/validate/"))
            .collect()
    }
}

async fn gate(
    pod: &str,
    ledger: &Ledger,
    plane: &ControlPlane,
    namespace: &str,
    simulator: &SimulatorProcess,
) -> Gate {
    let account = rights::account(namespace);
    let asks = (plane, account.as_str(), rights::ACCOUNTS);
    let gate = Gate::open(pod, ledger, asks, &simulator.addresses).await;
    gate.unwrap()
}

/// A namespace of its own with an operator's account and its rights, and a simulated tenant.
async fn tenant(plane: &ControlPlane, seed: &Path) -> (String, SimulatorProcess) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let namespace = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    rights::create_namespace(plane, &namespace).await;
    let ours = Ours {
        owner: &namespace,
        namespace: &namespace,
        source: LOYAL_GAMERS,
        names: &["loyal", "buyers"],
    };
    let seed = strangers::seed(seed, ours);
    let simulator = SimulatorProcess::start_recorded(&simulator_program(), Some(seed.path()))
        .await
        .unwrap();
    let control = simulator.control().unwrap();
    control
        .copy_created(&strangers::copies(false))
        .await
        .unwrap();
    (namespace, simulator)
}

/// Of all that the simulator exchanges, whoever speaks to it.
fn record(simulator: &SimulatorProcess) -> Record {
    Record::of(simulator.record().unwrap())
}

async fn start_operator(
    plane: &ControlPlane,
    simulator: &SimulatorProcess,
    namespace: &str,
) -> OperatorProcess {
    let account = plane.kubeconfig_for(&rights::account(namespace), Some(rights::ACCOUNTS));
    start(&account.unwrap(), &simulator.addresses, namespace, &[]).await
}

async fn start_behind(gate: &Gate, namespace: &str) -> OperatorProcess {
    let uid = format!("{}-uid", gate.name());
    let pod = ["--pod-name", gate.name(), "--pod-uid", &uid];
    start(gate.kubeconfig(), &gate.addresses(), namespace, &pod).await
}

async fn start(
    kubeconfig: &Path,
    addresses: &Addresses,
    namespace: &str,
    more: &[&str],
) -> OperatorProcess {
    let mut arguments = run_arguments(kubeconfig, addresses, namespace);
    let scope = ["--watch-namespace", namespace];
    arguments.extend(scope.iter().chain(more).map(Into::into));
    let program = Path::new(env!("CARGO_BIN_EXE_audience-sharing"));
    OperatorProcess::start(program, &arguments).await.unwrap()
}

/// Now, by the clock of the API server's audit log.
#[expect(
    clippy::disallowed_methods,
    reason = "the API server is another process, with the machine's clock"
)]
pub(crate) fn moment() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn connection() -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharingConnection", "metadata": {"name": "acme"},
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

pub(crate) fn ready_message(object: &Value) -> String {
    let ready = ready_condition(object);
    ready["message"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn ready_condition(object: &Value) -> Value {
    condition(object, "Ready")
}

fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    conditions
        .into_iter()
        .find(|condition| condition["type"] == kind)
        .unwrap_or_default()
}

pub(crate) fn trait_sid(audience: &Value) -> Value {
    audience["status"]["audienceManager"]["traitSid"].clone()
}

pub(crate) fn segment_sid(audience: &Value) -> Value {
    audience["status"]["audienceManager"]["segmentSid"].clone()
}
