//! The rights that the charts grant: every operator of these tests asks the API server as the ServiceAccount of its
//! namespace, under the Roles that the chart renders for it, and is never refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use testbed::{ControlPlane, installation_tool};

/// The group of all ServiceAccounts.
pub(crate) const ACCOUNTS: &str = "system:serviceaccounts";
const NAME: &str = "audience-sharing";
/// The last ones are for tests with many connections.
const SECRETS: [&str; 7] = [
    "adobe-oauth",
    "adobe-oauth-1",
    "adobe-oauth-2",
    "adobe-oauth-3",
    "adobe-oauth-4",
    "adobe-oauth-5",
    "adobe-oauth-6",
];
/// In the rendered text, in place of a test's own.
const PLACEHOLDER: &str = "namespace-of-a-test";

/// The user as whom the operator of this namespace asks.
pub(crate) fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{NAME}")
}

/// The namespace, and in it the chart's ServiceAccount, Roles and bindings.
pub(crate) async fn create_namespace(plane: &ControlPlane, namespace: &str) {
    static RENDERED: OnceLock<String> = OnceLock::new();
    let rendered = RENDERED.get_or_init(|| {
        let names = format!(
            "watchNamespaces={{{PLACEHOLDER}}},ownerId={PLACEHOLDER},fullnameOverride={NAME},credentialSecrets={{{}}}",
            SECRETS.join(",")
        );
        let only = ["templates/rbac.yaml", "templates/serviceaccount.yaml"];
        let show = only.map(|file| format!("--show-only={file}"));
        let chart = chart("audience-sharing-operator");
        let arguments = ["template", NAME, &chart, "--namespace", PLACEHOLDER];
        let set = ["--set", &names, &show[0], &show[1]];
        helm(&[&arguments[..], &set].concat())
    });
    let space = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {PLACEHOLDER}}}\n");
    create(
        plane,
        &format!("{space}{rendered}").replace(PLACEHOLDER, namespace),
    )
    .await;
}

/// What the chart of the definitions lets every ServiceAccount do.
pub(crate) async fn let_definitions_be_read(plane: &ControlPlane) {
    let chart = chart("audience-sharing-operator-crds");
    let roles = helm(&["template", NAME, &chart, "--show-only=templates/roles.yaml"]);
    create(plane, &roles).await;
}

async fn create(plane: &ControlPlane, manifest: &str) {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), manifest).unwrap();
    plane
        .run_kubectl(&["create", "--filename", file.path().to_str().unwrap()])
        .await
        .unwrap();
}

/// The path of one of the two charts.
pub(crate) fn chart(name: &str) -> String {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts");
    charts.join(name).to_str().unwrap().to_owned()
}

/// Runs helm without a cluster, and gives what it prints.
pub(crate) fn helm(arguments: &[&str]) -> String {
    let output = Command::new(installation_tool("helm").unwrap())
        .args(arguments)
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "helm {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Looks, when the test is over, whether the API server refused its operator anything.
#[derive(Debug)]
pub(crate) struct Refusals {
    audit_log: PathBuf,
    account: String,
}

impl Refusals {
    pub(crate) fn of(plane: &ControlPlane, namespace: &str) -> Self {
        Self {
            audit_log: plane.audit_log().to_owned(),
            account: account(namespace),
        }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = std::fs::read_to_string(&self.audit_log).unwrap();
        let account = format!("\"username\":\"{}\"", self.account);
        let refused: Vec<&str> = log
            .lines()
            .filter(|line| line.contains(&account))
            .filter(|line| line.contains(r#""authorization.k8s.io/decision":"forbid""#))
            .collect();
        assert!(refused.is_empty(), "the chart's rights lack: {refused:#?}");
        assert!(log.contains(&account), "nobody asked as {}", self.account);
    }
}
