//! What the charts and the example of a promotion render: by the defaults, with each value turned, and with what must
//! not be accepted. A real API server judges the objects (a server-side dry run with strict validation), and kubeconform
//! by the schemas of each Kubernetes version that the charts support.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::rendered::{chart, helm};

const OPERATOR: &str = "audience-sharing-operator";
const DEFINITIONS: &str = "audience-sharing-operator-crds";

/// Modes and options, as they stand together.
const CASES: &[(&str, &[&str])] = &[
    ("defaults", &[]),
    ("named Secrets", &["credentialSecrets={adobe-oauth,other}"]),
    (
        "namespaces with Roles",
        &["watchNamespaces={default,kube-public}"],
    ),
    (
        "namespaces with Roles and named Secrets",
        &[
            "watchNamespaces={default}",
            "credentialSecrets={adobe-oauth}",
        ],
    ),
    ("three replicas", &["replicas=3"]),
    (
        "a digest",
        &["image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000"],
    ),
    (
        "a ServiceMonitor",
        &[
            "serviceMonitor.enabled=true",
            "serviceMonitor.labels.release=prometheus",
        ],
    ),
    (
        "another's ServiceAccount",
        &["serviceAccount.create=false", "serviceAccount.name=mine"],
    ),
    ("no user id", &["runAsUser=null"]),
    (
        "a place in the cluster",
        &[
            "nodeSelector.disk=fast",
            "tolerations[0].key=reserved",
            "tolerations[0].operator=Exists",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key=metadata.name",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator=In",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values[0]=a",
        ],
    ),
    (
        "a proxy",
        &[
            "extraEnv[0].name=HTTPS_PROXY",
            "extraEnv[0].value=http://proxy:3128",
            "networkPolicy.egressPorts={443,6443,3128}",
        ],
    ),
    ("all that is optional off", OFF),
];

const OFF: &[&str] = &[
    "serviceAccount.create=false",
    "rbac.create=false",
    "service.enabled=false",
    "networkPolicy.enabled=false",
    "podDisruptionBudget.enabled=false",
    "topologySpread=false",
    "resources=null",
];

#[tokio::test]
async fn the_api_server_takes_what_the_charts_render() {
    let cluster = Cluster::with_definitions().await;
    monitoring(&cluster).await;
    for (name, sets) in CASES {
        take(&cluster, name, &render(OPERATOR, sets)).await;
    }
    for (stage, namespace) in [("base", "marketing-dev"), ("production", "marketing")] {
        cluster.kubectl(&["create", "namespace", namespace]).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kustomize/promotion");
        take(&cluster, stage, &kustomize(&folder.join(stage))).await;
    }
}

async fn take(cluster: &Cluster, name: &str, manifest: &str) {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    fs::write(file.path(), manifest).unwrap();
    let apply = [
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
    ];
    let path = ["--filename", file.path().to_str().unwrap()];
    let taken = cluster
        .plane
        .run_kubectl(&[&apply[..], &path].concat())
        .await;
    taken.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The definition of a ServiceMonitor that the Prometheus Operator brings, without its schema.
async fn monitoring(cluster: &Cluster) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced",
            "names": {"plural": "servicemonitors", "kind": "ServiceMonitor"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    cluster.apply("default", &definition).await;
    let name = "crd/servicemonitors.monitoring.coreos.com";
    cluster
        .kubectl(&["wait", "--for=condition=Established", name, "--timeout=60s"])
        .await;
}

/// Modes, and each value of both charts turned; what kustomize renders too.
#[test]
fn every_supported_kubernetes_takes_what_is_rendered_by_its_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, manifest: &str| {
        let file = name.replace(['.', ' ', '/'], "-");
        fs::write(folder.path().join(format!("{file}.yaml")), manifest).unwrap();
    };
    for (name, sets) in CASES {
        put(name, &render(OPERATOR, sets));
    }
    for name in [OPERATOR, DEFINITIONS] {
        for (path, property) in leaves(name) {
            let turned = format!("{path}={}", another(&path, &property));
            let manifest = helm_template(name, beside(&path), &["--set-json", &turned]);
            put(&format!("{name} {path}"), &manifest);
        }
    }
    let kustomizations = Path::new(env!("CARGO_MANIFEST_DIR")).join("kustomize");
    for part in ["operator", "crds", "promotion/base", "promotion/production"] {
        put(part, &kustomize(&kustomizations.join(part)));
    }
    let releases = supported();
    let first = releases.iter().min().unwrap();
    for name in [OPERATOR, DEFINITIONS] {
        let text = fs::read_to_string(Path::new(&chart(name)).join("Chart.yaml")).unwrap();
        let chart: Value = serde_saphyr::from_str(&text).unwrap();
        let range = chart["kubeVersion"].as_str().unwrap();
        let minor = range.trim_start_matches(">=").trim_end_matches(".0-0");
        assert!(
            first.starts_with(&format!("{minor}.")),
            "{range} and {first}"
        );
    }
    for release in &releases {
        eprintln!("{release}: {}", conform(release, folder.path()));
    }
}

