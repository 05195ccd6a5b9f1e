//! Second step: what CEL cannot see. Past this line nobody reads the spec.

mod activation;

use audience_sharing_core::compose::{
    AdditionalSegment, AdoptionPolicy, AudienceSelector, ConnectionSettings, Direction, Mode,
    SegmentDestination, Share, SourceGonePolicy, SourceSelector, Strategy, ToAudienceManager,
    ToExperiencePlatform,
};
use audience_sharing_core::domain::identifier::{AudienceId, IntegrationCode};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::mark::UidPrefix;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::RuleTemplate;
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceKind};

use crate::api::{self, SharedAudience};
use crate::controller::context::share_name;
use audience_sharing_engine::Problem;

pub(super) fn share(
    audience: &SharedAudience,
    settings: &ConnectionSettings,
) -> Result<Share, Problem> {
    let spec = &audience.spec;
    let name = share_name(audience)
        .ok_or_else(|| invalid("The name of this object cannot be written into a mark.".into()))?;
    Ok(Share {
        name,
        uid: uid(audience),
        direction: direction(audience)?,
        mode: match spec.mode {
            api::shared_audience::Mode::Manage => Mode::Manage,
            api::shared_audience::Mode::Observe => Mode::Observe,
        },
        adoption: spec
            .adoption_policy
            .map_or(settings.adoption, adoption_policy),
        retain: spec.deletion_policy == api::DeletionPolicy::Retain,
        source_gone: match spec.source_gone_policy {
            api::SourceGonePolicy::Retain => SourceGonePolicy::Retain,
            api::SourceGonePolicy::Pause => SourceGonePolicy::Pause,
            api::SourceGonePolicy::Delete => SourceGonePolicy::Delete,
        },
    })
}

pub(super) fn uid(audience: &SharedAudience) -> UidPrefix {
    UidPrefix::of(audience.metadata.uid.as_deref().unwrap_or_default())
}

/// Whether the resource manages what it shares; one that only observes owns nothing.
pub(super) fn manages(audience: &SharedAudience) -> bool {
    audience.spec.mode == api::shared_audience::Mode::Manage
}

pub(crate) fn adoption_policy(policy: api::AdoptionPolicy) -> AdoptionPolicy {
    match policy {
        api::AdoptionPolicy::IfEqual => AdoptionPolicy::IfEqual,
        api::AdoptionPolicy::Always => AdoptionPolicy::Always,
        api::AdoptionPolicy::Never => AdoptionPolicy::Never,
    }
}

/// From which system to which, with what shall differ from the source.
fn direction(audience: &SharedAudience) -> Result<Direction, Problem> {
    let spec = &audience.spec;
    Ok(match source(audience)? {
        SourceSelector::Audience(source) => Direction::ToAudienceManager(ToAudienceManager {
            source,
            name: spec.target_name().map(Into::into),
            description: spec.target_description().map(Into::into),
            ttl_days: spec.ttl_days(),
            destinations: activation::destinations(spec.destinations(), "the segment")?,
            additional_segments: spec
                .additional_segments()
                .iter()
                .map(additional_segment)
                .collect::<Result<_, _>>()?,
        }),
        SourceSelector::AudienceManager(source) => {
            let target = spec.experience_platform();
            Direction::ToExperiencePlatform(ToExperiencePlatform {
                source,
                strategy: strategy(audience),
                name: target.and_then(|target| target.name.as_deref().map(Into::into)),
                description: target
                    .and_then(|target| target.description.as_deref().map(Into::into)),
                labels: labels(target)?,
            })
        }
    })
}

pub(super) fn strategy(audience: &SharedAudience) -> Strategy {
    match audience.spec.strategy() {
        api::experience_platform::Strategy::ExternalAudience => Strategy::ExternalAudience,
        api::experience_platform::Strategy::MetadataOnly => Strategy::MetadataOnly,
        api::experience_platform::Strategy::SegmentDefinition => Strategy::SegmentDefinition,
    }
}

fn labels(
    target: Option<&api::experience_platform::ExperiencePlatformTarget>,
) -> Result<UsageLabels, Problem> {
    let declared = target
        .into_iter()
        .flat_map(|target| &target.data_usage_labels);
    UsageLabels::parse(declared.map(String::as_str)).map_err(|error| {
        invalid(format!(
            "target.experiencePlatform.dataUsageLabels: {error}; nothing was changed."
        ))
    })
}

