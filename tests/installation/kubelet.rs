//! Plays the kubelet for the operator's Pods of one namespace: starts the operator's binary as the Pod's ServiceAccount
//! with the container's arguments and environment, asks its readiness probe, and ends it with its Pod.
//!
//! Two arguments are its own: the kubeconfig in place of the mounted token, and the probes' address on loopback.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{OperatorProcess, eventually};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;

/// As long as any test.
const ALWAYS: Duration = Duration::from_secs(3_600);
/// The chart's terminationGracePeriodSeconds.
const GRACE: Duration = Duration::from_secs(45);

pub(crate) struct Kubelet {
    node: Arc<Node>,
    task: JoinHandle<()>,
}

struct Node {
    cluster: Arc<Cluster>,
    namespace: String,
    running: Mutex<BTreeMap<String, OperatorProcess>>,
}

impl Kubelet {
    pub(crate) fn start(cluster: &Arc<Cluster>, namespace: &str) -> Self {
        let node = Arc::new(Node {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            running: Mutex::default(),
        });
        let looking = node.clone();
        let task = tokio::spawn(async move {
            let _ = eventually("the end of the test", ALWAYS, || async {
                looking.look().await;
                Err::<(), _>(String::new())
            })
            .await;
        });
        Self { node, task }
    }

    /// The end of the logs of all that runs.
    pub(crate) async fn logs(&self) -> String {
        let running = self.node.running.lock().await;
        running.values().map(OperatorProcess::log_tail).collect()
    }

    /// As long as this is kept, no Pod is started, ended or called ready.
    pub(crate) async fn hold(&self) -> impl Sized + '_ {
        self.node.running.lock().await
    }

    /// Panics if the kubelet itself could not go on.
    pub(crate) fn assert_alive(&self) {
        assert!(!self.task.is_finished(), "the kubelet has ended");
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    async fn look(&self) {
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let pods = self.cluster.plane.read(&pods).await.unwrap().unwrap();
        let pods = pods["items"].as_array().unwrap();
        let mut running = self.running.lock().await;
        for pod in pods {
            let uid = text(&pod["metadata"]["uid"]);
            match running.get(&uid) {
                None => {
                    let operator = self.run(pod).await;
                    running.insert(uid, operator);
                }
                Some(operator) if !is_ready(pod) => {
                    if operator.answers("/readyz").await.unwrap() {
                        self.say_ready(pod).await;
                    }
                }
                Some(_) => {}
            }
        }
        // A Pod that no node has taken is gone as soon as it is deleted.
        let stands = |uid: &String| {
            pods.iter()
                .any(|pod| pod["metadata"]["uid"] == uid.as_str())
        };
        let gone: Vec<String> = running.keys().filter(|uid| !stands(uid)).cloned().collect();
        for uid in gone {
            let mut operator = running.remove(&uid).unwrap();
            let status = operator.terminate(GRACE).await.unwrap();
            assert!(status.success(), "{status}: {}", operator.log_tail());
            let log = std::fs::read_to_string(operator.log_file()).unwrap();
            assert!(!log.contains("panicked"), "{log}");
            assert!(!log.contains("demo-secret"), "the secret is in the log");
        }
    }

    async fn run(&self, pod: &Value) -> OperatorProcess {
        let (spec, name) = (&pod["spec"], pod["metadata"]["name"].as_str().unwrap());
        assert_eq!(spec["automountServiceAccountToken"], true);
        let account = spec["serviceAccountName"].as_str().unwrap();
        let token = self
            .cluster
            .kubectl(&["create", "token", account, "--namespace", &self.namespace])
            .await;
        let plane = &self.cluster.plane;
        let kubeconfig = plane.kubeconfig_with_token(name, token.trim()).unwrap();

        let container = &spec["containers"][0];
        let arguments = container["args"].as_array().unwrap();
        let mut arguments: Vec<OsString> = arguments
            .iter()
            .map(|argument| argument.as_str().unwrap().into())
            .collect();
        arguments.extend(["--kubeconfig".into(), kubeconfig.into()]);
        let environment: Vec<(String, String)> = container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|variable| (text(&variable["name"]), value(variable, pod)))
            .collect();
        let program = Path::new(env!("CARGO_BIN_EXE_audience-sharing"));
        OperatorProcess::spawn_in(program, &arguments, &environment).unwrap()
    }

    async fn say_ready(&self, pod: &Value) {
        let status = json!({"status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "ContainersReady", "status": "True"},
            ],
        }});
        let name = pod["metadata"]["name"].as_str().unwrap();
        let what = ["patch", "pod", name, "--subresource=status", "--type=merge"];
        let patch = status.to_string();
        let rest = ["--namespace", &self.namespace, "--patch", &patch];
        self.cluster.kubectl(&[&what[..], &rest].concat()).await;
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A plain value, or a field of the Pod.
fn value(variable: &Value, pod: &Value) -> String {
    let field = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
    match field {
        Some(field) => text(
            &pod.pointer(&format!("/{}", field.replace('.', "/")))
                .cloned()
                .unwrap(),
        ),
        None => text(&variable["value"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
