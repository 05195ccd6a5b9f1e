//! Objects that are found by an integration code in a data source: traits and segments.

use crate::call::Call;
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::inventory::{Coverage, Inventory};
pub(super) use crate::kinds::coded::Coded;
use crate::plan::lookup::SlotKey;

pub(super) fn coded<K: Coded>(
    inventory: &Inventory,
    data_source: DataSourceId,
    code: &IntegrationCode,
) -> SlotKey<K> {
    let listed = K::table(inventory).is_listed(Coverage::DataSource(data_source));
    SlotKey {
        key: (data_source, code.clone()),
        look_up: |key| Some(Call::look_up::<K>(key.clone())),
        list: match listed {
            true => |_| None,
            false => |(data_source, _)| Some(Call::list::<K>(vec![*data_source])),
        },
    }
}
