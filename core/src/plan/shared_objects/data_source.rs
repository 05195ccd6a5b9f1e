//! The connection's own data source, and what all of its data sources have in common.

use std::collections::BTreeSet;

use super::observed::{ObservedSharedObjects, RecordedSharedObjects};
use crate::blocker::Blocker;
use crate::call::{Call, Kind, Step};
use crate::compose::{AdoptionPolicy, ConnectionSettings, DESCRIPTION_CHARS_MAX, Mode, ShareName};
use crate::domain::audience_manager::{DataSource, DataSourceChange, NewDataSource};
use crate::domain::field::Field;
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::Restrictions;
use crate::domain::mark::{Mark, describe};
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory, Table};
use crate::ownership::owned::Ours;
use crate::ownership::{Claimant, Ownership};
use crate::plan::Plan;
use crate::plan::difference::Comparison;
use crate::plan::lookup::{Lookup, Slot, SlotKey};

/// The user's text before the mark of a data source that we create.
const DESCRIPTION: &str = "Audiences shared from Adobe Experience Platform";

/// The mark of a data source names no resource, so none is looked up.
static NO_RESOURCE: BTreeSet<ShareName> = BTreeSet::new();

/// The mark of the connection's owner.
pub(super) fn mark(settings: &ConnectionSettings) -> Mark {
    Mark::DataSource {
        owner: settings.owner.clone(),
    }
}

/// Where one shared object is found: by its recorded id, else by its name, also where the service stores that in another
/// spelling. `key`: the natural key for a name.
pub(super) fn slot<'a, K: Kind<Scope = ()>>(
    (settings, mark): (&'a ConnectionSettings, &'a Mark),
    inventory: &'a Inventory,
    recorded: Option<K::Id>,
    (name, description): (&'a str, Option<&'a str>),
    key: K::NaturalKey,
) -> Slot<'a, K> {
    let table = K::table(inventory);
    let list = Call::list::<K>(());
    let named = SlotKey {
        key: key.clone(),
        look_up: Some(list.clone()),
        list: (!table.is_listed(Coverage::Whole)).then_some(list),
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
        elsewhere: Vec::new(),
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
    slot(
        settings,
        inventory,
        recorded,
        (name, description),
        name.into(),
    )
}

/// The object in the slot. Absence from a list proves nothing, and before the first list nothing is known.
pub(super) fn find<'a, K: Kind<Scope = ()>>(slot: &Slot<'a, K>) -> Lookup<'a, K> {
    match K::table(slot.inventory).is_listed(Coverage::Whole) {
        true => slot.find(|_| true),
        false => Lookup::Ask(Box::new(Call::list::<K>(()))),
    }
}

pub(super) fn plan(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<ObservedSharedObjects>,
) {
    let (name, mark, table) = (
        &settings.data_source,
        mark(settings),
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
    match find(&slot) {
        Lookup::Ask(call) => {
            plan.state.data_source = slot.known();
            plan.steps.push(Step::ready(*call));
        }
        Lookup::Found(found) => {
            let adopts = settings.adoption == AdoptionPolicy::Always && mode == Mode::Manage;
            let ours = match found.ownership {
                Ownership::Owned(ours) | Ownership::TakenOver(ours) => Some(ours),
                Ownership::Unmarked(unmarked) if adopts => {
                    unmarked.adopt(false, AdoptionPolicy::Always).ok()
                }
                Ownership::Unmarked(_) | Ownership::Unrelated => None,
                Ownership::Blocked(blocker) => return plan.blockers.push(blocker),
            };
            if mode == Mode::Manage {
                let marking = ours.and_then(|ours| marking(inventory, ours, (&mark, &created_as)));
                plan.steps.extend(marking);
            }
            let state = &mut plan.state;
            state.adobes = ours.is_none();
            state.data_source = Some(found.record.id);
            state.enforces_trait_codes = found.record.unique_trait_codes;
            state.enforces_segment_codes = found.record.unique_segment_codes;
            state
                .stored_differently
                .extend(stored_differently(table, found.record, name));
        }
        Lookup::Absent if mode == Mode::Observe => {}
        Lookup::Absent => match absence(table, name) {
            Absence::Unproven => plan.steps.push(Step::ready(Call::list::<DataSource>(()))),
            Absence::Unprovable(blocker) => plan.blockers.push(blocker),
            Absence::Proven => {
                let creation = NewDataSource {
                    name: name.clone(),
                    description: created_as.as_str().into(),
                    unique_trait_codes: true,
                    unique_segment_codes: true,
                    restrictions: Restrictions::default(),
                };
                plan.steps
                    .push(Step::ready(Call::create::<DataSource>(creation)));
            }
        },
    }
}

/// A sentence where the service stores the name otherwise.
pub(super) fn stored_differently<K: Kind>(table: &Table<K>, found: &K, name: &str) -> Vec<String> {
    let mut comparison = Comparison::new(table, found);
    comparison.text(Field::Name, name);
    comparison.told()
}

pub(super) enum Absence {
    Proven,
    /// Another list must lack it too.
    Unproven,
    /// The lists hold something that cannot be read, which may be what is looked for.
    Unprovable(Blocker),
}

/// Whether the data source may be created.
pub(super) fn absence(table: &Table<DataSource>, name: &str) -> Absence {
    match table.unreadable() {
        Some(id) => Absence::Unprovable(unreadable(name, id.copied())),
        None if table.is_free(&name.into()) => Absence::Proven,
        None => Absence::Unproven,
    }
}

fn unreadable(name: &str, id: Option<DataSourceId>) -> Blocker {
    let object = match id {
        Some(id) => format!("data source {id}"),
        None => "a data source without a readable id".into(),
    };
    Blocker::new(
        Reason::UnexpectedAnswer,
        format!(
            "Audience Manager lists {object} in a form that this version of the operator cannot read. It may be data \
             source {name:?}, so data source {name:?} was not created. Report the form of {object} to the operator's \
             maintainers, or create data source {name:?} by hand with unique integration codes for traits and for \
             segments."
        ),
    )
}

/// The call that puts our mark behind the description. `None` where it is there, or where the service did not keep it when
/// it was created or marked: it is not written again.
pub(super) fn marking(
    inventory: &Inventory,
    ours: Ours<'_, DataSource>,
    (mark, created_as): (&Mark, &str),
) -> Option<Step> {
    let (found, table) = (ours.record(), &inventory.data_sources);
    let marked = describe(&found.description, mark, DESCRIPTION_CHARS_MAX);
    let is_marked = Mark::read(&found.description).as_ref() == Some(mark);
    if is_marked || table.is_stored_as(found, Field::Description, created_as) {
        return None;
    }
    let mut comparison = Comparison::new(table, found);
    let change = DataSourceChange {
        description: Some(comparison.text(Field::Description, &marked)?),
    };
    Some(Step::ready(Call::update(ours.owned(), change)))
}
