//! Least privilege, shown: an operator lives through all that needs a right, under the rights that the chart grants it in
//! each mode. The API server's audit log says what it asked for: nothing was refused, and nothing granted went unused.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{AuditEvent, eventually};

use crate::charts::documents;
use crate::cluster::{Cluster, Tenant, WITHIN};
use crate::kubelet::Kubelet;
use crate::rendered::chart;

/// One verb on one kind: in a namespace or, empty, anywhere; on one object or, empty, on any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    namespace: String,
    verb: String,
    resource: String,
    name: String,
}

/// A way to install the operator: its release and namespace, and its values.
struct Mode {
    release: &'static str,
    watched: &'static [&'static str],
    values: &'static [&'static str],
    /// Granted, and not used within the minutes of a test, with the reason.
    patient: &'static [(&'static str, &'static str)],
}

const MODES: &[Mode] = &[
    Mode {
        release: "everywhere",
        watched: &["marketing"],
        values: &["ownerId=everywhere", "credentialSecrets={adobe-oauth}"],
        patient: &[],
    },
    Mode {
        release: "by-get",
        watched: &["research"],
        values: &["watchNamespaces={research}", "ownerId=by-get"],
        patient: EVENTS_ON_THE_POD,
    },
    Mode {
        release: "listed",
        watched: &["sales", "listed"],
        values: &[
            "watchNamespaces={sales,listed}",
            "ownerId=listed",
            "credentialSecrets={adobe-oauth}",
        ],
        patient: &[],
    },
];

/// Of an audience that went while its objects stay: after ten minutes without a credential.
const EVENTS_ON_THE_POD: &[(&str, &str)] = &[
    ("create", "events.k8s.io/events"),
    ("patch", "events.k8s.io/events"),
];

#[tokio::test]
async fn no_right_is_missing_and_none_is_unused() {
    let cluster = Arc::new(Cluster::with_definitions().await);
    loosen_definitions(&cluster).await;
    for mode in MODES {
        let spaces: BTreeSet<&str> = mode
            .watched
            .iter()
            .chain([&mode.release])
            .copied()
            .collect();
        for namespace in spaces {
            cluster.kubectl(&["create", "namespace", namespace]).await;
        }
        let kubelet = Kubelet::start(&cluster, mode.release);
        let tenant = Tenant::start().await;
        install(&cluster, mode, &tenant).await;
        for namespace in mode.watched {
            live(&cluster, namespace).await;
        }
        kubelet.assert_alive();
        let granted = granted(&cluster, mode).await;
        replace(&cluster, mode).await;
        stop(&cluster, mode).await;
        // A watch is in the log when it has ended.
        let what = format!("every right of {} in the audit log", mode.release);
        let used = eventually(&what, WITHIN, || {
            std::future::ready(check(&cluster, mode, &granted))
        });
        println!("{}", used.await.unwrap());
    }
}

/// Another Pod takes the place of the first, and deletes the Lease that said that it was alive.
async fn replace(cluster: &Cluster, mode: &Mode) {
    let space = ["--namespace", mode.release];
    for rollout in [&["restart", "deployment"][..], &["status", "deployment"]] {
        cluster
            .kubectl(&[&["rollout"], rollout, &space].concat())
            .await;
    }
    let path = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases?labelSelector=audience-sharing.dev%2Flease%3Dreplica",
        mode.release
    );
    eventually("one replica is left", WITHIN, || async {
        let leases = cluster.plane.read(&path).await.unwrap().unwrap();
        match leases["items"].as_array().map(Vec::len) {
            Some(1) => Ok(()),
            _ => Err(leases.to_string()),
        }
    })
    .await
    .unwrap();
}

/// Without its Pod first: an uninstallation takes the rights away before a Pod can give its Lease back.
async fn stop(cluster: &Cluster, mode: &Mode) {
    let space = ["--namespace", mode.release];
    let scale = ["scale", "deployment", "--all", "--replicas=0"];
    cluster.kubectl(&[&scale[..], &space].concat()).await;
    let gone = ["wait", "--for=delete", "pod", "--all", "--timeout=60s"];
    cluster.kubectl(&[&gone[..], &space].concat()).await;
}

