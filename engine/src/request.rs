//! What the controller hands in, and what it gets back: values of `core`, nothing of Kubernetes.

use std::time::Duration;

use audience_sharing_core::blocker::{Blocker, Bounded};
use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{
    SegmentDestination, Share, ShareName, SourceSelector, Strategy,
};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::{AudienceId, DataSourceId};
use audience_sharing_core::domain::labels::{ExportControls, UsageLabels};
use audience_sharing_core::domain::mark::{EntryKey, UidPrefix};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::{CreatedFolders, Tenant};
use audience_sharing_core::ownership::Left;
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::limits::ItemCounts;
use audience_sharing_core::plan::source::audience_manager::Home;
use audience_sharing_core::plan::used_by::UsedBy;
use audience_sharing_core::plan::{shared_objects, to_audience_manager, to_experience_platform};

use super::freshness::Freshness;
use adobe_client::Error;
use adobe_client::gateway::Priority;

/// One audience to be reconciled.
#[derive(Clone, Debug)]
pub struct ReconcileRequest {
    pub share: Share,
    pub created: CreatedAt,
    /// The source that an earlier resolution recorded.
    pub pinned: Option<SourceId>,
    pub recorded: to_audience_manager::RecordedIds,
    /// Of a share to Experience Platform.
    pub recorded_audience: to_experience_platform::RecordedAudience,
    pub recorded_tenant: Tenant,
    /// The declared state is not reached yet: its reads go before those of audiences that are only checked again.
    pub is_change: bool,
    pub freshness: Freshness,
}

/// One audience that leaves, by what its status recorded.
#[derive(Clone, Debug)]
pub struct DeletionRequest {
    pub share: ShareName,
    pub uid: UidPrefix,
    pub source: Option<SourceId>,
    /// As the spec names the source: it is found by it where the status never recorded one.
    pub selector: Option<SourceSelector>,
    pub data_source: Option<DataSourceId>,
    pub recorded: to_audience_manager::RecordedIds,
    /// As far as the spec can be read.
    pub declared: Vec<SegmentDestination>,
    /// Its spec declares models.
    pub declares_models: bool,
    /// `Some`: it was shared to Experience Platform.
    pub recorded_audience: Option<to_experience_platform::RecordedAudience>,
    /// Its strategy there; only a resource with the same strategy can take it over.
    pub strategy: Strategy,
    pub recorded_tenant: Tenant,
    /// Others that manage a source of the same two tenants; one of them may take the objects over.
    pub rivals: Vec<Declaration>,
    pub freshness: Freshness,
}

impl ReconcileRequest {
    /// A change of what exists goes before a creation, of which there may be thousands, and that before another check.
    pub(super) fn priority(&self) -> Priority {
        let exists = self.recorded.trait_sid.is_some()
            || self.recorded.segment_sid.is_some()
            || self.recorded_audience.audience.is_some();
        match (self.is_change, exists) {
            (true, true) => Priority::Change,
            (true, false) => Priority::Creation,
            (false, _) => Priority::Resync,
        }
    }
}

/// What a `SharedAudience` asks for, before it is its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    pub share: ShareName,
    pub uid: UidPrefix,
    pub created: CreatedAt,
    pub source: SourceSelector,
    pub pinned: Option<SourceId>,
    /// The data source of a source in Audience Manager: with all of them known before the first resync, one list a data source
    /// is enough.
    pub home: Option<Home>,
    /// Of its additional segments.
    pub additional_keys: Vec<Box<str>>,
    /// Of the algorithmic traits of its models.
    pub trait_keys: Vec<Box<str>>,
    pub model_keys: Vec<EntryKey>,
    pub destinations: Vec<SegmentDestination>,
    pub strategy: Strategy,
}

/// Why something is not as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub reason: Reason,
    /// For the status: what, which object, how to mend it.
    pub message: String,
    /// Where a server, or patience, names a time; else the reason says who tries again.
    pub look_again: Option<Duration>,
    /// It is the connection's: reported there, and only referred to on its audiences.
    pub of_connection: bool,
}

impl From<Blocker> for Problem {
    fn from(blocker: Blocker) -> Self {
        Self::new(blocker.reason(), blocker.message())
    }
}

impl Problem {
    /// Of one object alone.
    pub fn new(reason: Reason, message: String) -> Self {
        Self {
            reason,
            message,
            look_again: None,
            of_connection: false,
        }
    }

    #[must_use]
    pub fn of_connection(self) -> Self {
        Self {
            of_connection: true,
            ..self
        }
    }

    /// Who tries again, and when.
    pub fn disposition(&self) -> Disposition {
        match self.look_again {
            Some(pause) => Disposition::RetryAfter(pause),
            None => self.reason.disposition(),
        }
    }

