//! What the status of a connection recorded, read back.

use audience_sharing_core::domain::identifier::{DataSourceId, SegmentFolderId, TraitFolderId};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::shared_objects::RecordedSharedObjects;

use crate::api::SharingConnection;
use crate::api::sharing_connection::ConnectionAudienceManagerStatus;
use crate::controller::ids::{recorded_id, recorded_tenant};

/// A data source that is Adobe's is never recorded as ours.
pub(super) fn shared_objects(connection: &SharingConnection) -> RecordedSharedObjects {
    let known = objects(connection);
    let observed = known.data_source_observed.unwrap_or_default();
    RecordedSharedObjects {
        data_source: recorded_id(known.data_source_id)
            .filter(|_| !observed)
            .map(DataSourceId),
        controlled: known
            .controlled_data_sources
            .iter()
            .filter_map(|known| {
                let controls = ExportControls::parse(&known.labels)?;
                let id = recorded_id(Some(known.data_source_id))?;
                Some((controls, DataSourceId(id)))
            })
            .collect(),
        trait_folder: recorded_id(known.trait_folder_id).map(TraitFolderId),
        segment_folder: recorded_id(known.segment_folder_id).map(SegmentFolderId),
    }
}

pub(super) fn created_folders(
    connection: &SharingConnection,
) -> (Vec<TraitFolderId>, Vec<SegmentFolderId>) {
    let known = objects(connection);
    let traits = known.created_trait_folder_ids.into_iter();
    let segments = known.created_segment_folder_ids.into_iter();
    (
        traits
            .filter_map(|id| recorded_id(Some(id)).map(TraitFolderId))
            .collect(),
        segments
            .filter_map(|id| recorded_id(Some(id)).map(SegmentFolderId))
            .collect(),
    )
}

pub(super) fn tenant(connection: &SharingConnection) -> Tenant {
    let status = connection.own_status();
    let tenant = status.and_then(|status| status.tenant.as_ref());
    tenant.map(recorded_tenant).unwrap_or_default()
}

fn objects(connection: &SharingConnection) -> ConnectionAudienceManagerStatus {
    let status = connection.own_status();
    status
        .and_then(|status| status.audience_manager.clone())
        .unwrap_or_default()
}
