//! Why something is not done: one variant for each cause, with the objects it is about.
//!
//! Pure data. The text for people is rendered in [`messages`] alone; who tries again follows from the reason.

mod bounded;
mod messages;

pub use bounded::Bounded;

use crate::compose::{ShareName, SourceGonePolicy};
use crate::domain::identifier::{
    AudienceId, CompanyId, DataSourceId, DestinationId, IntegrationCode, ModelId, SandboxId,
    SegmentSid, TraitSid,
};
use crate::domain::labels::{ExportControl, ExportControls, Unlabelled, UsageLabels};
use crate::domain::mark::Mark;
use crate::domain::reason::Reason;
use crate::domain::rights::Right;
use crate::domain::source::{AudienceManagerSelector, SourceId};

/// A remote object as messages name it: `trait 77 "Loyal gamers"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    noun: &'static str,
    title: Box<str>,
}

impl ObjectName {
    /// `title`: what distinguishes it from others of its kind, its id and name as a rule.
    pub(crate) fn new(noun: &'static str, title: impl Into<Box<str>>) -> Self {
        let title = title.into();
        Self { noun, title }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    // Whose an object is.
    /// It has our natural key and no mark, and the adoption policy does not take it over.
    NotAdopted(ObjectName, NoAdoption),
    /// The same of a data source for audiences under export controls.
    DataSourceNotAdopted(ObjectName),
    /// An object with our integration code is no onboarded trait.
    NotOnboarded(ObjectName),
    ForeignMark(ObjectName, Mark),
    /// Another resource of this owner has the object or the source.
    ClaimedBy(ObjectName, ShareName),
    /// It carries the mark of a resource that may exist: its namespace is not watched.
    UnwatchedHolder(ObjectName, ShareName),
    /// It was ours, and carries this other mark now.
    TakenOver(ObjectName, Mark),
    /// It is recorded, and has neither our mark nor our natural key.
    OwnershipLost(ObjectName),
    /// A definition with our mark whose expression cannot be read.
    UnreadableDefinition(ObjectName),

    // The tenant.
    OtherCompany {
        recorded: CompanyId,
        observed: CompanyId,
    },
    OtherSandbox {
        recorded: SandboxId,
        observed: SandboxId,
    },
    /// Audience Manager does not grant the right that a call needs; `call` and `object` in words.
    RightMissing {
        right: Right,
        object: Box<str>,
        call: Box<str>,
    },
    /// Only an administrator creates a data source; its name.
    NotAdministrator(Box<str>),

    // The source.
    AudiencesNotListed,
    /// By name.
    AudienceNotFound(Box<str>),
    AudienceAmbiguous(Box<str>, Vec<AudienceId>),
    SourceNotFound(AudienceManagerSelector),
    SourceAmbiguous(AudienceManagerSelector, Vec<u64>),
    /// `spec.source` names another object than the recorded one.
    SourceChanged {
        named: SourceId,
        recorded: SourceId,
    },
    SharingLoop(ObjectName, LoopSign),
    /// Adobe's products do not let it pass.
    NotShareable(ObjectName, Bar),
    SourceGone(GoneSource, SourceGonePolicy),

    // Shared objects and labels.
    /// No API is known that makes a data source with these controls.
    ExportControlsUnsupported {
        controls: ExportControls,
        data_source: Box<str>,
    },
    ExportControlMissing(ObjectName, ExportControl),
    /// An element of the list cannot be read, and may be this object, which the list lacks.
    Unreadable(ObjectName),
    /// A listed data source cannot be read, and may be the one with this name.
    UnreadableDataSource {
        id: Option<DataSourceId>,
        name: Box<str>,
    },
    /// The audience is not in the data source that its labels ask for.
    Misplaced {
        because: Box<Blocker>,
        shared_trait: ObjectName,
        data_source: DataSourceId,
        /// Which control it lacks there.
        lacking: Option<ExportControl>,
    },
    UsageLabelsUnknown {
        source: SourceId,
        /// It exists already.
        audience: Option<ObjectName>,
        because: Unlabelled,
    },
    /// The audience of Adobe's connector lacks labels, and only Adobe writes it.
    UsageLabelsRefused {
        audience: ObjectName,
        lacking: UsageLabels,
    },

    // The audience's objects.
    /// The mark does not fit into a description.
    MarkTooLong,
    /// Adobe's own sharing has not delivered the audience with this code.
    AwaitingAdobeSharing(IntegrationCode),
    /// Adobe's own pair, by its segment or else its trait, has no members yet: it does not take the place of ours.
    AwaitingMembers(ObjectName),
    /// Neither active nor inactive: each is of no use.
    Suspended(Vec<SuspendedObject>),
    /// Adobe's source connector has not delivered the audience with this id.
    AwaitingConnector(Box<str>),
    /// The same; a definition over it would have no members.
    NoMemberSource(Box<str>),

    // Models.
    /// The name of one that would be one too many, and how many may run.
    ModelLimit(Box<str>, usize),
    /// The same of an algorithmic trait.
    AlgorithmicTraitLimit(Box<str>, usize),
    /// It has another basis than its entry declares, and a model's basis never changes.
    ModelOutdated(ObjectName),
    /// A trait under the code of an algorithmic one that is not made of this model.
    NotOfModel(ObjectName, ModelId),
    /// Its traits wait for a run with data, or are filled no more.
    ModelRunning(ObjectName, ModelState),

    // Activation.
    /// By name.
    DestinationNotFound(Box<str>),
    DestinationGone(DestinationId),
    DestinationAmbiguous(Box<str>, Vec<DestinationId>),
    /// The API maps no segment to a destination of this kind.
    DestinationUnsupported {
        destination: ObjectName,
        name: Box<str>,
        kind: Box<str>,
    },
    DestinationInactive(ObjectName),
    /// Two entries of one segment lead to the same destination.
    DestinationTwice {
        /// The key of the additional segment; `None` for the shared one.
        segment: Option<Box<str>>,
        keys: [Box<str>; 2],
        destination: ObjectName,
    },
    MappingKeyMisfit {
        destination: ObjectName,
        kind: Box<str>,
        entry: Box<str>,
        field: &'static str,
        /// The destination needs it and the entry lacks it; else the other way round.
        needed: bool,
    },
    ExportControlsViolated(Vec<ForbiddenDestination>),
    TraitNotFound {
        segment: Box<str>,
        key: Box<str>,
        found_by: Box<str>,
    },
    TraitAmbiguous {
        segment: Box<str>,
        key: Box<str>,
        found_by: Box<str>,
        sids: Vec<TraitSid>,
    },
    /// The rule of the additional segment with this key.
    RuleRefused(Box<str>, RuleFault),
    /// The rule uses a key that its traits do not have.
    RuleKeyUnknown {
        segment: Box<str>,
        key: Box<str>,
    },

    // Deletion.
    /// A person mapped the segment.
    MappedByHand(SegmentSid, Vec<ObjectName>),
    TraitInUse(TraitSid, Vec<ObjectName>),
}

/// The adoption policy that refused an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAdoption {
    /// `IfEqual`, and the object differs from what is declared.
    Differs,
    Never,
}

