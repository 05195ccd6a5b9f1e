//! What an engine decides from: the inventory, the claims, the settings, and what is known to stop the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::{Call, Operation};
use audience_sharing_core::compose::{ConnectionSettings, Mode, ShareName};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::{ExportControls, UsageLabels};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::SegmentRule;
use audience_sharing_core::domain::source::{SourceId, SourceKind};
use audience_sharing_core::existence::Existing;
use audience_sharing_core::facts::{Answer, Response};
use audience_sharing_core::inventory::{Inventory, Tenant};
use audience_sharing_core::plan::source::audience_manager::Home;
use audience_sharing_core::plan::{Claims, Plan, rights, shared_objects};

use super::EngineObserver;
use super::dependency_index::DependencyIndex;
use super::request::{Declaration, Problem};
use adobe_client::{Error, Kind};

/// Of a refused rule.
const TRAITS_SHOWN_MAX: usize = 8;

/// What the decisions are made from; everything but the traffic.
/// A call for the shared objects that failed.
pub(super) struct SharedFailure {
    pub(super) call: Call,
    pub(super) problem: Problem,
    /// It is under way again: an audience that needs it waits for the answer.
    pub(super) retried: bool,
}

pub(super) struct EngineState {
    pub(super) settings: ConnectionSettings,
    pub(super) inventory: Inventory,
    pub(super) claims: Claims,
    pub(super) existing: Arc<dyn Existing + Send + Sync>,
    pub(super) dependency_index: DependencyIndex,
    pub(super) recorded_shared_objects: shared_objects::RecordedSharedObjects,
    /// What the labels of the managed audiences ask for, where they ask for anything.
    pub(super) controls: BTreeMap<ShareName, ExportControls>,
    pub(super) recorded_tenant: Tenant,
    /// Where the sources of Audience Manager stood, as statuses recorded them; used until the first pass knows better.
    pub(super) recorded_homes: BTreeSet<Home>,
    /// A full pass has ended well: absence can be judged.
    pub(super) ready: bool,
    /// What stops the whole connection.
    pub(super) failure: Option<Problem>,
    /// The calls for the shared objects that failed, and were not answered otherwise since.
    pub(super) shared_objects_failures: Vec<SharedFailure>,
    pub(super) shared_objects_needed: bool,
    pub(super) observer: Arc<dyn EngineObserver>,
}

impl EngineState {
    pub(super) fn declare(&mut self, declarations: Vec<Declaration>) {
        for declaration in declarations {
            let Declaration {
                share,
                uid: _,
                created,
                source,
                pinned,
                home,
                additional_keys: _,
                destinations: _,
                strategy: _,
            } = declaration;
            self.recorded_homes.extend(home);
            // A name that was never resolved has no older claim than its first look.
            if let Some(id) = pinned.or_else(|| source.id()) {
                self.claims.claim(&share, &id, created);
            }
        }
    }

    /// The lists that hold the shared sources of Audience Manager.
    pub(super) fn homes(&self) -> BTreeSet<Home> {
        let Inventory {
            traits, segments, ..
        } = &self.inventory;
        let known = self.claims.claimed().filter_map(|source| match source {
            SourceId::Audience(_) => None,
            SourceId::Trait(sid) => Some((SourceKind::Trait, traits.get(sid)?.record.data_source)),
            SourceId::Segment(sid) => {
                Some((SourceKind::Segment, segments.get(sid)?.record.data_source))
            }
        });
        let recorded = self.recorded_homes.iter().copied();
        known.chain(recorded.filter(|_| !self.ready)).collect()
    }

    /// Who the credential is and what it may see is asked again as long as that is what failed: an inactive sandbox
    /// denies its lists like a right that is missing.
    pub(super) fn is_identity_in_doubt(&self) -> bool {
        let failure = self.failure.as_ref().or(self.shared_objects_failure());
        let of_identity = |failure: &Problem| {
            matches!(
                failure.reason,
                Reason::AccessDenied
                    | Reason::TenantMismatch
                    | Reason::SandboxNotFound
                    | Reason::SandboxNotActive
            )
        };
        let company = self.inventory.tenant.company;
        company.is_none() || failure.is_some_and(of_identity) || self.lacks_administrator()
    }

