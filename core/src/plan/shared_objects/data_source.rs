//! The connection's own data source, and what all of its data sources have in common.

use std::collections::BTreeSet;

use super::observed::{ObservedSharedObjects, RecordedSharedObjects};
use crate::blocker::Blocker;
use crate::call::{Call, Kind, Step};
use crate::compose::{AdoptionPolicy, ConnectionSettings, DESCRIPTION_CHARS_MAX, Mode, ShareName};
use crate::domain::adobe_sharing::is_pair_trait;
use crate::domain::audience_manager::{DataSource, DataSourceChange, NewDataSource, Trait};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::domain::labels::Restrictions;
use crate::domain::mark::{Mark, describe};
use crate::inventory::{Coverage, Inventory, Table};
use crate::ownership::{Claimant, Ownership};
use crate::plan::Plan;
use crate::plan::difference::{Desired, FieldComparison};
use crate::plan::keep::{Kept, keep};
use crate::plan::lookup::{Lookup, Slot, SlotKey};

/// The user's text before the mark of a data source that we create.
const DESCRIPTION: &str = "Audiences shared from Adobe Experience Platform";

/// The mark of a data source names no resource, so none is looked up.
static NO_RESOURCE: BTreeSet<ShareName> = BTreeSet::new();

/// The mark of the connection's owner.
pub(super) fn owner_mark(settings: &ConnectionSettings) -> Mark {
    Mark::DataSource {
        owner: settings.owner.clone(),
    }
}

/// Where one shared object is found: by its recorded id, else by its name, also where the service stores that in another
/// spelling. `key`: the natural key for a name.
pub(super) fn shared_slot<'a, K: Kind<Scope = ()>>(
    (settings, mark): (&'a ConnectionSettings, &'a Mark),
    inventory: &'a Inventory,
    recorded: Option<K::Id>,
    (name, description): (&'a str, Option<&'a str>),
    key: K::NaturalKey,
) -> Slot<'a, K> {
    let table = K::table(inventory);
    let list: fn(&K::NaturalKey) -> Option<Call> = |_| Some(Call::list::<K>(()));
    let named = SlotKey {
        key: key.clone(),
        look_up: list,
        list: match table.is_listed(Coverage::Whole) {
            true => |_| None,
            false => list,
        },
    };
    let is_respelled = move |found: &K| table.is_stored_as(found, Field::Name, name);
    let respelled = table.iter().filter(|entry| is_respelled(&entry.record));
    let respelled = respelled.flat_map(|entry| entry.record.natural_keys().collect::<Vec<_>>());
    let respelled = respelled.map(SlotKey::found_by);
    Slot {
        inventory,
        claimant: Claimant {
            mark,
            previous_owners: &settings.previous_owners,
            existing: &NO_RESOURCE,
        },
        recorded: recorded.into_iter().collect(),
        as_ours: true,
        keys: [named].into_iter().chain(respelled).collect(),
        other_keys: Vec::new(),
        has_key: Box::new(move |found| {
            let mut keys = found.natural_keys();
            keys.any(|known| known == key) || is_respelled(found)
        }),
        description,
    }
}

/// The slot of a data source with this name.
pub(super) fn named<'a>(
    settings: (&'a ConnectionSettings, &'a Mark),
    inventory: &'a Inventory,
    recorded: Option<DataSourceId>,
    name: &'a str,
    description: Option<&'a str>,
) -> Slot<'a, DataSource> {
    shared_slot(
        settings,
        inventory,
        recorded,
        (name, description),
        name.into(),
    )
}

/// The object in the slot. Absence from a list proves nothing, and before the first list nothing is known.
pub(super) fn find_listed<'a, K: Kind<Scope = ()>>(slot: &Slot<'a, K>) -> Lookup<'a, K> {
    match K::table(slot.inventory).is_listed(Coverage::Whole) {
        true => slot.find(|_| true),
        false => Lookup::Ask(Box::new(Call::list::<K>(()))),
    }
}

