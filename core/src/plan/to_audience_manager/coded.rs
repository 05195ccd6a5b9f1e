//! Objects that are found by an integration code in a data source: traits and segments.

use crate::call::Call;
pub(super) use crate::call::kinds::coded::Coded;
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::inventory::{Coverage, Inventory};
use crate::plan::lookup::SlotKey;

pub(super) fn coded<K: Coded>(
    inventory: &Inventory,
    data_source: DataSourceId,
    code: &IntegrationCode,
) -> SlotKey<K> {
    let key = (data_source, code.clone());
    let listed = K::table(inventory).is_listed(Coverage::DataSource(data_source));
    SlotKey {
        look_up: Some(Call::look_up::<K>(key.clone())),
        list: (!listed).then(|| Call::list::<K>(data_source)),
        key,
    }
}
