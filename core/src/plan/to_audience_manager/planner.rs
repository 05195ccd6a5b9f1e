//! The plan of one audience while it is made: its shared trait, and what everything else hangs on.

use super::coded::{Coded, coded};
use super::input::{ObservedState, PlanInput};
use crate::blocker::Blocker;
use crate::call::{Call, Step};
use crate::compose::{Mode, ShareName};
use crate::domain::audience_manager::{NewTrait, Trait, TraitKind};
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::mark::Mark;
use crate::domain::reason::Reason;
use crate::domain::source::SourceId;
use crate::ownership::{held_by, label};
use crate::plan::Plan;
use crate::plan::difference::{DesiredTrait, unmarkable};
use crate::plan::keep::keep;
use crate::plan::lookup::{Candidate, Slot};
use crate::plan::shared_objects::Place;

/// What became of the trait, for what hangs on it.
#[derive(Clone, Copy)]
pub(super) enum TraitState {
    Stands(TraitSid),
    /// This plan creates it.
    Planned,
    /// Not known, held or absent: what needs it waits.
    Missing,
}

pub(super) struct Planner<'a> {
    pub(super) situation: PlanInput<'a>,
    pub(super) place: Place,
    pub(super) plan: Plan<ObservedState>,
    /// A destination's export labels keep it from where it belongs.
    pub(super) forbidden: bool,
    /// Something must be known before the first write.
    pub(super) asks: bool,
    /// It is known that not all that is declared can exist: nothing is begun.
    pub(super) in_vain: bool,
    /// Those that equal what is declared: only beside them a second one can be a duplicate.
    pub(super) declared_trait: Option<TraitSid>,
    pub(super) declared_segments: Vec<SegmentSid>,
}

impl<'a> Planner<'a> {
    pub(super) fn may_create(&self) -> bool {
        !self.observes() && self.situation.shared_objects.trait_folder.is_some()
    }

    /// Observed objects are Adobe's: nothing of ours is created beside them.
    pub(super) fn observes(&self) -> bool {
        self.situation.mode == Mode::Observe || self.situation.shared_objects.adobes
    }