async fn install(cluster: &Cluster, mode: &Mode, tenant: &Tenant) {
    let chart = chart("audience-sharing-operator");
    let install = [
        "install",
        mode.release,
        &chart,
        "--namespace",
        mode.release,
        "--wait",
    ];
    let mut values = tenant.values();
    values.extend(mode.values.iter().map(|value| format!("--set={value}")));
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    cluster.helm(&[&install[..], &values].concat()).await;
}

/// Everything that asks the API server for something: sharing, a Secret that goes and comes, an object that does not
/// decode, deletion.
async fn live(cluster: &Cluster, namespace: &str) {
    let audience = ("sharedaudience", "loyal-gamers");
    let connection = ("sharingconnection", "acme");
    secret(cluster, namespace).await;
    cluster
        .apply(
            namespace,
            // Its definition is read before anything that it made is deleted.
            &declared(connection, json!({"deletionPolicy": "Delete"})),
        )
        .await;
    cluster
        .apply(namespace, &declared(audience, json!({})))
        .await;
    cluster.until(namespace, audience, "True", "").await;
    // Twice: the second time the same Event is counted up.
    for _ in 0..2 {
        cluster
            .kubectl(&["delete", "secret", "adobe-oauth", "--namespace", namespace])
            .await;
        look_now(cluster, namespace).await;
        cluster
            .until(namespace, connection, "False", "SecretNotFound")
            .await;
        secret(cluster, namespace).await;
        look_now(cluster, namespace).await;
        cluster.until(namespace, connection, "True", "").await;
    }
    for kind in ["sharingconnection", "sharedaudience"] {
        let odd = (kind, "odd");
        let object = declared(odd, json!({"deletionPolicy": "Someday"}));
        cluster.apply(namespace, &object).await;
        cluster.until(namespace, odd, "False", "InvalidSpec").await;
        let object = declared(odd, json!({"deletionPolicy": "Retain"}));
        cluster.apply(namespace, &object).await;
        delete(cluster, namespace, odd).await;
    }
    cluster.until(namespace, audience, "True", "").await;
    delete(cluster, namespace, audience).await;
    delete(cluster, namespace, connection).await;
}

async fn delete(cluster: &Cluster, namespace: &str, (kind, name): (&str, &str)) {
    cluster
        .kubectl(&[
            "delete",
            kind,
            name,
            "--namespace",
            namespace,
            "--timeout=60s",
        ])
        .await;
}

async fn secret(cluster: &Cluster, namespace: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth"},
        "stringData": {"clientId": "demo-client", "clientSecret": "demo-secret"},
    });
    cluster.apply(namespace, &secret).await;
}

/// Where Secrets are not watched, somebody must say that one changed.
async fn look_now(cluster: &Cluster, namespace: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let annotation = format!("audience-sharing.dev/reconcile-requested-at=request-{count}");
    let annotate = ["annotate", "--overwrite", "--namespace", namespace];
    let rest = ["sharingconnection", "acme", &annotation];
    cluster.kubectl(&[&annotate[..], &rest].concat()).await;
}

fn declared((kind, name): (&str, &str), more: Value) -> Value {
    let (kind, mut spec) = match kind {
        "sharingconnection" => (
            "SharingConnection",
            json!({
                "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
                "credentialsSecretRef": {"name": "adobe-oauth"},
                "experiencePlatform": {"sandbox": "prod"},
            }),
        ),
        _ => (
            "SharedAudience",
            json!({
                "connectionRef": {"name": "acme"},
                "source": {"experiencePlatform": {"id": "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11"}},
            }),
        ),
    };
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    })
}

/// A word in an enumeration that the operator does not know, as a later version may bring one.
async fn loosen_definitions(cluster: &Cluster) {
    let path =
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/deletionPolicy/enum/-";
    let patch = json!([{"op": "add", "path": path, "value": "Someday"}]).to_string();
    for (kind, name) in [
        ("sharingconnection", "acme"),
        ("sharedaudience", "loyal-gamers"),
    ] {
        let definition = format!("{kind}s.audience-sharing.dev");
        cluster
            .kubectl(&[
                "patch",
                "crd",
                &definition,
                "--type=json",
                "--patch",
                &patch,
            ])
            .await;
        let odd = declared((kind, name), json!({"deletionPolicy": "Someday"}));
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), odd.to_string()).unwrap();
        let create = [
            "create",
            "--dry-run=server",
            "--filename",
            file.path().to_str().unwrap(),
        ];
        eventually("the word is taken", WITHIN, || async {
            let created = cluster.plane.run_kubectl(&create).await;
            created.map_err(|error| error.to_string())
        })
        .await
        .unwrap();
    }
}

