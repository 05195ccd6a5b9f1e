//! The next step of a trait or segment that is shared to Experience Platform: source, claim, its audience, in order.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{
    AudienceManagerSource, DesiredAudience, SourceSelector, ToExperiencePlatform, compose_audience,
    external_key, metadata_key,
};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::{Key, Sequence};
use audience_sharing_core::plan::source::Resolution;
use audience_sharing_core::plan::source::audience_manager::{
    SourceInput, resolve_object, suspended,
};
use audience_sharing_core::plan::used_by::UsedBy;
use audience_sharing_core::plan::{PlanInput, to_experience_platform};

use super::job::{Next, Progress};
use super::reconcile::{digest, is_conflict, must_be_recorded};
use super::request::{
    ObservedPlatformAudience, Origin, Problem, ReconcileOutcome, ReconcileRequest,
};
use super::state::EngineState;

impl EngineState {
    pub(super) fn reconcile_to_experience_platform(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
        target: &ToExperiencePlatform,
    ) -> Next<ReconcileOutcome> {
        let input = self.source_input(request.pinned.as_ref(), job.since);
        let source = match resolve_object(&target.source, input) {
            Resolution::Found(source) => source,
            Resolution::Ask(call) => return self.ask(job, call),
            Resolution::Blocked(blocker) => {
                let known = request.pinned.iter().filter_map(source_key).collect();
                self.dependency_index.set(&request.share.name, known);
                return Next::Finish(self.unjudged(None, blocker.into()));
            }
            Resolution::Gone(gone) => {
                let source = SourceSelector::AudienceManager(target.source.clone());
                return self.source_gone_in_audience_manager(job, request, &source, gone);
            }
        };
        if must_be_recorded(
            request,
            &SourceSelector::AudienceManager(target.source.clone()),
        ) {
            return Next::Finish(self.recorded_first(origin(&source)));
        }
        self.claims
            .claim(&request.share.name, &source.id(), request.created);
        let desired = compose_audience(self.mark(request), target, &source);
        self.observer.on_plan();
        let mut plan = to_experience_platform::plan_audience(PlanInput {
            share: &request.share,
            claimant: self.claimant(&desired.mark),
            claims: &self.claims,
            desired: &desired,
            recorded: &request.recorded_audience,
            inventory: &self.inventory,
            since: job.since,
            among_many: job.among_many,
        });
        plan.blockers.extend(suspended(&source));
        self.watch_audience(request, &desired, &plan.state);
        let conflict = plan.blockers.first().is_some_and(is_conflict);
        let stored_differently = plan.state.stored_differently.clone();
        let mut observed_state = plan.state;
        // As of objects in Audience Manager: recorded only once it carries our mark.
        let table = &self.inventory.audiences;
        observed_state.audience = observed_state.audience.filter(|id| {
            let found = table
                .get(id)
                .and_then(|entry| Mark::read(&entry.record.description));
            observed_state.observed || found.is_none_or(|found| found == desired.mark)
        });
        let superseded = observed_state.superseded.take();
        let connectors = observed_state.audience.clone();
        let observed_state = self.standing_audience(observed_state, &request.recorded_audience);
        let choice = job.choose(plan.steps, plan.blockers, 2);
        choice.next(|problem| ReconcileOutcome {
            used_by: match &observed_state.id {
                Some(id) => self.definitions_using(id),
                None => UsedBy::default(),
            },
            // What another one holds is not ours to record.
            audience: (!conflict).then_some(observed_state),
            applied_hash: problem.is_none().then(|| digest(&desired)),
            stored_differently,
            ..self.outcome(
                Some(origin(&source)),
                problem.map(|problem| still_used(problem, superseded, &connectors)),
            )
        })
    }

    pub(super) fn source_input<'a>(
        &'a self,
        pinned: Option<&'a SourceId>,
        since: Sequence,
    ) -> SourceInput<'a> {
        SourceInput {
            settings: &self.settings,
            inventory: &self.inventory,
            pinned,
            since,
        }
    }

    /// A recorded audience that could not be judged stays recorded; only a 404 of its own forgets it.
    pub(super) fn standing_audience(
        &self,
        observed_state: to_experience_platform::ObservedAudience,
        recorded: &to_experience_platform::RecordedAudience,
    ) -> ObservedPlatformAudience {
        let table = &self.inventory.audiences;
        let (id, observed) = match observed_state.audience {
            Some(id) => (Some(id), observed_state.observed),
            None => {
                let lives = recorded.audience.clone().filter(|id| !table.is_gone(id));
                (lives, recorded.observed)
            }
        };
        let known = id.as_ref().and_then(|id| table.get(id));
        let known = known.map(|entry| &entry.record);
        ObservedPlatformAudience {
            audience_id: known.map(|known| match &known.key {
                Some(key) => key.audience_id().into(),
                None => known.id.as_str().into(),
            }),
            namespace: known.map(|known| known.namespace.clone()),
            labels: known
                .and_then(|known| known.labels.clone())
                .unwrap_or_default(),
            observed: observed && id.is_some(),
            id,
        }
    }

    fn watch_audience(
        &mut self,
        request: &ReconcileRequest,
        desired: &DesiredAudience,
        observed_state: &to_experience_platform::ObservedAudience,
    ) {
        let mut keys = BTreeSet::from(desired.connector.clone().map(Key::AudienceKey));
        keys.extend(source_key(&desired.source));
        keys.extend(desired.controls.told_by().map(Key::DataSource));
        // Another resource's audience over the same source may use another strategy.
        let any_strategy = [external_key(&desired.source), metadata_key(&desired.source)];
        keys.extend(any_strategy.into_iter().flatten().map(Key::AudienceKey));
        // A definition has no key of ours: a second one that came late shows by its name.
        keys.insert(Key::AudienceName(desired.new.name.clone()));
        keys.extend(observed_state.audience.clone().map(Key::Audience));
        keys.extend(
            request
                .recorded_audience
                .audience
                .clone()
                .map(Key::Audience),
        );
        self.dependency_index.set(&request.share.name, keys);
    }
}

pub(super) fn source_key(source: &SourceId) -> Option<Key> {
    match source {
        SourceId::Audience(_) => None,
        SourceId::Trait(sid) => Some(Key::Trait(*sid)),
        SourceId::Segment(sid) => Some(Key::Segment(*sid)),
    }
}

/// What the connector took the place of cannot be deleted yet: its users must move over.
fn still_used(
    problem: Problem,
    superseded: Option<AudienceId>,
    connectors: &Option<AudienceId>,
) -> Problem {
    match (superseded, connectors) {
        (Some(id), Some(connectors)) if problem.reason == Reason::DeletionBlocked => Problem::new(
            Reason::DeliveredByConnector,
            format!(
                "Adobe's source connector delivers the audience now, as {connectors}. {id}, which this operator made, is \
                 still used and was left as it is: let the segment definitions, destinations and journeys that use it use \
                 {connectors}, then it is deleted."
            ),
        ),
        _ => problem,
    }
}

fn origin(source: &AudienceManagerSource) -> Origin {
    Origin {
        id: source.id(),
        name: source.name.clone(),
        lifecycle: source.activity.to_string().into(),
        data_source: Some(source.data_source),
    }
}
