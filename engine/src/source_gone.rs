//! An audience whose source was deleted or deactivated: what its policy asks for, and what is left.

use audience_sharing_core::blocker::{Blocker, GoneSource};
use audience_sharing_core::compose::{
    Mode, SourceGonePolicy, SourceSelector, ToAudienceManager, mark,
};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::Key;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::used_by::UsedBy;
use audience_sharing_core::plan::{
    DeletionInput, Plan, rights, to_audience_manager, to_experience_platform,
};

use super::job::{Choice, Next, Progress};
use super::request::{Origin, ReconcileOutcome, ReconcileRequest};
use super::state::EngineState;

impl EngineState {
    /// Of a source in Experience Platform.
    pub(super) fn source_gone(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
        target: &ToAudienceManager,
        (source, origin): (GoneSource, Option<Origin>),
    ) -> Next<ReconcileOutcome> {
        let policy = policy(request);
        let blocker = Blocker::SourceGone(source, policy);
        let shared_objects = self.shared_objects_plan(Mode::Observe).state;
        let declared: Vec<_> = target.segment_destinations().collect();
        let data_sources: Vec<_> = shared_objects.data_sources().collect();
        let mark = mark(&self.settings.owner, &request.share.name, request.share.uid);
        let declared_source = SourceSelector::Audience(target.source.clone()).id();
        let source = request.pinned.clone().or(declared_source);
        let deletion_input = DeletionInput {
            claimant: self.claimant(&mark),
            source: source.as_ref(),
            recorded: RecordedObjects {
                ids: &request.recorded,
                data_sources: &data_sources,
                declared: &declared,
            },
            inventory: &self.inventory,
            since: job.since,
        };
        let plan = match policy {
            SourceGonePolicy::Retain => {
                to_audience_manager::deletion::look_up_objects(deletion_input)
            }
            SourceGonePolicy::Pause => {
                to_audience_manager::deletion::pause_segments(deletion_input)
            }
            SourceGonePolicy::Delete => {
                to_audience_manager::deletion::delete_objects(deletion_input)
            }
        };
        let Plan {
            steps, blockers, ..
        } = rights::checked(plan, &self.inventory);
        let blockers = blockers.into_iter().chain([blocker]).collect();
        let recorded = &request.recorded;
        let count = recorded.additional_segments.len() + recorded.mappings.len() + declared.len();
        match job.choose(
            steps,
            blockers,
            2 + u32::try_from(count).unwrap_or(u32::MAX >> 8),
        ) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(problem) => {
                let observed_state = to_audience_manager::deletion::remaining_state(deletion_input);
                Next::Finish(ReconcileOutcome {
                    source: origin,
                    controls: observed_state
                        .data_source
                        .map(|id| shared_objects.controls_of(id, &self.inventory))
                        .unwrap_or_default(),
                    observed_state: Some(observed_state),
                    audience: None,
                    used_by: UsedBy::default(),
                    shared_objects,
                    tenant: self.inventory.tenant.clone(),
                    applied_hash: None,
                    stored_differently: Vec::new(),
                    problem,
                    records_source_first: false,
                })
            }
        }
    }

    /// Of a source in Audience Manager.
    pub(super) fn source_gone_in_audience_manager(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
        source: &SourceSelector,
        gone: GoneSource,
    ) -> Next<ReconcileOutcome> {
        let policy = policy(request);
        let blocker = Blocker::SourceGone(gone, policy);
        let source = request.pinned.clone().or_else(|| source.id());
        let key = source.as_ref().and_then(|source| match source {
            SourceId::Audience(_) => None,
            SourceId::Trait(sid) => Some(Key::Trait(*sid)),
            SourceId::Segment(sid) => Some(Key::Segment(*sid)),
        });
        self.dependency_index
            .set(&request.share.name, key.into_iter().collect());
        let mark = mark(&self.settings.owner, &request.share.name, request.share.uid);
        let deletion_input = DeletionInput {
            claimant: self.claimant(&mark),
            source: source.as_ref(),
            recorded: &request.recorded_audience,
            inventory: &self.inventory,
            since: job.since,
        };
        let plan = match policy {
            SourceGonePolicy::Retain => {
                to_experience_platform::deletion::look_up_audience(deletion_input)
            }
            SourceGonePolicy::Pause => {
                to_experience_platform::deletion::pause_audience(deletion_input)
            }
            SourceGonePolicy::Delete => {
                to_experience_platform::deletion::delete_audience(deletion_input)
            }
        };
        let Plan {
            steps, blockers, ..
        } = plan;
        match job.choose(steps, blockers.into_iter().chain([blocker]).collect(), 2) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(problem) => {
                let observed_state = to_experience_platform::ObservedAudience {
                    audience: to_experience_platform::deletion::owned(deletion_input),
                    ..to_experience_platform::ObservedAudience::default()
                };
                let audience = self.standing_audience(observed_state, &request.recorded_audience);
                Next::Finish(ReconcileOutcome {
                    source: None,
                    observed_state: None,
                    controls: ExportControls::NONE,
                    audience: Some(audience),
                    used_by: UsedBy::default(),
                    shared_objects: Default::default(),
                    tenant: self.inventory.tenant.clone(),
                    applied_hash: None,
                    stored_differently: Vec::new(),
                    problem,
                    records_source_first: false,
                })
            }
        }
    }
}

/// Whoever only observes writes nothing.
fn policy(request: &ReconcileRequest) -> SourceGonePolicy {
    match request.share.mode {
        Mode::Observe => SourceGonePolicy::Retain,
        Mode::Manage => request.share.source_gone,
    }
}
