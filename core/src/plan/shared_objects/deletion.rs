//! Shared objects that go: those of a connection that is deleted, and second data sources of one name.

use super::contents;
use super::data_source::{named, owner_mark};
use super::observed::{ObservedSharedObjects, controlled_name};
use crate::call::{Call, Kind, Step};
use crate::compose::ConnectionSettings;
use crate::domain::audience_manager::{DataSource, SegmentFolder, TraitFolder};
use crate::domain::identifier::DataSourceId;
use crate::inventory::Inventory;
use crate::ownership::owned::Ours;
use crate::ownership::{Ownership, judge_folder};
use crate::plan::delete::deletion;
use crate::plan::lookup::Lookup;

/// Each data source of the connection with its name.
fn data_sources(
    settings: &ConnectionSettings,
    state: &ObservedSharedObjects,
) -> Vec<(Box<str>, DataSourceId)> {
    let own = state.data_source;
    let own = own.map(|id| (settings.data_source.clone(), id));
    let controlled = state.controlled.iter().map(|found| {
        let name = controlled_name(settings, found.controls);
        (name, found.place.data_source)
    });
    own.into_iter().chain(controlled).collect()
}

/// The calls that remove the shared objects of a connection that is deleted: only what is ours, and what its fresh lists
/// show to be empty.
pub fn delete_shared_objects(
    settings: &ConnectionSettings,
    state: &ObservedSharedObjects,
    inventory: &Inventory,
) -> Vec<Step> {
    let mut steps = stale_objects(state, inventory);
    if !steps.is_empty() {
        return steps;
    }
    let mark = owner_mark(settings);
    let all = data_sources(settings, state);
    let owned = all.iter().filter_map(|(name, id)| {
        let slot = named((settings, &mark), inventory, Some(*id), name, None);
        match slot.find(|_| true) {
            Lookup::Found(found) => match found.ownership {
                // What is recorded here is what was found, by whichever sign: its mark shows that it is ours.
                Ownership::Owned(ours) if slot.claimant.is_of_owner(&found.record.description) => {
                    Some(ours)
                }
                _ => None,
            },
            Lookup::Absent | Lookup::Ask(_) => None,
        }
    });
    let owned: Vec<Ours<'_, DataSource>> = owned.collect();
    let ids: Vec<DataSourceId> = owned.iter().map(|ours| ours.record().id).collect();
    steps.extend(
        ids.iter()
            .flat_map(|id| contents::stale_contents(*id, inventory)),
    );
    if !steps.is_empty() || ids.iter().any(|id| contents::is_in_use(*id, inventory)) {
        return steps;
    }
    steps.extend(ids.iter().flat_map(|id| contents::unproven(*id, inventory)));
    if !steps.is_empty() {
        return steps;
    }
    let created = &inventory.created_folders;
    let trait_folder = state.trait_folder.and_then(|id| {
        let found = inventory.trait_folders.get(&id)?;
        judge_folder::<TraitFolder>(&found.record, &created.traits)
    });
    let segment_folder = state.segment_folder.and_then(|id| {
        let found = inventory.segment_folders.get(&id)?;
        judge_folder::<SegmentFolder>(&found.record, &created.segments)
    });
    steps.extend(trait_folder.map(|ours| deletion(ours.owned(), true)));
    steps.extend(segment_folder.map(|ours| deletion(ours.owned(), true)));
    steps.extend(owned.iter().map(|ours| deletion(ours.owned(), true)));
    steps
}

/// Reads of the shared objects that the lists lack.
fn stale_objects(state: &ObservedSharedObjects, inventory: &Inventory) -> Vec<Step> {
    fn read<K: Kind>(inventory: &Inventory, id: K::Id) -> Option<Step> {
        let table = K::table(inventory);
        let is_stale = match table.get(&id) {
            Some(entry) => entry.stale,
            None => !table.is_gone(&id),
        };
        is_stale.then(|| Step::ready(Call::read::<K>(id)))
    }
    let data_sources = state.data_sources();
    let data_sources = data_sources.filter_map(|id| read::<DataSource>(inventory, id));
    let trait_folder = state.trait_folder;
    let trait_folder = trait_folder.and_then(|id| read::<TraitFolder>(inventory, id));
    let segment_folder = state.segment_folder;
    let segment_folder = segment_folder.and_then(|id| read::<SegmentFolder>(inventory, id));
    data_sources
        .chain(trait_folder)
        .chain(segment_folder)
        .collect()
}

/// The calls that leave our data sources alone with their names: a create whose effect came after the look-up leaves a
/// second one, and no server refuses it (design.md §4, L4). Only an empty one that carries our mark goes.
pub fn duplicate_data_sources(
    settings: &ConnectionSettings,
    state: &ObservedSharedObjects,
    inventory: &Inventory,
) -> Vec<Step> {
    let mark = owner_mark(settings);
    let mut steps = Vec::new();
    for (name, kept) in data_sources(settings, state) {
        let kept = inventory.data_sources.get(&kept);
        let Some(kept) = kept.filter(|entry| !entry.stale) else {
            continue;
        };
        let slot = named((settings, &mark), inventory, None, &name, None);
        for (ours, entry) in slot.duplicates(&kept.record, |_, _| true) {
            let id = entry.record.id;
            let listed = contents::is_listed(id, inventory);
            steps.extend(match entry.stale {
                true => vec![Step::ready(Call::read::<DataSource>(id))],
                false if listed && contents::is_in_use(id, inventory) => Vec::new(),
                false => match contents::unproven(id, inventory) {
                    lists if lists.is_empty() => vec![deletion(ours.owned(), true)],
                    lists => lists,
                },
            });
        }
    }
    steps
}
