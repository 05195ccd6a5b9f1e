//! An audience of Experience Platform, as it is to be in Audience Manager (design.md §2).

use super::declared::{DeclaredDestination, NamedTrait, SegmentDestination, by_segment};
use super::models::{DeclaredModel, LookAlikesToKeep, ModelToKeep, compose_model};
use super::settings::ConnectionSettings;
use super::text::{DESCRIPTION_CHARS_MAX, additional_code, object_name};
use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{AudienceId, IntegrationCode};
use crate::domain::labels::ExportControls;
use crate::domain::mark::{Mark, describe};
use crate::domain::segment_rule::template::RuleTemplate;
use crate::domain::trait_rule;

/// An audience of Experience Platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceSelector {
    Id(AudienceId),
    /// The exact name; the first resolution is pinned by its id.
    Name(Box<str>),
}

/// A segment beside the shared one, whose rule mixes the shared trait with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalSegment {
    pub key: Box<str>,
    pub name: Box<str>,
    pub description: Box<str>,
    pub rule: RuleTemplate,
    pub traits: Vec<NamedTrait>,
    pub destinations: Vec<DeclaredDestination>,
}

/// An audience of Experience Platform, as it is to be in Audience Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAudienceManager {
    pub source: AudienceSelector,
    /// `None`: the source's own name.
    pub name: Option<Box<str>>,
    /// `None`: the source's own description.
    pub description: Option<Box<str>>,
    /// Days; 0 never expires.
    pub ttl_days: u32,
    /// Of the shared segment.
    pub destinations: Vec<DeclaredDestination>,
    pub additional_segments: Vec<AdditionalSegment>,
    pub models: Vec<DeclaredModel>,
    /// Once Adobe's own pair has members, it takes the place of ours.
    pub moves_over: bool,
}

/// The objects of one shared audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredObjects {
    pub mark: Mark,
    pub source: AudienceId,
    pub code: IntegrationCode,
    pub name: Box<str>,
    /// The user's text and the mark.
    pub description: Box<str>,
    pub trait_rule: Box<str>,
    pub ttl_days: u32,
    /// What the source's labels ask for; `None` where Experience Platform said nothing of labels.
    pub controls: Option<ExportControls>,
    pub destinations: Vec<DeclaredDestination>,
    pub additional_segments: Vec<DesiredAdditionalSegment>,
    pub models: Vec<ModelToKeep>,
    /// Once Adobe's own pair has members, it takes the place of ours.
    pub moves_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAdditionalSegment {
    pub key: Box<str>,
    pub code: IntegrationCode,
    pub name: Box<str>,
    pub description: Box<str>,
    pub rule: RuleTemplate,
    pub traits: Vec<NamedTrait>,
    pub destinations: Vec<DeclaredDestination>,
}

impl ToAudienceManager {
    /// Of the shared segment and of the additional ones.
    pub fn segment_destinations(&self) -> impl Iterator<Item = SegmentDestination> {
        let additional = self.additional_segments.iter();
        let all = by_segment(
            &self.destinations,
            additional.map(|segment| (&*segment.key, &*segment.destinations)),
        );
        all.map(|(segment, declared)| SegmentDestination {
            segment: segment.map(Into::into),
            key: declared.key.clone(),
            destination: declared.destination.clone(),
            keys: declared.keys.clone(),
        })
    }
}

impl DesiredObjects {
    /// Of the shared segment and of the additional ones.
    pub fn all_destinations(&self) -> impl Iterator<Item = &DeclaredDestination> {
        self.destinations_by_segment().map(|(_, declared)| declared)
    }

    /// The same, each with the key of its additional segment.
    pub fn destinations_by_segment(
        &self,
    ) -> impl Iterator<Item = (Option<&str>, &DeclaredDestination)> {
        let additional = self.additional_segments.iter();
        by_segment(
            &self.destinations,
            additional.map(|segment| (&*segment.key, &*segment.destinations)),
        )
    }

    /// Whether a destination is declared under this key for the additional segment, or for the shared one.
    pub fn declares_destination(&self, segment: Option<&str>, key: &str) -> bool {
        let declared = match segment {
            None => Some(&self.destinations),
            Some(segment) => {
                let mut segments = self.additional_segments.iter();
                let found = segments.find(|found| *found.key == *segment);
                found.map(|found| &found.destinations)
            }
        };
        let mut declared = declared.into_iter().flatten();
        declared.any(|declared| *declared.key == *key)
    }

    /// The traits that the models yield.
    pub fn look_alikes(&self) -> impl Iterator<Item = &LookAlikesToKeep> {
        self.models.iter().flat_map(|model| &model.traits)
    }

    /// Whether a trait is declared under this key for the additional segment.
    pub fn declares_trait(&self, segment: &str, key: &str) -> bool {
        let segments = self.additional_segments.iter();
        let mut declared = segments
            .filter(|found| *found.key == *segment)
            .flat_map(|found| &found.traits);
        declared.any(|declared| *declared.key == *key)
    }
}

/// The objects of a share in Audience Manager, given its source. They carry `mark`.
pub fn compose(
    settings: &ConnectionSettings,
    mark: Mark,
    target: &ToAudienceManager,
    source: &Audience,
) -> DesiredObjects {
    let text = target.description.as_deref().unwrap_or(&source.description);
    DesiredObjects {
        source: source.id.clone(),
        code: IntegrationCode::new(source.id.as_str()),
        name: object_name(target.name.as_deref().unwrap_or(&source.name)),
        description: describe(text, &mark, DESCRIPTION_CHARS_MAX).into(),
        trait_rule: trait_rule::experience_platform_segment(&settings.trait_rule_key, &source.id)
            .into(),
        ttl_days: target.ttl_days,
        controls: source.controls(),
        destinations: target.destinations.clone(),
        additional_segments: target
            .additional_segments
            .iter()
            .map(|segment| DesiredAdditionalSegment {
                key: segment.key.clone(),
                code: additional_code(&source.id, &segment.key),
                name: object_name(&segment.name),
                description: describe(&segment.description, &mark, DESCRIPTION_CHARS_MAX).into(),
                rule: segment.rule.clone(),
                traits: segment.traits.clone(),
                destinations: segment.destinations.clone(),
            })
            .collect(),
        models: target
            .models
            .iter()
            .map(|declared| compose_model(declared, &source.id, &mark))
            .collect(),
        moves_over: target.moves_over,
        mark,
    }
}
