//! How others see our objects: Flux by the library that it uses (kstatus), Argo CD by the health checks in `argo-cd/`,
//! kubectl and Helm by waiting. Real objects of a real operator, in progress, failed, healthy, suspended and leaving.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{eventually, installation_tool};

use crate::cluster::{Cluster, Tenant, WITHIN};
use crate::kubelet::Kubelet;
use crate::rendered::chart;

const NAMESPACE: &str = "health";
const LOYAL_GAMERS: &str = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";

/// As kstatus and Argo CD name it.
#[derive(Debug, PartialEq)]
struct Seen(String, String);

fn seen(kstatus: &str, argo: &str) -> Seen {
    Seen(kstatus.to_owned(), argo.to_owned())
}

#[tokio::test]
async fn flux_argo_and_kubectl_see_what_is() {
    let cluster = Arc::new(Cluster::with_definitions().await);
    cluster.kubectl(&["create", "namespace", NAMESPACE]).await;
    let connection = ("sharingconnection", "acme");
    declare(
        &cluster,
        "SharingConnection",
        "acme",
        json!({
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
            "credentialsSecretRef": {"name": "adobe-oauth"},
            "experiencePlatform": {"sandbox": "prod"},
            "rateLimit": {"requestsPerMinute": 6000, "burst": 100},
        }),
    )
    .await;
    share(&cluster, "loyal", LOYAL_GAMERS, json!({})).await;
    // Nobody has looked yet: a pipeline must not go green.
    assert_eq!(
        look(&cluster, connection).await,
        seen("InProgress", "Progressing")
    );
    assert_eq!(
        look(&cluster, ("sharedaudience", "loyal")).await,
        seen("InProgress", "Progressing")
    );

    let tenant = Tenant::start().await;
    let kubelet = install(&cluster, &tenant).await;
    cluster
        .until(NAMESPACE, connection, "False", "SecretNotFound")
        .await;
    assert_eq!(
        look(&cluster, connection).await,
        seen("InProgress", "Progressing")
    );
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth"},
        "stringData": {"clientId": "demo-client", "clientSecret": "demo-secret"},
    });
    cluster.apply(NAMESPACE, &secret).await;

    for object in ["sharingconnection/acme", "sharedaudience/loyal"] {
        wait(&cluster, "condition=Ready", object).await;
        let object = object.split_once('/').unwrap();
        assert_eq!(look(&cluster, object).await, seen("Current", "Healthy"));
    }

    share(
        &cluster,
        "missing",
        "00000000-0000-4000-8000-000000000000",
        json!({}),
    )
    .await;
    wait(&cluster, "condition=Stalled", "sharedaudience/missing").await;
    assert_eq!(
        look(&cluster, ("sharedaudience", "missing")).await,
        seen("Failed", "Degraded")
    );

    share(&cluster, "loyal", LOYAL_GAMERS, json!({"suspend": true})).await;
    wait(&cluster, "condition=Suspended", "sharedaudience/loyal").await;
    assert_eq!(
        look(&cluster, ("sharedaudience", "loyal")).await,
        seen("Current", "Suspended")
    );
    share(&cluster, "loyal", LOYAL_GAMERS, json!({"suspend": false})).await;
    wait(&cluster, "condition=Ready", "sharedaudience/loyal").await;

    tenant.control.clear_calls().await.unwrap();
    a_day_of_passes(&cluster).await;
    assert_eq!(tenant.writes().await, Vec::<String>::new());
    nothing_differs_from_what_was_applied(&cluster).await;
    a_deletion_is_seen(&cluster).await;
    kubelet.assert_alive();
}

/// As many as resyncs of ten minutes in a day, each asked for.
async fn a_day_of_passes(cluster: &Cluster) {
    for pass in 0..144 {
        let asked = format!("pass-{pass}");
        let annotation = format!("audience-sharing.dev/reconcile-requested-at={asked}");
        let annotate = ["annotate", "--overwrite", "--namespace", NAMESPACE];
        let rest = ["sharedaudience", "loyal", &annotation];
        cluster.kubectl(&[&annotate[..], &rest].concat()).await;
        eventually("the pass is over", WITHIN, || async {
            let object = cluster.get(NAMESPACE, "sharedaudience", "loyal").await;
            match object["status"]["lastHandledReconcileAt"] == asked.as_str() {
                true => Ok(()),
                false => Err(object["status"].to_string()),
            }
        })
        .await
        .unwrap();
    }
}

/// No field of `spec` is the operator's, and an apply of what stands in Git changes nothing.
async fn nothing_differs_from_what_was_applied(cluster: &Cluster) {
    let found = cluster
        .kubectl(&[
            "get",
            "sharedaudience",
            "loyal",
            "--namespace",
            NAMESPACE,
            "--show-managed-fields",
            "--output=json",
        ])
        .await;
    let found: Value = serde_json::from_str(&found).unwrap();
    for manager in found["metadata"]["managedFields"].as_array().unwrap() {
        if manager["manager"] == "audience-sharing" {
            let fields = manager["fieldsV1"].as_object().unwrap();
            assert!(!fields.contains_key("f:spec"), "{manager}");
        }
    }
    let declared = shared("loyal", LOYAL_GAMERS, json!({"suspend": false}));
    let file = manifest(&declared);
    let path = file.path().to_str().unwrap();
    let apply = ["apply", "--namespace", NAMESPACE, "--filename", path];
    let said = cluster.kubectl(&apply).await;
    assert!(said.contains("unchanged"), "{said}");
    let server_side = [
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--output=json",
    ];
    let merged = cluster.kubectl(&[&apply[..], &server_side].concat()).await;
    let merged: Value = serde_json::from_str(&merged).unwrap();
    assert_eq!(merged["spec"], found["spec"]);
    assert_eq!(
        merged["metadata"]["generation"],
        found["metadata"]["generation"]
    );
}