    /// Only an administrator makes data sources; who is one shows nowhere but in the answer to who the credential is.
    fn lacks_administrator(&self) -> bool {
        let denied = |blocker: &Blocker| blocker.reason == Reason::AccessDenied;
        self.inventory.rights.administrator == Some(false)
            && self.shared_objects_needed
            && self
                .shared_objects_plan(Mode::Manage)
                .blockers
                .iter()
                .any(denied)
    }

    /// A status named the call's object as a shared one.
    pub(super) fn has_recorded(&self, call: &Call) -> bool {
        let recorded = &self.recorded_shared_objects;
        match call {
            Call::DataSource(call) => call.id().is_some_and(|id| {
                let mut controlled = recorded.controlled.iter();
                recorded.data_source == Some(id) || controlled.any(|(_, known)| *known == id)
            }),
            Call::TraitFolder(call) => call.id().is_some() && recorded.trait_folder == call.id(),
            Call::SegmentFolder(call) => {
                call.id().is_some() && recorded.segment_folder == call.id()
            }
            _ => false,
        }
    }

    /// Why a shared object could not be read or written.
    pub(super) fn shared_objects_failure(&self) -> Option<&Problem> {
        let first = self.shared_objects_failures.first();
        first.map(|failure| &failure.problem)
    }

