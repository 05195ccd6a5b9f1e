//! What a `SharedAudience` declares.

use audience_sharing_core::compose::{
    AdditionalSegment, AdoptionPolicy, AudienceSelector, Direction, Mode, SegmentDestination,
    Share, ShareName, SourceGonePolicy, SourceSelector, Strategy, ToAudienceManager,
    ToExperiencePlatform,
};
use audience_sharing_core::domain::identifier::{AudienceId, IntegrationCode};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::mark::{EntryKey, ResourceName, UidPrefix};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceKind};
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_engine::Problem;

use super::problem::invalid;
use super::{activation, models};
use crate::api::experience_platform::{self, ExperiencePlatformTarget};
use crate::api::models::Model;
use crate::api::shared_audience as api;
use crate::api::{self as resources, SharedAudience};

/// What one manifest says, living or being deleted. What is wrong in one part leaves the others readable.
pub(crate) struct AudienceDeclaration {
    /// `None`: a name that no mark can carry.
    pub(crate) name: Option<ShareName>,
    pub(crate) uid: UidPrefix,
    pub(crate) created: CreatedAt,
    pub(crate) source: Result<SourceSelector, Problem>,
    pub(crate) to_experience_platform: bool,
    pub(crate) strategy: Strategy,
    /// Of its additional segments.
    pub(crate) additional_keys: Vec<Box<str>>,
    /// Of the algorithmic traits of its models.
    pub(crate) trait_keys: Vec<Box<str>>,
    pub(crate) model_keys: Vec<EntryKey>,
    /// Of all segments, as far as they can be read.
    pub(crate) destinations: Vec<SegmentDestination>,
    pub(crate) mode: Mode,
    /// Adobe's own pair takes the place of ours.
    pub(crate) moves_over: bool,
    /// The remote objects outlive the resource.
    pub(crate) retain: bool,
    pub(crate) suspended: bool,
    adoption: Option<AdoptionPolicy>,
    source_gone: SourceGonePolicy,
    direction: Result<Direction, Problem>,
}

impl AudienceDeclaration {
    pub(crate) fn of(audience: &SharedAudience) -> Self {
        let (spec, metadata) = (&audience.spec, &audience.metadata);
        let created = metadata.creation_timestamp.as_ref();
        let source = source(&spec.source);
        let target = spec.target.as_deref().cloned().unwrap_or_default();
        let there = target.audience_manager.unwrap_or_default();
        let platform = target.experience_platform.unwrap_or_default();
        Self {
            name: name(audience),
            uid: UidPrefix::of(metadata.uid.as_deref().unwrap_or_default()),
            created: CreatedAt(created.map_or(i64::MAX, |time| time.0.as_second())),
            to_experience_platform: spec.source.audience_manager.is_some(),
            strategy: strategy(&platform),
            additional_keys: there
                .additional_segments
                .iter()
                .map(|segment| segment.key.as_str().into())
                .collect(),
            trait_keys: there
                .models
                .iter()
                .flat_map(|model| &model.traits)
                .map(|one| one.key.as_str().into())
                .collect(),
            model_keys: models::model_keys(&there.models).collect(),
            destinations: segment_destinations(&there),
            mode: match spec.mode {
                api::Mode::Manage => Mode::Manage,
                api::Mode::Observe => Mode::Observe,
            },
            moves_over: moves_over(&there),
            retain: spec.deletion_policy == resources::DeletionPolicy::Retain,
            suspended: spec.suspend,
            adoption: spec.adoption_policy.map(adoption_policy),
            source_gone: match spec.source_gone_policy {
                resources::SourceGonePolicy::Retain => SourceGonePolicy::Retain,
                resources::SourceGonePolicy::Pause => SourceGonePolicy::Pause,
                resources::SourceGonePolicy::Delete => SourceGonePolicy::Delete,
            },
            direction: source.clone().and_then(|source| match source {
                SourceSelector::Audience(source) => to_audience_manager(source, &there),
                SourceSelector::AudienceManager(source) => to_platform(source, &platform),
            }),
            source,
        }
    }

    /// All of it, for the engine. `adoption`: the connection's policy.
    ///
    /// # Errors
    /// What no rule of the schema can see.
    pub(crate) fn share(self, adoption: AdoptionPolicy) -> Result<Share, Problem> {
        Ok(Share {
            name: self.name.ok_or_else(|| {
                invalid("metadata.name cannot be written into an ownership mark.")
            })?,
            uid: self.uid,
            direction: self.direction?,
            mode: self.mode,
            adoption: self.adoption.unwrap_or(adoption),
            retain: self.retain,
            source_gone: self.source_gone,
        })
    }
}

/// The name of its connection.
pub(crate) fn connection_name(audience: &SharedAudience) -> &str {
    &audience.spec.connection_ref.name
}

