//! The life of an installation, by the README's own commands and helm's: nothing that is done to the operator or to its
//! definitions writes into the two systems. The simulator's log of calls is the judge.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use testbed::eventually;

use crate::cluster::{Cluster, Tenant, WITHIN};
use crate::kubelet::Kubelet;
use crate::rendered::chart;

const SYSTEM: &str = "audience-sharing-system";
const OPERATOR: &str = "audience-sharing-operator";
const DEFINITIONS: &str = "audience-sharing-operator-crds";
const AUDIENCE: (&str, &str) = ("sharedaudience", "loyal-gamers");

struct Installation {
    cluster: Arc<Cluster>,
    tenant: Tenant,
    kubelet: Kubelet,
    folder: tempfile::TempDir,
}

#[tokio::test]
async fn an_installation_lives_and_goes_without_a_write_to_the_two_systems() {
    let life = Installation::prepare().await;
    life.follow_the_readme().await;
    life.a_second_operator_for_the_same_is_refused(&["--set=ownerId=another"])
        .await;
    life.definitions_change().await;
    life.upgrade_and_roll_back().await;
    life.a_drain_takes_one_replica_at_a_time().await;
    life.uninstall_and_come_back().await;
    life.a_second_release_keeps_to_its_own().await;
    life.definitions_are_uninstalled_and_come_back().await;
    life.definitions_are_removed().await;
}

impl Installation {
    /// The namespace holds to the restricted Pod Security Standard: a Pod that breaks it is never made.
    async fn prepare() -> Self {
        let cluster = Arc::new(Cluster::start().await);
        cluster.kubectl(&["create", "namespace", SYSTEM]).await;
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        cluster
            .kubectl(&["label", "namespace", SYSTEM, restricted])
            .await;
        Self {
            kubelet: Kubelet::start(&cluster, SYSTEM),
            tenant: Tenant::start().await,
            folder: tempfile::tempdir().unwrap(),
            cluster,
        }
    }

    /// Every command of the section "Install", with the values that it shows.
    async fn follow_the_readme(&self) {
        let section = readme_section("## Install");
        let values = fenced(&section, "yaml");
        assert!(values.lines().count() <= 10, "{values}");
        fs::write(self.values(), values).unwrap();
        for command in fenced(&section, "sh").replace("\\\n", "").lines() {
            let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
            self.run(&words).await;
        }
        let writes = self.tenant.writes().await;
        assert!(!writes.is_empty(), "it shared the audience");
        self.tenant.control.clear_calls().await.unwrap();
    }

    async fn run(&self, words: &[String]) {
        let values = self.values();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        for word in &mut words {
            if *word == "values.yaml" {
                *word = values.to_str().unwrap();
            }
        }
        match words.split_first().unwrap() {
            (&"kubectl", arguments) => {
                self.cluster.kubectl(arguments).await;
            }
            (&"helm", arguments) if arguments.contains(&DEFINITIONS) => {
                self.cluster.helm(arguments).await;
            }
            (&"helm", arguments) => self.release(arguments).await,
            other => panic!("the README runs {other:?}"),
        }
        self.kubelet.assert_alive();
    }

    /// Of the operator's chart, led to the simulated tenant.
    async fn release(&self, arguments: &[&str]) {
        let tenant = self.tenant.values();
        let tenant = tenant.iter().map(String::as_str);
        let all: Vec<&str> = arguments.iter().copied().chain(tenant).collect();
        let output = self.cluster.try_helm(&all).await;
        let error = String::from_utf8_lossy(&output.stderr);
        let logs = self.kubelet.logs().await;
        assert!(output.status.success(), "helm {all:?}: {error}\n{logs}");
    }

    fn values(&self) -> PathBuf {
        self.folder.path().join("values.yaml")
    }

    async fn definitions_change(&self) {
        let changed = self.folder.path().join("changed");
        copy(Path::new(&chart(DEFINITIONS)), &changed);
        let file = changed.join("files/sharedaudiences.audience-sharing.dev.yaml");
        let mut definition: Value =
            serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        definition.pointer_mut(properties).unwrap()["ofTomorrow"] =
            json!({"type": "string", "maxLength": 9});
        fs::write(&file, definition.to_string()).unwrap();
        let before = self.stands().await;
        let changed = changed.to_str().unwrap();
        self.cluster
            .helm(&["upgrade", DEFINITIONS, changed, "--namespace", SYSTEM])
            .await;
        let served = ["explain", "sharedaudience.spec.ofTomorrow"];
        eventually("the new field is served", WITHIN, || async {
            self.cluster
                .plane
                .run_kubectl(&served)
                .await
                .map_err(|error| error.to_string())
        })
        .await
        .unwrap();
        self.stands_as(&before, "after the definitions changed")
            .await;
    }

