//! The simulator's binary as a process. It says on its first line of standard output where it serves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::control_client::ControlClient;
use crate::error::Error;
use crate::process::{Process, Room};

const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Where the simulator serves: base addresses of the form `http://127.0.0.1:<port>`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Addresses {
    pub ims: String,
    pub audience_manager: String,
    pub experience_platform: String,
    pub control: String,
}

impl Addresses {
    /// # Errors
    /// The line is not the object that the simulator prints.
    fn parse(line: &str) -> Result<Self, serde_json::Error> {
        let Self {
            ims,
            audience_manager,
            experience_platform,
            control,
        } = serde_json::from_str(line)?;
        Ok(Self {
            ims: base_address(ims),
            audience_manager: base_address(audience_manager),
            experience_platform: base_address(experience_platform),
            control: base_address(control),
        })
    }
}

/// An address may come as `host:port` or as a URL.
fn base_address(address: String) -> String {
    let address = address.trim_end_matches('/');
    if address.starts_with("http://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    }
}

/// A running simulator. Killed on drop.
#[derive(Debug)]
pub struct SimulatorProcess {
    pub addresses: Addresses,
    /// Where it writes what it exchanges; `None`: it does not.
    record: Option<PathBuf>,
    // Dropped before its room.
    process: Process,
    _room: Room,
}

impl SimulatorProcess {
    /// Starts it on free ports, with the likeliest readings, a tenant out of the file `seed` (empty without) and `latency`
    /// before each answer.
    ///
    /// # Errors
    /// It cannot be started, ends early, or has not said where it serves within 30 s.
    pub async fn start(
        binary: &Path,
        seed: Option<&Path>,
        latency: Duration,
    ) -> Result<Self, Error> {
        Self::launch(binary, seed, latency, false).await
    }

    /// As [`Self::start`], for a test: it behaves as the readings of Adobe's references that are worse for a client
    /// (`--preset hostile`), and writes every exchange into [`Self::record`].
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_recorded(binary: &Path, seed: Option<&Path>) -> Result<Self, Error> {
        Self::launch(binary, seed, Duration::ZERO, true).await
    }

    async fn launch(
        binary: &Path,
        seed: Option<&Path>,
        latency: Duration,
        recorded: bool,
    ) -> Result<Self, Error> {
        let mut room = Room::open("simulator")?;
        let mut arguments: Vec<String> =
            ["ims", "audience-manager", "experience-platform", "control"]
                .iter()
                .flat_map(|system| [format!("--{system}"), "127.0.0.1:0".to_owned()])
                .collect();
        if let Some(seed) = seed {
            arguments.extend(["--seed".to_owned(), seed.display().to_string()]);
        }
        if !latency.is_zero() {
            arguments.extend(["--latency".to_owned(), format!("{}ms", latency.as_millis())]);
        }
        let record = recorded.then(|| room.path("exchanges.jsonl"));
        if let Some(record) = &record {
            let record = record.display().to_string();
            arguments.extend(["--preset", "hostile", "--record", &record].map(str::to_owned));
        }
        let (mut process, output) = room.start_that_speaks("adobe-simulator", binary, arguments)?;
        let addresses = process
            .until("the simulator's addresses", START_WITHIN, || {
                let line = first_line(&output);
                async move { Addresses::parse(&line?).map_err(|error| error.to_string()) }
            })
            .await?;
        Ok(Self {
            addresses,
            record,
            process,
            _room: room,
        })
    }

    /// Where it writes what it exchanges, a JSON object per line; it goes with this value.
    #[must_use]
    pub fn record(&self) -> Option<&Path> {
        self.record.as_deref()
    }

    /// # Errors
    /// The HTTP client cannot be made.
    pub fn control(&self) -> Result<ControlClient, Error> {
        ControlClient::new(&self.addresses.control)
    }

    /// For a test that shows that it is gone.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Where its standard error goes.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        self.process.log()
    }

    /// # Errors
    /// It could be neither asked nor made to end.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.process.terminate(STOP_WITHIN).await.map(|_status| ())
    }
}

fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match text.split_once('\n') {
        Some((line, _rest)) => Ok(line.to_owned()),
        None => Err("no line yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_sockets_or_urls() {
        let line = r#"{"ims":"127.0.0.1:1","audienceManager":"http://127.0.0.1:2/","experiencePlatform":"127.0.0.1:3","control":"127.0.0.1:4"}"#;
        let addresses = Addresses::parse(line).expect("a line of the simulator");
        assert_eq!(addresses.ims, "http://127.0.0.1:1");
        assert_eq!(addresses.audience_manager, "http://127.0.0.1:2");
    }
}
