//! An audience whose source was deleted or deactivated: what its policy asks for, and what is left.

use audience_sharing_core::blocker::{Blocker, GoneSource};
use audience_sharing_core::compose::{
    Mode, SourceGonePolicy, SourceSelector, ToAudienceManager, mark,
};
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::Key;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{
    Cleanup, DeletionInput, rights, to_audience_manager, to_experience_platform,
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
        let shared_objects = self.shared_objects_plan(Mode::Observe).state;
        let declared: Vec<_> = target.segment_destinations().collect();
        let data_sources: Vec<_> = shared_objects.data_sources().collect();
        let mark = mark(&self.settings.owner, &request.share.name, request.share.uid);
        let declared_source = SourceSelector::Audience(target.source.clone()).id();
        let recorded_source = request.pinned.clone().or(declared_source);
        let recorded = RecordedObjects {
            ids: &request.recorded,
            data_sources: &data_sources,
            declared: &declared,
        };
        let deletion_input = DeletionInput {
            claimant: self.claimant(&mark),
            source: recorded_source.as_ref(),
            recorded: Made::InAudienceManager(recorded),
            inventory: &self.inventory,
            since: job.since,
        };
        match decided_by_policy(job, request, deletion_input, source) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(problem) => {
                let observed_state =
                    to_audience_manager::deletion::remaining_state(deletion_input.with(recorded));
                Next::Finish(ReconcileOutcome {
                    controls: observed_state
                        .data_source
                        .map(|id| shared_objects.controls_of(id, &self.inventory))
                        .unwrap_or_default(),
                    observed_state: Some(observed_state),
                    shared_objects,
                    ..self.reconciled_without(origin, problem)
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
            recorded: Made::InExperiencePlatform(&request.recorded_audience),
            inventory: &self.inventory,
            since: job.since,
        };
        match decided_by_policy(job, request, deletion_input, gone) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(problem) => {
                let observed_state = to_experience_platform::ObservedAudience {
                    audience: to_experience_platform::deletion::owned(
                        deletion_input.with(&request.recorded_audience),
                    ),
                    ..to_experience_platform::ObservedAudience::default()
                };
                let audience = self.standing_audience(observed_state, &request.recorded_audience);
                Next::Finish(ReconcileOutcome {
                    audience: Some(audience),
                    ..self.reconciled_without(None, problem)
                })
            }
        }
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
