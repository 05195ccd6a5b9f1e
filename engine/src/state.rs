//! What an engine decides from: the inventory, the claims, the settings, and what is known to stop the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{ConnectionSettings, Mode, ShareName};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::{SourceId, SourceKind};
use audience_sharing_core::existence::Existing;
use audience_sharing_core::inventory::{Inventory, Tenant};
use audience_sharing_core::plan::source::audience_manager::Home;
use audience_sharing_core::plan::{Claims, Plan, rights, shared_objects};

use super::dependency_index::DependencyIndex;
use super::options::EngineObserver;
use super::request::{Declaration, Problem};

/// A call for the shared objects that failed.
pub(super) struct SharedFailure {
    pub(super) call: Call,
    pub(super) problem: Problem,
    /// It is under way again: an audience that needs it waits for the answer.
    pub(super) retried: bool,
}

/// What the decisions are made from; everything but the traffic.
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
    /// The data sources of the sources in Audience Manager, as statuses recorded them; empty once a resync has ended well.
    pub(super) recorded_homes: BTreeSet<Home>,
    /// A resync has ended well: absence can be judged.
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
                trait_keys: _,
                model_keys: _,
                destinations: _,
                strategy: _,
            } = declaration;
            self.recorded_homes.extend(home);
            // A name that was never resolved has no older claim than its first reconcile.
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
        known.chain(recorded).collect()
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
        let denied = |blocker: &Blocker| blocker.reason() == Reason::AccessDenied;
        self.inventory.administrator == Some(false)
            && self.shared_objects_needed
            && self
                .shared_objects_plan(Mode::Manage)
                .blockers
                .iter()
                .any(denied)
    }

    /// Why a shared object could not be read or written.
    pub(super) fn shared_objects_failure(&self) -> Option<&Problem> {
        let first = self.shared_objects_failures.first();
        first.map(|failure| &failure.problem)
    }

    /// The same for a person: of a write that was denied, with what exists and what is not done.
    pub(super) fn shared_objects_problem(
        &self,
        plan: &Plan<shared_objects::ObservedSharedObjects>,
    ) -> Option<Problem> {
        let SharedFailure { call, problem, .. } = self.shared_objects_failures.first()?;
        let problem = problem.clone();
        if problem.reason != Reason::AccessDenied || !call.is_write() {
            return Some(problem);
        }
        let state = &plan.state;
        let data_source = state.data_source.map(|id| format!("data source {id}"));
        let of_traits = state.trait_folder.map(|id| format!("trait folder {id}"));
        let of_segments = state
            .segment_folder
            .map(|id| format!("segment folder {id}"));
        let exists: Vec<String> = [data_source, of_traits, of_segments]
            .into_iter()
            .flatten()
            .collect();
        Some(problem.stopped_in_the_middle(&exists, &plan.writes()))
    }

    /// The connection's failure, as its audiences report it.
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

    /// They are only observed until an audience needs them.
    pub(super) fn shared_objects_mode(&self) -> Mode {
        match self.shared_objects_needed {
            true => Mode::Manage,
            false => Mode::Observe,
        }
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
        let plan = shared_objects::plan_shared_objects(
            &self.settings,
            &self.recorded_shared_objects,
            needed,
            &self.inventory,
            mode,
        );
        rights::checked(plan, &self.inventory)
    }

    /// The shared objects that an audience under these controls needs, if they exist; `Err(None)` while calls are due
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
        let of_connection = |problem: &Problem| Problem {
            of_connection: true,
            ..problem.clone()
        };
        if let Some(blocker) = plan.blockers.into_iter().next() {
            return Err(Some(of_connection(&blocker.into())));
        }
        if plan.steps.is_empty() {
            return Ok(plan.state);
        }
        let failures = self.shared_objects_failures.iter();
        let mut failures = failures.filter(|failure| {
            let mut steps = plan.steps.iter();
            !failure.retried && steps.any(|step| step.call == failure.call)
        });
        Err(failures
            .next()
            .map(|failure| of_connection(&failure.problem)))
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
