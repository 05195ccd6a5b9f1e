//! Traits (audience-manager.md §4.1).

use audience_sharing_core::domain::audience_manager::{
    LookAlikes, NewTrait, Threshold, Trait, TraitChange, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, ModelId, TraitFolderId, TraitSid,
};
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use super::contents::{contents, each_alone, with_code};
use super::service::OfAudienceManager;
use super::wire::{self, activity, code, is_unsaid, reader};
use crate::resource::{Creation, Field, List, Resource, Words, field, words};
use crate::serde_helpers::{optional_number, optional_word, text};

pub(super) const PATH: &str = "/traits/";
/// Without it the list lacks rule, code and time to live.
pub(super) const DETAILS: (&str, &str) = ("includeDetails", "true");

impl Resource for Trait {
    type Service = OfAudienceManager;
    const WORDS: Words = words!("traits");
    const CHANGED_BY: Option<Method> = Some(Method::PUT);

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
        let wire = WireTrait::deserialize(wire).ok()?;
        let read = reader(&wire.trait_rule);
        let look_alikes = look_alikes(&wire);
        Some(Self {
            sid: TraitSid(wire.sid?),
            kind: match &*wire.trait_type {
                "ON_BOARDED_TRAIT" => TraitKind::Onboarded,
                "RULE_BASED_TRAIT" => TraitKind::RuleBased,
                "ALGO_TRAIT" => TraitKind::Algorithmic,
                _ => TraitKind::Other(wire.trait_type),
            },
            name: read(wire.name),
            description: read(wire.description),
            integration_code: code(wire.integration_code, &read),
            data_source: DataSourceId(wire.data_source_id?),
            folder: TraitFolderId(wire.folder_id?),
            rule: read(wire.trait_rule),
            ttl_days: wire.ttl.and_then(|days| u32::try_from(days).ok()),
            look_alikes,
            activity: activity(wire.status),
        })
    }

    fn decode_id(element: &[u8]) -> Option<TraitSid> {
        wire::sid(element).map(TraitSid)
    }

    fn path(sid: &TraitSid) -> String {
        format!("{PATH}{sid}")
    }

    fn list(data_sources: &Vec<DataSourceId>) -> List {
        contents(Self::WORDS.list, PATH, data_sources, DETAILS)
    }

    fn is_in(data_sources: &Vec<DataSourceId>, found: &Self) -> bool {
        data_sources.contains(&found.data_source)
    }

    fn parts(data_sources: &Vec<DataSourceId>) -> Vec<Vec<DataSourceId>> {
        each_alone(data_sources)
    }

    fn look_up(code: &(DataSourceId, IntegrationCode)) -> List {
        with_code(Self::WORDS.look_up, PATH, code, DETAILS)
    }

    fn fits((data_source, code): &(DataSourceId, IntegrationCode), found: &Self) -> bool {
        found.data_source == *data_source && found.integration_code.as_ref() == Some(code)
    }

    fn creation(new: &NewTrait) -> Creation {
        let NewTrait {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            ttl_days,
            look_alikes,
        } = new;
        let mut sent = json!({
            "name": name,
            "description": description,
            "integrationCode": integration_code.as_str(),
            "dataSourceId": data_source.0,
            "folderId": folder.0,
            "ttl": ttl_days,
            "status": "ACTIVE",
        });
        let kind = match look_alikes {
            None => json!({"traitType": "ON_BOARDED_TRAIT", "traitRule": rule}),
            Some(LookAlikes { model, threshold }) => {
                let (kind, value) = threshold.map(on_the_wire).unzip();
                json!({
                    "traitType": "ALGO_TRAIT",
                    "algoModelId": model.0,
                    "thresholdType": kind,
                    "thresholdValue": value,
                })
            }
        };
        if let (Some(sent), Value::Object(kind)) = (sent.as_object_mut(), kind) {
            sent.extend(kind);
        }
        Creation::new("traits.create", PATH, sent)
    }

    fn changes(&self, change: &TraitChange) -> Result<Vec<Field>, &'static str> {
        let TraitChange {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            ttl_days,
            threshold,
            activate,
        } = change;
        let (threshold, value) = threshold.map(on_the_wire).unzip();
        let code = integration_code.as_ref().map(IntegrationCode::as_str);
        let fields = [
            field("name", name.as_ref()),
            field("description", description.as_ref()),
            field("integrationCode", code),
            field("dataSourceId", data_source.map(|id| id.0)),
            field("folderId", folder.map(|id| id.0)),
            field("status", activate.then_some("ACTIVE")),
            field("traitRule", rule.as_ref()),
            field("ttl", *ttl_days),
            field("thresholdType", threshold),
            field("thresholdValue", value),
        ];
        Ok(fields.into_iter().flatten().collect())
    }

    fn is_server_owned(field: &str) -> bool {
        let mut metrics = ["uniques", "count"].into_iter();
        metrics.any(|metric| field.starts_with(metric))
            || wire::is_server_owned(field)
            || matches!(field, "traitRuleVersion" | "url" | "backfillStatus")
    }

    fn is_as_expected(&self, read: &Self) -> bool {
        let mut same = self.clone();
        if self.ttl_days.is_none() || read.ttl_days.is_none() {
            same.ttl_days = read.ttl_days;
        }
        if self.look_alikes.is_none() || read.look_alikes.is_none() {
            same.look_alikes.clone_from(&read.look_alikes);
        }
        if is_unsaid(&self.activity) || is_unsaid(&read.activity) {
            same.activity = read.activity.clone();
        }
        same == *read
    }
}

/// In percent, or devices (§6.5).
fn on_the_wire(threshold: Threshold) -> (&'static str, u64) {
    match threshold {
        Threshold::AccuracyPercent(percent) => ("ACCURACY", percent.into()),
        Threshold::Reach(count) => ("REACH", count),
    }
}

fn look_alikes(wire: &WireTrait) -> Option<Box<LookAlikes>> {
    let value = wire.threshold_value;
    let threshold = match wire.threshold_type.as_deref() {
        Some("REACH") => value.map(Threshold::Reach),
        Some("ACCURACY") => {
            let percent = value.and_then(|value| u32::try_from(value).ok());
            percent.map(Threshold::AccuracyPercent)
        }
        _ => None,
    };
    let model = ModelId(wire.algo_model_id?);
    Some(Box::new(LookAlikes { model, threshold }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTrait {
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    trait_type: Box<str>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    #[serde(default, deserialize_with = "optional_word")]
    integration_code: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    folder_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    trait_rule: Box<str>,
    #[serde(default, deserialize_with = "optional_number")]
    ttl: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    algo_model_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_word")]
    threshold_type: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    threshold_value: Option<u64>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
}
