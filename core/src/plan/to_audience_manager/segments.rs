//! The shared segment and the additional ones.

use super::activation::Activation;
use super::input::Pair;
use super::planner::{Planner, TraitState};
use crate::blocker::Blocker;
use crate::call::{Call, NEW_TRAIT, Step};
use crate::compose::{self, Mode};
use crate::domain::audience_manager::{NewSegment, Segment};
use crate::domain::identifier::{IntegrationCode, SegmentFolderId, SegmentSid, TraitSid};
use crate::domain::segment_rule::SegmentRule;
use crate::plan::activation::rules::{self, ResolvedRule};
use crate::plan::difference::{Desired as _, DesiredSegment, unmarkable};
use crate::plan::keep::keep;
use crate::plan::lookup::{Candidate, Lookup, Slot};

struct WantedSegment<'a, 'r> {
    code: &'a IntegrationCode,
    name: &'a str,
    description: &'a str,
    /// `None` while the trait is only planned.
    rule: Option<String>,
    /// What a forecast shows in place of the rule.
    template: String,
    recorded: Option<SegmentSid>,
    /// It is Adobe's.
    observed: bool,
    /// Where a user wrote the rule, and the shared trait exists.
    user_rule: Option<(
        &'r ResolvedRule<'a>,
        &'a compose::DesiredAdditionalSegment,
        TraitSid,
    )>,
    /// It is not made while something that it is declared with cannot exist.
    in_vain: bool,
}

/// What Audience Manager says of a rule that a user wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RuleState {
    Accepted,
    Asked,
    Refused,
}

impl<'a> Planner<'a> {
    pub(super) fn shared_segment(&mut self, state: TraitState, activation: &Activation<'a>) {
        let input = self.input;
        let desired = input.desired;
        let wanted = WantedSegment {
            code: &desired.code,
            name: &desired.name,
            description: &desired.description,
            rule: match state {
                TraitState::Exists(sid) => Some(SegmentRule::from(sid).to_string()),
                TraitState::Planned => None,
                TraitState::Missing => return,
            },
            template: NEW_TRAIT.to_owned(),
            recorded: input
                .recorded
                .segment_sid
                .filter(|_| !input.recorded.observed),
            observed: self.observes(),
            user_rule: None,
            in_vain: false,
        };
        let sid = match self.adobes {
            Some(pair) => self.adobes_segment(pair),
            None => self.segment(&wanted),
        };
        self.plan.state.segment_sid = sid;
        let observed = self.plan.state.observed;
        self.map(None, sid, &activation.shared, observed);
    }

    fn adobes_segment(&mut self, pair: Pair<'a>) -> Option<SegmentSid> {
        if pair.segment.is_none() {
            let code = self.input.desired.code.clone();
            self.blocker(Blocker::AwaitingAdobeSharing(code));
        }
        let segment = pair.segment?;
        self.note_suspended_segment(segment);
        Some(segment.sid)
    }

    pub(super) fn additional_segments(&mut self, state: TraitState, activation: &Activation<'a>) {
        let input = self.input;
        let segments = &input.desired.additional_segments;
        for (segment, activation) in segments.iter().zip(&activation.additional) {
            let Some(resolved) = &activation.rule else {
                continue; // reported when it was asked for
            };
            self.plan.state.traits.extend(resolved.known.clone());
            let rule = match state {
                TraitState::Exists(sid) => match resolved.fill(sid) {
                    Ok(rule) => Some(rule.to_string()),
                    Err(key) => {
                        self.plan.blockers.push(rules::unnamed(segment, key));
                        continue;
                    }
                },
                TraitState::Planned => None,
                TraitState::Missing => return,
            };
            let wanted = WantedSegment {
                code: &segment.code,
                name: &segment.name,
                description: &segment.description,
                rule,
                template: segment.rule.to_string(),
                recorded: input.recorded.segment(Some(&segment.key)),
                observed: false,
                user_rule: state.sid().map(|sid| (resolved, segment, sid)),
                in_vain: activation.destinations.in_vain,
            };
            let sid = self.segment(&wanted);
            if let Some(sid) = sid {
                let state = (segment.key.clone(), sid);
                self.plan.state.additional_segments.push(state);
            }
            self.map(Some(&segment.key), sid, &activation.destinations, false);
        }
    }

