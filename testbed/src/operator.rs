//! The operator's binary as a process: ready when it says so on its probe address, stopped by a signal.
//!
//! It is known by the path of its binary and its flags; nothing of its code is linked here.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::Error;
use crate::process::{Process, Room};
use crate::simulator::Addresses;
use crate::{http, ports};

/// The first full pass over the two tenants is behind it by then.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A free port can be taken between the look and the start.
const ATTEMPTS: usize = 3;

/// The arguments of `audience-sharing run` for a control plane and a simulator of this test bed, where nothing is
/// encrypted but the way to the API server. `--probe-address` is added by [`OperatorProcess`].
#[must_use]
pub fn run_arguments(kubeconfig: &Path, addresses: &Addresses, namespace: &str) -> Vec<OsString> {
    let Addresses {
        ims,
        audience_manager,
        experience_platform,
        control: _,
    } = addresses;
    let mut arguments = vec![
        OsString::from("run"),
        OsString::from("--kubeconfig"),
        kubeconfig.into(),
        OsString::from("--allow-insecure-endpoints"),
        // What a connection declares is what holds its calls back here.
        OsString::from("--client-rate-limit=6000"),
    ];
    // The version is part of Audience Manager's address (audience-manager.md §1.3).
    let audience_manager = format!("{audience_manager}/v1");
    for (flag, value) in [
        ("--ims-url", ims.as_str()),
        ("--audience-manager-url", audience_manager.as_str()),
        ("--experience-platform-url", experience_platform),
        ("--namespace", namespace),
        // One of its own for each of the test bed's operators.
        ("--owner-id", namespace),
    ] {
        arguments.extend([OsString::from(flag), OsString::from(value)]);
    }
    arguments
}

/// Where a custom resource of the operator's is; without a name, all of its kind in the namespace.
#[must_use]
pub fn resource_path(namespace: &str, kind: &str, name: &str) -> String {
    let kind = kind.to_lowercase();
    let all = format!("/apis/audience-sharing.dev/v1alpha1/namespaces/{namespace}/{kind}s");
    match name.is_empty() {
        true => all,
        false => format!("{all}/{name}"),
    }
}

/// A running operator. Killed on drop.
#[derive(Debug)]
pub struct OperatorProcess {
    // Dropped before its room.
    process: Process,
    _room: Room,
    probe_address: String,
}

impl OperatorProcess {
    /// Starts it and waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// It cannot be started, ends early, or is not ready within a minute; the error carries the end of its log.
    pub async fn start(binary: &Path, arguments: &[OsString]) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let mut operator = Self::spawn(binary, arguments)?;
            match operator.ready(READY_WITHIN).await {
                Ok(()) => return Ok(operator),
                Err(Error::EndedEarly { log, .. })
                    if attempt < ATTEMPTS
                        && log.to_lowercase().contains("address already in use") =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(binary: &Path, arguments: &[OsString]) -> Result<Self, Error> {
        Self::spawn_in(binary, arguments, &[])
    }

    /// The same with an environment, as a container has one.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn_in(
        binary: &Path,
        arguments: &[OsString],
        environment: &[(String, String)],
    ) -> Result<Self, Error> {
        let [probe_port] = ports::free()?;
        let probe_address = format!("127.0.0.1:{probe_port}");
        let probe = [
            OsString::from("--probe-address"),
            OsString::from(&probe_address),
        ];
        let mut room = Room::open("operator")?;
        room.set_environment(environment);
        let process = room.start("audience-sharing", binary, arguments.iter().chain(&probe))?;
        Ok(Self {
            process,
            _room: room,
            probe_address,
        })
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// It ended, or was not ready `within` the time; the error carries the end of its log.
    pub async fn ready(&mut self, within: Duration) -> Result<(), Error> {
        let client = http::client()?;
        let url = self.url("/readyz");
        self.process
            .until(&url, within, || http::answers(&client, &url))
            .await
    }

    /// Whether a path of its probe address answers well.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub async fn answers(&self, path: &str) -> Result<bool, Error> {
        Ok(http::answers(&http::client()?, &self.url(path))
            .await
            .is_ok())
    }

    /// The body of `/metrics`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<String, Error> {
        let url = self.url("/metrics");
        let response = http::client()?.get(&url).send().await;
        let body = async { response?.error_for_status()?.text().await };
        body.await.map_err(http::unreachable(&url))
    }

    /// `http://127.0.0.1:<port>` and the path; `/livez`, `/readyz` and `/metrics` are served there.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.probe_address)
    }

    /// All that it prints. Gone with this value: read it before.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        self.process.log()
    }

    /// The end of its log, for a message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// For a test that shows that it is gone.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// The system does not say.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.process.exit_status()
    }

    /// SIGTERM, and SIGKILL once `within` has passed: a status without a code (`signal: 9`) says that it did not
    /// stop in time.
    ///
    /// # Errors
    /// It could be neither asked nor made to end.
    pub async fn terminate(&mut self, within: Duration) -> Result<ExitStatus, Error> {
        self.process.terminate(within).await
    }

    /// SIGKILL: it has no chance to finish or to release anything.
    ///
    /// # Errors
    /// It could not be made to end.
    pub fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.process.kill()
    }

    /// SIGSTOP: it stands still in the midst of whatever it does, while the world and every clock go on.
    ///
    /// # Errors
    /// It could not be signalled.
    pub fn pause(&self) -> Result<(), Error> {
        self.process.pause()
    }

    /// SIGCONT: it goes on where it stood.
    ///
    /// # Errors
    /// It could not be signalled.
    pub fn resume(&self) -> Result<(), Error> {
        self.process.resume()
    }
}
