//! Additional segments of ours that are declared no more.

use std::collections::BTreeSet;

use super::super::call::{Call, Step};
use super::super::difference::segment_label;
use super::super::ownership::{Ownership, Signs};
use super::{Planner, Recorded};
use crate::compose::Desired;
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid};
use crate::inventory::Inventory;

impl Planner<'_> {
    /// Segments of ours that are no longer declared: those below our key, and those that the status still names.
    pub(super) fn undeclared_segments(&mut self) {
        let situation = self.situation;
        let below = situation
            .foundation
            .data_sources()
            .flat_map(|id| segments_below(situation.inventory, id, situation.desired));
        let declared = |code: Option<&IntegrationCode>, key: Option<&str>| {
            let segments = &situation.desired.additional_segments;
            segments.iter().any(|segment| {
                Some(&segment.code) == code || key.is_some_and(|key| *segment.key == *key)
            })
        };
        let recorded = &situation.recorded.additional_segments;
        let recorded = recorded
            .iter()
            .filter(|(key, _)| !declared(None, Some(key)))
            .map(|(_, sid)| *sid);
        let below: BTreeSet<SegmentSid> = below.collect();
        let undeclared: BTreeSet<SegmentSid> = below.iter().copied().chain(recorded).collect();
        for sid in undeclared {
            let is_recorded = recorded_sids(situation.recorded).any(|known| known == sid);
            match situation.inventory.segments.get(&sid) {
                None if situation.inventory.segments.is_gone(&sid) => {}
                None => self.plan.steps.push(Step::ready(Call::ReadSegment(sid))),
                Some(entry) if declared(entry.record.integration_code.as_ref(), None) => {}
                // What a predecessor or a person left there may be meant to stay.
                Some(entry)
                    if situation.claimant().judge(
                        &segment_label(&entry.record),
                        Signs {
                            description: &entry.record.description,
                            recorded: is_recorded,
                            natural_key: below.contains(&sid),
                        },
                    ) != Ownership::Owned => {}
                Some(_) if situation.retain => {}
                Some(entry) if entry.doubtful => {
                    self.plan.steps.push(Step::ready(Call::ReadSegment(sid)));
                }
                Some(_) => {
                    let call = Call::DeleteSegment(sid);
                    let step = match self.is_mapped(sid) {
                        true => Step::waiting(call),
                        false => Step::ready(call),
                    };
                    self.plan.steps.push(step);
                }
            }
        }
    }
}

fn recorded_sids(recorded: &Recorded) -> impl Iterator<Item = SegmentSid> {
    recorded.additional_segments.iter().map(|(_, sid)| *sid)
}

/// The segments of a data source whose integration codes begin with `<I>.`.
fn segments_below(
    inventory: &Inventory,
    data_source: DataSourceId,
    desired: &Desired,
) -> Vec<SegmentSid> {
    let prefix = format!("{}.", desired.code);
    let first = (data_source, IntegrationCode::new(prefix.as_str()));
    inventory
        .segments
        .range(first..)
        .take_while(|((source, code), _)| {
            *source == data_source && code.as_str().starts_with(&prefix)
        })
        .map(|(_, entry)| entry.record.sid)
        .collect()
}
