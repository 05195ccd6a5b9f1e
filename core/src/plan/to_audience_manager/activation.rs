//! What puts the segments to use: the destinations that they are mapped to and the traits that their rules name, checked
//! before anything of the audience is made, then planned beside the segments that exist.

use std::collections::BTreeMap;

use super::placement;
use super::planner::Planner;
use crate::blocker::Blocker;
use crate::call::{Call, Step};
use crate::compose::DeclaredDestination;
use crate::domain::destination::Destination;
use crate::domain::identifier::{SegmentSid, TraitSid};
use crate::domain::labels::Restrictions;
use crate::plan::activation::export_controls;
use crate::plan::activation::mappings::{self, Checked, Declared, KnownMapping, Mapped};
use crate::plan::activation::rules::{self, LookAlikesByKey, ResolvedRule, RuleOutcome};

/// Of the shared segment, and of each additional one in the order of their declaration.
#[derive(Default)]
pub(super) struct Activation<'a> {
    pub(super) shared: Checked<'a>,
    pub(super) additional: Vec<SegmentActivation<'a>>,
}

pub(super) struct SegmentActivation<'a> {
    pub(super) destinations: Checked<'a>,
    /// `None`: not all of its traits are known.
    pub(super) rule: Option<ResolvedRule<'a>>,
}

