//! Conditions: from what a pass found to the list that status carries.
//!
//! Pure: the time and the previous list come in as values. It never moves a `lastTransitionTime` without a change of
//! `status`, never writes a part of a second (the server drops it, and the list would never equal itself read back:
//! measured.md §2), and never says `Reconciling` and `Stalled` at once (peers.md §2.1).

pub mod laws;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use audience_sharing_core::domain::reason::Reason;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::common::Condition;

/// The most bytes of a condition's message; the bound of `metav1.Condition` is 32,768, a column shows far less.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

macro_rules! condition_types {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The types of the conditions, in the order in which they stand in status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ConditionType { $($(#[$doc])* $name),+ }

        impl ConditionType {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

condition_types! {
    /// Everything stands as declared. Always present.
    Ready,
    /// Work is under way, or waits for something that is watched. Present only while true.
    Reconciling,
    /// A person is needed. Present only while true.
    Stalled,
    /// `spec.suspend` is set. Present only while true.
    Suspended,
    /// Somebody else changed remote objects. Present only while true.
    Drifted,
    /// The deletion guard holds deletions back. Present only while true.
    DeletionsHeld,
    /// The connection and the source exist and are unambiguous.
    ReferencesResolved,
    /// IMS gives a token for the credential.
    CredentialsReady,
    AudienceManagerReachable,
    ExperiencePlatformReachable,
    /// The data source and the folders stand.
    SharedObjectsReady,
    ProfileMergeRuleReady,
    /// The objects in Audience Manager are as declared.
    AudienceManagerSynced,
    /// The audience in Experience Platform is as declared.
    ExperiencePlatformSynced,
    /// The receiving system reports a population.
    MembersArriving,
}

impl ConditionType {
    /// Whether the condition is present only while it is true (design.md §3).
    pub const fn only_while_true(self) -> bool {
        matches!(
            self,
            Self::Reconciling
                | Self::Stalled
                | Self::Suspended
                | Self::Drifted
                | Self::DeletionsHeld
        )
    }
}

/// A condition's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

impl ConditionStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The list of one pass under construction. What is not set is absent from the result.
#[derive(Clone, Debug)]
pub struct Conditions<'previous> {
    previous: &'previous [Condition],
    generation: i64,
    now: Timestamp,
    set: BTreeMap<ConditionType, (ConditionStatus, Reason, String)>,
}

impl<'previous> Conditions<'previous> {
    /// `previous` is the list as last written; `generation` the one of the spec that this pass acted on.
    pub fn after(previous: &'previous [Condition], generation: i64, now: Timestamp) -> Self {
        Self {
            previous,
            generation,
            now: whole_seconds(now),
            set: BTreeMap::new(),
        }
    }

    /// Sets a condition; the last word on a type holds. One that is present only while true is left out when it is not
    /// true. `message` holds no time, no request id and no count of attempts, and is cut at [`MESSAGE_BYTES_MAX`].
    #[must_use]
    pub fn set(
        mut self,
        condition: ConditionType,
        status: ConditionStatus,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        if condition.only_while_true() && status != ConditionStatus::True {
            self.set.remove(&condition);
        } else {
            let mut message = message.into();
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            self.set.insert(condition, (status, reason, message));
        }
        self
    }

    /// The list, `Ready` first. Where both `Reconciling` and `Stalled` were set, a defect of the caller, `Stalled` stands.
    pub fn finish(mut self) -> Vec<Condition> {
        if self.set.contains_key(&ConditionType::Stalled) {
            let both = self.set.remove(&ConditionType::Reconciling).is_some();
            debug_assert!(!both, "Reconciling and Stalled in one pass");
        }
        let Self {
            previous,
            generation,
            now,
            set,
        } = self;
        set.into_iter()
            .map(|(condition, (status, reason, message))| {
                let since = previous
                    .iter()
                    .find(|old| old.type_ == condition.as_str() && old.status == status.as_str())
                    .map_or(now, |old| whole_seconds(old.last_transition_time.0));
                Condition {
                    type_: condition.as_str().into(),
                    status: status.as_str().into(),
                    reason: reason.as_str().into(),
                    message: message.into(),
                    observed_generation: Some(generation),
                    last_transition_time: Time(since),
                }
            })
            .collect()
    }
}

/// The reason of `Ready`; empty where there is no such condition.
pub fn ready_reason(conditions: &[Condition]) -> &str {
    ready(conditions).map_or("", |ready| &ready.reason)
}

pub fn is_ready(conditions: &[Condition]) -> bool {
    ready(conditions).is_some_and(|ready| ready.status == ConditionStatus::True.as_str())
}

fn ready(conditions: &[Condition]) -> Option<&Condition> {
    let mut conditions = conditions.iter();
    conditions.find(|condition| condition.type_ == ConditionType::Ready.as_str())
}

/// Texts that a message shows.
const RESPELLED_MAX: usize = 8;

/// What is told where all objects exist as declared but for the spelling of some texts: a sentence for each.
pub(super) fn stored_differently(told: &[String]) -> (Reason, String) {
    let reason = Reason::StoredDifferently;
    let shown = told.iter().take(RESPELLED_MAX).map(String::as_str);
    let more = (told.len() > RESPELLED_MAX).then_some("The same holds for further texts.");
    let sentences: Vec<&str> = shown.chain(more).chain([reason.remedy()]).collect();
    (reason, sentences.join(" "))
}

/// `time` without its part of a second.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(
        TimestampRound::new()
            .smallest(Unit::Second)
            .mode(RoundMode::Floor),
    )
    .unwrap_or(time)
}