/// By which sign a source came from the other system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopSign {
    /// An audience that carries the mark of sharing.
    MarkedAudience(Mark),
    /// An audience of Adobe's source connector.
    ConnectorsAudience,
    /// A trait or segment that carries the mark of sharing.
    Marked(Mark),
    /// Its data source, by name.
    DataSource(Box<str>),
    /// The id of an audience, as its integration code.
    Code(IntegrationCode),
    /// The audience that its rule names.
    Rule(AudienceId),
}

/// Why Adobe's products do not let a source pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    Folder,
    /// It is in another company's data source.
    OtherCompanys(DataSourceId),
}

/// A source that its own system shows as deleted or deactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoneSource {
    NoAudience(AudienceId),
    DeletedAudience(ObjectName),
    InactiveAudience(ObjectName),
    /// A trait or segment.
    NoObject(ObjectName),
    /// A trait or segment.
    InactiveObject(ObjectName),
}

/// A trait or segment with a status that no person sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendedObject {
    pub(crate) object: ObjectName,
    pub(crate) status: Box<str>,
    /// Traits that its rule names and Audience Manager does not show.
    pub(crate) unresolved: Vec<String>,
}

/// A destination, and the export controls that forbid it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenDestination {
    pub(crate) id: DestinationId,
    pub(crate) name: Box<str>,
    /// `None`: Audience Manager does not show the destination's labels.
    pub(crate) controls: Option<Vec<Box<str>>>,
}