impl<'a> Planner<'a> {
    /// Checks and reports all that can be known before the first write. `begins`: the trait is to be made now.
    pub(super) fn activation(&mut self, begins: bool) -> Activation<'a> {
        let input = self.input;
        let mut shared = self.destinations(None, &input.desired.destinations);
        self.allow(None, &mut shared, &[]);
        let look_alikes = self.look_alikes();
        let declared = input.desired.look_alikes();
        let declared: Vec<&str> = declared.map(|one| &*one.key).collect();
        let additional = input.desired.additional_segments.iter().map(|segment| {
            let mut destinations = self.destinations(Some(&segment.key), &segment.destinations);
            let (inventory, since) = (input.inventory, input.since);
            let by_key = LookAlikesByKey {
                declared: &declared,
                found: &look_alikes,
            };
            let recorded = &input.recorded.traits;
            let rule = rules::resolve_rule(inventory, segment, recorded, by_key, since);
            let rule = self.known(rule);
            if let Some(rule) = rule.as_ref().filter(|_| begins) {
                self.known(rule.validated(inventory, segment, None, since));
            }
            let named: Vec<TraitSid> = rule.iter().flat_map(ResolvedRule::named).collect();
            self.allow(Some(&segment.key), &mut destinations, &named);
            SegmentActivation { destinations, rule }
        });
        let additional = additional.collect();
        // Nothing else is planned before it.
        self.asks = !self.plan.steps.is_empty();
        self.in_vain = !self.plan.blockers.is_empty();
        Activation { shared, additional }
    }

    fn destinations(
        &mut self,
        key: Option<&str>,
        declared: &'a [DeclaredDestination],
    ) -> Checked<'a> {
        let recorded = self.recorded_mappings(key);
        let inventory = self.input.inventory;
        let mut checked = mappings::check(inventory, declared, &recorded, key);
        self.ask(std::mem::take(&mut checked.asked));
        checked.in_vain = !checked.blockers.is_empty();
        for blocker in std::mem::take(&mut checked.blockers) {
            self.block_once(blocker);
        }
        for target in &checked.targets {
            self.note_suspended_destination(target.destination);
        }
        checked
    }

    /// Keeps of the destinations those that the export controls allow, where the audience belongs by its labels. A segment
    /// that is mapped to another one, by whomever, keeps the audience where it is: Audience Manager would refuse the move.
    /// `named`: further traits of the segment's rule.
    fn allow(&mut self, key: Option<&str>, checked: &mut Checked<'a>, named: &[TraitSid]) {
        let inventory = self.input.inventory;
        let traits = named.iter().filter_map(|sid| inventory.traits.get(sid));
        let merge_rule = self.shared_objects.merge_rule.id();
        let counting = [self.place.data_source]
            .into_iter()
            .chain(merge_rule)
            .chain(traits.map(|entry| entry.record.data_source));
        let counting = counting.filter_map(|id| inventory.data_sources.get(&id));
        let controls = counting.flat_map(|entry| entry.record.restrictions.names());
        let controls = Restrictions::new(controls);
        let forbids = |destination: &Destination| export_controls::forbids(&controls, destination);
        let mapped = mappings::mapped_to(inventory, self.input.recorded.segment(key), &[]);
        let mapped: Vec<_> = mapped.collect();
        let unread: Vec<_> = export_controls::unread(&controls, mapped.iter().copied()).collect();
        if !unread.is_empty() {
            return self.ask(unread);
        }
        let all = checked.targets.iter().map(|target| target.destination);
        let forbidden: BTreeMap<_, _> = all
            .chain(mapped)
            .filter(|destination| forbids(destination))
            .map(|destination| (destination.id, destination))
            .collect();
        let Some(blocker) = export_controls::forbidden(&controls, forbidden.into_values()) else {
            return;
        };
        checked
            .targets
            .retain(|target| !forbids(target.destination));
        checked.in_vain = true;
        self.forbidden = true;
        self.block_once(placement::misplaced(
            &self.input,
            self.shared_objects,
            blocker,
        ));
    }

    fn known<T>(&mut self, outcome: RuleOutcome<T>) -> Option<T> {
        match outcome {
            RuleOutcome::Known(value) => return Some(value),
            RuleOutcome::Ask(calls) => self.ask(calls),
            RuleOutcome::Blocked(blocker) => self.block_once(blocker),
            RuleOutcome::Waits => {}
        }
        None
    }

    pub(super) fn ask(&mut self, calls: Vec<Call>) {
        self.add(calls.into_iter().map(Step::ready));
    }

    /// Each once.
    fn add(&mut self, steps: impl IntoIterator<Item = Step>) {
        for step in steps {
            if !self.plan.steps.contains(&step) {
                self.plan.steps.push(step);
            }
        }
    }

    pub(super) fn block_once(&mut self, blocker: Blocker) {
        if !self.plan.blockers.contains(&blocker) {
            self.plan.blockers.push(blocker);
        }
    }

    fn recorded_mappings(&self, key: Option<&str>) -> Vec<&'a KnownMapping> {
        let recorded = self.input.recorded.mappings.iter();
        recorded
            .filter(|known| known.segment.as_deref() == key)
            .collect()
    }

    /// Plans the mappings of one segment. `sid`: where it exists and is ours or observed.
    pub(super) fn map(
        &mut self,
        key: Option<&str>,
        sid: Option<SegmentSid>,
        checked: &Checked<'a>,
        observed: bool,
    ) {
        let recorded = self.recorded_mappings(key);
        for target in &checked.targets {
            let Some(sid) = sid else {
                let known = mappings::unmapped(key, *target);
                self.plan.state.mappings.push(known);
                continue;
            };
            let mapped = Mapped {
                inventory: self.input.inventory,
                key,
                sid,
                recorded: &recorded,
                adoption: self.input.share.adoption,
                observed,
                retain: self.input.share.retain,
                since: self.input.since,
            };
            let planned = mappings::plan_mapping(&mapped, checked, *target);
            self.plan.steps.extend(planned.steps);
            self.plan.blockers.extend(planned.blockers);
            let state = &mut self.plan.state;
            state
                .stored_differently
                .extend(planned.state.stored_differently);
            state.mappings.extend(planned.state.known);
        }
    }

    /// Mappings of ours that are no longer declared: those that the status still names.
    pub(super) fn undeclared_mappings(&mut self, activation: &Activation<'a>) {
        let input = self.input;
        for known in &input.recorded.mappings {
            let Some(id) = known.mapping.filter(|_| !input.share.retain) else {
                continue;
            };
            let state = &mut self.plan.state.mappings;
            if input.inventory.mappings.is_gone(&id)
                || state.iter().any(|state| state.mapping == Some(id))
            {
                continue;
            }
            let checked = activation.of_segment(input.desired, known.segment.as_deref());
            let declared = checked.map_or(Declared::No, |checked| checked.declares(known));
            let is_replaced = state.iter().any(|state| {
                state.segment == known.segment
                    && state.destination == known.destination
                    && state.mapping.is_some()
            });
            match declared {
                // It is not known yet, or cannot be mapped now: what exists stays, under the key of today.
                Declared::Yes if !is_replaced => {
                    if let Some(carried) = checked.and_then(|checked| checked.carried(known)) {
                        carry(state, carried);
                    }
                }
                Declared::Unknown => {}
                Declared::Yes | Declared::No => {
                    let sid = self.input.recorded.segment(known.segment.as_deref());
                    let steps = mappings::deletions(input.inventory, [(known, sid)], []);
                    self.plan.steps.extend(steps);
                }
            }
        }
    }

    /// The same, of those that were made for a declaration that changed before a status could name them.
    pub(super) fn unrecorded_mappings(&mut self, activation: &Activation<'a>) {
        let input = self.input;
        let asks = self.plan.steps.iter().any(|step| !step.call.is_write());
        if input.share.retain || asks || !self.plan.blockers.is_empty() {
            return;
        }
        let state = &self.plan.state;
        let additional = input.desired.additional_segments.iter();
        let additional =
            additional
                .zip(&activation.additional)
                .filter_map(|(segment, activation)| {
                    let mut known = state.additional_segments.iter();
                    let (_, sid) = known.find(|(key, _)| *key == segment.key)?;
                    Some((*sid, &activation.destinations))
                });
        let shared = state.segment_sid.map(|sid| (sid, &activation.shared));
        let segments: Vec<_> = shared.into_iter().chain(additional).collect();
        for (sid, checked) in segments {
            self.delete_made(sid, checked);
        }
    }

    fn delete_made(&mut self, sid: SegmentSid, declared: &Checked<'_>) {
        let inventory = self.input.inventory;
        let undeclared = mappings::made(inventory, sid).filter(|ours| {
            let mut targets = declared.targets.iter();
            !targets.any(|target| target.destination.id == ours.record().id.destination)
        });
        self.add(mappings::deletions(inventory, [], undeclared));
    }

    /// Whether a segment is mapped, as far as destinations are listed; where they are not, Audience Manager refuses the
    /// deletion of one that is.
    pub(super) fn is_used(&self, sid: SegmentSid) -> bool {
        mappings::mapped_to(self.input.inventory, Some(sid), &[])
            .next()
            .is_some()
    }

    /// Whether mappings block the deletion of a segment; ours are deleted first, as undeclared ones.
    pub(super) fn is_mapped(&mut self, sid: SegmentSid) -> bool {
        self.delete_made(sid, &Checked::default());
        let recorded = self.input.recorded;
        let key = recorded.additional_segments.iter();
        let key = key
            .filter(|(_, known)| *known == sid)
            .map(|(key, _)| &**key);
        let ours: Vec<_> = key
            .flat_map(|key| self.recorded_mappings(Some(key)))
            .collect();
        let found = mappings::in_the_way_of(self.input.inventory, sid, &ours);
        self.plan.blockers.extend(found.foreign);
        found.in_the_way
    }
}

impl<'a> Activation<'a> {
    /// What a segment declares; `None` where the segment is no longer declared.
    fn of_segment(
        &self,
        desired: &crate::compose::DesiredObjects,
        key: Option<&str>,
    ) -> Option<&Checked<'a>> {
        let Some(key) = key else {
            return Some(&self.shared);
        };
        let mut segments = desired.additional_segments.iter().zip(&self.additional);
        let (_, activation) = segments.find(|(segment, _)| *segment.key == *key)?;
        Some(&activation.destinations)
    }
}

/// Puts a mapping under its key; an entry that has one already stays.
fn carry(state: &mut Vec<KnownMapping>, carried: KnownMapping) {
    let place = |known: &&mut KnownMapping| {
        (&known.segment, &known.key) == (&carried.segment, &carried.key)
    };
    match state.iter_mut().find(place) {
        None => state.push(carried),
        Some(known) => known.mapping = known.mapping.or(carried.mapping),
    }
}
