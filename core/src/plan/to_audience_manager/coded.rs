//! Objects that are found by an integration code in a data source: traits and segments.

use crate::call::{Call, Kind};
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::inventory::{Coverage, Inventory};
use crate::plan::lookup::SlotKey;

/// A kind that is found by an integration code in a data source.
pub(super) trait Coded:
    Kind<
        NaturalKey = (DataSourceId, IntegrationCode),
        Query = (DataSourceId, IntegrationCode),
        Scope = DataSourceId,
    >
{
}

impl<K> Coded for K where
    K: Kind<
            NaturalKey = (DataSourceId, IntegrationCode),
            Query = (DataSourceId, IntegrationCode),
            Scope = DataSourceId,
        >
{
}

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
            false => |(data_source, _)| Some(Call::list::<K>(*data_source)),
        },
    }
}
