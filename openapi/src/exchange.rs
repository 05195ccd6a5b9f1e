//! What is judged: one exchange with one of Adobe's systems, or one side of it. And where their files are.

use std::path::{Path, PathBuf};

use serde_json::Value;

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
