//! What holds for all services: what becomes of texts and answers, and how much a credential may ask.

use serde::{Deserialize, Serialize};

switches! {
    /// Switches of all services.
    SharedFlags {
        /// How names, descriptions and addresses are stored.
        stored_texts: StoredTexts = StoredTexts::AsSent => StoredTexts::SpacesCollapsed,
        /// A longer description is cut after this many characters; `None`: it is stored whole. Worse: as long as a name.
        description_characters_max: Option<usize> = None => Some(255),
        /// Whether answers carry a member that no reference names.
        unknown_fields: bool = false => true,
        /// How a service refuses a credential without its scope or product profile: 403, or 401 as if the token were wrong.
        unentitled_status: u16 = 403 => 401,
        /// Requests that a credential may make; `None`: no limit.
        rate_limit: Option<RateLimit> = None,
    }
}

/// A token bucket per credential and system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    pub requests_per_minute: u64,
    pub burst: u64,
    /// Whether the 429 says when to come back.
    #[serde(default)]
    pub retry_after: bool,
}

readings! {
    /// How a service stores a text that a client sends.
    StoredTexts {
        AsSent,
        /// Runs of white space become one space, and those at the ends go.
        SpacesCollapsed,
        /// In Unicode's composed form (NFC).
        Composed,
    }
}
