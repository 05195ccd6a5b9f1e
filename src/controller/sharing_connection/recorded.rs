//! What the status of a connection recorded, read back.

use audience_sharing_core::domain::identifier::{
    CompanyId, DataSourceId, SandboxId, SegmentFolderId, TraitFolderId,
};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::shared_objects::RecordedSharedObjects;

use crate::api::SharingConnection;
use crate::controller::ids::recorded_id;

/// A data source that is Adobe's is never recorded as ours.
pub(super) fn shared_objects(connection: &SharingConnection) -> RecordedSharedObjects {
    let known = connection
        .own_status()
        .and_then(|status| status.audience_manager.as_ref());
    let observed = known
        .and_then(|known| known.data_source_observed)
        .unwrap_or_default();
    RecordedSharedObjects {
        data_source: known
            .filter(|_| !observed)
            .and_then(|known| recorded_id(known.data_source_id))
            .map(DataSourceId),
        controlled: known
            .into_iter()
            .flat_map(|known| &known.controlled_data_sources)
            .filter_map(|known| {
                let controls = ExportControls::parse(&known.labels)?;
                Some((
                    controls,
                    DataSourceId(recorded_id(Some(known.data_source_id))?),
                ))
            })
            .collect(),
        trait_folder: known
            .and_then(|known| recorded_id(known.trait_folder_id))
            .map(TraitFolderId),
        segment_folder: known
            .and_then(|known| recorded_id(known.segment_folder_id))
            .map(SegmentFolderId),
    }
}

pub(super) fn created_folders(
    connection: &SharingConnection,
) -> (Vec<TraitFolderId>, Vec<SegmentFolderId>) {
    let known = connection
        .own_status()
        .and_then(|status| status.audience_manager.as_ref());
    let ids = |ids: &[i64]| {
        ids.iter()
            .filter_map(|known| recorded_id(Some(*known)))
            .collect::<Vec<_>>()
    };
    known.map_or_else(Default::default, |known| {
        (
            ids(&known.created_trait_folder_ids)
                .into_iter()
                .map(TraitFolderId)
                .collect(),
            ids(&known.created_segment_folder_ids)
                .into_iter()
                .map(SegmentFolderId)
                .collect(),
        )
    })
}

pub(super) fn tenant(connection: &SharingConnection) -> Tenant {
    let tenant = connection
        .own_status()
        .and_then(|status| status.tenant.as_ref());
    Tenant {
        company: tenant
            .and_then(|tenant| recorded_id(tenant.company_id))
            .map(CompanyId),
        sandbox: tenant
            .and_then(|tenant| tenant.sandbox_id.as_deref())
            .map(SandboxId::new),
    }
}
