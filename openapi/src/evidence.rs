//! Why the operator may rely on each word that its client sends or reads: a public source that is not ours, or that it is
//! unproven, with both readings. Kept in the table of facts (`x-evidence`); what the client's words are it does not know.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::document::FACTS;
use crate::exchange::Error;

/// What is known of some words of one file of the client.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// The file, below the client's sources.
    pub of: String,
    pub words: Vec<String>,
    /// Who shows them, that is not ours.
    pub source: Option<String>,
    /// Both readings.
    pub unproven: Option<String>,
    /// The simulator's switch that plays them, as `service.name`.
    pub switch: Option<String>,
}

/// The evidence, and the paths that the table describes.
#[derive(Debug, Deserialize)]
pub struct Facts {
    paths: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "x-evidence")]
    pub evidence: Vec<Evidence>,
}

impl Facts {
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }
}

/// All of it, in the order of the table.
///
/// # Errors
/// The table cannot be read: the place, and what is wrong with it.
pub fn facts() -> Result<Facts, Error> {
    let (name, text) = FACTS;
    serde_saphyr::from_str(text).map_err(|error| Error::Unreadable {
        file: name.to_owned(),
        why: error.to_string(),
    })
}
