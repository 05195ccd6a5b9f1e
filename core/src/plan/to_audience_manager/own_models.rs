//! The models that a resource made, to delete them or to hand them over.

use super::input::KnownModel;
use crate::call::{Call, Step};
use crate::domain::identifier::{ModelId, SegmentSid, TraitSid};
use crate::domain::mark::{EntryKey, Mark};
use crate::domain::model::Model;
use crate::inventory::Inventory;
use crate::ownership::owned::Ours;
use crate::ownership::{Claimant, Ownership, Signs};
use crate::plan::delete::deletion;

/// The models of one resource, as far as its status or their marks name them.
pub(super) struct OwnModels<'a> {
    pub(super) inventory: &'a Inventory,
    /// With the resource's own mark.
    pub(super) claimant: Claimant<'a>,
    pub(super) recorded: &'a [KnownModel],
    /// The shared trait and the shared segment: whose look-alikes they find.
    pub(super) baselines: Vec<u64>,
}

pub(super) fn baselines(of_trait: Option<TraitSid>, of_segment: Option<SegmentSid>) -> Vec<u64> {
    let of_trait = of_trait.map(|sid| sid.0).into_iter();
    of_trait.chain(of_segment.map(|sid| sid.0)).collect()
}

impl<'a> OwnModels<'a> {
    /// Each id once, with its entry, and whether the status names it.
    fn named(&self) -> Vec<(EntryKey, ModelId, bool)> {
        let own = self.claimant.mark.of_any_uid();
        let marked = self.inventory.models.iter().filter_map(|entry| {
            let mark = Mark::read(&entry.record.description)?;
            let key = mark.entry()?.clone();
            let is_own = mark.of_any_uid().of_entry(None) == own;
            is_own.then_some((key, entry.record.id, false))
        });
        let recorded = self.recorded.iter();
        let recorded = recorded.map(|known| (known.key.clone(), known.id, true));
        let mut named: Vec<(EntryKey, ModelId, bool)> = Vec::new();
        for found in recorded.chain(marked) {
            if named.iter().all(|(_, id, _)| *id != found.1) {
                named.push(found);
            }
        }
        named
    }

    /// Those that are ours and whose entry `goes`; what is not known is asked for.
    pub(super) fn find(
        &self,
        goes: impl Fn(&EntryKey) -> bool,
    ) -> (Vec<Step>, Vec<Ours<'a, Model>>) {
        let table = &self.inventory.models;
        let (mut asked, mut ours) = (Vec::new(), Vec::new());
        for (key, id, recorded) in self.named().into_iter().filter(|(key, ..)| goes(key)) {
            let found = match table.get(&id) {
                Some(entry) if !entry.stale => &entry.record,
                None if table.is_gone(&id) => continue,
                Some(_) | None => {
                    asked.push(Step::ready(Call::read::<Model>(id)));
                    continue;
                }
            };
            let mark = self.claimant.mark.clone().of_entry(Some(key));
            let claimant = Claimant {
                mark: &mark,
                ..self.claimant
            };
            let baseline = found.baseline;
            let signs = Signs {
                recorded,
                natural_key: baseline.is_some_and(|sid| self.baselines.contains(&sid)),
            };
            if let Ownership::Owned(found) = claimant.judge(found, signs) {
                ours.push(found);
            }
        }
        (asked, ours)
    }
}

/// Deletes one, once no trait is known to be made of it: its deletion would be refused. `first`: nothing else goes before.
pub(super) fn model_deletion(inventory: &Inventory, ours: &Ours<'_, Model>, first: bool) -> Step {
    let is_last = !yields(inventory, ours.record().id);
    deletion(ours.owned(), first && is_last)
}

fn yields(inventory: &Inventory, id: ModelId) -> bool {
    let mut traits = inventory.traits.iter();
    traits.any(|entry| {
        let made_of = entry.record.look_alikes.as_ref();
        made_of.is_some_and(|made_of| made_of.model == id)
    })
}
