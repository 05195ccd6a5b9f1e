//! What can go wrong in a test bed: the program or file, and how to mend it. The end of a child's log goes with it,
//! since the log's folder is gone once the test has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failure to start, reach or stop a part of the test bed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(
        "{program} is not in {}: run `make control-plane`, or set KUBEBUILDER_ASSETS to a folder that holds it",
        folder.display()
    )]
    ProgramMissing {
        program: &'static str,
        folder: PathBuf,
    },
    #[error("{name} is not in {}: run `make installation-tools`", folder.display())]
    ToolMissing { name: &'static str, folder: PathBuf },
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{program} ended before it was ready ({status}); the end of its log:\n{log}")]
    EndedEarly {
        program: &'static str,
        status: std::process::ExitStatus,
        log: String,
    },
    #[error("{what}: not seen within {within:?}; last seen: {last}")]
    NotInTime {
        what: String,
        within: Duration,
        last: String,
    },
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("kubectl {arguments} failed: {output}")]
    Kubectl { arguments: String, output: String },
    #[error("cannot reach {url}")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("{method} {url} answered {status}: {body}")]
    Refused {
        method: String,
        url: String,
        status: u16,
        body: String,
    },
    #[error("cannot read {what}")]
    Unreadable {
        what: String,
        source: serde_json::Error,
    },
}

impl Error {
    /// For `map_err` on an operation on a file or program.
    pub(crate) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