    /// The connection's failure, as its audiences tell it.
    pub(super) fn not_ready(&self) -> Option<Problem> {
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.of_connection || !self.ready)?;
        Some(Problem {
            of_connection: true,
            ..failure.clone()
        })
    }

    /// What a failed call means to a person.
    pub(super) fn problem(&self, call: &Call, error: &Error) -> Problem {
        let what = call.label();
        let refused = error.kind() == Kind::RequestRefused;
        if refused && let Some(to) = call.moves_to() {
            return self.not_moved(call, to, &format!(": {error}"));
        }
        if refused && let Some(labels) = call.labels() {
            return not_labelled(call, labels, Some(error));
        }
        match self.explanation(call, error) {
            None => Problem::failed(&what, error),
            Some((reason, explanation)) => {
                Problem::new(reason, format!("Could not {what}: {error}. {explanation}"))
            }
        }
    }

    /// What an answer shows to be undone although it says that it is done.
    pub(super) fn undone(&self, call: &Call, response: &Response) -> Option<Problem> {
        if let Some(to) = unmoved(call, response) {
            return Some(self.not_moved(call, to, ", although it was answered as done"));
        }
        unlabelled(call, response).map(|labels| not_labelled(call, &labels, None))
    }

    /// An object stayed in its data source although it was told to go to another one.
    fn not_moved(&self, call: &Call, to: DataSourceId, because: &str) -> Problem {
        Problem::new(
            Reason::MoveRefused,
            format!(
                "Could not {} to data source {to}, whose export controls are those of the source's labels{because}. It \
                 stays where it is and is used under the export controls of its present data source. Audience Manager \
                 seems not to move an object between data sources: the way is a new one, with a new sid, no members at \
                 first, and destinations, models and segments that must be told of it. If that is acceptable, delete \
                 this SharedAudience and create it again; else take back the change of the labels.",
                call.label()
            ),
        )
    }

    /// Where the refusal of a call says less than what is known of its object.
    fn explanation(&self, call: &Call, error: &Error) -> Option<(Reason, String)> {
        let refused = matches!(error.kind(), Kind::RequestRefused | Kind::DeletionBlocked);
        // Which code such a refusal has is not documented (audience-manager.md §8.5).
        let export_control = error.code().is_some_and(|code| {
            let code = code.to_ascii_uppercase();
            code.contains("EXPORT_CONTROL") || code.contains("EXPORT_RESTRICTION")
        });
        match call {
            Call::Segment(Operation::Create(new)) if export_control => {
                Some(self.export_controlled(&new.rule))
            }
            Call::Segment(Operation::Update(expected, change)) if export_control => {
                Some(self.export_controlled(change.rule.as_ref().unwrap_or(&expected.rule)))
            }
            Call::Mapping(Operation::Create(_) | Operation::Update(..)) if export_control => Some((
                Reason::ExportControlled,
                "A data export control of the segment's traits or of its profile merge rule meets a label of the \
                 destination. Change the control or the label in Audience Manager, or take the destination out."
                    .into(),
            )),
            Call::Mapping(Operation::Create(new)) if refused => Some((
                Reason::RequestRefused,
                format!(
                    "Correct what the destination is given; if it takes no mapping from the API, or a data export control \
                     forbids it, Audience Manager says so under Audience Data > Destinations > {} > Segment Mappings.",
                    new.destination_name
                ),
            )),
            Call::Segment(Operation::Delete(_)) if refused => Some((
                Reason::DeletionBlocked,
                "A segment that is mapped to a destination cannot be deleted. Remove the mappings that were made by hand, \
                 in Audience Manager under Audience Data > Destinations, or set deletionPolicy to Retain."
                    .into(),
            )),
            // No API lists profile merge rules: that one is missing shows when a segment that names it is refused.
            _ if error.kind() == Kind::RequestRefused => {
                let id = shared_objects::unlisted_merge_rule(call, &self.inventory)?;
                Some((
                    Reason::ProfileMergeRuleNotFound,
                    format!(
                        "The connection names the profile merge rule with data source {id}, which Audience Manager does \
                         not list. Correct spec.audienceManager.profileMergeRule.dataSourceId of the SharingConnection, \
                         or leave it out for the account's default."
                    ),
                ))
            }
            _ => None,
        }
    }

    fn export_controlled(&self, rule: &str) -> (Reason, String) {
        let sids = SegmentRule::parse(rule).map(|rule| rule.traits());
        let sids = sids.into_iter().flatten();
        let named = sids.map(|sid| match self.inventory.traits.get(&sid) {
            Some(entry) => format!("{sid} {:?}", entry.record.name),
            None => sid.to_string(),
        });
        let named: Vec<_> = named.take(TRAITS_SHOWN_MAX).collect();
        let message = format!(
            "A data export control of the data source of one of the traits {} forbids it. Change the control in Audience \
             Manager, or take the trait out of the rule.",
            named.join(", ")
        );
        (Reason::ExportControlled, message)
    }

    /// The shared objects, with what the labels of all audiences need.
    pub(super) fn shared_objects_plan(
        &self,
        mode: Mode,
    ) -> Plan<shared_objects::ObservedSharedObjects> {
        self.shared_objects_with(&self.controls.values().copied().collect(), mode)
    }

    /// The same, apart for each set of export controls that is needed: what stands in the way of one set does not hold up
    /// the audiences of the others.
    pub(super) fn shared_objects_plans(
        &self,
        mode: Mode,
    ) -> Vec<Plan<shared_objects::ObservedSharedObjects>> {
        let mut needed: BTreeSet<ExportControls> = self.controls.values().copied().collect();
        needed.insert(ExportControls::NONE);
        let plans = needed.into_iter();
        let plans =
            plans.map(|controls| self.shared_objects_with(&BTreeSet::from([controls]), mode));
        plans.collect()
    }

    fn shared_objects_with(
        &self,
        needed: &BTreeSet<ExportControls>,
        mode: Mode,
    ) -> Plan<shared_objects::ObservedSharedObjects> {
        let plan = shared_objects::plan(
            &self.settings,
            &self.recorded_shared_objects,
            needed,
            &self.inventory,
            mode,
        );
        rights::checked(plan, &self.inventory)
    }

    /// The shared objects that an audience under these controls needs, if they stand; `Err(None)` while calls are due
    /// for them.
    pub(super) fn shared_objects_for(
        &mut self,
        mode: Mode,
        controls: ExportControls,
    ) -> Result<shared_objects::ObservedSharedObjects, Option<Problem>> {
        if mode == Mode::Manage && !self.shared_objects_needed {
            self.shared_objects_needed = true;
            self.inventory.expect_another_list();
        }
        let plan = self.shared_objects_with(&BTreeSet::from([controls]), mode);
        let told = |problem: &Problem| Problem {
            of_connection: true,
            ..problem.clone()
        };
        if let Some(blocker) = plan.blockers.into_iter().next() {
            return Err(Some(told(&blocker.into())));
        }
        if plan.steps.is_empty() {
            return Ok(plan.state);
        }
        let failures = self.shared_objects_failures.iter();
        let mut failures = failures.filter(|failure| {
            let mut steps = plan.steps.iter();
            !failure.retried && steps.any(|step| step.call == failure.call)
        });
        Err(failures.next().map(|failure| told(&failure.problem)))
    }

    /// What a user declares under another name is another object: the recorded one is no answer to it.
    pub(super) fn configure(&mut self, settings: ConnectionSettings) {
        let recorded = &mut self.recorded_shared_objects;
        if self.settings.data_source != settings.data_source {
            recorded.data_source = None;
            recorded.controlled.clear();
        }
        if self.settings.trait_folder != settings.trait_folder {
            recorded.trait_folder = None;
        }
        if self.settings.segment_folder != settings.segment_folder {
            recorded.segment_folder = None;
        }
        self.settings = settings;
        self.shared_objects_failures.clear();
    }

    /// A shared object that was found is found again by its id, whatever becomes of its name.
    pub(super) fn remember_shared_objects(
        &mut self,
        observed_state: &shared_objects::ObservedSharedObjects,
    ) {
        let recorded = &mut self.recorded_shared_objects;
        if !observed_state.adobes && observed_state.data_source.is_some() {
            recorded.data_source = observed_state.data_source;
        }
        recorded.trait_folder = observed_state.trait_folder.or(recorded.trait_folder);
        recorded.segment_folder = observed_state.segment_folder.or(recorded.segment_folder);
    }
}

