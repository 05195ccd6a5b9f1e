//! The next step of an audience that leaves: hand its objects over, or delete them in order, or say who is in the way.

use audience_sharing_core::compose::{AudienceSelector, Mode, ShareName, additional_code};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::plan::retirement::Kept;
use audience_sharing_core::plan::source::{Resolution, resolve};
use audience_sharing_core::plan::{retirement, tenant};

use super::job::{Choice, Job};
use super::request::{Departure, Retired};
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
        let data_source = departure.data_source.or_else(|| {
            // Objects may stand whose ids were never written down: the process died in between.
            self.foundation_plan(Mode::Observe).standing.data_source
        });
        let recorded = &departure.recorded;
        let count = recorded.additional_segments.len() + recorded.mappings.len();
        let count = count + departure.declared.len();
        let objects = 2 + u32::try_from(count).unwrap_or(u32::MAX >> 8);
        let leaving = retirement::Departure {
            owner: &self.settings.owner,
            share: &departure.share,
            source: departure.source.as_ref(),
            data_source,
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
        match job.choose(plan.steps, plan.holds, objects) {
            Choice::Send(calls) => Next::Send(calls),
            Choice::Finish(None) => {
                Next::Finish(successor.map_or(Retired::Gone, Retired::HandedOver))
            }
            Choice::Finish(Some(obstacle)) => Next::Finish(Retired::Blocked(obstacle)),
        }
    }

    /// Another declared share of the same source: its own look takes the objects over, nothing is deleted.
    fn successor(&self, departure: &Departure) -> Option<ShareName> {
        let source = departure.source.as_ref()?;
        let claims = &self.claims;
        let claimed = claims
            .successor(&departure.share, source, &*self.living)
            .cloned();
        claimed.or_else(|| {
            departure
                .rivals
                .iter()
                .filter(|rival| rival.share != departure.share)
                .find(|rival| self.asks_for(rival, source))
                .map(|rival| rival.share.clone())
        })
    }

    fn asks_for(&self, rival: &super::request::Declaration, source: &AudienceId) -> bool {
        match (&rival.pinned, &rival.source) {
            (Some(id), _) | (None, AudienceSelector::Id(id)) => id == source,
            (None, AudienceSelector::Name(_)) => matches!(
                resolve(&rival.source, None, &self.inventory),
                Resolution::Found(found) if found.id == *source
            ),
        }
    }
}

/// What the successor declares of the objects that it takes over; `None` if nobody said.
fn declared_by(successor: &ShareName, departure: &Departure) -> Option<Kept> {
    let mut rivals = departure.rivals.iter();
    let declaration = rivals.find(|rival| rival.share == *successor)?;
    let source = departure.source.as_ref()?;
    let keys = declaration.additional_keys.iter();
    Some(Kept {
        codes: keys.map(|key| additional_code(source, key)).collect(),
        destinations: declaration.destinations.clone(),
    })
}
