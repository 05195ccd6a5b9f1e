//! What is in a data source: it goes only when it holds nothing.

use crate::call::{Call, Kind, Step};
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::identifier::DataSourceId;
use crate::inventory::{Coverage, Inventory, Table};

/// The list of one kind, unless what is `known` of it is enough.
fn list<K: Kind<Scope = Vec<DataSourceId>>>(
    id: DataSourceId,
    inventory: &Inventory,
    known: fn(&Table<K>, Coverage) -> bool,
) -> Option<Step> {
    let is_known = known(K::table(inventory), Coverage::DataSource(id));
    (!is_known).then(|| Step::ready(Call::list::<K>(vec![id])))
}

/// What is in a data source that was never listed is asked once, and not by each audience.
pub(in crate::plan) fn unlisted(id: DataSourceId, inventory: &Inventory) -> Vec<Step> {
    let traits = list::<Trait>(id, inventory, Table::is_listed);
    let segments = list::<Segment>(id, inventory, Table::is_listed);
    traits.into_iter().chain(segments).collect()
}

/// The lists that are still needed to prove that it holds nothing.
pub(super) fn unproven(id: DataSourceId, inventory: &Inventory) -> Vec<Step> {
    let traits = list::<Trait>(id, inventory, Table::is_listed_empty_twice);
    let segments = list::<Segment>(id, inventory, Table::is_listed_empty_twice);
    traits.into_iter().chain(segments).collect()
}

pub(super) fn is_listed(id: DataSourceId, inventory: &Inventory) -> bool {
    unlisted(id, inventory).is_empty()
}

pub(super) fn is_in_use(id: DataSourceId, inventory: &Inventory) -> bool {
    fn blockers<K: Kind>(coverage: Coverage, inventory: &Inventory) -> bool {
        let table = K::table(inventory);
        let mut entries = table.iter();
        table.holds_unreadable(coverage) || entries.any(|entry| entry.record.coverage() == coverage)
    }
    let coverage = Coverage::DataSource(id);
    blockers::<Trait>(coverage, inventory) || blockers::<Segment>(coverage, inventory)
}

/// A late list shows what is gone already: what it leaves stale is read.
pub(super) fn stale_contents(id: DataSourceId, inventory: &Inventory) -> Vec<Step> {
    fn reads<K: Kind>(
        coverage: Coverage,
        inventory: &Inventory,
    ) -> impl Iterator<Item = Step> + '_ {
        let entries = K::table(inventory).iter();
        let stale = entries.filter(move |entry| entry.stale && entry.record.coverage() == coverage);
        stale.map(|entry| Step::ready(Call::read::<K>(entry.record.id())))
    }
    let coverage = Coverage::DataSource(id);
    let traits = reads::<Trait>(coverage, inventory);
    traits
        .chain(reads::<Segment>(coverage, inventory))
        .collect()
}