    pub(super) fn segment_slot(
        &self,
        code: &'a IntegrationCode,
        description: &'a str,
        recorded: Option<SegmentSid>,
    ) -> Slot<'a, Segment> {
        Slot {
            recorded: recorded.into_iter().collect(),
            ..self.slot(code, description)
        }
    }

    /// Plans one segment; its sid where it exists and is ours or observed.
    fn segment(&mut self, wanted: &WantedSegment<'a, '_>) -> Option<SegmentSid> {
        let slot = self.segment_slot(wanted.code, wanted.description, wanted.recorded);
        let equals = |found: &Segment| {
            let rule = wanted.rule.as_deref();
            let desired = rule.map(|rule| self.desired_segment(wanted, rule, found));
            desired.is_some_and(|desired| desired.equals(slot.inventory, found))
        };
        match slot.find(equals) {
            Lookup::Ask(call) => {
                self.plan.steps.push(Step::ready(*call));
                None
            }
            Lookup::Absent if wanted.observed => {
                let blocker = Blocker::AwaitingAdobeSharing(wanted.code.clone());
                self.plan.blockers.push(blocker);
                None
            }
            Lookup::Absent => {
                if !wanted.in_vain {
                    self.create_segment(&slot, wanted);
                }
                None
            }
            Lookup::Found(found) if self.input.share.mode == Mode::Observe || wanted.observed => {
                self.plan.state.observed = true;
                self.note_suspended_segment(found.record);
                Some(found.record.sid)
            }
            Lookup::Found(found) => self.keep_segment(wanted, &found),
        }
    }

    fn create_segment(&mut self, slot: &Slot<'a, Segment>, wanted: &WantedSegment<'_, '_>) {
        let Some(folder) = self.segment_folder() else {
            return;
        };
        if let Some(blocker) = unmarkable(&self.input.desired.mark) {
            self.plan.blockers.push(blocker);
            return;
        }
        let unproven = slot.unproven(self.input.since);
        if let Some(look_up) = unproven.filter(|_| !self.place.enforces_segment_codes) {
            return self.plan.steps.push(Step::ready(look_up));
        }
        let call = Call::create::<Segment>(NewSegment {
            name: wanted.name.into(),
            description: wanted.description.into(),
            integration_code: wanted.code.clone(),
            data_source: self.place.data_source,
            folder,
            rule: wanted.rule.as_deref().unwrap_or(&wanted.template).into(),
            merge_rule: self.shared_objects.merge_rule.id(),
        });
        let state = match wanted.rule {
            Some(_) => self.rule_state(wanted),
            None => RuleState::Asked,
        };
        match state {
            RuleState::Accepted => self.plan.steps.push(Step::ready(call)),
            RuleState::Asked => self.plan.steps.push(Step::waiting(call)),
            RuleState::Refused => {}
        }
    }

    fn rule_state(&mut self, wanted: &WantedSegment<'_, '_>) -> RuleState {
        let Some((rule, segment, shared)) = wanted.user_rule else {
            return RuleState::Accepted;
        };
        let (inventory, since) = (self.input.inventory, self.input.since);
        match rule.validated(inventory, segment, Some(shared), since) {
            rules::RuleOutcome::Known(()) => RuleState::Accepted,
            rules::RuleOutcome::Ask(calls) => {
                self.ask(calls);
                RuleState::Asked
            }
            rules::RuleOutcome::Blocked(blocker) => {
                self.block_once(blocker);
                RuleState::Refused
            }
            rules::RuleOutcome::Waits => RuleState::Refused,
        }
    }

    /// Beside Adobe's own objects our additional segments are where Adobe's segment is.
    fn segment_folder(&self) -> Option<SegmentFolderId> {
        self.shared_objects.segment_folder.or_else(|| {
            let sid = self.plan.state.segment_sid?;
            Some(self.input.inventory.segments.get(&sid)?.record.folder)
        })
    }

    fn keep_segment(
        &mut self,
        wanted: &WantedSegment<'_, '_>,
        found: &Candidate<'a, Segment>,
    ) -> Option<SegmentSid> {
        let input = self.input;
        let desired = self.desired_segment(wanted, wanted.rule.as_deref()?, found.record);
        let mut kept = match keep(input.inventory, found, &desired, input.share.adoption) {
            Ok(kept) => kept,
            Err(blocker) => {
                self.plan.blockers.push(blocker);
                return None;
            }
        };
        if kept.is_equal() {
            self.declared_segments.push(found.record.sid);
        }
        // The rest of the change does not wait for the rule.
        if kept.change.rule.is_some() && self.rule_state(wanted) != RuleState::Accepted {
            kept.change.rule = None;
        }
        self.plan.steps.extend(kept.step());
        let state = &mut self.plan.state;
        state.stored_differently.extend(kept.stored_differently);
        self.note_suspended_segment(found.record);
        Some(found.record.sid)
    }

    fn desired_segment<'w>(
        &self,
        wanted: &WantedSegment<'w, '_>,
        rule: &'w str,
        found: &Segment,
    ) -> DesiredSegment<'w> {
        DesiredSegment {
            name: wanted.name,
            description: wanted.description,
            code: wanted.code,
            data_source: self.data_source_for(found.data_source),
            folder: self.segment_folder().unwrap_or(found.folder),
            rule,
            merge_rule: self.shared_objects.merge_rule.id(),
        }
    }
}