/// Releases whose schemas stand beside the tools.
fn supported() -> Vec<String> {
    let schemas = fs::read_dir(schemas()).unwrap();
    let names = schemas.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| Some(name.strip_prefix('v')?.split_once('-')?.0.to_owned()))
        .collect()
}

fn schemas() -> PathBuf {
    let program = testbed::installation_tool("kubeconform").unwrap();
    program.parent().unwrap().with_file_name("schemas")
}

/// All objects of the folder by the schemas of one release, with no member that it does not know. The kinds that only
/// their definitions know are judged by the API server.
fn conform(release: &str, folder: &Path) -> String {
    let files = "{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json";
    let output = Command::new(testbed::installation_tool("kubeconform").unwrap())
        .args(["-strict", "-summary", "-kubernetes-version", release])
        .args(["-skip", "ServiceMonitor,SharedAudience,SharingConnection"])
        .args(["-schema-location", schemas().join(files).to_str().unwrap()])
        .arg(folder)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{release}: {told}");
    told.trim().to_owned()
}

#[test]
fn all_that_is_optional_can_be_off() {
    let kinds = kinds(&render(OPERATOR, OFF));
    assert_eq!(kinds, ["Deployment"]);
    let definitions = render(DEFINITIONS, &["aggregateRoles=false"]);
    assert!(!definitions.contains("aggregate-to"));
}

#[test]
fn roles_alone_are_rendered_for_named_namespaces() {
    let rendered = render(OPERATOR, &["watchNamespaces={a,b}"]);
    let kinds = kinds(&rendered);
    assert!(
        !kinds.iter().any(|kind| kind.starts_with("Cluster")),
        "{kinds:?}"
    );
    assert_eq!(kinds.iter().filter(|kind| *kind == "Role").count(), 3);
}

#[test]
fn no_value_is_without_an_effect() {
    for name in [OPERATOR, DEFINITIONS] {
        for (path, property) in leaves(name) {
            let with = beside(&path);
            let sets: Vec<&str> = with.to_vec();
            let before = render(name, &sets);
            let other = format!("{path}={}", another(&path, &property));
            let after = helm_template(name, &sets, &["--set-json", &other]);
            assert_ne!(before, after, "{name}: {other} changes nothing");
        }
    }
}

/// What must be on for a value to count.
fn beside(path: &str) -> &'static [&'static str] {
    match path {
        "image.tag" => &["replicas=2"],
        "serviceMonitor.interval" | "serviceMonitor.labels" => &["serviceMonitor.enabled=true"],
        _ => &[],
    }
}

/// A value that differs from the default.
fn another(path: &str, property: &Value) -> Value {
    match (path, &property["default"]) {
        ("image.digest", _) => json!(format!("sha256:{}", "1".repeat(64))),
        ("image.pullPolicy", _) => json!("Always"),
        ("log.format", _) => json!("text"),
        ("serviceMonitor.interval", _) => json!("10s"),
        ("networkPolicy.egressPorts", _) => json!([8443]),
        ("imagePullSecrets" | "extraEnv", _) => json!([{"name": "other"}]),
        ("tolerations", _) => json!([{"key": "other", "operator": "Exists"}]),
        ("affinity", _) => json!({"podAntiAffinity": {}}),
        ("resources", _) => json!({"requests": {"cpu": "20m"}}),
        (_, Value::Bool(on)) => json!(!on),
        (_, Value::String(text)) => json!(format!("{text}x")),
        (_, Value::Number(number)) => json!(number.as_u64().unwrap() + 1),
        (_, Value::Array(_)) => json!(["other"]),
        (_, Value::Object(_)) => json!({"other": "value"}),
        (_, Value::Null) => panic!("{path} has no default"),
    }
}