pub(super) fn plan_data_source(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<ObservedSharedObjects>,
) {
    let (name, mark, table) = (
        &settings.data_source,
        owner_mark(settings),
        &inventory.data_sources,
    );
    let created_as = describe(DESCRIPTION, &mark, DESCRIPTION_CHARS_MAX);
    let recorded = recorded.data_source;
    let slot = named(
        (settings, &mark),
        inventory,
        recorded,
        name,
        Some(&created_as),
    );
    match find_listed(&slot) {
        Lookup::Ask(call) => {
            plan.state.data_source = slot.known();
            plan.steps.push(Step::ready(*call));
        }
        Lookup::Found(found) => {
            if let Ownership::Blocked(blocker) = found.ownership {
                return plan.blockers.push(blocker);
            }
            let is_unmarked = matches!(found.ownership, Ownership::Unmarked(_));
            let adoption = match (settings.adoption, mode) {
                (AdoptionPolicy::Always, Mode::Manage) if is_unmarked => {
                    adoption_of(found.record, inventory, plan)
                }
                _ => AdoptionPolicy::Never,
            };
            let marked = MarkedDataSource::of(found.record, &mark, &created_as);
            let kept = keep(inventory, &found, &marked, adoption).ok();
            if mode == Mode::Manage {
                plan.steps.extend(kept.as_ref().and_then(Kept::step));
            }
            let state = &mut plan.state;
            state.adobes = kept.is_none();
            state.data_source = Some(found.record.id);
            state.enforces_trait_codes = found.record.unique_trait_codes;
            state.enforces_segment_codes = found.record.unique_segment_codes;
            state
                .stored_differently
                .extend(stored_differently(table, found.record, name));
        }
        Lookup::Absent if mode == Mode::Observe => {}
        Lookup::Absent => create(table, (name, &created_as), Restrictions::default(), plan),
    }
}

/// What Adobe's own sharing fills is never taken over: its deletion would be the end of Adobe's objects.
fn adoption_of(
    found: &DataSource,
    inventory: &Inventory,
    plan: &mut Plan<ObservedSharedObjects>,
) -> AdoptionPolicy {
    if !inventory.traits.is_listed(Coverage::DataSource(found.id)) {
        let list = Call::list::<Trait>(vec![found.id]);
        plan.steps.push(Step::ready(list));
        return AdoptionPolicy::Never;
    }
    let keys = (found.id, IntegrationCode::new(""))..;
    let held = inventory.traits.range(keys).map(|(_, entry)| &entry.record);
    let mut held = held.take_while(|one| one.data_source == found.id);
    match held.any(is_pair_trait) {
        true => AdoptionPolicy::Never,
        false => AdoptionPolicy::Always,
    }
}

/// A sentence where the service stores the name otherwise.
pub(super) fn stored_differently<K: Kind>(table: &Table<K>, found: &K, name: &str) -> Vec<String> {
    let mut comparison = FieldComparison::new(table, found);
    comparison.text(Field::Name, name);
    comparison.sentences()
}

/// What is due where no data source has the name: to create it, once nothing that is listed can be it.
pub(super) fn create(
    table: &Table<DataSource>,
    (name, created_as): (&str, &str),
    restrictions: Restrictions,
    plan: &mut Plan<ObservedSharedObjects>,
) {
    let call = match table.unreadable() {
        Some(id) => {
            let (id, name) = (id.copied(), name.into());
            plan.blockers
                .push(Blocker::UnreadableDataSource { id, name });
            return;
        }
        // Another list must lack it too.
        None if !table.is_free(&name.into()) => Call::list::<DataSource>(()),
        None => Call::create::<DataSource>(NewDataSource {
            name: name.into(),
            description: created_as.into(),
            unique_trait_codes: true,
            unique_segment_codes: true,
            restrictions,
        }),
    };
    plan.steps.push(Step::ready(call));
}

/// Our mark behind the description that a data source has; all else of it is left as it is.
pub(super) struct MarkedDataSource<'a> {
    /// The description under which we create one.
    created_as: &'a str,
    /// As it is once our mark is there.
    description: String,
    is_marked: bool,
}

impl<'a> MarkedDataSource<'a> {
    pub(super) fn of(found: &DataSource, mark: &Mark, created_as: &'a str) -> Self {
        Self {
            created_as,
            description: describe(&found.description, mark, DESCRIPTION_CHARS_MAX),
            is_marked: Mark::read(&found.description).as_ref() == Some(mark),
        }
    }
}

impl Desired<DataSource> for MarkedDataSource<'_> {
    fn description(&self) -> &str {
        &self.description
    }

    /// Nothing where the service did not keep the mark when it was created or marked: it is not written again.
    fn change(&self, comparison: &mut FieldComparison<'_, DataSource>) -> DataSourceChange {
        let is_due =
            !self.is_marked && !comparison.is_stored_as(Field::Description, self.created_as);
        let description = is_due.then(|| comparison.text(Field::Description, &self.description));
        DataSourceChange {
            description: description.flatten(),
        }
    }

    fn undescribed(_: DataSourceChange) -> DataSourceChange {
        DataSourceChange::default()
    }
}
