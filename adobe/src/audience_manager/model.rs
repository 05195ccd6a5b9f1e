//! Algorithmic models, only read (audience-manager.md §6.3).

use audience_sharing_core::domain::audience_manager::AlgorithmicModel;
use audience_sharing_core::domain::identifier::TraitSid;
use serde::Deserialize;

use super::wire::resolved;
use crate::serde_helpers::{numbers, optional_number, text};

pub(super) fn model(element: &[u8]) -> Option<AlgorithmicModel> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireModel {
        #[serde(default, deserialize_with = "optional_number")]
        algo_model_id: Option<u64>,
        #[serde(default, deserialize_with = "text")]
        name: Box<str>,
        #[serde(default, deserialize_with = "optional_number")]
        sid: Option<u64>,
        #[serde(default, deserialize_with = "numbers")]
        excluded_traits: Option<Vec<u64>>,
    }
    let wire: WireModel = serde_json::from_slice(element).ok()?;
    let excluded = wire.excluded_traits.unwrap_or_default().into_iter();
    Some(AlgorithmicModel {
        id: wire.algo_model_id?,
        name: resolved(wire.name),
        baseline: wire.sid,
        excluded: excluded.map(TraitSid).collect(),
    })
}

pub(super) fn id(element: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct WireModelId {
        #[serde(default, deserialize_with = "optional_number")]
        algo_model_id: Option<u64>,
    }
    let WireModelId { algo_model_id } = serde_json::from_slice(element).ok()?;
    algo_model_id
}