/// Why a model yields nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelState {
    NotRunYet,
    Failed,
    WithoutData,
    /// Adobe ended it after three runs without data, for good.
    Deactivated,
}

/// Why Audience Manager may have refused a rule; traits in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleFault {
    TraitsMissing(Vec<String>),
    /// All of its traits exist.
    Traits(Vec<String>),
    Unknown,
}

impl Blocker {
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotAdopted(..) | Self::DataSourceNotAdopted(_) | Self::NotOnboarded(_) => {
                Reason::AdoptionRefused
            }
            Self::ForeignMark(..) | Self::UnwatchedHolder(..) | Self::TakenOver(..) => {
                Reason::ManagementConflict
            }
            Self::ClaimedBy(..) => Reason::SourceClaimed,
            Self::OwnershipLost(_) => Reason::OwnershipLost,
            Self::UnreadableDefinition(_)
            | Self::Unreadable(_)
            | Self::UnreadableDataSource { .. } => Reason::UnexpectedAnswer,
            Self::OtherCompany { .. } => Reason::TenantMismatch,
            Self::OtherSandbox { .. } => Reason::SandboxReset,
            Self::RightMissing { .. } | Self::NotAdministrator(..) => Reason::AccessDenied,
            Self::AudiencesNotListed => Reason::Progressing,
            Self::AudienceNotFound(..) | Self::SourceNotFound(_) => Reason::SourceNotFound,
            Self::AudienceAmbiguous(..) | Self::SourceAmbiguous(..) => Reason::SourceAmbiguous,
            Self::SourceChanged { .. } => Reason::SourceChanged,
            Self::SharingLoop(..) => Reason::SharingLoop,
            Self::NotShareable(..) => Reason::SourceNotShareable,
            Self::SourceGone(source, _) => source.reason(),
            Self::ExportControlsUnsupported { .. } => Reason::ExportControlUnsupported,
            Self::ExportControlMissing(..) => Reason::ExportControlMissing,
            Self::Misplaced { because, .. } => because.reason(),
            Self::UsageLabelsUnknown { .. } => Reason::UsageLabelsUnknown,
            Self::UsageLabelsRefused { .. } => Reason::UsageLabelsRefused,
            Self::MarkTooLong => Reason::NameTooLong,
            Self::AwaitingAdobeSharing(_)
            | Self::AwaitingMembers(_)
            | Self::AwaitingConnector(_) => Reason::AwaitingAdobeSharing,
            Self::Suspended(_) => Reason::ObjectSuspended,
            Self::NoMemberSource(_) => Reason::NoMemberSource,
            Self::ModelLimit(..) | Self::AlgorithmicTraitLimit(..) => Reason::LimitExceeded,
            Self::ModelOutdated(_) | Self::NotOfModel(..) => Reason::ModelOutdated,
            Self::ModelRunning(_, state) => match state {
                ModelState::NotRunYet | ModelState::Failed => Reason::ModelRunning,
                ModelState::WithoutData => Reason::ModelWithoutData,
                ModelState::Deactivated => Reason::ModelDeactivated,
            },
            Self::DestinationNotFound(..) | Self::DestinationGone(_) => Reason::DestinationNotFound,
            Self::DestinationAmbiguous(..) => Reason::DestinationAmbiguous,
            Self::DestinationUnsupported { .. } => Reason::DestinationUnsupported,
            Self::DestinationInactive(_) => Reason::DestinationInactive,
            Self::DestinationTwice { .. } | Self::MappingKeyMisfit { .. } => Reason::MappingInvalid,
            Self::ExportControlsViolated(_) => Reason::ExportControlViolated,
            Self::TraitNotFound { .. } => Reason::TraitNotFound,
            Self::TraitAmbiguous { .. } => Reason::TraitAmbiguous,
            Self::RuleRefused(..) | Self::RuleKeyUnknown { .. } => Reason::RuleInvalid,
            Self::MappedByHand(..) | Self::TraitInUse(..) => Reason::DeletionBlocked,
        }
    }
}

impl GoneSource {
    fn reason(&self) -> Reason {
        match self {
            Self::NoAudience(_) | Self::DeletedAudience(_) | Self::NoObject(_) => {
                Reason::SourceNotFound
            }
            Self::InactiveAudience(_) | Self::InactiveObject(_) => Reason::SourceInactive,
        }
    }
}
