//! One record of each kind, to be changed where a case is about a field.

use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;

/// The data source that [`onboarded`] and [`segment`] are in.
pub(crate) const SHARING: DataSourceId = DataSourceId(5);

pub(crate) fn data_source(id: u64, description: &str) -> DataSource {
    DataSource {
        id: DataSourceId(id),
        company: None,
        name: "Sharing".into(),
        description: description.into(),
        unique_trait_codes: true,
        unique_segment_codes: false,
        restrictions: Restrictions::default(),
    }
}

/// Below the root.
pub(crate) fn trait_folder(id: u64, name: &str) -> TraitFolder {
    TraitFolder {
        id: TraitFolderId(id),
        parent: TraitFolderId(0),
        name: name.into(),
    }
}

/// Below the root.
pub(crate) fn segment_folder(id: u64, name: &str) -> SegmentFolder {
    SegmentFolder {
        id: SegmentFolderId(id),
        parent: SegmentFolderId(0),
        name: name.into(),
    }
}

/// An onboarded trait.
pub(crate) fn onboarded(sid: u64, code: Option<&str>) -> Trait {
    Trait {
        sid: TraitSid(sid),
        kind: TraitKind::Onboarded,
        name: "Loyal".into(),
        description: "Old".into(),
        integration_code: code.map(IntegrationCode::new),
        data_source: SHARING,
        folder: TraitFolderId(6),
        rule: "a == 1".into(),
        ttl_days: Some(7),
        activity: Activity::Active,
    }
}

pub(crate) fn segment(sid: u64, code: Option<&str>) -> Segment {
    Segment {
        sid: SegmentSid(sid),
        name: "Loyal".into(),
        description: "Old".into(),
        integration_code: code.map(IntegrationCode::new),
        data_source: SHARING,
        folder: SegmentFolderId(7),
        rule: "1T".into(),
        merge_rule: None,
        trait_data_sources: None,
        activity: Activity::Active,
    }
}