/// Every value of a chart.
fn leaves(name: &str) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    collect(&schema(name), "", &mut leaves);
    leaves
}

fn collect(schema: &Value, prefix: &str, leaves: &mut Vec<(String, Value)>) {
    for (name, property) in schema["properties"].as_object().unwrap() {
        let path = format!("{prefix}{name}");
        match property.get("properties") {
            Some(_) => collect(property, &format!("{path}."), leaves),
            // Helm hands it to every chart.
            None if path == "global" => {}
            None => leaves.push((path, property.clone())),
        }
    }
}

#[test]
fn the_schema_tells_the_defaults() {
    for name in [OPERATOR, DEFINITIONS] {
        let values = fs::read_to_string(Path::new(&chart(name)).join("values.yaml")).unwrap();
        let values = documents(&values).remove(0);
        for (path, property) in leaves(name) {
            let pointer = format!("/{}", path.replace('.', "/"));
            assert_eq!(
                values.pointer(&pointer),
                property.get("default"),
                "{name}: {path}"
            );
        }
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_way_to_mend_it() {
    for (set, says) in [
        ("replicas=1", "ownerId is required"),
        ("image.digest=latest", "does not match pattern"),
        ("replica=2", "'replica' not allowed"),
        ("log.format=xml", "value must be one of"),
        ("ownerId=a b", "does not match pattern"),
        ("previousOwnerIds={a b}", "does not match pattern"),
        ("networkPolicy.egressPorts={0}", "minimum"),
    ] {
        let output = Command::new(testbed::installation_tool("helm").unwrap())
            .args(["template", "x", &chart(OPERATOR), "--set", set])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(says),
            "{set}: {error}"
        );
    }
    let monitor = ["serviceMonitor.enabled=true,service.enabled=false,ownerId=production"];
    let output = Command::new(testbed::installation_tool("helm").unwrap())
        .args(["template", "x", &chart(OPERATOR), "--set", monitor[0]])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs service.enabled"));
}

#[test]
fn kustomize_renders_the_same_objects() {
    for (name, folder) in [(OPERATOR, "operator"), (DEFINITIONS, "crds")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("kustomize")
            .join(folder);
        let kustomized = by_name(&kustomize(&path));
        assert_eq!(kustomized, by_name(&crate::generated::rendered(name)));
    }
}

fn kustomize(folder: &Path) -> String {
    let output = Command::new(testbed::kubectl().unwrap())
        .args(["kustomize", folder.to_str().unwrap()])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// In one order, without the labels that only Helm sets.
fn by_name(text: &str) -> Vec<Value> {
    let mut found: Vec<Value> = documents(text)
        .into_iter()
        .filter(|object| object["kind"] != "Namespace")
        .collect();
    for object in &mut found {
        for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
            if let Some(Value::Object(labels)) = object.pointer_mut(labels) {
                labels.remove("helm.sh/chart");
                labels.remove("app.kubernetes.io/managed-by");
            }
        }
    }
    found.sort_by_key(|object| format!("{}{}", object["kind"], object["metadata"]["name"]));
    found
}

fn kinds(text: &str) -> Vec<String> {
    let kinds = documents(text).into_iter();
    kinds
        .map(|object| object["kind"].as_str().unwrap().to_owned())
        .collect()
}

fn render(name: &str, sets: &[&str]) -> String {
    helm_template(name, sets, &[])
}

fn helm_template(name: &str, sets: &[&str], more: &[&str]) -> String {
    let set: Vec<String> = sets.iter().map(|set| format!("--set={set}")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let chart = chart(name);
    let template = ["template", OPERATOR, &chart, "--namespace=default"];
    // It has no default, and the chart of the definitions does not know it.
    let owner: &[&str] = match name {
        OPERATOR => &["--set-json", r#"ownerId="production""#],
        _ => &[],
    };
    helm(&[&template[..], owner, &set, more].concat())
}

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .map(|document| document.trim_start_matches("---\n"))
        .filter(|document| {
            document
                .lines()
                .any(|line| !line.is_empty() && !line.starts_with('#'))
        })
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

pub(crate) fn schema(name: &str) -> Value {
    let path = Path::new(&chart(name)).join("values.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
