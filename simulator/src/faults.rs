//! Faults: which call goes wrong, and how. Data and matching only; `world` plays them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::calls::System;

/// A fault that is played on the calls that match.
///
/// `{"match": {"system": "audienceManager", "method": "POST", "pathContains": "/traits"}, "skip": 1, "times": 2,
/// "kind": {"effectThenError": {"status": 503}}}`. A kind without members, or whose members all have defaults, is its
/// name alone: `"crashBeforeSend"`, `"throttle"`, `"staleList"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// All of the named conditions hold; none named: every call.
    #[serde(rename = "match", default)]
    pub matching: Match,
    /// Leaves out this many calls that match.
    #[serde(default)]
    pub skip: u32,
    /// How often it is played; 0: until the faults are cleared.
    #[serde(default = "once")]
    pub times: u32,
    #[serde(deserialize_with = "kind")]
    pub kind: FaultKind,
}

impl Fault {
    /// Played once, on the call with this sequence number.
    pub fn at(call: u64, kind: FaultKind) -> Self {
        Self {
            matching: Match {
                call: Some(call),
                ..Match::default()
            },
            skip: 0,
            times: 1,
            kind,
        }
    }
}

fn once() -> u32 {
    1
}

fn one_write() -> usize {
    1
}

/// The kinds whose members all have defaults may be named alone.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultKind, D::Error> {
    let given = match Value::deserialize(deserializer)? {
        Value::String(name) if ["throttle", "staleList"].contains(&name.as_str()) => {
            json!({ name: {} })
        }
        given => given,
    };
    serde_json::from_value(given).map_err(D::Error::custom)
}

/// Seconds are often written as a number.
fn retry_after<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(seconds) => Ok(Some(seconds.to_string())),
        _ => Err(D::Error::custom(
            "retryAfter must be seconds or an HTTP date",
        )),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Match {
    /// The sequence number of the call, over all systems, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Compared with path and query as they were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
}

/// What goes wrong. `emptyList` and `staleList` match calls of list endpoints only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum FaultKind {
    /// The connection closes, nothing happened.
    CrashBeforeSend,
    /// It happened; the connection closes without an answer.
    EffectThenReset,
    /// It happened; the answer is an error.
    EffectThenError { status: u16 },
    /// Nothing happened; the answer is an error. Without a body: the system's own shape.
    Error {
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// The connection closes without an answer; it happens after `delay_ms` on the simulator's clock.
    LateEffect { delay_ms: u64 },
    /// 429, with `Retry-After` (seconds or an HTTP date, sent as it stands) where given.
    Throttle {
        #[serde(
            default,
            deserialize_with = "retry_after",
            skip_serializing_if = "Option::is_none"
        )]
        retry_after: Option<String>,
    },
    /// 401, gateway code 401013.
    Unauthorized,
    /// 403 in the service's own shape.
    Forbidden,
    /// The right status and the first half of the body.
    TruncatedBody,
    /// 200 and an HTML page; nothing happened.
    WrongType,
    /// The list as it was this many writes ago (at most 256).
    StaleList {
        #[serde(default = "one_write")]
        writes: usize,
    },
    /// The list without its members.
    EmptyList,
    /// The right answer, `delay_ms` after the effect.
    Slow { delay_ms: u64 },
}

impl FaultKind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::CrashBeforeSend => "crashBeforeSend",
            Self::EffectThenReset => "effectThenReset",
            Self::EffectThenError { .. } => "effectThenError",
            Self::Error { .. } => "error",
            Self::LateEffect { .. } => "lateEffect",
            Self::Throttle { .. } => "throttle",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TruncatedBody => "truncatedBody",
            Self::WrongType => "wrongType",
            Self::StaleList { .. } => "staleList",
            Self::EmptyList => "emptyList",
            Self::Slow { .. } => "slow",
        }
    }

    /// Whether what is answered then is not what the service would say by itself.
    pub(crate) fn alters_answer(&self) -> bool {
        !matches!(
            self,
            Self::StaleList { .. } | Self::EmptyList | Self::Slow { .. }
        )
    }

    fn lists_only(&self) -> bool {
        matches!(self, Self::StaleList { .. } | Self::EmptyList)
    }
}

/// What a fault is matched against.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) sequence: u64,
    pub(crate) system: System,
    pub(crate) method: &'a str,
    pub(crate) path_and_query: &'a str,
    pub(crate) is_list: bool,
}

/// The faults that wait for their calls.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Waiting>);

#[derive(Debug)]
struct Waiting {
    fault: Fault,
    skipped: u32,
    played: u32,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(Waiting {
            fault,
            skipped: 0,
            played: 0,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that wants this call; spent ones are dropped. Every fault counts what it leaves out by itself.
    pub(crate) fn take(&mut self, candidate: &Candidate<'_>) -> Option<FaultKind> {
        let mut found = None;
        for waiting in &mut self.0 {
            if !waiting.wants(candidate) {
                continue;
            }
            if waiting.skipped < waiting.fault.skip {
                waiting.skipped += 1;
                continue;
            }
            if found.is_none() {
                waiting.played += 1;
                found = Some(waiting.fault.kind.clone());
            }
        }
        self.0
            .retain(|waiting| waiting.fault.times == 0 || waiting.played < waiting.fault.times);
        found
    }
}

impl Waiting {
    fn wants(&self, candidate: &Candidate<'_>) -> bool {
        let Match {
            call,
            system,
            method,
            path_contains,
        } = &self.fault.matching;
        call.is_none_or(|call| call == candidate.sequence)
            && system.is_none_or(|system| system == candidate.system)
            && method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(candidate.method))
            && path_contains
                .as_ref()
                .is_none_or(|part| candidate.path_and_query.contains(part.as_str()))
            && (candidate.is_list || !self.fault.kind.lists_only())
    }
}
