//! Destinations, mappings and named traits in the status: read from it and written to it.

use audience_sharing_core::domain::identifier::{DestinationId, MappingId, TraitSid};
use audience_sharing_core::plan::activation::mappings::KnownMapping;
use audience_sharing_core::plan::activation::rules::KnownTrait;

use crate::api::activation::{DestinationStatus, NamedTraitStatus};
use crate::api::shared_audience::AudienceManagerStatus;
use crate::controller::ids::{recorded_id, stored_id};

pub(super) fn recorded_mappings(objects: &AudienceManagerStatus) -> Vec<KnownMapping> {
    let shared = objects.destinations.iter().map(|found| (None, found));
    let additional = objects.additional_segments.iter().flat_map(|segment| {
        let destinations = segment.destinations.iter();
        destinations.map(|found| (Some(segment.key.as_str()), found))
    });
    let read = |(segment, found): (Option<&str>, &DestinationStatus)| {
        let destination = DestinationId(recorded_id(Some(found.destination_id))?);
        let number = recorded_id(found.mapping_id);
        Some(KnownMapping {
            segment: segment.map(Into::into),
            key: found.key.as_str().into(),
            found_by: found.found_by.as_deref().map(Into::into),
            destination,
            mapping: number.map(|number| MappingId {
                destination,
                number,
            }),
        })
    };
    shared.chain(additional).filter_map(read).collect()
}

pub(super) fn recorded_traits(objects: &AudienceManagerStatus) -> Vec<KnownTrait> {
    let all = objects.additional_segments.iter().flat_map(|segment| {
        let traits = segment.traits.iter();
        traits.map(|found| (segment.key.as_str(), found))
    });
    let read = |(segment, found): (&str, &NamedTraitStatus)| {
        Some(KnownTrait {
            segment: segment.into(),
            key: found.key.as_str().into(),
            found_by: found.found_by.as_str().into(),
            sid: TraitSid(recorded_id(Some(found.sid))?),
        })
    };
    all.filter_map(read).collect()
}

pub(super) fn destinations(
    segment: Option<&str>,
    observed_state: &[KnownMapping],
) -> Vec<DestinationStatus> {
    let of_segment = observed_state
        .iter()
        .filter(|known| known.segment.as_deref() == segment);
    let write = |known: &KnownMapping| {
        Some(DestinationStatus {
            key: known.key.to_string(),
            found_by: known.found_by.as_ref().map(ToString::to_string),
            destination_id: stored_id(known.destination.0)?,
            mapping_id: known.mapping.and_then(|id| stored_id(id.number)),
        })
    };
    of_segment.filter_map(write).collect()
}

pub(super) fn traits(segment: &str, observed_state: &[KnownTrait]) -> Vec<NamedTraitStatus> {
    let of_segment = observed_state
        .iter()
        .filter(|known| *known.segment == *segment);
    let write = |known: &KnownTrait| {
        Some(NamedTraitStatus {
            key: known.key.to_string(),
            found_by: known.found_by.to_string(),
            sid: stored_id(known.sid.0)?,
        })
    };
    of_segment.filter_map(write).collect()
}
