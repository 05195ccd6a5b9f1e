//! The pair that Adobe's own sharing makes of the audience (design.md §2). It is observed, never written. Where it exists,
//! ours is not created; where ours existed first, ours stays, unless the user declares that Adobe's takes its place.

use super::activation::Activation;
use super::coded::coded;
use super::input::{AdobesPair, Pair, has_code};
use super::planner::Planner;
use super::users::{TraitUsers, users_of};
use crate::blocker::Blocker;
use crate::call::Call;
use crate::domain::adobe_sharing::{is_pair_trait, may_be_pair_trait};
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, SegmentSid};
use crate::domain::mark::Mark;
use crate::domain::segment_rule::SegmentRule;
use crate::domain::source::{AudienceManagerSelector, Naming, SourceKind};
use crate::inventory::{Coverage, Sequence};
use crate::kinds::coded::Coded;
use crate::ownership::{Left, Ownership, object_name};
use crate::plan::Plan;
use crate::plan::activation::mappings;
use crate::plan::delete::OwnedObjects;
use crate::plan::lookup::{Candidate, Slot};

impl<'a> Planner<'a> {
    /// Adobe's pair, as far as it is known.
    ///
    /// # Errors
    /// What must be read first.
    pub(super) fn adobes_pair(&self) -> Result<Option<Pair<'a>>, Box<Call>> {
        let (inventory, recorded) = (self.input.inventory, self.input.recorded);
        let traits = &inventory.traits;
        let observed = recorded.trait_sid.filter(|_| recorded.observed);
        let observed = observed.or(recorded.adobes.map(|pair| pair.trait_sid));
        let known = observed.and_then(|sid| traits.get(&sid));
        if let Some(sid) = observed.filter(|sid| known.is_none() && !traits.is_gone(sid)) {
            return Err(Box::new(Call::read::<Trait>(sid)));
        }
        let code = &self.input.desired.code;
        let recorded = known.map(|entry| entry.record.data_source);
        let recorded = recorded.filter(|id| self.is_adobes(*id));
        let sources = self.adobes_data_sources().chain(recorded);
        let found = sources.flat_map(|id| traits.find(&(id, code.clone())));
        let mut found =
            found.filter(|entry| may_be_pair_trait(&entry.record) || is_pair_trait(&entry.record));
        let Some(entry) = found.next() else {
            return Ok(None);
        };
        if entry.stale {
            return Err(Box::new(Call::read::<Trait>(entry.record.sid)));
        }
        let shared_trait = &entry.record;
        let segment = self.segment_over(shared_trait)?;
        Ok(Some(Pair {
            shared_trait,
            segment,
        }))
    }

    fn segment_over(&self, shared_trait: &Trait) -> Result<Option<&'a Segment>, Box<Call>> {
        let table = &self.input.inventory.segments;
        let key = (shared_trait.data_source, self.input.desired.code.clone());
        let rule = SegmentRule::from(shared_trait.sid).to_string();
        let mut found = table.find(&key).filter(|entry| {
            let segment = &entry.record;
            Mark::read(&segment.description).is_none()
                && Field::SegmentRule.same(&segment.rule, &rule)
        });
        let Some(entry) = found.next() else {
            let listed = table.is_listed(Coverage::DataSource(key.0));
            return match listed || table.was_looked_up(&key, Sequence::default()) {
                true => Ok(None),
                false => Err(Box::new(Call::look_up::<Segment>(key))),
            };
        };
        match entry.stale {
            true => Err(Box::new(Call::read::<Segment>(entry.record.sid))),
            false => Ok(Some(&entry.record)),
        }
    }

    /// Those that are not among ours.
    fn adobes_data_sources(&self) -> impl Iterator<Item = DataSourceId> {
        let found = self.input.inventory.adobes_data_sources();
        found.filter(|id| self.is_adobes(*id))
    }

    fn is_adobes(&self, data_source: DataSourceId) -> bool {
        let mut ours = self.shared_objects.data_sources();
        ours.all(|id| id != data_source)
    }

    /// What must still be looked through before Adobe's pair counts as absent: its traits are looked for no earlier than
    /// those of the place where ours belongs were listed. Many that are reconciled at once share one list.
    pub(super) fn search(&self) -> Vec<Call> {
        let inventory = self.input.inventory;
        let code = &self.input.desired.code;
        let place = Coverage::DataSource(self.place.data_source);
        let listed = inventory.traits.listed_at(place).unwrap_or_default();
        let selector = AudienceManagerSelector {
            kind: SourceKind::Trait,
            naming: Naming::IntegrationCode(code.clone()),
        };
        let searched = inventory.searches.get(&selector).map(|found| found.seen);
        if searched.is_some_and(|at| at >= listed) {
            return Vec::new();
        }
        let looked_through = inventory.adobe_sharing.looked_through;
        let is_due = looked_through.is_none_or(|at| at < listed);
        if is_due && !self.input.among_many {
            return vec![Call::Search(selector)];
        }
        let is_listed = |id: &_| inventory.traits.is_listed(Coverage::DataSource(*id));
        let unlisted = self.adobes_data_sources().filter(|id| !is_listed(id));
        let lists = unlisted.map(|id| Call::list::<Trait>(vec![id]));
        lists
            .chain(is_due.then_some(Call::FindAdobeSharing))
            .collect()
    }

    /// Whether Adobe's pair is the shared one. Ours stays while it exists and nothing else is declared.
    pub(super) fn is_in_place(
        &mut self,
        ours: Option<&Candidate<'a, Trait>>,
        pair: Pair<'a>,
    ) -> bool {
        match ours.map(|found| &found.ownership) {
            None | Some(Ownership::Unmarked(_) | Ownership::Unrelated) => return true,
            Some(Ownership::Blocked(_)) => return false,
            Some(Ownership::Owned(_) | Ownership::TakenOver(_)) => {}
        }
        let input = self.input;
        let owned = ours.is_some_and(|found| matches!(found.ownership, Ownership::Owned(_)));
        if owned && input.desired.moves_over && (input.recorded.observed || self.has_members(pair))
        {
            return true;
        }
        self.plan.state.adobes = Some(AdobesPair {
            trait_sid: pair.shared_trait.sid,
            segment_sid: pair.segment.map(|segment| segment.sid),
            data_source: pair.shared_trait.data_source,
        });
        false
    }

    /// Only then nothing is lost by the move.
    fn has_members(&mut self, pair: Pair<'_>) -> bool {
        let (inventory, since) = (self.input.inventory, self.input.since);
        let Some(segment) = pair.segment else {
            self.waits = Some(Blocker::AwaitingMembers(object_name(pair.shared_trait)));
            return false;
        };
        let known = inventory.members.get(&segment.sid);
        match known.filter(|known| known.seen >= since) {
            Some(known) if known.members.is_some_and(|members| members > 0) => return true,
            Some(_) => self.waits = Some(Blocker::AwaitingMembers(object_name(segment))),
            None => self.ask(vec![Call::ReadMembers(segment.sid)]),
        }
        false
    }

    /// Ours, once everything hangs on Adobe's: mappings, segment, trait. What something else uses stays.
    pub(super) fn delete_own_pair(&mut self, activation: &Activation<'a>) {
        if !self.plan.steps.is_empty() || !self.plan.blockers.is_empty() {
            return;
        }
        let mut asked = Plan::<Left>::default();
        let segments: OwnedObjects<'_, Segment> =
            OwnedObjects::of(&self.own_slot(), &mut asked, |_, _| true, |_| false);
        let traits: OwnedObjects<'_, Trait> =
            OwnedObjects::of(&self.own_slot(), &mut asked, |_, _| true, |_| false);
        self.plan.steps.extend(asked.steps);
        let sids: Vec<SegmentSid> = segments.ids();
        let inventory = self.input.inventory;
        let mut deletions = Vec::new();
        for sid in &sids {
            let (ours, foreign) = mappings::declared_on(inventory, *sid, &activation.shared);
            deletions.extend(ours);
            self.plan.blockers.extend(foreign);
        }
        for sid in traits.ids() {
            match users_of(inventory, self.input.since, sid, &sids) {
                TraitUsers::Unknown => self.ask(vec![Call::ReadTraitUsers(sid)]),
                TraitUsers::Foreign(blocker) => self.plan.blockers.push(blocker),
                TraitUsers::OursAlone => {}
            }
        }
        if !self.plan.steps.is_empty() || !self.plan.blockers.is_empty() {
            return;
        }
        let first = deletions.is_empty();
        self.plan.steps.extend(deletions);
        self.plan.steps.extend(segments.deletions(first, |_| true));
        self.plan
            .steps
            .extend(traits.deletions(first && sids.is_empty(), |_| true));
    }

    /// Where our own of the shared objects is: no status names it once Adobe's is recorded.
    fn own_slot<K: Coded>(&self) -> Slot<'a, K> {
        let input = self.input;
        let (here, shared_objects) = (self.place.data_source, self.shared_objects);
        let code = &input.desired.code;
        let keys = shared_objects.data_sources();
        Slot {
            inventory: input.inventory,
            claimant: input.claimant,
            recorded: Vec::new(),
            as_ours: true,
            keys: keys.map(|id| coded(input.inventory, id, code)).collect(),
            other_keys: Vec::new(),
            has_key: Box::new(move |found: &K| has_code(shared_objects, here, code, found.place())),
            description: None,
        }
    }
}
