//! Algorithmic models, only read (audience-manager.md §6.3).

use audience_sharing_core::domain::audience_manager::AlgorithmicModel;
use audience_sharing_core::domain::identifier::TraitSid;
use serde::Deserialize;

use super::super::error::Error;
use super::super::gateway::CallContext;
use super::super::listing::Listing;
use super::super::serde_helpers::{numbers, optional_number, text};
use super::AudienceManager;
use super::wire::resolved;

impl AudienceManager {
    /// Every model of the company.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn models(
        &self,
        context: &CallContext,
    ) -> Result<Listing<AlgorithmicModel, u64>, Error> {
        let path = "/models/".to_owned();
        self.list(context, "models.list", path, model, |_| None)
            .await
    }
}

fn model(element: &[u8]) -> Option<AlgorithmicModel> {
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
