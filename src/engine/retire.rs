//! The next step of an audience that leaves: hand its objects over, or delete them in order, or say who is in the way.

use audience_sharing_core::compose::{
    AudienceManagerSource, Mode, ShareName, SourceSelector, additional_code,
};
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceId};
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::retirement::Kept;
use audience_sharing_core::plan::source::{Resolution, audience_manager, resolve};
use audience_sharing_core::plan::{Step, platform, retirement, rights, tenant};

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
        if let Some(recorded) = &departure.recorded_audience {
            return self.retire_audience(job, departure, recorded);
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
        let leaving = retirement::Departure {
            owner: &self.settings.owner,
            share: &departure.share,
            source: departure.source.as_ref().and_then(SourceId::audience),
            data_sources: &data_sources,
            recorded,
            declared: &departure.declared,
            inventory: &self.inventory,
            since: job.since,
        };
        let successor = self.successor(departure);
        let plan = match &successor {
            None => retirement::plan(leaving),
            Some(successor) => retirement::hand_over(leaving, declared_by(successor, departure)),
        };
        let plan = rights::checked(plan, &self.inventory);
        match job.choose(plan.steps, plan.holds, objects) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(None) => {
                Next::Finish(successor.map_or(Retired::Gone, Retired::HandedOver))
            }
            Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
        }
    }

    /// Another declared share of the same source, by the same way: its own look takes the objects over, nothing is
    /// deleted.
    fn successor(&self, departure: &Departure) -> Option<ShareName> {
        let source = departure.source.as_ref()?;
        let rivals = || departure.rivals.iter();
        let other_way = |share: &ShareName| {
            rivals().any(|rival| rival.share == *share && rival.strategy != departure.strategy)
        };
        let claims = &self.claims;
        let claimed = claims
            .successor(&departure.share, source, &*self.living)
            .cloned();
        claimed
            .or_else(|| {
                rivals()
                    .filter(|rival| rival.share != departure.share)
                    .find(|rival| self.asks_for(rival, source))
                    .map(|rival| rival.share.clone())
            })
            .filter(|successor| !other_way(successor))
    }

    fn retire_audience(
        &mut self,
        job: &mut Job,
        departure: &Departure,
        recorded: &platform::Recorded,
    ) -> Next<Retired> {
        if let Some(successor) = self.successor(departure) {
            match self.source_of(departure, job.since) {
                // Its own look takes the audience over by its key.
                Some(Resolution::Found(_)) | None => {
                    return Next::Finish(Retired::HandedOver(successor));
                }
                Some(Resolution::Ask(call)) => {
                    return match job.choose(vec![Step { call, ready: true }], Vec::new(), 1) {
                        Choice::Send(calls) => Next::Send(calls),
                        Choice::Finish(None) => Next::Finish(Retired::HandedOver(successor)),
                        Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
                    };
                }
                // Whoever asks for what cannot be shared any more takes nothing over.
                Some(Resolution::Held(_) | Resolution::Gone(_)) => {}
            }
        }
        let plan = platform::retire(platform::Departure {
            owner: &self.settings.owner,
            share: &departure.share,
            source: departure.source.as_ref(),
            recorded,
            inventory: &self.inventory,
        });
        match job.choose(plan.steps, plan.holds, 2) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(None) => Next::Finish(Retired::Gone),
            Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
        }
    }

    fn source_of(
        &self,
        departure: &Departure,
        since: Sequence,
    ) -> Option<Resolution<AudienceManagerSource>> {
        let (kind, sid) = departure.source.as_ref()?.audience_manager()?;
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

/// What the successor declares of the objects that it takes over; `None` if nobody said.
fn declared_by(successor: &ShareName, departure: &Departure) -> Option<Kept> {
    let mut rivals = departure.rivals.iter();
    let declaration = rivals.find(|rival| rival.share == *successor)?;
    let source = departure.source.as_ref()?.audience()?;
    let keys = declaration.additional_keys.iter();
    Some(Kept {
        codes: keys.map(|key| additional_code(source, key)).collect(),
        destinations: declaration.destinations.clone(),
    })
}
