//! The next step of an audience that leaves: hand its objects over, or delete them in order, or say who is in the way.

use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::{
    AudienceManagerSource, Mode, SourceSelector, additional_code, mark,
};
use audience_sharing_core::domain::ownership::Mark;
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceId};
use audience_sharing_core::existence::Existence;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::ownership::Claimant;
use audience_sharing_core::plan::source::{Resolution, audience_manager, resolve};
use audience_sharing_core::plan::to_audience_manager::deletion::Successor;
use audience_sharing_core::plan::{rights, tenant, to_audience_manager, to_experience_platform};

use super::job::{Choice, Job};
use super::request::{Declaration, Departure, Retired};
use super::worker::Next;
use super::world::World;

impl World {
    pub(super) fn retire(&mut self, job: &mut Job, departure: &Departure) -> Next<Retired> {
        if let Some(obstacle) = self.not_ready() {
            return Next::Finish(Retired::Blocked(obstacle));
        }
        if !self.ready {
            return Next::Park;
        }
        if let Some(hold) = tenant::mismatch(&departure.recorded_tenant, &self.inventory.tenant) {
            return Next::Finish(Retired::Blocked(hold.into()));
        }
        let source = match self.departing_source(departure, job.since) {
            Ok(source) => source,
            Err(call) => match job.choose(
                vec![Step {
                    call: *call,
                    ready: true,
                }],
                Vec::new(),
                1,
            ) {
                Choice::Send(calls) => return Next::Send(calls),
                Choice::Finish(None) => None,
                Choice::Finish(Some(obstacle)) => return Next::Finish(Retired::Blocked(obstacle)),
            },
        };
        if let Some(recorded) = &departure.recorded_audience {
            return self.retire_audience(job, departure, source.as_ref(), recorded);
        }
        // Objects may stand whose ids were never written down: the process died in between, perhaps on the way from one
        // data source to another.
        let standing = self.foundation_plan(Mode::Observe).standing;
        let mut data_sources: Vec<_> = standing.data_sources().collect();
        data_sources.extend(
            departure
                .data_source
                .filter(|id| !data_sources.contains(id)),
        );
        let recorded = &departure.recorded;
        let count = recorded.additional_segments.len() + recorded.mappings.len();
        let count = count + departure.declared.len();
        let objects = 2 + u32::try_from(count).unwrap_or(u32::MAX >> 8);
        let mark = mark(&self.settings.owner, &departure.share, departure.uid);
        let leaving = to_audience_manager::deletion::Departure {
            claimant: self.claimant(&mark),
            source: source.as_ref().and_then(SourceId::audience),
            data_sources: &data_sources,
            recorded,
            declared: &departure.declared,
            inventory: &self.inventory,
            since: job.since,
        };
        let successor = self.successor(departure, source.as_ref());
        let plan = match successor {
            None => to_audience_manager::deletion::plan(leaving),
            Some(successor) => {
                let keys = successor.additional_keys.iter();
                let codes = source.as_ref().and_then(SourceId::audience);
                let codes = codes.into_iter().flat_map(|source| {
                    let keys = keys.clone();
                    keys.map(|key| additional_code(source, key))
                });
                let kept = Successor {
                    mark: self.mark_of(successor),
                    codes: codes.collect(),
                    destinations: successor.destinations.clone(),
                };
                to_audience_manager::deletion::hand_over(leaving, &kept)
            }
        };
        let plan = rights::checked(plan, &self.inventory);
        let left = plan.standing;
        match job.choose(plan.steps, plan.holds, objects) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(None) => Next::Finish(match successor {
                None => Retired::Gone(left),
                Some(successor) => Retired::HandedOver(successor.share.clone()),
            }),
            Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
        }
    }

    /// The recorded source, else what the spec names: a resource that was suspended from the start has recorded none.
    fn departing_source(
        &self,
        departure: &Departure,
        since: Sequence,
    ) -> Result<Option<SourceId>, Box<Call>> {
        if let Some(source) = &departure.source {
            return Ok(Some(source.clone()));
        }
        Ok(match &departure.selector {
            None => None,
            Some(SourceSelector::Audience(selector)) => {
                match resolve(selector, None, &self.inventory) {
                    Resolution::Found(found) => Some(SourceId::Audience(found.id.clone())),
                    Resolution::Ask(call) => return Err(Box::new(call)),
                    Resolution::Held(_) | Resolution::Gone(_) => None,
                }
            }
            Some(SourceSelector::AudienceManager(selector)) => {
                match audience_manager::resolve(selector, self.question(None, since)) {
                    Resolution::Found(found) => Some(found.id()),
                    Resolution::Ask(call) => return Err(Box::new(call)),
                    Resolution::Held(_) | Resolution::Gone(_) => None,
                }
            }
        })
    }

    fn mark_of(&self, successor: &Declaration) -> Mark {
        mark(&self.settings.owner, &successor.share, successor.uid)
    }

    /// The oldest other resource that manages the same source by the same way. One that is suspended or has a broken spec
    /// counts: the objects are marked as its own, and go with it.
    fn successor<'d>(
        &self,
        departure: &'d Departure,
        source: Option<&SourceId>,
    ) -> Option<&'d Declaration> {
        let source = source?;
        let rivals = departure.rivals.iter();
        rivals
            .filter(|rival| rival.share != departure.share)
            .filter(|rival| rival.strategy == departure.strategy)
            .filter(|rival| self.existing.existence(&rival.share) == Existence::Exists)
            .filter(|rival| self.asks_for(rival, source))
            .min_by_key(|rival| (rival.created, &rival.share))
    }

    fn retire_audience(
        &mut self,
        job: &mut Job,
        departure: &Departure,
        source: Option<&SourceId>,
        recorded: &to_experience_platform::Recorded,
    ) -> Next<Retired> {
        let mark = mark(&self.settings.owner, &departure.share, departure.uid);
        let leaving = to_experience_platform::deletion::Departure {
            claimant: self.claimant(&mark),
            source,
            recorded,
            inventory: &self.inventory,
        };
        let mut successor = self.successor(departure, source);
        if successor.is_some() {
            match source.and_then(|source| self.source_of(source, job.since)) {
                None | Some(Resolution::Found(_)) => {}
                Some(Resolution::Ask(call)) => {
                    return match job.choose(vec![Step { call, ready: true }], Vec::new(), 1) {
                        Choice::Send(calls) => Next::Send(calls),
                        Choice::Finish(None) => Next::Park,
                        Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
                    };
                }
                // Whoever asks for what cannot be shared any more takes nothing over.
                Some(Resolution::Held(_) | Resolution::Gone(_)) => successor = None,
            }
        }
        let plan = match successor {
            None => to_experience_platform::deletion::plan(leaving),
            Some(successor) => {
                to_experience_platform::deletion::hand_over(leaving, &self.mark_of(successor))
            }
        };
        let left = plan.standing;
        match job.choose(plan.steps, plan.holds, 2) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(None) => Next::Finish(match successor {
                None => Retired::Gone(left),
                Some(successor) => Retired::HandedOver(successor.share.clone()),
            }),
            Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
        }
    }

    /// Who asks, for a judgment of what is ours.
    pub(super) fn claimant<'a>(&'a self, mark: &'a Mark) -> Claimant<'a> {
        Claimant {
            mark,
            previous_owners: &self.settings.previous_owners,
            existing: &*self.existing,
        }
    }

    fn source_of(
        &self,
        source: &SourceId,
        since: Sequence,
    ) -> Option<Resolution<AudienceManagerSource>> {
        let (kind, sid) = source.audience_manager()?;
        let naming = Naming::Sid(sid);
        let selector = AudienceManagerSelector { kind, naming };
        Some(audience_manager::resolve(
            &selector,
            self.question(None, since),
        ))
    }

    fn asks_for(&self, rival: &Declaration, source: &SourceId) -> bool {
        if let Some(id) = rival.pinned.clone().or_else(|| rival.source.id()) {
            return id == *source;
        }
        match &rival.source {
            SourceSelector::Audience(selector) => matches!(
                resolve(selector, None, &self.inventory),
                Resolution::Found(found) if Some(&found.id) == source.audience()
            ),
            SourceSelector::AudienceManager(selector) => matches!(
                audience_manager::resolve(selector, self.question(None, Sequence(0))),
                Resolution::Found(found) if found.id() == *source
            ),
        }
    }
}
