//! etcd, kube-apiserver and, on request, kube-controller-manager: RBAC on, every request in the audit log.
//!
//! No node, no scheduler, no kubelet: a Pod never runs here.

mod flags;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::audit::AuditEvent;
use crate::certificates::Authority;
use crate::error::Error;
use crate::process::{Process, Room};
use crate::programs::{API_SERVER, CONTROLLER_MANAGER, ETCD, KUBECTL, Programs};
use crate::{http, kubeconfig, ports};

/// Ready after 5 s on two idle cores; the rest is for a machine that builds something else.
const START_WITHIN: Duration = Duration::from_secs(120);
/// The API server drains its watches first.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const ADMINISTRATOR: &str = "testbed-admin";
/// The group that RBAC lets do everything.
const ADMINISTRATORS: &str = "system:masters";
/// A free port can be taken between the look and the start.
const ATTEMPTS: usize = 3;

/// What to start beside etcd and the API server.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ControlPlaneOptions {
    /// kube-controller-manager with the controllers for garbage collection, namespaces and service accounts. Without
    /// it owner references collect nothing and a namespace that is deleted stays.
    pub controller_manager: bool,
    /// And with those for Deployments and ReplicaSets, which make Pods, and for disruption budgets. Nothing runs Pods: a
    /// test plays the kubelet.
    pub workloads: bool,
}

impl ControlPlaneOptions {
    #[must_use]
    pub fn with_controller_manager(mut self) -> Self {
        self.controller_manager = true;
        self
    }

    #[must_use]
    pub fn with_workloads(mut self) -> Self {
        self.workloads = true;
        self.with_controller_manager()
    }
}

/// A running control plane. Dropping it kills its processes; [`Self::stop`] ends them in order. Kept in a `static`,
/// it ends with the process.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order of stopping, which is also the order of dropping; the room goes last.
    controller_manager: Option<Process>,
    api_server: Process,
    etcd: Process,
    room: Room,
    authority: Authority,
    client: reqwest::Client,
    server: String,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
}

impl ControlPlane {
    /// Starts it and waits until it serves and the namespaces `default` and `kube-system` stand.
    ///
    /// # Errors
    /// A program is missing, ends early, or is not ready within two minutes.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match Self::try_start(options).await {
                Err(Error::EndedEarly { log, .. })
                    if attempt < ATTEMPTS && log.contains("address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_start(options: ControlPlaneOptions) -> Result<Self, Error> {
        let programs = Programs::from_environment();
        let [client_port, peer_port, secure_port, manager_port] = ports::free()?;
        let mut room = Room::open("control-plane")?;
        let authority = Authority::new()?;
        let files = flags::Files::write(&room, &authority)?;
        let server = format!("https://127.0.0.1:{secure_port}");
        let administrator = authority.user(ADMINISTRATOR, Some(ADMINISTRATORS))?;
        let kubeconfig = room.write(
            "admin.kubeconfig",
            &kubeconfig::render(
                &server,
                &authority.certificate(),
                ADMINISTRATOR,
                &administrator,
            ),
        )?;
        let audit_log = room.path("audit.log");
        let client = http::api_server_client(&authority, &administrator)?;

        let mut etcd = room.start(
            ETCD,
            &programs.path(ETCD)?,
            flags::etcd_arguments(&room.path("etcd"), client_port, peer_port),
        )?;
        let mut api_server = room.start(
            API_SERVER,
            &programs.path(API_SERVER)?,
            flags::api_server_arguments(&room, &files, client_port, secure_port, &audit_log),
        )?;
        // First of all: an API server whose etcd is not there ends late, and with another reason.
        let health = format!("http://127.0.0.1:{client_port}/health");
        etcd.until(&health, START_WITHIN, || http::answers(&client, &health))
            .await?;
        for path in [
            "/readyz",
            "/api/v1/namespaces/default",
            "/api/v1/namespaces/kube-system",
        ] {
            let url = format!("{server}{path}");
            api_server
                .until(&url, START_WITHIN, || http::answers(&client, &url))
                .await?;
        }
        let controller_manager = if options.controller_manager {
            let mut manager = room.start(
                CONTROLLER_MANAGER,
                &programs.path(CONTROLLER_MANAGER)?,
                flags::controller_manager_arguments(
                    &files,
                    &kubeconfig,
                    manager_port,
                    options.workloads,
                ),
            )?;
            let url = format!("https://127.0.0.1:{manager_port}/healthz");
            manager
                .until(&url, START_WITHIN, || http::answers(&client, &url))
                .await?;
            Some(manager)
        } else {
            None
        };
        Ok(Self {
            controller_manager,
            api_server,
            etcd,
            room,
            authority,
            client,
            server,
            kubectl: programs.path(KUBECTL)?,
            kubeconfig,
            audit_log,
        })
    }

