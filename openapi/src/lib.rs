//! Judges exchanges with Adobe's systems: by Adobe's own OpenAPI files where they are at hand, and by the project's
//! own table of facts (`facts.yaml`) always.
//!
//! Adobe's files are not part of the repository. [`adobe_files`] says where they are looked for. Their known faults are
//! the list in `exceptions.rs`: each mends one place of a file, names its source, and is only good for as long as the
//! file is wrong there. An exception counts as used once an exchange passes with it that would not pass without.
//!
//! It knows neither the operator nor the simulator, opens no connection, and is for tests alone.

mod document;
mod exceptions;
mod judge;
mod operation;
mod trial;
mod violation;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use exceptions::Exception;
pub use judge::{Judge, Tally};
pub use trial::{Trial, Violations};
pub use violation::{Side, Violation};

/// One exchange, or one side of it. What is there is judged.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Exchange<'a> {
    pub method: &'a str,
    /// The path, with `?` and the query where there is one.
    pub target: &'a str,
    pub request: Option<Request<'a>>,
    pub answer: Option<Answer<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Names in small letters. Values of secrets need not be told: of `authorization` only the presence counts.
    pub headers: &'a [(String, String)],
    /// A body that is no JSON comes as a text.
    pub body: Option<&'a Value>,
}

#[derive(Debug, Clone, Copy, Hash)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: Option<&'a Value>,
}

/// Why there is no judge.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{file} cannot be read: {why}")]
    Unreadable { file: String, why: String },
    #[error(
        "{file} at {pointer} is no longer what the exception {exception} mends; look whether the fault is gone, and delete the exception if so"
    )]
    Corrected {
        file: String,
        pointer: String,
        exception: &'static str,
    },
}

/// The folder of Adobe's files: `$ADOBE_SPECS`, else `../shared/reference/specs` beside the project; `None` where that
/// is not there. A folder that `$ADOBE_SPECS` names is taken as it is: if it is wrong, reading it says so.
pub fn adobe_files() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no command line of their own to take it from"
    )]
    let named = std::env::var_os("ADOBE_SPECS");
    if let Some(named) = named {
        return Some(named.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/specs");
    beside.is_dir().then_some(beside)
}