    async fn upgrade_and_roll_back(&self) {
        let before = self.stands().await;
        self.operator_chart("upgrade", "--set=log.level=debug")
            .await;
        self.serves().await;
        self.stands_as(&before, "after the upgrade").await;
        self.cluster
            .helm(&["rollback", OPERATOR, "1", "--namespace", SYSTEM, "--wait"])
            .await;
        self.serves().await;
        self.stands_as(&before, "after the rollback").await;
    }

    /// Two replicas, of which a drain takes one and waits for its successor; and one, which holds no drain up.
    async fn a_drain_takes_one_replica_at_a_time(&self) {
        let before = self.stands().await;
        for (replicas, set) in [(2, "--set=replicas=2"), (1, "--set=replicas=1")] {
            self.operator_chart("upgrade", set).await;
            let pods = self.until_healthy(replicas).await;
            // Meanwhile nothing becomes ready, however fast the machine is.
            let held = self.kubelet.hold().await;
            self.evict(&pods[0]).await.unwrap();
            for other in &pods[1..] {
                let refusal = self.evict(other).await.unwrap_err().to_string();
                assert!(refusal.contains("disruption budget"), "{refusal}");
            }
            drop(held);
            self.until_healthy(replicas).await;
            self.serves().await;
            self.stands_as(&before, "after a drain").await;
        }
    }

