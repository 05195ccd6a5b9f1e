//! Segments (audience-manager.md §5).

use audience_sharing_core::domain::audience_manager::{NewSegment, Segment, SegmentChange};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid,
};
use audience_sharing_core::domain::mark::Mark;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::json;

use super::contents::{contents, each_alone, with_code};
use super::service::OfAudienceManager;
use super::wire::{self, activity, code, is_unsaid, reader};
use crate::resource::{Creation, Field, List, Resource, Words, field, words};
use crate::serde_helpers::{numbers, optional_number, optional_word, text};

pub(super) const PATH: &str = "/segments/";
/// Asks for the data sources of the traits of each segment (§5.1).
pub(super) const WITH_TRAIT_SOURCES: (&str, &str) = ("includeTraitDataSourceIds", "true");

impl Resource for Segment {
    type Service = OfAudienceManager;
    const WORDS: Words = words!("segments");
    const CHANGED_BY: Option<Method> = Some(Method::PUT);
    const READ_QUERY: &[(&str, &str)] = &[WITH_TRAIT_SOURCES];

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
        let wire = WireSegment::deserialize(wire).ok()?;
        let read = reader(&wire.segment_rule);
        let description = read(wire.description);
        let told = wire
            .trait_data_source_ids
            .filter(|_| Mark::read(&description).is_none());
        Some(Self {
            sid: SegmentSid(wire.sid?),
            name: read(wire.name),
            trait_data_sources: told.map(|ids| ids.into_iter().map(DataSourceId).collect()),
            description,
            integration_code: code(wire.integration_code, &read),
            data_source: DataSourceId(wire.data_source_id?),
            folder: SegmentFolderId(wire.folder_id?),
            rule: read(wire.segment_rule),
            merge_rule: wire
                .merge_rule_data_source_id
                .filter(|id| *id != 0)
                .map(DataSourceId),
            activity: activity(wire.status),
        })
    }

    fn decode_id(element: &[u8]) -> Option<SegmentSid> {
        wire::sid(element).map(SegmentSid)
    }

    fn path(sid: &SegmentSid) -> String {
        format!("{PATH}{sid}")
    }

    fn list(data_sources: &Vec<DataSourceId>) -> List {
        contents(Self::WORDS.list, PATH, data_sources, WITH_TRAIT_SOURCES)
    }

    fn is_in(data_sources: &Vec<DataSourceId>, found: &Self) -> bool {
        data_sources.contains(&found.data_source)
    }

    fn parts(data_sources: &Vec<DataSourceId>) -> Vec<Vec<DataSourceId>> {
        each_alone(data_sources)
    }

    fn look_up(code: &(DataSourceId, IntegrationCode)) -> List {
        with_code(Self::WORDS.look_up, PATH, code, WITH_TRAIT_SOURCES)
    }

    fn fits((data_source, code): &(DataSourceId, IntegrationCode), found: &Self) -> bool {
        found.data_source == *data_source && found.integration_code.as_ref() == Some(code)
    }

    fn creation(new: &NewSegment) -> Creation {
        let NewSegment {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            merge_rule,
        } = new;
        let mut sent = json!({
            "name": name,
            "description": description,
            "integrationCode": integration_code.as_str(),
            "dataSourceId": data_source.0,
            "folderId": folder.0,
            "segmentRule": rule,
            "status": "ACTIVE",
        });
        if let Some(merge_rule) = merge_rule {
            sent["mergeRuleDataSourceId"] = json!(merge_rule.0);
        }
        Creation::new("segments.create", PATH, sent)
    }

    fn changes(&self, change: &SegmentChange) -> Result<Vec<Field>, &'static str> {
        let SegmentChange {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            merge_rule,
            activate,
            pause,
        } = change;
        let code = integration_code.as_ref().map(IntegrationCode::as_str);
        let status = match (activate, pause) {
            (true, _) => Some("ACTIVE"),
            (false, true) => Some("INACTIVE"),
            (false, false) => None,
        };
        let fields = [
            field("name", name.as_ref()),
            field("description", description.as_ref()),
            field("integrationCode", code),
            field("dataSourceId", data_source.map(|id| id.0)),
            field("folderId", folder.map(|id| id.0)),
            field("segmentRule", rule.as_ref()),
            field("mergeRuleDataSourceId", merge_rule.map(|id| id.0)),
            field("status", status),
        ];
        Ok(fields.into_iter().flatten().collect())
    }

    /// The fields that only answers hold, those of the optional `include…` parameters among them (§5.1, §5.2).
    fn is_server_owned(field: &str) -> bool {
        let mut metrics = ["instantUniques", "totalUniques"].into_iter();
        metrics.any(|metric| field.starts_with(metric))
            || wire::is_server_owned(field)
            || matches!(
                field,
                "traitDataSourceIds"
                    | "isDestinationMappable"
                    | "inUse"
                    | "mappedEntities"
                    | "traits"
                    | "mappableTraits"
                    | "hiddenTraits"
                    | "codeViewOnly"
                    | "expressionTree"
            )
    }

    fn is_as_expected(&self, read: &Self) -> bool {
        let mut same = self.clone();
        if is_unsaid(&self.activity) || is_unsaid(&read.activity) {
            same.activity = read.activity.clone();
        }
        if self.trait_data_sources.is_none() || read.trait_data_sources.is_none() {
            same.trait_data_sources.clone_from(&read.trait_data_sources);
        }
        same == *read
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSegment {
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
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
    segment_rule: Box<str>,
    #[serde(default, deserialize_with = "optional_number")]
    merge_rule_data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "numbers")]
    trait_data_source_ids: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
}
