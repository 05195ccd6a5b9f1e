//! Algorithmic models (audience-manager.md §6.3, §6.5). What one is made of is sent with every update, as it was read, and
//! never changes.

use audience_sharing_core::domain::identifier::{DataSourceId, ModelId, TraitSid};
use audience_sharing_core::domain::model::{LastRun, Model, ModelChange, NewModel};
use audience_sharing_core::kinds::common::Never;
use audience_sharing_core::kinds::model::ListedModel;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::json;

use super::service::OfAudienceManager;
use super::wire::{self, activity, is_unsaid, resolved};
use crate::resource::{Creation, Field, List, Resource, Words, field, query, words};
use crate::serde_helpers::{numbers, optional_number, optional_word, text};

const PATH: &str = "/models/";
/// Otherwise a list may lack them (§6.3).
const WITH_DATA_SOURCES: (&str, &str) = ("includeDataSources", "true");
/// Trait Weight, the one algorithm there is.
const ALGORITHM: u64 = 1;

impl Resource for Model {
    type Service = OfAudienceManager;
    const WORDS: Words = words!("models");
    const CHANGED_BY: Option<Method> = Some(Method::PUT);

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<ListedModel> {
        let wire = WireModel::deserialize(wire).ok()?;
        let data_sources = wire.data_sources.map(|ids| {
            let ids = ids.into_iter();
            ids.map(DataSourceId).collect()
        });
        let days = wire.look_back_period;
        let excluded = wire.excluded_traits.unwrap_or_default().into_iter();
        Some(ListedModel {
            model: Self {
                id: ModelId(wire.algo_model_id?),
                name: resolved(wire.name),
                description: resolved(wire.description),
                baseline: wire.sid,
                data_sources,
                look_back_days: days.and_then(|days| u32::try_from(days).ok()),
                excluded: excluded.map(TraitSid).collect(),
                activity: activity(wire.status),
            },
            last_run: match wire.last_run_status {
                Some(0) => LastRun::Failed,
                Some(1) => LastRun::WithData,
                Some(2) => LastRun::WithoutData,
                _ => LastRun::None,
            },
        })
    }

    fn decode_id(element: &[u8]) -> Option<ModelId> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct WireModelId {
            #[serde(default, deserialize_with = "optional_number")]
            algo_model_id: Option<u64>,
        }
        let WireModelId { algo_model_id } = serde_json::from_slice(element).ok()?;
        algo_model_id.map(ModelId)
    }

    fn path(id: &ModelId) -> String {
        format!("{PATH}{id}")
    }

    fn list((): &()) -> List {
        List::new(Self::WORDS.list, query(PATH, &[WITH_DATA_SOURCES]))
    }

    fn look_up(query: &Never) -> List {
        match *query {}
    }

    fn fits(query: &Never, _: &Self) -> bool {
        match *query {}
    }

    fn creation(new: &NewModel) -> Creation {
        let NewModel {
            name,
            description,
            basis,
            excluded,
        } = new;
        let data_sources: Vec<u64> = basis.data_sources.iter().map(|id| id.0).collect();
        let excluded: Vec<u64> = excluded.iter().map(|sid| sid.0).collect();
        let sent = json!({
            "name": name,
            "description": description,
            "sid": basis.baseline,
            "dataSources": data_sources,
            "algoTypeId": ALGORITHM,
            "lookBackPeriod": basis.look_back_days,
            "excludedTraits": excluded,
            "status": "ACTIVE",
        });
        Creation::new("models.create", PATH, sent)
    }

    fn changes(&self, change: &ModelChange) -> Result<Vec<Field>, &'static str> {
        let ModelChange {
            name,
            description,
            activate,
        } = change;
        let fields = [
            field("name", name.as_ref()),
            field("description", description.as_ref()),
            field("status", activate.then_some("ACTIVE")),
        ];
        Ok(fields.into_iter().flatten().collect())
    }

    fn is_server_owned(field: &str) -> bool {
        wire::is_server_owned(field)
            || matches!(
                field,
                "algoModelId"
                    | "algoModelVersion"
                    | "baselineTraitType"
                    | "processingStatus"
                    | "latestRunTS"
                    | "lastRunStatus"
                    | "lastRunTimestamp"
                    | "lastSuccessfulRunTimestamp"
            )
    }

    fn is_as_expected(&self, read: &Self) -> bool {
        let mut same = self.clone();
        if is_unsaid(&self.activity) || is_unsaid(&read.activity) {
            same.activity = read.activity.clone();
        }
        if self.data_sources.is_none() || read.data_sources.is_none() {
            same.data_sources.clone_from(&read.data_sources);
        }
        same == *read
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireModel {
    #[serde(default, deserialize_with = "optional_number")]
    algo_model_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "numbers")]
    data_sources: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "optional_number")]
    look_back_period: Option<u64>,
    #[serde(default, deserialize_with = "numbers")]
    excluded_traits: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    last_run_status: Option<u64>,
}
