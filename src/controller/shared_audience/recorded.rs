//! What the status of an audience recorded: the ids of its objects, read back.

use audience_sharing_core::domain::identifier::{AudienceId, DataSourceId, SegmentSid, TraitSid};
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::source::audience_manager::Home;
use audience_sharing_core::plan::{to_audience_manager, to_experience_platform};
use audience_sharing_engine::Declaration;

use super::{activation, models};
use crate::api::SharedAudience;
use crate::api::shared_audience::{SourceKind, SourceStatus};
use crate::controller::ids::{recorded_id, recorded_tenant};
use crate::declaration::AudienceDeclaration;

/// The ids, and where they are valid; nothing else.
#[derive(Default)]
pub(in crate::controller) struct RecordedStatus {
    pub(super) source: Option<SourceId>,
    /// Of a source in Audience Manager.
    pub(super) home: Option<Home>,
    /// Of our objects in Audience Manager.
    pub(super) data_source: Option<DataSourceId>,
    pub(super) objects: to_audience_manager::RecordedIds,
    pub(super) audience: to_experience_platform::RecordedAudience,
    pub(super) tenant: Tenant,
}

pub(super) fn recorded(audience: &SharedAudience) -> RecordedStatus {
    let Some(status) = audience.own_status() else {
        return RecordedStatus::default();
    };
    let (no_objects, no_audience) = Default::default();
    let objects = status.audience_manager.as_ref().unwrap_or(&no_objects);
    let platform = status.experience_platform.as_ref().unwrap_or(&no_audience);
    let source = status.source.as_ref().and_then(recorded_source);
    RecordedStatus {
        home: source.as_ref().and_then(|source| {
            let (kind, _) = source.audience_manager()?;
            let data_source = recorded_id(status.source.as_ref()?.data_source_id)?;
            Some((kind, DataSourceId(data_source)))
        }),
        source,
        audience: to_experience_platform::RecordedAudience {
            audience: platform.id.as_deref().map(AudienceId::new),
            observed: platform.observed.unwrap_or_default(),
        },
        data_source: recorded_id(objects.data_source_id).map(DataSourceId),
        objects: to_audience_manager::RecordedIds {
            trait_sid: recorded_id(objects.trait_sid).map(TraitSid),
            segment_sid: recorded_id(objects.segment_sid).map(SegmentSid),
            observed: objects.observed.unwrap_or_default(),
            adobes: objects.adobe_sharing.as_ref().and_then(|pair| {
                Some(to_audience_manager::AdobesPair {
                    trait_sid: TraitSid(recorded_id(Some(pair.trait_sid))?),
                    segment_sid: recorded_id(pair.segment_sid).map(SegmentSid),
                    data_source: DataSourceId(recorded_id(Some(pair.data_source_id))?),
                })
            }),
            additional_segments: objects
                .additional_segments
                .iter()
                .filter_map(|segment| {
                    let sid = recorded_id(Some(segment.sid))?;
                    Some((segment.key.as_str().into(), SegmentSid(sid)))
                })
                .collect(),
            mappings: activation::recorded_mappings(objects),
            traits: activation::recorded_traits(objects),
            models: models::recorded(objects),
        },
        tenant: status
            .tenant
            .as_ref()
            .map(recorded_tenant)
            .unwrap_or_default(),
    }
}

/// Some of its objects were created or found already.
pub(super) fn has_objects(audience: &SharedAudience) -> bool {
    let Some(status) = &audience.status else {
        return false;
    };
    let objects = status.audience_manager.as_ref();
    let platform = status.experience_platform.as_ref();
    objects.is_some_and(|objects| objects.trait_sid.is_some() || objects.segment_sid.is_some())
        || platform.is_some_and(|platform| platform.id.is_some())
}

/// The status names no tenant and nothing in one.
pub(super) fn is_empty(audience: &SharedAudience) -> bool {
    audience.status.as_ref().is_none_or(|status| {
        status.tenant.is_none()
            && status.source.is_none()
            && status.audience_manager.is_none()
            && status.experience_platform.is_none()
    })
}

fn recorded_source(source: &SourceStatus) -> Option<SourceId> {
    let id = source.id.as_deref()?;
    match source.kind {
        None | Some(SourceKind::Audience) => Some(SourceId::Audience(AudienceId::new(id))),
        Some(SourceKind::Trait) => Some(SourceId::Trait(TraitSid(id.parse().ok()?))),
        Some(SourceKind::Segment) => Some(SourceId::Segment(SegmentSid(id.parse().ok()?))),
    }
}

/// What an audience asks for, without reading anything remote; `None`: its source cannot be read.
pub(in crate::controller) fn claim(audience: &SharedAudience) -> Option<Declaration> {
    let declared = AudienceDeclaration::of(audience);
    let recorded = recorded(audience);
    Some(Declaration {
        share: declared.name?,
        uid: declared.uid,
        created: declared.created,
        source: declared.source.ok()?,
        pinned: recorded.source,
        home: recorded.home,
        strategy: declared.strategy,
        additional_keys: declared.additional_keys,
        trait_keys: declared.trait_keys,
        model_keys: declared.model_keys,
        destinations: declared.destinations,
    })
}
