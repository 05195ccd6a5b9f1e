//! What the export controls of the audience forbid is not mapped, and told before anything is made for it.

use super::Planner;
use super::uses::Uses;
use crate::plan::forbidden::{self, Labelled};

impl<'a> Planner<'a> {
    pub(super) fn forbid(&mut self, uses: &mut Uses<'a>) {
        let table = &self.situation.inventory.data_sources;
        let Some(stands_in) = table.get(&self.place.data_source) else {
            return;
        };
        let controls = &stands_in.record.restrictions;
        let additional = uses.additional.iter_mut();
        let additional = additional.map(|segment| &mut segment.destinations);
        for checked in std::iter::once(&mut uses.shared).chain(additional) {
            let labelled = checked.targets.iter().map(|target| Labelled {
                name: &target.destination.name,
                labels: &target.destination.labels,
            });
            let Some(hold) = forbidden::destinations(controls, labelled) else {
                continue;
            };
            checked.targets.retain(|target| {
                controls
                    .shared_with(&target.destination.labels)
                    .next()
                    .is_none()
            });
            checked.in_vain = true;
            self.in_vain = true;
            self.plan.holds.push(hold);
        }
    }
}
