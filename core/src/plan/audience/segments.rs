//! The shared segment and the additional ones.

use super::uses::Uses;
use super::{Planner, TraitState, awaiting_adobe};
use crate::compose::{self, Mode};
use crate::domain::audience_manager::{NewSegment, Segment, SegmentChange};
use crate::domain::identifier::{IntegrationCode, SegmentFolderId, SegmentSid, TraitSid};
use crate::domain::segment_rule::SegmentRule;
use crate::plan::call::{Call, NEW_TRAIT, Step};
use crate::plan::difference::{Comparison, DesiredSegment, segment_label, unmarkable};
use crate::plan::elsewhere;
use crate::plan::found::{Found, Proof, find_segment};
use crate::plan::ownership::Signs;
use crate::plan::rules::{self, Resolved};

struct WantedSegment<'a> {
    code: &'a IntegrationCode,
    name: &'a str,
    description: &'a str,
    /// `None` while the trait is only planned.
    rule: Option<String>,
    /// What a forecast shows in place of the rule.
    template: String,
    recorded: Option<SegmentSid>,
    recorded_as_ours: bool,
    observed: bool,
    /// Where a user wrote the rule, and the shared trait stands.
    user_rule: Option<(&'a Resolved<'a>, &'a compose::DesiredSegment, TraitSid)>,
    /// It is not made while something that it is declared with cannot stand.
    in_vain: bool,
}

impl<'a> Planner<'a> {
    pub(super) fn shared_segment(&mut self, state: &TraitState, uses: &Uses<'a>) {
        let situation = self.situation;
        let desired = situation.desired;
        let wanted = WantedSegment {
            code: &desired.code,
            name: &desired.name,
            description: &desired.description,
            rule: match state {
                TraitState::Stands(sid) => Some(SegmentRule::from(*sid).to_string()),
                TraitState::Planned => None,
                TraitState::Missing => return,
            },
            template: NEW_TRAIT.to_owned(),
            recorded: situation.recorded.segment_sid,
            recorded_as_ours: self.is_recorded(situation.recorded.segment_sid.is_some()),
            observed: self.observes(),
            user_rule: None,
            in_vain: false,
        };
        let sid = self.segment(&wanted);
        self.plan.standing.segment_sid = sid;
        let observed = self.plan.standing.observed;
        self.map(None, sid, &uses.shared, observed);
    }

    pub(super) fn additional_segments(&mut self, state: &TraitState, uses: &Uses<'a>) {
        let situation = self.situation;
        let segments = &situation.desired.additional_segments;
        for (segment, uses) in segments.iter().zip(&uses.additional) {
            let Some(resolved) = &uses.rule else {
                continue; // told when it was asked for
            };
            self.plan.standing.traits.extend(resolved.known.clone());
            let rule = match state {
                TraitState::Stands(sid) => match resolved.fill(*sid) {
                    Ok(rule) => Some(rule.to_string()),
                    Err(key) => {
                        self.plan.holds.push(rules::unnamed(segment, key));
                        continue;
                    }
                },
                TraitState::Planned => None,
                TraitState::Missing => return,
            };
            let recorded = situation.recorded.additional(&segment.key);
            let wanted = WantedSegment {
                code: &segment.code,
                name: &segment.name,
                description: &segment.description,
                rule,
                template: segment.rule.to_string(),
                recorded,
                recorded_as_ours: recorded.is_some(),
                observed: false,
                user_rule: state.sid().map(|sid| (resolved, segment, sid)),
                in_vain: uses.destinations.in_vain,
            };
            let sid = self.segment(&wanted);
            if let Some(sid) = sid {
                let standing = (segment.key.clone(), sid);
                self.plan.standing.additional_segments.push(standing);
            }
            self.map(Some(&segment.key), sid, &uses.destinations, false);
        }
    }