fn name(audience: &SharedAudience) -> Option<ShareName> {
    Some(ShareName {
        namespace: ResourceName::parse(audience.metadata.namespace.as_deref()?).ok()?,
        name: ResourceName::parse(audience.metadata.name.as_deref()?).ok()?,
    })
}

pub(super) fn adoption_policy(policy: resources::AdoptionPolicy) -> AdoptionPolicy {
    match policy {
        resources::AdoptionPolicy::IfEqual => AdoptionPolicy::IfEqual,
        resources::AdoptionPolicy::Always => AdoptionPolicy::Always,
        resources::AdoptionPolicy::Never => AdoptionPolicy::Never,
    }
}

fn to_audience_manager(
    source: AudienceSelector,
    target: &api::AudienceManagerTarget,
) -> Result<Direction, Problem> {
    let segments = target.additional_segments.iter();
    Ok(Direction::ToAudienceManager(ToAudienceManager {
        source,
        name: target.name.as_deref().map(Into::into),
        description: target.description.as_deref().map(Into::into),
        ttl_days: u32::try_from(target.ttl_days).unwrap_or_default(),
        destinations: activation::destinations(&target.destinations, "the segment")?,
        additional_segments: segments
            .map(|segment| additional_segment(segment, &target.models))
            .collect::<Result<_, _>>()?,
        models: models::models(&target.models)?,
        moves_over: moves_over(target),
    }))
}

fn moves_over(target: &api::AudienceManagerTarget) -> bool {
    target.adobe_sharing == api::AdobeSharingPolicy::MoveOver
}

fn to_platform(
    source: AudienceManagerSelector,
    target: &ExperiencePlatformTarget,
) -> Result<Direction, Problem> {
    let labels = target.data_usage_labels.iter().map(String::as_str);
    Ok(Direction::ToExperiencePlatform(ToExperiencePlatform {
        source,
        strategy: strategy(target),
        name: target.name.as_deref().map(Into::into),
        description: target.description.as_deref().map(Into::into),
        labels: UsageLabels::parse(labels).map_err(|error| {
            invalid(format!(
                "spec.target.experiencePlatform.dataUsageLabels: {error}."
            ))
        })?,
    }))
}

fn strategy(target: &ExperiencePlatformTarget) -> Strategy {
    match target.strategy {
        experience_platform::Strategy::ExternalAudience => Strategy::ExternalAudience,
        experience_platform::Strategy::MetadataOnly => Strategy::MetadataOnly,
        experience_platform::Strategy::SegmentDefinition => Strategy::SegmentDefinition,
    }
}

/// The source as the spec names it.
fn source(source: &api::Source) -> Result<SourceSelector, Problem> {
    match (&source.experience_platform, &source.audience_manager) {
        (Some(source), None) => audience_of(source).map(SourceSelector::Audience),
        (None, Some(source)) => object_of(source).map(SourceSelector::AudienceManager),
        (Some(_), Some(_)) | (None, None) => Err(invalid(
            "spec.source must name exactly one of experiencePlatform and audienceManager.",
        )),
    }
}

fn audience_of(source: &api::ExperiencePlatformSource) -> Result<AudienceSelector, Problem> {
    match (&source.id, &source.name) {
        (Some(id), None) => Ok(AudienceSelector::Id(AudienceId::new(id.as_str()))),
        (None, Some(name)) => Ok(AudienceSelector::Name(name.as_str().into())),
        (Some(_), Some(_)) | (None, None) => Err(invalid(
            "spec.source.experiencePlatform must name exactly one of id and name.",
        )),
    }
}

/// The destinations of all segments, as far as they can be read.
fn segment_destinations(target: &api::AudienceManagerTarget) -> Vec<SegmentDestination> {
    let additional = target.additional_segments.iter().flat_map(|segment| {
        let destinations = segment.destinations.iter();
        destinations.map(|declared| (Some(segment.key.as_str()), declared))
    });
    let shared = target.destinations.iter().map(|declared| (None, declared));
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

fn object_of(source: &api::AudienceManagerSource) -> Result<AudienceManagerSelector, Problem> {
    let (kind, object) = match (&source.r#trait, &source.segment) {
        (Some(object), None) => (SourceKind::Trait, object),
        (None, Some(object)) => (SourceKind::Segment, object),
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid(
                "spec.source.audienceManager must name exactly one of trait and segment.",
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
            "spec.source.audienceManager must name its object by exactly one of sid, integrationCode and name.",
        )
    })?;
    Ok(AudienceManagerSelector { kind, naming })
}

fn additional_segment(
    segment: &api::AdditionalSegment,
    models: &[Model],
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
        traits: activation::traits(segment, &rule, models)?,
        destinations: activation::destinations(&segment.destinations, &name)?,
        rule,
    })
}