/// All that the release grants, and what the definitions' grants to every ServiceAccount.
async fn granted(cluster: &Cluster, mode: &Mode) -> BTreeSet<Right> {
    let release = ["get", "manifest", mode.release, "--namespace", mode.release];
    let mut granted = of_roles(&cluster.helm(&release).await);
    let definitions = ["get", "manifest", "definitions", "--namespace=default"];
    granted.extend(of_all_accounts(&cluster.helm(&definitions).await));
    granted
}

/// What was used, in a line; or what was not.
fn check(cluster: &Cluster, mode: &Mode, granted: &BTreeSet<Right>) -> Result<String, String> {
    let events = cluster.plane.audit_events().unwrap();
    let account = format!(
        "system:serviceaccount:{release}:{release}-audience-sharing-operator",
        release = mode.release
    );
    let asked: Vec<&AuditEvent> = events
        .iter()
        .filter(|event| event.user.username == account)
        .collect();
    let refused: Vec<&&AuditEvent> = asked.iter().filter(|event| event.is_forbidden()).collect();
    assert!(refused.is_empty(), "{}: refused {refused:#?}", mode.release);

    let unused = granted
        .iter()
        .filter(|right| !asked.iter().any(|event| right.is_used_by(event)));
    let (patient, unused): (Vec<&Right>, Vec<&Right>) = unused.partition(|right| {
        let told = (right.verb.as_str(), right.resource.as_str());
        right.namespace == mode.release && mode.patient.contains(&told)
    });
    if !unused.is_empty() {
        return Err(format!("granted and not used: {unused:#?}"));
    }
    assert_eq!(
        patient.len(),
        mode.patient.len(),
        "{}: used after all",
        mode.release
    );
    Ok(format!(
        "{}: {} rights granted, {} used, {} requests, none refused",
        mode.release,
        granted.len(),
        granted.len() - patient.len(),
        asked.len()
    ))
}

impl Right {
    fn is_used_by(&self, event: &AuditEvent) -> bool {
        let Some(object) = &event.object_ref else {
            return false;
        };
        let kind = match object.subresource.as_str() {
            "" => format!("{}/{}", object.api_group, object.resource),
            subresource => format!("{}/{}/{subresource}", object.api_group, object.resource),
        };
        self.verb == event.verb
            && self.resource == kind
            && (self.namespace.is_empty() || self.namespace == object.namespace)
            && (self.name.is_empty() || self.name == object.name)
    }
}

/// What the Roles of a release grant, one verb on one kind each.
fn of_roles(manifest: &str) -> BTreeSet<Right> {
    let roles = documents(manifest).into_iter();
    roles
        .filter(|object| object["kind"] == "Role" || object["kind"] == "ClusterRole")
        .flat_map(|role| rights(&role))
        .collect()
}

/// What the definitions' release grants to every ServiceAccount, through its binding to their group.
fn of_all_accounts(manifest: &str) -> BTreeSet<Right> {
    let objects = documents(manifest);
    let bound: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "ClusterRoleBinding")
        .map(|binding| &binding["roleRef"]["name"])
        .collect();
    objects
        .iter()
        .filter(|object| {
            object["kind"] == "ClusterRole" && bound.contains(&&object["metadata"]["name"])
        })
        .flat_map(rights)
        .collect()
}

fn rights(role: &Value) -> Vec<Right> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        let mut names = texts(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    rights.extend(names.iter().map(|name| Right {
                        namespace: namespace.to_owned(),
                        verb: verb.clone(),
                        resource: format!("{group}/{resource}"),
                        name: name.clone(),
                    }));
                }
            }
        }
    }
    rights
}
