//! One operator over one simulated tenant, in a namespace of its own; what it costs, read from outside.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use audience_sharing_operator::api::annotations::RECONCILE_REQUESTED_AT;
use audience_sharing_operator::api::{SharedAudience, SharingConnection};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use testbed::{
    Call, ControlClient, ControlPlane, OperatorProcess, SimulatorProcess, run_arguments,
};

use crate::tenant;

/// As long as Adobe's answers take about.
pub(crate) const LATENCY: Duration = Duration::from_millis(50);
/// Who the benchmark itself is to the API server.
pub(crate) const USER_AGENT: &str = "figures";
/// Requests at a time to the API server.
const AT_ONCE: usize = 64;

pub(crate) struct Stage {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) control: ControlClient,
    simulator: SimulatorProcess,
}

impl Stage {
    /// A namespace, a simulator with this tenant, a Secret and a connection; no operator yet.
    pub(crate) async fn set(
        plane: &'static ControlPlane,
        client: &Client,
        namespace: &str,
        tenant: &Value,
        requests_per_minute: u32,
        client_secret: &str,
    ) -> Self {
        let seed = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(seed.path(), tenant.to_string()).expect("the seed is written");
        let simulator =
            SimulatorProcess::start(&program("adobe-simulator"), Some(seed.path()), LATENCY)
                .await
                .expect("the simulator starts");
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .create(
                &PostParams::default(),
                &object(json!({"metadata": {"name": namespace}})),
            )
            .await
            .expect("a namespace");
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let secret = json!({"metadata": {"name": "adobe-oauth"}, "stringData": {"clientId": "demo-client", "clientSecret": client_secret}});
        secrets
            .create(&PostParams::default(), &object(secret))
            .await
            .expect("a Secret");
        let connection = json!({
            "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharingConnection", "metadata": {"name": "acme"},
            "spec": {
                "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg", "credentialsSecretRef": {"name": "adobe-oauth"},
                "experiencePlatform": {"sandbox": "prod"},
                "rateLimit": {"requestsPerMinute": requests_per_minute, "burst": 10}, "resyncInterval": "1h",
            },
        });
        let connections: Api<SharingConnection> = Api::namespaced(client.clone(), namespace);
        connections
            .create(&PostParams::default(), &object(connection))
            .await
            .expect("a connection");
        let control = simulator.control().expect("a control client");
        Self {
            plane,
            client: client.clone(),
            namespace: namespace.to_owned(),
            control,
            simulator,
        }
    }

    pub(crate) fn audiences(&self) -> Api<SharedAudience> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates the custom resources; how long the API server took for them. What is shared of theirs in the tenant is marked
    /// with their uids, so no operator may run yet.
    pub(crate) async fn declare(&self, indices: std::ops::Range<usize>) -> Duration {
        let started = Instant::now();
        let created = self.create(indices).await;
        let took = started.elapsed();
        let uids = created.iter().filter_map(|audience| {
            let metadata = &audience.metadata;
            Some((metadata.name.as_deref()?, metadata.uid.as_deref()?))
        });
        let mut state = self.control.state().await.expect("the tenant");
        tenant::mark_with_uids(&mut state, &uids.collect());
        let put = self.control.put_state(&state).await;
        put.expect("the tenant is marked");
        took
    }

