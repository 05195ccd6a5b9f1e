//! The files and flags of the three programs: those of controller-runtime's envtest (rust-operators.md §D), and the
//! audit log.

use std::path::{Path, PathBuf};

use crate::certificates::Authority;
use crate::error::Error;
use crate::process::Room;

/// Metadata of every request, written once it is answered: no body, so no Secret ever reaches the file.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
  "rules": [{"level": "Metadata"}]
}"#;

/// The files that several programs read.
pub(super) struct Files {
    authority: PathBuf,
    server_certificate: PathBuf,
    server_key: PathBuf,
    token_private_key: PathBuf,
    token_public_key: PathBuf,
    audit_policy: PathBuf,
}

impl Files {
    pub(super) fn write(room: &Room, authority: &Authority) -> Result<Self, Error> {
        let server = authority.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
        let token_key = rcgen::KeyPair::generate()?;
        Ok(Self {
            authority: room.write("authority.pem", &authority.certificate())?,
            server_certificate: room.write("server.pem", &server.certificate)?,
            server_key: room.write("server.key", &server.key)?,
            token_private_key: room.write("tokens.key", &token_key.serialize_pem())?,
            token_public_key: room.write("tokens.pub", &token_key.public_key_pem())?,
            audit_policy: room.write("audit-policy.json", AUDIT_POLICY)?,
        })
    }
}

pub(super) fn etcd_arguments(data: &Path, client_port: u16, peer_port: u16) -> Vec<String> {
    let client = format!("http://127.0.0.1:{client_port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    vec![
        "--name=testbed".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=testbed={peer}"),
        "--log-level=warn".to_owned(),
        // Nothing here is to survive a crash of the machine.
        "--unsafe-no-fsync".to_owned(),
    ]
}

pub(super) fn api_server_arguments(
    room: &Room,
    files: &Files,
    etcd_port: u16,
    secure_port: u16,
    audit_log: &Path,
) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        // Without it the server looks for an address of the machine, which may have none but loopback.
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--secure-port={secure_port}"),
        format!("--cert-dir={}", room.path("certificates").display()),
        format!("--tls-cert-file={}", files.server_certificate.display()),
        format!("--tls-private-key-file={}", files.server_key.display()),
        format!("--client-ca-file={}", files.authority.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!(
            "--service-account-key-file={}",
            files.token_public_key.display()
        ),
        format!(
            "--service-account-signing-key-file={}",
            files.token_private_key.display()
        ),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        // It would refuse every Pod until a controller manager has made a default service account.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        format!("--audit-policy-file={}", files.audit_policy.display()),
        format!("--audit-log-path={}", audit_log.display()),
        "--audit-log-mode=blocking".to_owned(),
        // In MiB. The default is 100, after which the log would begin anew and a test would miss what stood there.
        "--audit-log-maxsize=10000".to_owned(),
    ]
}

pub(super) fn controller_manager_arguments(
    files: &Files,
    kubeconfig: &Path,
    port: u16,
    workloads: bool,
) -> Vec<String> {
    let mut controllers =
        "garbage-collector-controller,namespace-controller,serviceaccount-controller".to_owned();
    if workloads {
        controllers.push_str(",deployment-controller,replicaset-controller,disruption-controller");
    }
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--authentication-kubeconfig={}", kubeconfig.display()),
        format!("--authorization-kubeconfig={}", kubeconfig.display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", files.server_certificate.display()),
        format!("--tls-private-key-file={}", files.server_key.display()),
        "--leader-elect=false".to_owned(),
        format!("--controllers={controllers}"),
    ]
}
