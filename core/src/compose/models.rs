//! Algorithmic models over what is shared, and the traits that they yield.

use std::collections::BTreeSet;

use super::text::{DESCRIPTION_CHARS_MAX, additional_code, object_name};
use crate::domain::audience_manager::Threshold;
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, TraitSid};
use crate::domain::mark::{EntryKey, Mark, describe};

/// Whose look-alikes a model finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    SharedTrait,
    SharedSegment,
}

/// A model, and the traits that it yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredModel {
    pub key: EntryKey,
    pub name: Box<str>,
    pub description: Box<str>,
    pub baseline: Baseline,
    pub data_sources: BTreeSet<DataSourceId>,
    pub look_back_days: u32,
    pub excluded: BTreeSet<TraitSid>,
    pub traits: Vec<DeclaredLookAlikes>,
}

/// A trait of those who are like the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredLookAlikes {
    /// Unique among those of all models of the audience: rules name it.
    pub key: Box<str>,
    pub name: Box<str>,
    pub description: Box<str>,
    pub threshold: Threshold,
    pub ttl_days: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelToKeep {
    pub key: EntryKey,
    /// The resource's, on this entry.
    pub mark: Mark,
    pub name: Box<str>,
    /// The user's text and the mark.
    pub description: Box<str>,
    pub baseline: Baseline,
    pub data_sources: BTreeSet<DataSourceId>,
    pub look_back_days: u32,
    pub excluded: BTreeSet<TraitSid>,
    pub traits: Vec<LookAlikesToKeep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAlikesToKeep {
    pub key: Box<str>,
    pub code: IntegrationCode,
    pub name: Box<str>,
    pub description: Box<str>,
    pub threshold: Threshold,
    pub ttl_days: u32,
}

pub(super) fn compose_model(
    declared: &DeclaredModel,
    source: &AudienceId,
    mark: &Mark,
) -> ModelToKeep {
    let own = mark.clone().of_entry(Some(declared.key.clone()));
    let traits = declared.traits.iter().map(|found| LookAlikesToKeep {
        key: found.key.clone(),
        code: additional_code(source, &found.key),
        name: object_name(&found.name),
        description: describe(&found.description, mark, DESCRIPTION_CHARS_MAX).into(),
        threshold: found.threshold,
        ttl_days: found.ttl_days,
    });
    ModelToKeep {
        key: declared.key.clone(),
        name: object_name(&declared.name),
        description: describe(&declared.description, &own, DESCRIPTION_CHARS_MAX).into(),
        baseline: declared.baseline,
        data_sources: declared.data_sources.clone(),
        look_back_days: declared.look_back_days,
        excluded: declared.excluded.clone(),
        traits: traits.collect(),
        mark: own,
    }
}