/// A finalizer of somebody else holds it, so that it can be seen.
async fn a_deletion_is_seen(cluster: &Cluster) {
    let hold = json!({"metadata": {"finalizers": ["audience-sharing.dev/remote-objects", "example.com/hold"]}});
    let patch = hold.to_string();
    let on_loyal = [
        "patch",
        "sharedaudience",
        "loyal",
        "--namespace",
        NAMESPACE,
        "--type=merge",
        "--patch",
    ];
    cluster.kubectl(&[&on_loyal[..], &[&patch]].concat()).await;
    cluster
        .kubectl(&[
            "delete",
            "sharedaudience",
            "loyal",
            "--namespace",
            NAMESPACE,
            "--wait=false",
        ])
        .await;
    assert_eq!(
        look(cluster, ("sharedaudience", "loyal")).await,
        seen("Terminating", "Progressing")
    );
    let free = json!({"metadata": {"finalizers": null}}).to_string();
    wait(
        cluster,
        "jsonpath={.metadata.finalizers[0]}=example.com/hold",
        "sharedaudience/loyal",
    )
    .await;
    cluster.kubectl(&[&on_loyal[..], &[&free]].concat()).await;
    wait(cluster, "delete", "sharedaudience/loyal").await;
}

/// Helm waits for the operator: not done while no Pod is ready, and done once one is.
async fn install(cluster: &Arc<Cluster>, tenant: &Tenant) -> Kubelet {
    let chart = chart("audience-sharing-operator");
    let wait = [
        "upgrade",
        "--install",
        "health",
        &chart,
        "--namespace",
        NAMESPACE,
        "--wait",
    ];
    let set = ["--set=watchNamespaces={health},ownerId=health,credentialSecrets={adobe-oauth}"];
    let values = tenant.values();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let install = [&wait[..], &set, &values].concat();
    let too_soon = cluster
        .try_helm(&[&install[..], &["--timeout=3s"]].concat())
        .await;
    let error = String::from_utf8_lossy(&too_soon.stderr);
    assert!(
        !too_soon.status.success() && error.contains("deadline"),
        "{error}"
    );
    let kubelet = Kubelet::start(cluster, NAMESPACE);
    cluster.helm(&install).await;
    kubelet
}

async fn declare(cluster: &Cluster, kind: &str, name: &str, spec: Value) {
    cluster.apply(NAMESPACE, &object(kind, name, spec)).await;
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    })
}

async fn share(cluster: &Cluster, name: &str, source: &str, more: Value) {
    cluster.apply(NAMESPACE, &shared(name, source, more)).await;
}

fn shared(name: &str, source: &str, more: Value) -> Value {
    let mut spec = json!({"connectionRef": {"name": "acme"}, "source": {"experiencePlatform": {"id": source}}});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    object("SharedAudience", name, spec)
}

fn manifest(object: &Value) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    fs::write(file.path(), object.to_string()).unwrap();
    file
}

async fn wait(cluster: &Cluster, what: &str, object: &str) {
    let what = format!("--for={what}");
    let wait = [
        "wait",
        &what,
        object,
        "--namespace",
        NAMESPACE,
        "--timeout=90s",
    ];
    cluster.kubectl(&wait).await;
}

async fn look(cluster: &Cluster, (kind, name): (&str, &str)) -> Seen {
    let object = cluster.get(NAMESPACE, kind, name).await;
    let judged = judge(&[object]).remove(0);
    let word = |field: &str| judged[field].as_str().unwrap().to_owned();
    Seen(word("kstatus"), word("argoStatus"))
}

/// One verdict for each object.
fn judge(objects: &[Value]) -> Vec<Value> {
    let mut judge = Command::new(installation_tool("judge").unwrap())
        .arg(customizations())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = judge.stdin.take().unwrap();
    for object in objects {
        writeln!(lines, "{object}").unwrap();
    }
    drop(lines);
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn customizations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("argo-cd/resource_customizations")
}

/// Each case of `health_test.yaml`, as Argo CD's own tests run them.
#[test]
fn the_health_checks_pass_their_tests() {
    for kind in ["SharedAudience", "SharingConnection"] {
        let folder = customizations().join("audience-sharing.dev").join(kind);
        let cases = fs::read_to_string(folder.join("health_test.yaml")).unwrap();
        let cases: Value = serde_saphyr::from_str(&cases).unwrap();
        let cases = cases["tests"].as_array().unwrap();
        assert!(cases.len() >= 4, "in progress, failed, healthy, deleting");
        for case in cases {
            let input = folder.join(case["inputPath"].as_str().unwrap());
            let object: Value =
                serde_saphyr::from_str(&fs::read_to_string(&input).unwrap()).unwrap();
            assert_eq!(object["kind"], kind);
            let judged = judge(&[object]).remove(0);
            let wanted = &case["healthStatus"];
            assert_eq!(
                judged["argoStatus"],
                wanted["status"],
                "{}",
                input.display()
            );
            assert_eq!(
                judged["argoMessage"],
                wanted["message"],
                "{}",
                input.display()
            );
        }
    }
}

/// Of both kinds there is one truth.
#[test]
fn both_kinds_have_the_same_check() {
    let of = |kind: &str| {
        let folder = customizations().join("audience-sharing.dev").join(kind);
        fs::read_to_string(folder.join("health.lua")).unwrap()
    };
    assert_eq!(of("SharedAudience"), of("SharingConnection"));
}