/// The source as the spec names it.
pub(super) fn source(audience: &SharedAudience) -> Result<SourceSelector, Problem> {
    let source = &audience.spec.source;
    match (&source.experience_platform, &source.audience_manager) {
        (Some(source), None) => audience_of(source).map(SourceSelector::Audience),
        (None, Some(source)) => object_of(source).map(SourceSelector::AudienceManager),
        (Some(_), Some(_)) | (None, None) => Err(invalid(
            "spec.source must name exactly one of experiencePlatform and audienceManager.".into(),
        )),
    }
}

fn audience_of(
    source: &api::shared_audience::ExperiencePlatformSource,
) -> Result<AudienceSelector, Problem> {
    match (&source.id, &source.name) {
        (Some(id), None) => Ok(AudienceSelector::Id(AudienceId::new(id.as_str()))),
        (None, Some(name)) => Ok(AudienceSelector::Name(name.as_str().into())),
        (Some(_), Some(_)) | (None, None) => Err(invalid(
            "spec.source.experiencePlatform must name exactly one of id and name.".into(),
        )),
    }
}

/// The destinations of all segments, as far as they can be read.
pub(crate) fn segment_destinations(audience: &SharedAudience) -> Vec<SegmentDestination> {
    let spec = &audience.spec;
    let additional = spec.additional_segments().iter().flat_map(|segment| {
        let destinations = segment.destinations.iter();
        destinations.map(|declared| (Some(segment.key.as_str()), declared))
    });
    let shared = spec.destinations().iter().map(|declared| (None, declared));
    let declared = shared.chain(additional);
    declared
        .filter_map(|(segment, declared)| {
            Some(SegmentDestination {
                segment: segment.map(Into::into),
                key: declared.key.as_str().into(),
                destination: activation::destination_selector(declared)?,
                keys: activation::mapping_keys(declared),
            })
        })
        .collect()
}

fn object_of(
    source: &api::shared_audience::AudienceManagerSource,
) -> Result<AudienceManagerSelector, Problem> {
    let (kind, object) = match (&source.r#trait, &source.segment) {
        (Some(object), None) => (SourceKind::Trait, object),
        (None, Some(object)) => (SourceKind::Segment, object),
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid(
                "spec.source.audienceManager must name exactly one of trait and segment.".into(),
            ));
        }
    };
    let naming = match (object.sid, &object.integration_code, &object.name) {
        (Some(sid), None, None) => u64::try_from(sid).ok().map(Naming::Sid),
        (None, Some(code), None) => {
            Some(Naming::IntegrationCode(IntegrationCode::new(code.as_str())))
        }
        (None, None, Some(name)) => Some(Naming::Name(name.as_str().into())),
        _ => None,
    };
    let naming = naming.ok_or_else(|| {
        invalid(
            "spec.source.audienceManager must name its object by exactly one of sid, integrationCode and name."
                .into(),
        )
    })?;
    Ok(AudienceManagerSelector { kind, naming })
}

/// The keys of the additional segments, as far as they are declared at all.
pub(crate) fn additional_keys(audience: &SharedAudience) -> Vec<Box<str>> {
    let segments = audience.spec.additional_segments().iter();
    segments
        .map(|segment| segment.key.as_str().into())
        .collect()
}

fn additional_segment(
    segment: &api::shared_audience::AdditionalSegment,
) -> Result<AdditionalSegment, Problem> {
    let name = format!("additional segment {:?}", segment.key);
    let rule = RuleTemplate::parse(&segment.rule).map_err(|error| {
        let message = format!("The rule of {name}: {error}; nothing was changed.");
        Problem::new(Reason::RuleInvalid, message)
    })?;
    Ok(AdditionalSegment {
        key: segment.key.as_str().into(),
        name: segment.name.as_str().into(),
        description: segment.description.as_deref().unwrap_or_default().into(),
        traits: activation::traits(segment, &rule)?,
        destinations: activation::destinations(&segment.destinations, &name)?,
        rule,
    })
}

fn invalid(message: String) -> Problem {
    Problem::new(Reason::Unreadable, message)
}