    /// For an administrator (group `system:masters`, which RBAC lets do everything).
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// For a user that RBAC knows nothing of yet, in the given group if any. Each call writes a new certificate.
    ///
    /// # Errors
    /// The certificate or the file cannot be made.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> Result<PathBuf, Error> {
        let pair = self.authority.user(user, group)?;
        let text = kubeconfig::render(&self.server, &self.authority.certificate(), user, &pair);
        let name: String = user
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        self.room.write(&format!("user-{name}.kubeconfig"), &text)
    }

    /// For a holder of a bearer token, such as a ServiceAccount's.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf, Error> {
        let authority = self.authority.certificate();
        let text = kubeconfig::render_token(&self.server, &authority, token);
        self.room.write(&format!("token-{name}.kubeconfig"), &text)
    }

    /// For a client of a gate on `address`, which asks in the clear and as nobody.
    pub(crate) fn kubeconfig_through(&self, address: &str, port: u16) -> Result<PathBuf, Error> {
        self.room.write(
            &format!("gate-{port}.kubeconfig"),
            &kubeconfig::render_open(address),
        )
    }

    /// Asks as this user, without a limit in time: a watch has none.
    pub(crate) fn forwarding_client(
        &self,
        user: &str,
        group: &str,
    ) -> Result<reqwest::Client, Error> {
        http::forwarding_client(&self.authority, &self.authority.user(user, Some(group))?)
    }

    /// Reads an object or a list, as administrator; `None` for 404. A tenth of what a run of kubectl takes.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Refused`] or [`Error::Unreadable`].
    pub async fn read(&self, path: &str) -> Result<Option<Value>, Error> {
        let url = format!("{}{path}", self.server);
        let unreachable = |source| http::unreachable(&url)(source);
        let response = self.client.get(&url).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.text().await.map_err(unreachable)?;
        match status.as_u16() {
            404 => Ok(None),
            200 => serde_json::from_str(&body)
                .map(Some)
                .map_err(|source| Error::Unreadable {
                    what: format!("the answer to {path}"),
                    source,
                }),
            status => Err(Error::Refused {
                method: "GET".to_owned(),
                url,
                status,
                body,
            }),
        }
    }

    /// Sends an object as administrator and gives the answer, whatever it is: code and body. A tenth of what a run of
    /// kubectl takes. `how` is the content type.
    ///
    /// # Errors
    /// [`Error::Unreachable`] or [`Error::Unreadable`].
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        how: &str,
        object: &Value,
    ) -> Result<(u16, Value), Error> {
        let url = format!("{}{path}", self.server);
        let unreachable = |source| http::unreachable(&url)(source);
        let method = method.parse().unwrap_or_default();
        let request = self.client.request(method, &url);
        let request = request.header("Content-Type", how).body(object.to_string());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(unreachable)?;
        let answer = serde_json::from_str(&body).map_err(|source| Error::Unreadable {
            what: format!("the answer to {path}"),
            source,
        })?;
        Ok((status, answer))
    }

    /// `https://127.0.0.1:<port>`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// One JSON object per line and answered request, written before the answer is sent; a watch is written when it
    /// ends. See [`Self::audit_events`].
    #[must_use]
    pub fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// Every request answered so far, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn audit_events(&self) -> Result<Vec<AuditEvent>, Error> {
        let log = std::fs::read_to_string(&self.audit_log)
            .map_err(Error::file("read", &self.audit_log))?;
        // A line that has no end yet is still being written.
        log.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| {
                serde_json::from_str(line).map_err(|source| Error::Unreadable {
                    what: "a line of the audit log".to_owned(),
                    source,
                })
            })
            .collect()
    }

    /// The program, of the same version as the API server.
    #[must_use]
    pub fn kubectl(&self) -> PathBuf {
        self.kubectl.clone()
    }

    /// Where kubectl keeps what it knows of this API server. Never the user's own folder: there the next server on
    /// the same port would be taken for this one.
    #[must_use]
    pub fn kubectl_cache(&self) -> PathBuf {
        self.room.path("kubectl-cache")
    }

    /// Runs kubectl as the user of `kubeconfig`; standard output and error and how it ended.
    ///
    /// # Errors
    /// It cannot be started. An answer that is a refusal is no error here: see [`Self::run_kubectl`].
    pub async fn kubectl_output(
        &self,
        kubeconfig: &Path,
        arguments: &[&str],
    ) -> Result<Output, Error> {
        tokio::process::Command::new(&self.kubectl)
            .args(arguments)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("KUBECACHEDIR", self.kubectl_cache())
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(Error::file("run", &self.kubectl))
    }

    /// Runs kubectl as administrator, and gives its standard output.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what it said, if it did not succeed.
    pub async fn run_kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        let output = self.kubectl_output(&self.kubeconfig, arguments).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Kubectl {
            arguments: arguments.join(" "),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Ids of the running programs, for a test that shows that none is left.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        let manager = self.controller_manager.as_ref().map(Process::id);
        let others = [self.api_server.id(), self.etcd.id()];
        manager.into_iter().chain(others).collect()
    }

    /// Ends the programs in order, each with a bounded time to end by itself.
    ///
    /// # Errors
    /// A program could be neither asked nor made to end.
    pub async fn stop(mut self) -> Result<(), Error> {
        if let Some(manager) = &mut self.controller_manager {
            manager.terminate(STOP_WITHIN).await?;
        }
        self.api_server.terminate(STOP_WITHIN).await?;
        self.etcd.terminate(STOP_WITHIN).await?;
        Ok(())
    }
}