/// Where an object was to go, if the answer to its update shows that it did not.
fn unmoved(call: &Call, response: &Response) -> Option<DataSourceId> {
    let stands_in = match response {
        Response::Trait(Answer::Written(written)) => written.data_source,
        Response::Segment(Answer::Written(written)) => written.data_source,
        _ => return None,
    };
    call.moves_to().filter(|to| *to != stands_in)
}

/// Labels that were to be put on an audience, if the answer shows that they were not.
fn unlabelled(call: &Call, response: &Response) -> Option<UsageLabels> {
    let Response::Audience(Answer::Written(Audience {
        labels: Some(found),
        ..
    })) = response
    else {
        return None;
    };
    let lacking = call.labels()?.missing_from(found);
    (!lacking.is_empty()).then_some(lacking)
}

/// Adobe's pages disagree about labels on an audience that is made from outside (experience-platform.md §4.4).
/// `error`: why, where the call was refused; else the answer shows it.
fn not_labelled(call: &Call, labels: &UsageLabels, error: Option<&Error>) -> Problem {
    let because = match (error, call) {
        (Some(error), Call::Audience(Operation::Create(_))) => {
            format!(": {error}. None is made without them.")
        }
        (Some(error), _) => format!(": {error}. It stands without them."),
        (None, _) => ", although it was answered as done. It stands without them.".to_owned(),
    };
    Problem::new(
        Reason::UsageLabelsRefused,
        format!(
            "Could not {} with the usage labels {}{because} If Experience Platform takes no labels on an audience of this \
             kind, share the source from a new SharedAudience with the strategy SegmentDefinition, or set the labels in \
             Experience Platform by hand.",
            call.label(),
            labels.listed()
        ),
    )
}
