//! Additional segments of ours that are declared no more.

use super::coded::Coded;
use super::planner::Planner;
use crate::domain::audience_manager::Segment;
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid};
use crate::inventory::Table;
use crate::ownership::Ownership;
use crate::plan::Plan;
use crate::plan::delete::deletion;
use crate::plan::lookup::{Slot, SlotKey};

impl Planner<'_> {
    /// Segments of ours that are no longer declared: those below our key, and those that the status still names. What a
    /// predecessor or a person left there may be meant to stay.
    pub(super) fn undeclared_segments(&mut self) {
        let input = self.input;
        let segments = &input.desired.additional_segments;
        let is_declared =
            |code: Option<&IntegrationCode>| segments.iter().any(|found| Some(&found.code) == code);
        let recorded = input.recorded.additional_segments.iter();
        let recorded: Vec<SegmentSid> = recorded
            .filter(|(key, _)| segments.iter().all(|segment| segment.key != *key))
            .map(|(_, sid)| *sid)
            .collect();
        let data_sources: Vec<_> = self.shared_objects.data_sources().collect();
        let below = keys_below(
            &input.inventory.segments,
            &data_sources,
            &input.desired.code,
        );
        let below = below
            .into_iter()
            .filter(|(_, code)| !is_declared(Some(code)));
        let below: Vec<_> = below.collect();
        let has_key = |found: &Segment| {
            let code = found.integration_code.clone();
            code.is_some_and(|code| below.contains(&(found.data_source, code)))
        };
        let slot = Slot {
            inventory: input.inventory,
            claimant: input.claimant,
            recorded,
            as_ours: true,
            keys: below.iter().cloned().map(SlotKey::found_by).collect(),
            other_keys: Vec::new(),
            has_key: Box::new(has_key),
            description: None,
        };
        let mut asked = Plan::default();
        let found = slot.all(&mut asked);
        let found: Vec<_> = found
            .into_iter()
            .filter(|found| !is_declared(found.record.integration_code.as_ref()))
            .collect();
        if input.share.retain {
            return;
        }
        self.plan.steps.extend(asked.steps);
        for found in found {
            let Ownership::Owned(ours) = found.ownership else {
                continue;
            };
            let first = !self.is_mapped(found.record.sid);
            self.plan.steps.push(deletion(ours.owned(), first));
        }
    }
}

/// Data source and integration code of the traits or segments whose codes begin with `<I>.`.
pub(super) fn keys_below<K: Coded>(
    table: &Table<K>,
    data_sources: &[DataSourceId],
    code: &IntegrationCode,
) -> Vec<(DataSourceId, IntegrationCode)> {
    let prefix = format!("{code}.");
    let prefix = prefix.as_str();
    let below = data_sources.iter().flat_map(|id| {
        let first = (*id, IntegrationCode::new(prefix));
        let found = table.range(first..);
        found
            .map(|(key, _)| key)
            .take_while(move |(source, code)| source == id && code.as_str().starts_with(prefix))
    });
    let mut below: Vec<_> = below.cloned().collect();
    below.dedup();
    below
}