    /// Waits until so many Pods are ready, no more are there, and the budget lets one go; gives their names.
    async fn until_healthy(&self, replicas: usize) -> Vec<String> {
        eventually("the replicas are healthy", WITHIN, || async {
            let read = async |path: &str| self.cluster.plane.read(path).await.unwrap().unwrap();
            let budget =
                format!("/apis/policy/v1/namespaces/{SYSTEM}/poddisruptionbudgets/{OPERATOR}");
            let status = read(&budget).await["status"].clone();
            let pods = read(&format!("/api/v1/namespaces/{SYSTEM}/pods")).await;
            let names: Vec<String> = pods["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
                .collect();
            let is_healthy = names.len() == replicas
                && status["currentHealthy"] == replicas
                && status["disruptionsAllowed"] == 1
                && status["disruptedPods"]
                    .as_object()
                    .is_none_or(serde_json::Map::is_empty);
            match is_healthy {
                true => Ok(names),
                false => Err(format!("{names:?} {status}")),
            }
        })
        .await
        .unwrap()
    }

    /// As `kubectl drain` does.
    async fn evict(&self, pod: &str) -> Result<String, testbed::Error> {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SYSTEM},
        });
        let file = self.folder.path().join("eviction.json");
        fs::write(&file, eviction.to_string()).unwrap();
        let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction");
        let create = [
            "create",
            "--raw",
            &path,
            "--filename",
            file.to_str().unwrap(),
        ];
        self.cluster.plane.run_kubectl(&create).await
    }

    async fn uninstall_and_come_back(&self) {
        let before = self.stands().await;
        self.cluster
            .helm(&["uninstall", OPERATOR, "--namespace", SYSTEM, "--wait"])
            .await;
        self.stands_as(&before, "after the uninstallation").await;
        // The rights to it went with the release, before the Pod could give its Lease back: it runs out after 90 s, which
        // nobody needs to wait for here.
        self.cluster
            .kubectl(&["delete", "lease", "--all", "--namespace", SYSTEM])
            .await;
        self.install_for("marketing").await;
        self.serves().await;
        self.stands_as(&before, "after it came back").await;
    }

    /// With Roles in its one namespace, under the owner id that the first release had.
    async fn install_for(&self, namespace: &str) {
        let only = format!("--set=watchNamespaces={{{namespace}}}");
        self.operator_chart("install", &only).await;
    }

    /// Of the release, with the values of the README and this beside them.
    async fn operator_chart(&self, verb: &str, set: &str) {
        let (values, chart) = (self.values(), chart(OPERATOR));
        let values = values.to_str().unwrap();
        let into = ["--namespace", SYSTEM, "--wait", set, "--values", values];
        self.release(&[&[verb, OPERATOR, &chart][..], &into].concat())
            .await;
    }

    /// Two would share each audience twice. Helm says so before it makes anything.
    async fn a_second_operator_for_the_same_is_refused(&self, values: &[&str]) {
        let chart = chart(OPERATOR);
        let install = ["install", "another", &chart, "--namespace=default"];
        let output = self
            .cluster
            .try_helm(&[&install[..], values].concat())
            .await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{values:?}");
        assert!(
            error.contains(&format!("current value is \"{SYSTEM}\"")),
            "{error}"
        );
        assert!(error.contains("audience-sharing-operator:watch"), "{error}");
    }

    /// In the same cluster, of the same name, with another tenant.
    async fn a_second_release_keeps_to_its_own(&self) {
        let before = self.stands().await;
        let same = "--set=watchNamespaces={marketing},ownerId=another";
        self.a_second_operator_for_the_same_is_refused(&[same])
            .await;
        let (tenant, namespace) = (Tenant::start().await, "sales");
        self.cluster
            .kubectl(&["create", "namespace", namespace])
            .await;
        let kubelet = Kubelet::start(&self.cluster, namespace);
        let chart = chart(OPERATOR);
        let install = [
            "install",
            OPERATOR,
            &chart,
            "--namespace",
            namespace,
            "--wait",
        ];
        let set = ["--set=watchNamespaces={sales},ownerId=sales,credentialSecrets={adobe-oauth}"];
        let values = tenant.values();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.cluster
            .helm(&[&install[..], &set, &values].concat())
            .await;
        for example in ["secret", "connection", "audience"] {
            let file =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{example}.yaml"));
            let text = fs::read_to_string(file)
                .unwrap()
                .replace("marketing", namespace);
            let manifest: Value = serde_saphyr::from_str(&text).unwrap();
            self.cluster.apply(namespace, &manifest).await;
        }
        self.cluster.until(namespace, AUDIENCE, "True", "").await;
        assert!(!tenant.writes().await.is_empty());
        self.stands_as(&before, "beside a second release").await;
        for object in ["sharedaudience/loyal-gamers", "sharingconnection/acme"] {
            self.cluster
                .kubectl(&["delete", object, "--namespace", namespace, "--timeout=60s"])
                .await;
        }
        self.cluster
            .helm(&["uninstall", OPERATOR, "--namespace", namespace, "--wait"])
            .await;
        kubelet.assert_alive();
        self.serves().await;
    }

    async fn definitions_are_uninstalled_and_come_back(&self) {
        let before = self.stands().await;
        self.cluster
            .helm(&["uninstall", DEFINITIONS, "--namespace", SYSTEM])
            .await;
        self.serves().await;
        self.stands_as(&before, "after the chart of the definitions went")
            .await;
        let chart = chart(DEFINITIONS);
        // Of another name: only by force does what stands become its own.
        let again = ["install", "definitions", &chart, "--namespace", SYSTEM];
        let refused = self.cluster.try_helm(&again).await;
        assert!(
            !refused.status.success(),
            "they belong to the first release"
        );
        self.cluster
            .helm(&[&again[..], &["--take-ownership"]].concat())
            .await;
        self.serves().await;
        self.stands_as(&before, "after it took them over").await;
    }

    async fn definitions_are_removed(&self) {
        let before = self.tenant.objects().await;
        let definition = "sharedaudiences.audience-sharing.dev";
        let delete = ["delete", "crd", definition, "--timeout=60s"];
        if let Err(error) = self.cluster.plane.run_kubectl(&delete).await {
            panic!("{error}\n{}", self.kubelet.logs().await);
        }
        assert_eq!(
            self.tenant.writes().await,
            Vec::<String>::new(),
            "removal means Retain"
        );
        assert_eq!(self.tenant.objects().await, before);
    }

    /// Stands on a request to look now: the operator that runs is at work, and the echo is all that it writes.
    async fn serves(&self) {
        let asked = uid();
        let annotation = format!("audience-sharing.dev/reconcile-requested-at={asked}");
        let annotate = [
            "annotate",
            "--overwrite",
            "--namespace=marketing",
            "sharedaudience",
            AUDIENCE.1,
        ];
        self.cluster
            .kubectl(&[&annotate[..], &[&annotation]].concat())
            .await;
        let handled = eventually("the request is handled", WITHIN, || async {
            let audience = self.audience().await;
            match audience["status"]["lastHandledReconcileAt"] == asked.as_str() {
                true => Ok(()),
                false => Err(audience["status"].to_string()),
            }
        });
        if let Err(error) = handled.await {
            panic!("{error}\n{}", self.kubelet.logs().await);
        }
    }

    async fn audience(&self) -> Value {
        self.cluster.get("marketing", AUDIENCE.0, AUDIENCE.1).await
    }

    /// Both sides, as far as a restart must not touch them.
    async fn stands(&self) -> (Vec<Value>, Value, Value) {
        let audience = self.audience().await;
        let ids = audience["status"]["audienceManager"].clone();
        let conditions = audience["status"]["conditions"].clone();
        (self.tenant.objects().await, ids, conditions)
    }

    async fn stands_as(&self, before: &(Vec<Value>, Value, Value), when: &str) {
        self.kubelet.assert_alive();
        assert_eq!(self.tenant.writes().await, Vec::<String>::new(), "{when}");
        assert_eq!(self.stands().await, *before, "{when}");
    }
}

fn uid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// From this heading to the next.
fn readme_section(heading: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once(&format!("{heading}\n")).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// The first block of this language.
fn fenced(text: &str, language: &str) -> String {
    let (_, block) = text.split_once(&format!("```{language}\n")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.as_ref().unwrap().file_name()),
        );
        match entry.is_dir() {
            true => copy(&entry, &target),
            false => drop(fs::copy(&entry, &target).unwrap()),
        }
    }
}