    pub(super) fn trait_slot(&self) -> Slot<'a, Trait> {
        let situation = self.situation;
        let recorded = situation.recorded;
        let place = self.place.data_source;
        let code = &situation.desired.code;
        Slot {
            recorded: recorded.trait_sid.into_iter().collect(),
            as_ours: !recorded.observed,
            has_key: Box::new(move |found: &Trait| {
                situation.has_key(
                    found.integration_code.as_ref(),
                    found.data_source,
                    place,
                    code,
                )
            }),
            ..self.slot(code, &situation.desired.description)
        }
    }

    /// By its integration code, where it belongs and in our other data sources: labels change, and an object keeps its sid
    /// on the way from one data source to the next.
    pub(super) fn slot<K>(&self, code: &IntegrationCode, description: &'a str) -> Slot<'a, K>
    where
        K: Coded,
    {
        let situation = self.situation;
        let place = self.place.data_source;
        let others = situation.shared_objects.data_sources();
        let others = others.filter(|id| *id != place && !self.observes());
        Slot {
            inventory: situation.inventory,
            claimant: situation.claimant(),
            recorded: Vec::new(),
            as_ours: true,
            keys: vec![coded(situation.inventory, place, code)],
            elsewhere: others
                .map(|id| coded(situation.inventory, id, code))
                .collect(),
            has_key: Box::new(|_| false),
            description: Some(description),
        }
    }

    /// One source, one holder: whose mark is on it, else the older (design.md §4, L5).
    pub(super) fn claimed_by_another(&self, found: Option<&Trait>) -> Option<Blocker> {
        let situation = &self.situation;
        let marked = match found {
            Some(found) if Mark::read(&found.description).is_some() => {
                situation.claimant().marked_share(&found.description)
            }
            // A person deleted the trait alone, or its mark: the segment still says whose both are.
            Some(_) | None => self.marked_segment(),
        };
        let holder = situation.claims.holder(
            situation.share,
            &SourceId::Audience(situation.desired.source.clone()),
            marked.as_ref(),
            situation.existing,
        )?;
        (holder != situation.share)
            .then(|| held_by(&format!("Audience {}", situation.desired.source), holder))
    }

    fn marked_segment(&self) -> Option<ShareName> {
        let situation = &self.situation;
        let code = &situation.desired.code;
        let segments = &situation.inventory.segments;
        let mut found = situation
            .shared_objects
            .data_sources()
            .flat_map(|data_source| segments.find(&(data_source, code.clone())));
        found.find_map(|entry| situation.claimant().marked_share(&entry.record.description))
    }

    pub(super) fn shared_trait(
        &mut self,
        slot: &Slot<'a, Trait>,
        found: Option<Candidate<'a, Trait>>,
    ) -> TraitState {
        let observes = self.observes();
        match found {
            None if observes => self.blocker(awaiting_adobe(&self.situation.desired.code)),
            None => self.create_trait(slot),
            Some(found) if observes => {
                self.plan.state.observed = true;
                self.exists(found.record)
            }
            Some(found) => self.keep_trait(&found),
        }
    }

    pub(super) fn blocker(&mut self, blocker: Blocker) -> TraitState {
        self.plan.blockers.push(blocker);
        TraitState::Missing
    }

    fn create_trait(&mut self, slot: &Slot<'a, Trait>) -> TraitState {
        if self.in_vain {
            return TraitState::Missing;
        }
        let Some(folder) = self.situation.shared_objects.trait_folder else {
            return TraitState::Missing;
        };
        let desired = self.situation.desired;
        if let Some(blocker) = unmarkable(&desired.mark) {
            return self.blocker(blocker);
        }
        let unproven = slot.unproven(self.situation.since);
        if let Some(look_up) = unproven.filter(|_| !self.place.enforces_trait_codes) {
            self.plan.steps.push(Step::ready(look_up));
            return TraitState::Missing;
        }
        let call = Call::create::<Trait>(NewTrait {
            name: desired.name.clone(),
            description: desired.description.clone(),
            integration_code: desired.code.clone(),
            data_source: self.place.data_source,
            folder,
            rule: desired.trait_rule.clone(),
            ttl_days: desired.ttl_days,
        });
        self.plan.steps.push(match self.asks {
            true => Step::waiting(call),
            false => Step::ready(call),
        });
        TraitState::Planned
    }

    fn keep_trait(&mut self, found: &Candidate<'a, Trait>) -> TraitState {
        let situation = self.situation;
        let record = found.record;
        let desired = self.desired_trait(record);
        let kept = match keep(situation.inventory, found, &desired, situation.adoption) {
            Ok(kept) => kept,
            Err(blocker) => return self.blocker(blocker),
        };
        if record.kind != TraitKind::Onboarded {
            return self.blocker(not_onboarded(record));
        }
        self.declared_trait = kept.is_equal().then_some(record.sid);
        self.plan.steps.extend(kept.step());
        let state = &mut self.plan.state;
        state.stored_differently.extend(kept.stored_differently);
        self.exists(record)
    }

    fn exists(&mut self, found: &Trait) -> TraitState {
        self.plan.state.trait_sid = Some(found.sid);
        self.plan.state.data_source = Some(found.data_source);
        TraitState::Stands(found.sid)
    }

    pub(super) fn desired_trait(&self, found: &Trait) -> DesiredTrait<'a> {
        let desired = self.situation.desired;
        let folder = self.situation.shared_objects.trait_folder;
        DesiredTrait {
            name: &desired.name,
            description: &desired.description,
            code: &desired.code,
            data_source: self.data_source_for(found.data_source),
            folder: folder.unwrap_or(found.folder),
            rule: &desired.trait_rule,
            ttl_days: desired.ttl_days,
        }
    }

    /// Nothing moves out of or into what Adobe's own sharing fills.
    pub(super) fn data_source_for(&self, stands_in: DataSourceId) -> DataSourceId {
        match self.observes() || self.forbidden {
            true => stands_in,
            false => self.place.data_source,
        }
    }
}

impl TraitState {
    pub(super) fn sid(self) -> Option<TraitSid> {
        match self {
            Self::Stands(sid) => Some(sid),
            Self::Planned | Self::Missing => None,
        }
    }
}

fn not_onboarded(found: &Trait) -> Blocker {
    Blocker::new(
        Reason::AdoptionRefused,
        format!(
            "{} has the integration code of the shared audience and is no onboarded trait; nothing was changed. Delete it \
             or change its integration code.",
            label(found)
        ),
    )
}

pub(super) fn awaiting_adobe(code: &IntegrationCode) -> Blocker {
    Blocker::new(
        Reason::AwaitingAdobeSharing,
        format!(
            "Adobe's own sharing has not delivered audience {code} to Audience Manager yet. Activate the audience to \
             the Experience Cloud Audiences destination in Experience Platform."
        ),
    )
}