    /// Creates the custom resources alone.
    pub(crate) async fn create(&self, indices: std::ops::Range<usize>) -> Vec<SharedAudience> {
        let api = &self.audiences();
        futures::stream::iter(indices)
            .map(|index| async move {
                let audience = json!({
                    "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience",
                    "metadata": {"name": tenant::share_name(index)},
                    "spec": {
                        "connectionRef": {"name": "acme"},
                        "source": {"experiencePlatform": {"id": tenant::segment_id(index)}},
                    },
                });
                api.create(&PostParams::default(), &object(audience)).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .expect("the audiences are created")
    }

    /// Starts the operator's release build and does not wait.
    pub(crate) fn start_operator(&self) -> OperatorProcess {
        let mut arguments = run_arguments(
            self.plane.kubeconfig(),
            &self.simulator.addresses,
            &self.namespace,
        );
        arguments.extend(["--watch-namespace", &self.namespace].map(Into::into));
        OperatorProcess::spawn(&program("audience-sharing"), &arguments)
            .expect("the operator starts")
    }

    /// Waits until so many looks at audiences came to this reason; since when.
    pub(crate) async fn looks(
        &self,
        operator: &OperatorProcess,
        reason: &str,
        count: usize,
        within: Duration,
    ) -> Duration {
        let started = Instant::now();
        loop {
            let seen = operator
                .metrics()
                .await
                .map_or(0, |text| looks(&text, reason));
            if seen >= count {
                return started.elapsed();
            }
            assert!(
                started.elapsed() < within,
                "{seen} of {count} came to {reason}\n{}",
                operator.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until so many audiences are ready.
    pub(crate) async fn all_ready(&self, count: usize, within: Duration) {
        let started = Instant::now();
        loop {
            let ready = self.count_ready().await;
            if ready == count {
                return;
            }
            assert!(started.elapsed() < within, "{ready} of {count} are ready");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    pub(crate) async fn count_ready(&self) -> usize {
        let parameters = kube::api::ListParams::default();
        let audiences = self.audiences().list(&parameters).await.expect("a list");
        let ready = audiences.iter().filter(|audience| is_ready(audience));
        ready.count()
    }

    /// A full pass over both systems, begun and ended.
    pub(crate) async fn look_now(&self, index: usize) {
        let value = format!("look-{index}");
        let patch = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: value}}});
        let name = tenant::share_name(0);
        let api = self.audiences();
        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .expect("the annotation is set");
        loop {
            let audience = api.get_status(&name).await.expect("the audience is read");
            let handled = audience
                .status
                .and_then(|status| status.last_handled_reconcile_at);
            if handled.as_deref() == Some(value.as_str()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls to the two systems, the token apart.
    pub(crate) async fn calls(&self) -> Vec<Call> {
        let calls = self.control.calls().await.expect("the call log");
        calls
            .into_iter()
            .filter(|call| call.system != "ims")
            .collect()
    }

    /// What the operator wrote into Kubernetes in this namespace, Leases apart.
    pub(crate) fn kubernetes_writes(&self) -> usize {
        let events = self.plane.audit_events().expect("the audit log");
        let own = events.into_iter().filter(|event| {
            let object = event.object_ref.as_ref();
            event.is_write()
                && !event.user_agent.starts_with(USER_AGENT)
                && object.is_some_and(|object| {
                    object.namespace == self.namespace && object.resource != "leases"
                })
        });
        own.count()
    }
}

/// The release build of a program, which `make bench` makes first.
pub(crate) fn program(name: &str) -> PathBuf {
    let beside_profiles = Path::new(env!("CARGO_BIN_EXE_audience-sharing"))
        .ancestors()
        .nth(2);
    let program = beside_profiles
        .expect("a target folder")
        .join("release")
        .join(name);
    assert!(
        program.exists(),
        "run `make bench`, which builds {name} for release first"
    );
    program
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object of its kind")
}

pub(crate) fn is_ready(audience: &SharedAudience) -> bool {
    let status = audience.status.as_ref();
    status.is_some_and(|status| {
        status.observed_generation == audience.metadata.generation
            && status
                .conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}

fn looks(metrics: &str, reason: &str) -> usize {
    let prefix = format!(
        "audience_sharing_reconciles_total{{kind=\"SharedAudience\",reason=\"{reason}\"}} "
    );
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&prefix)?.parse().ok());
    count.unwrap_or_default()
}

/// What the system says of a process.
pub(crate) struct Usage {
    /// MiB that it holds now, and that it held at most.
    pub(crate) memory: u64,
    pub(crate) memory_peak: u64,
    /// Hundredths of a second of processor time since its start.
    pub(crate) processor: u64,
}

pub(crate) fn usage(operator: &OperatorProcess) -> Usage {
    let folder = PathBuf::from(format!("/proc/{}", operator.process_id()));
    let status = std::fs::read_to_string(folder.join("status")).expect("the process runs");
    let mebibytes = |field: &str| -> u64 {
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default()
            / 1_024
    };
    let stat = std::fs::read_to_string(folder.join("stat")).expect("the process runs");
    // Behind the name, which may hold anything: utime and stime are the 12th and 13th.
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default()
    };
    Usage {
        memory: mebibytes("VmRSS:"),
        memory_peak: mebibytes("VmHWM:"),
        processor: ticks(11) + ticks(12),
    }
}
