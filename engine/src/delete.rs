//! The next step of an audience that leaves: hand its objects over, or delete them in order, or say who is in the way.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{Mode, SourceSelector, additional_code, mark};
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceId};
use audience_sharing_core::existence::Existence;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::ownership::Claimant;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::source::{Resolution, audience_manager, resolve_audience};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput, Successor, rights, tenant};

use super::job::{Choice, Next, Progress};
use super::request::{Declaration, DeletionOutcome, DeletionRequest};
use super::state::EngineState;

impl EngineState {
    pub(super) fn delete(
        &mut self,
        job: &mut Progress,
        deletion: &DeletionRequest,
    ) -> Next<DeletionOutcome> {
        if let Some(problem) = self.not_ready() {
            return Next::Finish(DeletionOutcome::Blocked(problem));
        }
        if !self.ready {
            return Next::WaitForResync;
        }
        if let Some(blocker) = tenant::mismatch(&deletion.recorded_tenant, &self.inventory.tenant) {
            return Next::Finish(DeletionOutcome::Blocked(blocker.into()));
        }
        let source = match self.departing_source(deletion, job.since) {
            Ok(source) => source,
            Err(call) => match job.ask(*call) {
                Choice::Send(calls) => return Next::Send(calls),
                Choice::Finish(None) => None,
                Choice::Finish(Some(problem)) => {
                    return Next::Finish(DeletionOutcome::Blocked(problem));
                }
            },
        };
        let mut successor = self.successor(deletion, source.as_ref());
        if successor.is_some() {
            match source
                .as_ref()
                .and_then(|source| self.source_of(source, job.since))
            {
                None | Some(Resolution::Found(_)) => {}
                Some(Resolution::Ask(call)) => {
                    return match job.ask(call) {
                        Choice::Send(calls) => Next::Send(calls),
                        Choice::Finish(None) => Next::WaitForResync,
                        Choice::Finish(Some(problem)) => {
                            Next::Finish(DeletionOutcome::Blocked(problem))
                        }
                    };
                }
                // Another one that asks for what cannot be shared any more takes nothing over.
                Some(Resolution::Blocked(_) | Resolution::Gone(_)) => successor = None,
            }
        }
        // Objects may exist whose ids were never recorded: the process died in between, perhaps on the way from one
        // data source to another.
        let observed_state = self.shared_objects_plan(Mode::Observe).state;
        let mut data_sources: Vec<_> = observed_state.data_sources().collect();
        data_sources.extend(deletion.data_source.filter(|id| !data_sources.contains(id)));
        let made = match &deletion.recorded_audience {
            Some(recorded) => Made::InExperiencePlatform(recorded),
            None => Made::InAudienceManager(RecordedObjects {
                ids: &deletion.recorded,
                data_sources: &data_sources,
                declared: &deletion.declared,
                declares_models: deletion.declares_models,
            }),
        };
        let mark = mark(&self.settings.owner, &deletion.share, deletion.uid);
        let kept = successor.map(|successor| self.kept(successor, source.as_ref()));
        let plan = cleanup::plan_cleanup(
            DeletionInput {
                claimant: self.claimant(&mark),
                source: source.as_ref(),
                recorded: made,
                inventory: &self.inventory,
                since: job.since,
            },
            kept.as_ref().map_or(Cleanup::Delete, Cleanup::HandOver),
        );
        let plan = rights::checked(plan, &self.inventory);
        let due = plan.writes();
        let left = plan.state;
        let choice = job.choose(plan.steps, plan.blockers, made.count());
        choice.next(|problem| match (problem, successor) {
            (Some(problem), _) if job.was_denied(&problem) => {
                DeletionOutcome::Blocked(problem.stopped_in_the_middle(&[], &due))
            }
            (Some(problem), _) => DeletionOutcome::Blocked(problem),
            (None, Some(successor)) => DeletionOutcome::HandedOver(successor.share.clone()),
            (None, None) => DeletionOutcome::Gone(left),
        })
    }

    /// The recorded source, else what the spec names: a resource that was suspended from the start has recorded none.
    fn departing_source(
        &self,
        deletion: &DeletionRequest,
        since: Sequence,
    ) -> Result<Option<SourceId>, Box<Call>> {
        if let Some(source) = &deletion.source {
            return Ok(Some(source.clone()));
        }
        let Some(selector) = &deletion.selector else {
            return Ok(None);
        };
        match self.resolved(selector, since) {
            Resolution::Found(source) => Ok(Some(source)),
            Resolution::Ask(call) => Err(Box::new(call)),
            Resolution::Blocked(_) | Resolution::Gone(_) => Ok(None),
        }
    }

    /// What a spec names, where no status records it.
    fn resolved(&self, selector: &SourceSelector, since: Sequence) -> Resolution<SourceId> {
        match selector {
            SourceSelector::Audience(selector) => {
                let found = resolve_audience(selector, None, &self.inventory);
                found.map(|found| SourceId::Audience(found.id.clone()))
            }
            SourceSelector::AudienceManager(selector) => {
                let input = self.source_input(None, since);
                audience_manager::resolve_object(selector, input).map(|found| found.id())
            }
        }
    }

    /// What the successor keeps of the objects.
    fn kept(&self, successor: &Declaration, source: Option<&SourceId>) -> Successor {
        let source = source.and_then(SourceId::audience);
        let codes = |keys: &[Box<str>]| {
            let codes = source
                .into_iter()
                .flat_map(|source| keys.iter().map(|key| additional_code(source, key)));
            codes.collect()
        };
        Successor {
            mark: mark(&self.settings.owner, &successor.share, successor.uid),
            codes: codes(&successor.additional_keys),
            trait_codes: codes(&successor.trait_keys),
            models: successor.model_keys.iter().cloned().collect(),
            destinations: successor.destinations.clone(),
        }
    }

    /// The oldest other resource that manages the same source by the same way. One that is suspended or has a broken spec
    /// counts: the objects are marked as its own, and go with it.
    fn successor<'d>(
        &self,
        deletion: &'d DeletionRequest,
        source: Option<&SourceId>,
    ) -> Option<&'d Declaration> {
        let source = source?;
        let rivals = deletion.rivals.iter();
        rivals
            .filter(|rival| rival.share != deletion.share)
            .filter(|rival| rival.strategy == deletion.strategy)
            .filter(|rival| self.existing.existence(&rival.share) == Existence::Exists)
            .filter(|rival| self.asks_for(rival, source))
            .min_by_key(|rival| (rival.created, &rival.share))
    }

    /// Who asks, for a judgment of what is ours.
    pub(super) fn claimant<'a>(&'a self, mark: &'a Mark) -> Claimant<'a> {
        Claimant {
            mark,
            previous_owners: &self.settings.previous_owners,
            existing: &*self.existing,
        }
    }

    fn source_of(&self, source: &SourceId, since: Sequence) -> Option<Resolution<SourceId>> {
        let (kind, sid) = source.audience_manager()?;
        let naming = Naming::Sid(sid);
        let selector = SourceSelector::AudienceManager(AudienceManagerSelector { kind, naming });
        Some(self.resolved(&selector, since))
    }

    fn asks_for(&self, rival: &Declaration, source: &SourceId) -> bool {
        if let Some(id) = rival.pinned.clone().or_else(|| rival.source.id()) {
            return id == *source;
        }
        let resolved = self.resolved(&rival.source, Sequence(0));
        matches!(resolved, Resolution::Found(found) if found == *source)
    }
}
