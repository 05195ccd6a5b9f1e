//! An audience whose source was deleted or deactivated: what its policy asks for, and what is left.

use audience_sharing_core::blocker::{Blocker, GoneSource};
use audience_sharing_core::compose::{Mode, SourceGonePolicy, SourceSelector, ToAudienceManager};
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{
    Cleanup, DeletionInput, rights, to_audience_manager, to_experience_platform,
};

use super::job::{Choice, Next, Progress};
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
        let shared_objects = self.shared_objects_plan(Mode::Observe).state;
        let declared: Vec<_> = target.segment_destinations().collect();
        let data_sources: Vec<_> = shared_objects.data_sources().collect();
        let mark = self.mark(request);
        let declared_source = SourceSelector::Audience(target.source.clone()).id();
        let recorded_source = request.pinned.clone().or(declared_source);
        let recorded = RecordedObjects {
            ids: &request.recorded,
            data_sources: &data_sources,
            declared: &declared,
            declares_models: !target.models.is_empty(),
        };
        let deletion_input = DeletionInput {
            claimant: self.claimant(&mark),
            source: recorded_source.as_ref(),
            recorded: Made::InAudienceManager(recorded),
            inventory: &self.inventory,
            since: job.since,
        };
        decided_by_policy(job, request, deletion_input, source).next(|problem| {
            let observed_state =
                to_audience_manager::deletion::remaining_state(deletion_input.with(recorded));
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
        let source = request.pinned.clone().or_else(|| source.id());
        let keys = source.iter().filter_map(source_key).collect();
        self.dependency_index.set(&request.share.name, keys);
        let mark = self.mark(request);
        let deletion_input = DeletionInput {
            claimant: self.claimant(&mark),
            source: source.as_ref(),
            recorded: Made::InExperiencePlatform(&request.recorded_audience),
            inventory: &self.inventory,
            since: job.since,
        };
        decided_by_policy(job, request, deletion_input, gone).next(|problem| {
            let recorded = &request.recorded_audience;
            let observed_state = to_experience_platform::ObservedAudience {
                audience: to_experience_platform::deletion::owned(deletion_input.with(recorded)),
                ..to_experience_platform::ObservedAudience::default()
            };
            ReconcileOutcome {
                audience: Some(self.standing_audience(observed_state, recorded)),
                ..self.outcome(None, problem)
            }
        })
    }
}

/// What the policy asks for. A resource that only observes writes nothing.
fn decided_by_policy(
    job: &mut Progress,
    request: &ReconcileRequest,
    deletion: DeletionInput<'_, Made<'_>>,
    source: GoneSource,
) -> Choice {
    let policy = match request.share.mode {
        Mode::Observe => SourceGonePolicy::Retain,
        Mode::Manage => request.share.source_gone,
    };
    let cleanup = match policy {
        SourceGonePolicy::Retain => Cleanup::Retain,
        SourceGonePolicy::Pause => Cleanup::Pause,
        SourceGonePolicy::Delete => Cleanup::Delete,
    };
    let plan = rights::checked(cleanup::plan_cleanup(deletion, cleanup), deletion.inventory);
    let blockers = plan.blockers.into_iter();
    let blockers = blockers.chain([Blocker::SourceGone(source, policy)]);
    job.choose(plan.steps, blockers.collect(), deletion.recorded.count())
}