    /// A write that was not sent.
    pub(super) fn lease_not_held(call: &Call) -> Self {
        let reason = Reason::LeaseNotHeld;
        let message = format!(
            "Could not {}: another replica holds the lease. {}",
            call.label(),
            reason.remedy()
        );
        Self::new(reason, message).of_connection()
    }

    /// `what` was to be done when the call failed.
    pub(super) fn failed(what: &str, error: &Error) -> Self {
        let message = match error.reason() {
            // Whichever call was the last one: it holds for all of them, and the same text is not reported anew.
            Reason::Throttled => format!(
                "Adobe is rate-limiting this credential. Nothing more was changed. {}",
                Reason::Throttled.remedy()
            ),
            _ => format!("Could not {what}: {error}. {}", error.hint()),
        };
        Self {
            reason: error.reason(),
            message,
            look_again: error.retry_after(),
            of_connection: is_of_connection(error),
        }
    }

    /// Where Audience Manager shows no permissions, a right that is missing shows at a write in the middle of a plan: what
    /// exists by then, and what is due and not done.
    #[must_use]
    pub(super) fn stopped_in_the_middle(self, exists: &[String], due: &[String]) -> Self {
        let mut message = self.message;
        if !exists.is_empty() {
            message += &format!(" Already there and kept: {}.", Bounded(exists));
        }
        message += &format!(
            " Not done: {}. The operator continues automatically once the right is granted.",
            Bounded(due)
        );
        Self { message, ..self }
    }
}

/// Failures that every other call of the connection would meet too.
fn is_of_connection(error: &Error) -> bool {
    matches!(
        error.reason(),
        Reason::CredentialsRefused
            | Reason::IdentityServiceUnavailable
            | Reason::Throttled
            | Reason::LeaseNotHeld
            | Reason::AudienceManagerUnavailable
            | Reason::ExperiencePlatformUnavailable
    )
}

/// The source as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub id: SourceId,
    pub name: Box<str>,
    /// In its system's own word.
    pub lifecycle: Box<str>,
    /// Of a source of Audience Manager.
    pub data_source: Option<DataSourceId>,
}

/// What one job on an audience found.
#[derive(Clone, Debug)]
pub struct ReconcileOutcome {
    pub source: Option<Origin>,
    /// `None`: nothing could be judged, and what is recorded stays so.
    pub observed_state: Option<to_audience_manager::ObservedState>,
    /// The export controls of the data source that the audience is in.
    pub controls: ExportControls,
    /// The same of the audience in Experience Platform.
    pub audience: Option<ObservedPlatformAudience>,
    pub used_by: UsedBy,
    pub shared_objects: shared_objects::ObservedSharedObjects,
    pub tenant: Tenant,
    /// A digest of what is desired; absent unless all of it exists.
    pub applied_hash: Option<String>,
    /// A sentence for each text that a service stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
    /// The worst of what is in the way.
    pub problem: Option<Problem>,
    /// The source was found by a name or code: nothing is created before the status names its id.
    pub records_source_first: bool,
}

/// The audience in Experience Platform of a share in that direction; all absent while there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedPlatformAudience {
    pub id: Option<AudienceId>,
    /// Under which memberships name it; of a definition, its id.
    pub audience_id: Option<Box<str>>,
    pub namespace: Option<Box<str>>,
    pub labels: UsageLabels,
    /// Adobe's source connector delivers it.
    pub observed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// Nothing of ours is left. Names what the status records and is not ours any more.
    Gone(Left),
    /// Another `SharedAudience` shares the source; its mark is on the objects.
    HandedOver(ShareName),
    Blocked(Problem),
}

/// The shared objects, as the connection's status reports them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedObjectsReport {
    pub observed_state: shared_objects::ObservedSharedObjects,
    pub created_folders: CreatedFolders,
    pub problem: Option<Problem>,
    /// An audience needed them already.
    pub needed: bool,
}

/// The connection as its engine sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A resync has ended well since the engine started.
    pub ready: bool,
    /// Resyncs that ended, well or not.
    pub resyncs: u64,
    pub tenant: Tenant,
    pub shared_objects: SharedObjectsReport,
    /// As the last lists showed.
    pub items: ItemCounts,
    /// What stops the whole connection, or why the last resync failed.
    pub failure: Option<Problem>,
}

/// The engine has ended; a new one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine of this connection has ended")]
pub struct EngineEnded;

/// Why an audience was not brought to where it shall be, nor judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReconciled {
    #[error(transparent)]
    Ended(#[from] EngineEnded),
    /// The request is outdated, or that could not be checked: nothing was written.
    #[error("what was asked has changed meanwhile")]
    Superseded,
    /// A defect: nothing more was planned for it. The engine goes on for all others.
    #[error("the engine panicked while it planned for this audience")]
    Panicked,
}
