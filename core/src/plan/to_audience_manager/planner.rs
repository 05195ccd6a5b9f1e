//! The plan of one audience while it is made: its shared trait, and what everything else hangs on.

use super::coded::{Coded, coded};
use super::input::{ObservedState, Pair, RecordedIds, has_code};
use super::name_advice::advised_against;
use crate::blocker::{Blocker, ObjectName, SuspendedObject};
use crate::call::{Call, Step};
use crate::compose::{DesiredObjects, Mode, ShareName};
use crate::domain::audience_manager::{NewTrait, Trait, TraitKind};
use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitFolderId, TraitSid,
};
use crate::domain::mark::Mark;
use crate::domain::source::SourceId;
use crate::ownership::{Judged as _, object_name};
use crate::plan::difference::{DesiredTrait, unmarkable};
use crate::plan::keep::keep;
use crate::plan::lookup::{Candidate, Slot};
use crate::plan::shared_objects::{ObservedSharedObjects, Place};
use crate::plan::{Plan, PlanInput};

/// What became of the trait, for what hangs on it.
#[derive(Clone, Copy)]
pub(super) enum TraitState {
    Exists(TraitSid),
    /// This plan creates it.
    Planned,
    /// Not known, blocked or absent: what needs it waits.
    Missing,
}

pub(super) struct Planner<'a> {
    pub(super) input: PlanInput<'a, DesiredObjects, RecordedIds>,
    pub(super) shared_objects: &'a ObservedSharedObjects,
    pub(super) place: Place,
    pub(super) plan: Plan<ObservedState>,
    /// A destination's export labels keep it from where it belongs.
    pub(super) forbidden: bool,
    /// Something must be known before the first write.
    pub(super) asks: bool,
    /// It is known that not all that is declared can exist: nothing is begun.
    pub(super) in_vain: bool,
    /// Adobe's pair, where it is the shared one.
    pub(super) adobes: Option<Pair<'a>>,
    /// What is said once all else is planned.
    pub(super) waits: Option<Blocker>,
    /// The same.
    pub(super) suspended: Vec<SuspendedObject>,
    /// Those that equal what is declared: only beside them a second one can be a duplicate.
    pub(super) declared_trait: Option<TraitSid>,
    pub(super) declared_segments: Vec<SegmentSid>,
}

impl<'a> Planner<'a> {
    pub(super) fn may_create(&self) -> bool {
        !self.observes() && self.shared_objects.trait_folder.is_some()
    }

    /// Observed objects are Adobe's: nothing of ours is created beside them.
    pub(super) fn observes(&self) -> bool {
        self.input.share.mode == Mode::Observe
            || self.shared_objects.adobes
            || self.adobes.is_some()
    }

