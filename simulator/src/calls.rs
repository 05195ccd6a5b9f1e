//! The log of calls: what was asked of which system, in order, with the answer's status. Never holds a header, a body,
//! a token or a secret; values of query parameters that carry one are blotted out.

use serde::Serialize;

use crate::exchange::Query;

/// A simulated system by its name, which the log and the control port use. Each service names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct System(pub(crate) &'static str);

impl System {
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// From 1, over all systems.
    pub sequence: u64,
    pub system: System,
    pub method: String,
    /// Without the query.
    pub path: String,
    /// As it was sent, without `?`; secrets and tokens are `REDACTED`.
    pub query: String,
    /// Absent where the connection closed without an answer, and while the call is under way.
    pub status: Option<u16>,
    /// When it arrived, epoch milliseconds of the simulator's clock.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// The fault that was played, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// Query parameters whose values are credentials.
const SECRET_PARAMETERS: [&str; 9] = [
    "client_secret",
    "access_token",
    "refresh_token",
    "jwt_token",
    "id_token",
    "token",
    "code",
    "password",
    "assertion",
];

pub(crate) fn is_secret(name: &str) -> bool {
    SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

pub(crate) fn redacted(raw_query: &str) -> String {
    let query = Query::parse(raw_query);
    if !query.pairs().iter().any(|(name, _)| is_secret(name)) {
        return raw_query.to_owned();
    }
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.pairs() {
        out.append_pair(name, if is_secret(name) { "REDACTED" } else { value });
    }
    out.finish()
}
