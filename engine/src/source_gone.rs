//! An audience whose source was deleted or deactivated: what its policy asks for, and what is left.

use audience_sharing_core::blocker::{Blocker, GoneSource};
use audience_sharing_core::compose::{Mode, SourceGonePolicy, SourceSelector, ToAudienceManager};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{
    DeletionInput, Plan, rights, to_audience_manager, to_experience_platform,
};

use super::job::{Next, Progress};
use super::reconcile_platform::source_key;
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
        let mark = self.mark(request);
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
        let objects = 2 + u32::try_from(count).unwrap_or(u32::MAX >> 8);
        job.choose(steps, blockers, objects).next(|problem| {
            let observed_state = to_audience_manager::deletion::remaining_state(deletion_input);
            ReconcileOutcome {
                controls: observed_state
                    .data_source
                    .map(|id| shared_objects.controls_of(id, &self.inventory))
                    .unwrap_or_default(),
                observed_state: Some(observed_state),
                shared_objects,
                ..self.outcome(origin, problem)
            }
        })
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
        let keys = source.iter().filter_map(source_key).collect();
        self.dependency_index.set(&request.share.name, keys);
        let mark = self.mark(request);
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
        let blockers = blockers.into_iter().chain([blocker]).collect();
        job.choose(steps, blockers, 2).next(|problem| {
            let observed_state = to_experience_platform::ObservedAudience {
                audience: to_experience_platform::deletion::owned(deletion_input),
                ..to_experience_platform::ObservedAudience::default()
            };
            let audience = self.standing_audience(observed_state, &request.recorded_audience);
            ReconcileOutcome {
                audience: Some(audience),
                ..self.outcome(None, problem)
            }
        })
    }
}

/// A resource that only observes writes nothing.
fn policy(request: &ReconcileRequest) -> SourceGonePolicy {
    match request.share.mode {
        Mode::Observe => SourceGonePolicy::Retain,
        Mode::Manage => request.share.source_gone,
    }
}