    pub(super) fn trait_slot(&self) -> Slot<'a, Trait> {
        let input = self.input;
        let recorded = input.recorded;
        let code = &input.desired.code;
        let own = recorded.trait_sid.filter(|_| !recorded.observed);
        Slot {
            recorded: own.into_iter().collect(),
            ..self.slot(code, &input.desired.description)
        }
    }

    /// Beside Adobe's own objects our further traits are where Adobe's trait is.
    pub(super) fn trait_folder(&self) -> Option<TraitFolderId> {
        self.shared_objects.trait_folder.or_else(|| {
            let sid = self.plan.state.trait_sid?;
            Some(self.input.inventory.traits.get(&sid)?.record.folder)
        })
    }

    /// By its integration code, where it belongs and in our other data sources: labels change, and an object keeps its sid
    /// on the way from one data source to the next.
    pub(super) fn slot<K>(&self, code: &'a IntegrationCode, description: &'a str) -> Slot<'a, K>
    where
        K: Coded,
    {
        let input = self.input;
        let (place, shared_objects) = (self.place.data_source, self.shared_objects);
        let others = shared_objects.data_sources();
        let others = others.filter(|id| *id != place && !self.observes());
        Slot {
            inventory: input.inventory,
            claimant: input.claimant,
            recorded: Vec::new(),
            as_ours: true,
            keys: vec![coded(input.inventory, place, code)],
            other_keys: others.map(|id| coded(input.inventory, id, code)).collect(),
            has_key: Box::new(move |found: &K| {
                has_code(shared_objects, place, code, found.place())
            }),
            description: Some(description),
        }
    }

    /// Whose mark is on the trait says who holds the source.
    pub(super) fn claimed_by_another(&self, found: Option<&Trait>) -> Option<Blocker> {
        let input = &self.input;
        let marked = match found {
            Some(found) if Mark::read(&found.description).is_some() => {
                input.claimant.marked_share(&found.description)
            }
            // A person deleted the trait alone, or its mark: the segment still says whose both are.
            Some(_) | None => self.marked_segment(),
        };
        let source = &input.desired.source;
        let object = ObjectName::new(Audience::NOUN, source.as_str());
        input.claimed_by_another(&SourceId::Audience(source.clone()), object, marked.as_ref())
    }

    fn marked_segment(&self) -> Option<ShareName> {
        let input = &self.input;
        let code = &input.desired.code;
        let segments = &input.inventory.segments;
        let mut found = self
            .shared_objects
            .data_sources()
            .flat_map(|data_source| segments.find(&(data_source, code.clone())));
        found.find_map(|entry| input.claimant.marked_share(&entry.record.description))
    }

    pub(super) fn shared_trait(
        &mut self,
        slot: &Slot<'a, Trait>,
        found: Option<Candidate<'a, Trait>>,
    ) -> TraitState {
        let observes = self.observes();
        if let Some(pair) = self.adobes {
            self.plan.state.observed = true;
            return self.exists(pair.shared_trait);
        }
        match found {
            None if observes => {
                if self.must_ask(None) {
                    return TraitState::Missing;
                }
                let code = self.input.desired.code.clone();
                self.blocker(Blocker::AwaitingAdobeSharing(code))
            }
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

    /// What must be known before the audience's trait counts as absent, Adobe's own included.
    fn must_ask(&mut self, unproven: Option<Call>) -> bool {
        let asked: Vec<Call> = unproven.into_iter().chain(self.search()).collect();
        let must_ask = !asked.is_empty();
        self.ask(asked);
        must_ask
    }

    fn create_trait(&mut self, slot: &Slot<'a, Trait>) -> TraitState {
        if self.in_vain {
            return TraitState::Missing;
        }
        let Some(folder) = self.shared_objects.trait_folder else {
            return TraitState::Missing;
        };
        let desired = self.input.desired;
        if let Some(blocker) = unmarkable(&desired.mark) {
            return self.blocker(blocker);
        }
        let unproven = slot.unproven(self.input.since);
        let unproven = unproven.filter(|_| !self.place.enforces_trait_codes);
        if self.must_ask(unproven) {
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
            look_alikes: None,
        });
        self.plan.steps.push(match self.asks {
            true => Step::waiting(call),
            false => Step::ready(call),
        });
        TraitState::Planned
    }

    fn keep_trait(&mut self, found: &Candidate<'a, Trait>) -> TraitState {
        let input = self.input;
        let record = found.record;
        let desired = self.desired_trait(record);
        let kept = match keep(input.inventory, found, &desired, input.share.adoption) {
            Ok(kept) => kept,
            Err(blocker) => return self.blocker(blocker),
        };
        if record.kind != TraitKind::Onboarded {
            return self.blocker(Blocker::NotOnboarded(object_name(record)));
        }
        self.declared_trait = kept.is_equal().then_some(record.sid);
        self.plan.steps.extend(kept.step());
        let state = &mut self.plan.state;
        state.stored_differently.extend(kept.stored_differently);
        state.advised_against = advised_against(record);
        self.exists(record)
    }

    fn exists(&mut self, found: &Trait) -> TraitState {
        self.plan.state.trait_sid = Some(found.sid);
        self.plan.state.data_source = Some(found.data_source);
        self.note_suspended_trait(found);
        TraitState::Exists(found.sid)
    }

    pub(super) fn desired_trait(&self, found: &Trait) -> DesiredTrait<'a> {
        let desired = self.input.desired;
        let folder = self.shared_objects.trait_folder;
        DesiredTrait {
            name: &desired.name,
            description: &desired.description,
            code: &desired.code,
            data_source: self.data_source_for(found.data_source),
            folder: folder.unwrap_or(found.folder),
            rule: &desired.trait_rule,
            ttl_days: desired.ttl_days,
            threshold: None,
        }
    }

    /// Nothing moves out of or into what Adobe's own sharing fills.
    pub(super) fn data_source_for(&self, data_source: DataSourceId) -> DataSourceId {
        match self.observes() || self.forbidden {
            true => data_source,
            false => self.place.data_source,
        }
    }
}

impl TraitState {
    pub(super) fn sid(self) -> Option<TraitSid> {
        match self {
            Self::Exists(sid) => Some(sid),
            Self::Planned | Self::Missing => None,
        }
    }
}
