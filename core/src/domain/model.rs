//! Algorithmic models of Audience Manager (audience-manager.md §6.3, §6.5). Values alone.

use std::collections::BTreeSet;

use super::audience_manager::Activity;
use super::identifier::{DataSourceId, ModelId, TraitSid};

/// What a model is made of: Adobe keeps it from the first save on, so that another one is another model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelBasis {
    /// The trait or segment whose look-alikes it finds; the two share one sequence of ids (§4.1).
    pub baseline: u64,
    /// In which it looks for them.
    pub data_sources: BTreeSet<DataSourceId>,
    /// 30, 60 or 90.
    pub look_back_days: u32,
}

/// How the last run of a model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastRun {
    /// There was none, or the answer does not say.
    None,
    Failed,
    WithData,
    WithoutData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub id: ModelId,
    pub name: Box<str>,
    pub description: Box<str>,
    /// As in [`ModelBasis`]; `None` where the answer does not show it.
    pub baseline: Option<u64>,
    pub data_sources: Option<BTreeSet<DataSourceId>>,
    pub look_back_days: Option<u32>,
    /// Traits that the credential may not see are missing (§6.5).
    pub excluded: BTreeSet<TraitSid>,
    pub activity: Activity,
}

impl Model {
    /// `None` where not all of it is known.
    pub fn basis(&self) -> Option<ModelBasis> {
        Some(ModelBasis {
            baseline: self.baseline?,
            data_sources: self.data_sources.clone()?,
            look_back_days: self.look_back_days?,
        })
    }
}

/// A model that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    pub name: Box<str>,
    pub description: Box<str>,
    pub basis: ModelBasis,
    pub excluded: BTreeSet<TraitSid>,
}

/// The fields of a model that change; `None` stays as it is. Nothing else can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelChange {
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    /// `true` sets the model active again.
    pub activate: bool,
}