    /// Plans one segment; its sid where it stands and is ours or observed.
    fn segment(&mut self, wanted: &WantedSegment<'_>) -> Option<SegmentSid> {
        let situation = self.situation;
        let proof = match wanted.observed {
            true => Proof::Listed,
            false if self.place.enforces_segment_codes => Proof::ServerEnforces,
            false => Proof::LookUp {
                since: situation.since,
            },
        };
        let rank = |found: &Segment| {
            let equals = || {
                let desired = wanted
                    .rule
                    .as_deref()
                    .map(|rule| self.desired_segment(wanted, rule, found));
                let table = &situation.inventory.segments;
                let compared = &mut Comparison::new(table, found);
                desired.is_some_and(|desired| desired.change(compared).is_none())
            };
            situation.rank(&found.description, equals)
        };
        let found = find_segment(
            situation.inventory,
            wanted.recorded,
            self.place.data_source,
            wanted.code,
            proof,
            rank,
        );
        let found = match found {
            Found::Absent if !self.observes() => elsewhere::find(
                &situation,
                self.place.data_source,
                |found: &Segment| &found.description,
                |data_source| {
                    let code = wanted.code;
                    find_segment(
                        situation.inventory,
                        None,
                        data_source,
                        code,
                        Proof::Listed,
                        rank,
                    )
                },
            ),
            found => found,
        };
        match found {
            Found::Ask(call) => {
                self.plan.steps.push(Step::ready(*call));
                None
            }
            Found::Absent if wanted.observed => {
                self.plan.holds.push(awaiting_adobe(wanted.code));
                None
            }
            Found::Absent => {
                if !wanted.in_vain {
                    self.create_segment(wanted);
                }
                None
            }
            Found::Present(found) if situation.mode == Mode::Observe => Some(found.sid),
            Found::Present(found) => self.keep_segment(wanted, found),
        }
    }

    fn create_segment(&mut self, wanted: &WantedSegment<'_>) {
        let Some(folder) = self.segment_folder() else {
            return;
        };
        if let Some(hold) = unmarkable(&self.situation.desired.mark) {
            self.plan.holds.push(hold);
            return;
        }
        let call = Call::CreateSegment(NewSegment {
            name: wanted.name.into(),
            description: wanted.description.into(),
            integration_code: wanted.code.clone(),
            data_source: self.place.data_source,
            folder,
            rule: wanted.rule.as_deref().unwrap_or(&wanted.template).into(),
            merge_rule: self.situation.foundation.merge_rule.id(),
        });
        let is_ready = wanted.rule.is_some() && self.accepts_rule_of(wanted);
        // A rule that is refused is told; one that is asked about is waited for.
        let refused = wanted.rule.is_some() && !is_ready && !self.asks;
        if !refused {
            self.plan.steps.push(match is_ready {
                true => Step::ready(call),
                false => Step::waiting(call),
            });
        }
    }

    fn accepts_rule_of(&mut self, wanted: &WantedSegment<'_>) -> bool {
        let of_user = wanted.user_rule;
        of_user.is_none_or(|(rule, segment, shared)| self.accepts((rule, segment), shared))
    }

    /// Beside Adobe's own objects our additional segments stand where Adobe's segment stands.
    fn segment_folder(&self) -> Option<SegmentFolderId> {
        self.situation.foundation.segment_folder.or_else(|| {
            let sid = self.plan.standing.segment_sid?;
            Some(self.situation.inventory.segments.get(&sid)?.record.folder)
        })
    }

    fn keep_segment(&mut self, wanted: &WantedSegment<'_>, found: &Segment) -> Option<SegmentSid> {
        if wanted.observed && self.situation.foundation.adobes {
            self.plan.standing.observed = true;
            return Some(found.sid);
        }
        let rule = wanted.rule.as_deref()?;
        let desired = self.desired_segment(wanted, rule, found);
        let table = &self.situation.inventory.segments;
        let signs = Signs {
            description: &found.description,
            recorded: wanted.recorded_as_ours && wanted.recorded == Some(found.sid)
                || desired.marked_in_vain(table, found),
            natural_key: self.has_key(
                found.integration_code.as_ref(),
                found.data_source,
                wanted.code,
            ),
        };
        if let Err(hold) = self.may_write(
            &segment_label(found),
            signs,
            desired.equals_but_for_mark(table, found),
        ) {
            self.plan.holds.push(hold);
            return None;
        }
        let mut comparison = Comparison::new(table, found);
        let mut change = desired.change(&mut comparison).unwrap_or_default();
        // The rest of the change does not wait for the rule.
        if change.rule.is_some() && !self.accepts_rule_of(wanted) {
            change.rule = None;
        }
        if change != SegmentChange::default() {
            self.plan.steps.push(Step::ready(Call::UpdateSegment {
                expected: found.clone(),
                change,
            }));
        }
        self.tell_respelled(comparison, &segment_label(found));
        Some(found.sid)
    }

    fn desired_segment<'w>(
        &self,
        wanted: &WantedSegment<'w>,
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
            merge_rule: self.situation.foundation.merge_rule.id(),
        }
    }
}
