//! Conditions: from what a reconcile found to the list that status carries.
//!
//! Pure: the time and the previous list come in as values. It never moves a `lastTransitionTime` without a change of
//! `status`, never writes a part of a second (the server drops it, and the list would never equal itself read back:
//! measured.md §2), and never says `Reconciling` and `Stalled` at once (peers.md §2.1).

pub mod laws;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::Problem;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::common::Condition;

/// The most bytes of a condition's message; the bound of `metav1.Condition` is 32,768, a column shows far less.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

/// What is known of one condition.
pub(super) type Judgment = (ConditionStatus, Reason, String);

pub(super) fn failed(problem: &Problem) -> Judgment {
    (
        ConditionStatus::False,
        problem.reason,
        problem.message.clone(),
    )
}

pub(super) fn succeeded(message: &str) -> Judgment {
    (ConditionStatus::True, Reason::Succeeded, message.to_owned())
}

/// It cannot be judged, because of the problem that `Ready` reports.
pub(super) fn not_checked() -> Judgment {
    let message = "Not checked, since another problem comes first; see Ready.";
    (ConditionStatus::Unknown, Reason::Pending, message.into())
}

macro_rules! condition_types {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The types of the conditions, in their order in status.
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
    /// Everything exists as declared. Always present.
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
    /// The data source and the folders exist.
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

/// The list of one reconcile under construction. What is not set is absent from the result, unless the known ones are kept.
#[derive(Clone, Debug)]
pub struct Conditions<'previous> {
    previous: &'previous [Condition],
    generation: i64,
    now: Timestamp,
    set: BTreeMap<ConditionType, (ConditionStatus, Reason, String)>,
    keeps_known: bool,
}

impl<'previous> Conditions<'previous> {
    /// `previous` is the list as last written; `generation` the one of the spec that this reconcile acted on.
    pub fn after(previous: &'previous [Condition], generation: i64, now: Timestamp) -> Self {
        Self {
            previous,
            generation,
            now: whole_seconds(now),
            set: BTreeMap::new(),
            keeps_known: false,
        }
    }

    /// Whether work goes on in spite of what is wrong, or a person is needed.
    #[must_use]
    pub(super) fn with_problem(self, problem: Option<&Problem>) -> Self {
        let Some(problem) = problem else {
            return self;
        };
        let abnormal = match problem.disposition() {
            Disposition::Stalled => ConditionType::Stalled,
            Disposition::Retry | Disposition::RetryAfter(_) | Disposition::Wait => {
                ConditionType::Reconciling
            }
        };
        self.set(
            abnormal,
            ConditionStatus::True,
            problem.reason,
            &problem.message,
        )
    }

    #[must_use]
    pub(super) fn with<const COUNT: usize>(
        self,
        judgments: [(ConditionType, Judgment); COUNT],
    ) -> Self {
        judgments
            .into_iter()
            .fold(self, |all, (condition, (status, reason, message))| {
                all.set(condition, status, reason, message)
            })
    }

    /// What is not set stays as it was last written, the generation that it is about included. An object that has no
    /// verdict yet stays pending.
    #[must_use]
    pub fn keep_known(mut self) -> Self {
        self.keeps_known = true;
        match ready(self.previous) {
            Some(_) => self,
            None => self.set(
                ConditionType::Ready,
                ConditionStatus::Unknown,
                Reason::Pending,
                "Waiting for the first reconcile.",
            ),
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

    /// The list, `Ready` first. Where both `Reconciling` and `Stalled` were set, a defect of the caller, `Stalled` holds.
    pub fn finish(mut self) -> Vec<Condition> {
        if self.set.contains_key(&ConditionType::Stalled) {
            let both = self.set.remove(&ConditionType::Reconciling).is_some();
            debug_assert!(!both, "Reconciling and Stalled in one verdict");
        }
        let Self {
            previous,
            generation,
            now,
            set,
            keeps_known,
        } = self;
        let written: Vec<_> = set
            .into_iter()
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
            .collect();
        let is_written = |known: &Condition| written.iter().any(|new| new.type_ == known.type_);
        let known = previous
            .iter()
            .filter(|known| keeps_known && !is_written(known));
        let mut all: Vec<_> = known.cloned().collect();
        all.extend(written);
        all.sort_by_key(order);
        all
    }
}

/// Its place among the types; a word that another version wrote comes last.
fn order(condition: &Condition) -> usize {
    let types = ConditionType::ALL;
    let place = types
        .iter()
        .position(|known| condition.type_ == known.as_str());
    place.unwrap_or(types.len())
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

/// What is reported where all objects exist as declared but for the spelling of some texts: a sentence for each.
pub(super) fn stored_differently(sentences: &[String]) -> (Reason, String) {
    let reason = Reason::StoredDifferently;
    let shown = sentences.iter().take(RESPELLED_MAX).map(String::as_str);
    let more = (sentences.len() > RESPELLED_MAX).then_some("The same holds for further texts.");
    let all: Vec<&str> = shown.chain(more).chain([reason.remedy()]).collect();
    (reason, all.join(" "))
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
