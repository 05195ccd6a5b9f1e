//! A control plane with the controllers that make Pods, helm and kubectl for it, and simulated tenants.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use testbed::{
    ControlClient, ControlPlane, ControlPlaneOptions, SimulatorProcess, eventually,
    installation_tool, resource_path,
};

use crate::change_judge::ChangeJudge;
use crate::judged::Record;
use crate::rendered::chart;
use crate::strangers::{self, Ours};

/// Long enough for a slow machine; a state that is reached ends the wait at once.
pub(crate) const WITHIN: Duration = Duration::from_secs(90);

pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    home: tempfile::TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let options = ControlPlaneOptions::default().with_workloads();
        Self {
            plane: ControlPlane::start(options).await.unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// With the definitions, by their chart.
    pub(crate) async fn with_definitions() -> Self {
        let cluster = Self::start().await;
        let definitions = chart("audience-sharing-operator-crds");
        cluster
            .helm(&[
                "install",
                "definitions",
                &definitions,
                "--namespace=default",
            ])
            .await;
        cluster
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.run_kubectl(arguments).await.unwrap()
    }

    pub(crate) async fn helm(&self, arguments: &[&str]) -> String {
        let output = self.try_helm(arguments).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn try_helm(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(installation_tool("helm").unwrap())
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.plane.kubeconfig())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap()
    }

    pub(crate) async fn apply(&self, namespace: &str, manifest: &Value) {
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), manifest.to_string()).unwrap();
        let path = file.path().to_str().unwrap();
        self.kubectl(&["apply", "--namespace", namespace, "--filename", path])
            .await;
    }

    /// A custom resource of ours.
    pub(crate) async fn get(&self, namespace: &str, kind: &str, name: &str) -> Value {
        let path = resource_path(namespace, kind, name);
        self.plane.read(&path).await.unwrap().unwrap_or_default()
    }

    /// Waits until `Ready` of the generation that stands has this status and, unless empty, this reason.
    pub(crate) async fn until(
        &self,
        namespace: &str,
        (kind, name): (&str, &str),
        status: &str,
        reason: &str,
    ) -> Value {
        let what = format!("{kind} {name} with Ready={status} {reason}");
        let seen = eventually(&what, WITHIN, || async {
            let object = self.get(namespace, kind, name).await;
            let ready = ready(&object);
            let current = ready["observedGeneration"] == object["metadata"]["generation"];
            match current
                && ready["status"] == status
                && (reason.is_empty() || ready["reason"] == reason)
            {
                true => Ok(object),
                false => Err(ready.to_string()),
            }
        });
        seen.await.unwrap()
    }
}

pub(crate) fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready");
    ready.cloned().unwrap_or_default()
}

/// A simulated tenant that looks real.
pub(crate) struct Tenant {
    // Both judge while the simulator is there.
    _changes: ChangeJudge,
    _judged: Record,
    simulator: SimulatorProcess,
    pub(crate) control: ControlClient,
}

impl Tenant {
    pub(crate) async fn start() -> Self {
        let beside = Path::new(env!("CARGO_BIN_EXE_audience-sharing")).parent();
        let program = beside.unwrap().join("adobe-simulator");
        let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator/seeds/realistic.json");
        let ours = Ours {
            owner: "audience-sharing",
            namespace: "marketing",
            source: "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11",
            names: &["loyal-gamers"],
        };
        let seed = strangers::seed(&seed, ours);
        let simulator = SimulatorProcess::start_recorded(&program, Some(seed.path()))
            .await
            .unwrap();
        Self {
            control: simulator.control().unwrap(),
            _changes: ChangeJudge::of_process(&simulator.addresses.control),
            _judged: Record::of(simulator.record().unwrap()),
            simulator,
        }
    }

    /// The values that lead a release to this tenant.
    pub(crate) fn values(&self) -> Vec<String> {
        let addresses = &self.simulator.addresses;
        vec![
            format!("--set=endpoints.ims={}", addresses.ims),
            format!(
                "--set=endpoints.audienceManager={}/v1",
                addresses.audience_manager
            ),
            format!(
                "--set=endpoints.experiencePlatform={}",
                addresses.experience_platform
            ),
            "--set=extraArgs={--allow-insecure-endpoints}".to_owned(),
            "--set=clientRateLimit=6000".to_owned(),
        ]
    }

    /// What was asked to change since the log was cleared.
    pub(crate) async fn writes(&self) -> Vec<String> {
        let calls = self.control.calls().await.unwrap();
        calls
            .iter()
            .filter(|call| call.system != "ims" && call.method != "GET")
            .map(|call| format!("{} {}", call.method, call.path))
            .collect()
    }

    /// All traits, segments, folders and data sources.
    pub(crate) async fn objects(&self) -> Vec<Value> {
        let state = self.control.state().await.unwrap();
        [
            "dataSources",
            "traitFolders",
            "segmentFolders",
            "traits",
            "segments",
        ]
        .iter()
        .map(|collection| state[*collection].clone())
        .collect()
    }
}
