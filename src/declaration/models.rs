//! Models of a spec: what CEL cannot see of them.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{Baseline, DeclaredLookAlikes, DeclaredModel};
use audience_sharing_core::domain::audience_manager::Threshold;
use audience_sharing_core::domain::identifier::{DataSourceId, TraitSid};
use audience_sharing_core::domain::mark::EntryKey;
use audience_sharing_engine::Problem;

use super::problem::invalid;
use crate::api::models as api;
use crate::api::shared_audience::TTL_DAYS;

pub(super) fn models(declared: &[api::Model]) -> Result<Vec<DeclaredModel>, Problem> {
    let mut keys = BTreeSet::new();
    let mut all = declared.iter().flat_map(|model| &model.traits);
    if let Some(twice) = all.find(|one| !keys.insert(&*one.key)) {
        return Err(invalid(format!(
            "Two algorithmic traits have the key {:?}; nothing was changed. Rules name a trait by its key alone: choose another.",
            twice.key
        )));
    }
    declared.iter().map(model).collect()
}

/// The keys of those that can be read.
pub(super) fn model_keys(declared: &[api::Model]) -> impl Iterator<Item = EntryKey> {
    declared
        .iter()
        .filter_map(|model| EntryKey::parse(&model.key).ok())
}

fn model(declared: &api::Model) -> Result<DeclaredModel, Problem> {
    let key = EntryKey::parse(&declared.key);
    let ids = |ids: &[i64]| {
        ids.iter()
            .filter_map(|id| u64::try_from(*id).ok())
            .collect::<Vec<_>>()
    };
    let data_sources: BTreeSet<_> = ids(&declared.data_source_ids)
        .into_iter()
        .map(DataSourceId)
        .collect();
    if data_sources.is_empty() {
        return Err(invalid(format!(
            "The model {:?} names no data source; nothing was changed. Write at least one into dataSourceIds.",
            declared.key
        )));
    }
    Ok(DeclaredModel {
        key: key.map_err(|error| invalid(format!("The key of a model: {error}.")))?,
        name: declared.name.as_str().into(),
        description: declared.description.as_deref().unwrap_or_default().into(),
        baseline: match declared.baseline {
            None | Some(api::Baseline::Trait) => Baseline::SharedTrait,
            Some(api::Baseline::Segment) => Baseline::SharedSegment,
        },
        data_sources,
        look_back_days: u32::try_from(declared.look_back_days).unwrap_or_default(),
        excluded: ids(&declared.excluded_traits)
            .into_iter()
            .map(TraitSid)
            .collect(),
        traits: declared
            .traits
            .iter()
            .map(look_alikes)
            .collect::<Result<_, _>>()?,
    })
}

fn look_alikes(declared: &api::AlgorithmicTrait) -> Result<DeclaredLookAlikes, Problem> {
    let number = |value: i32| u32::try_from(value).ok();
    let threshold = match (declared.accuracy_percent, declared.reach) {
        (Some(percent), None) => number(percent).map(Threshold::AccuracyPercent),
        (None, Some(reach)) => number(reach).map(|reach| Threshold::Reach(reach.into())),
        (Some(_), Some(_)) | (None, None) => None,
    };
    Ok(DeclaredLookAlikes {
        key: declared.key.as_str().into(),
        name: declared.name.as_str().into(),
        description: declared.description.as_deref().unwrap_or_default().into(),
        threshold: threshold.ok_or_else(|| {
            invalid(format!(
                "The algorithmic trait {:?} must have exactly one of accuracyPercent and reach.",
                declared.key
            ))
        })?,
        ttl_days: number(declared.ttl_days.unwrap_or(TTL_DAYS)).unwrap_or_default(),
    })
}
