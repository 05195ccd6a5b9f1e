//! Mappings of segments to destinations (audience-manager.md §6.2). The list of a destination answers 404 where there is
//! none.

use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{
    EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use audience_sharing_core::domain::identifier::{DestinationId, MappingId, SegmentSid};
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Map, Value, json};

use super::service::OfAudienceManager;
use super::wire::{self, activity};
use crate::resource::{Creation, Field, List, Resource, Words, field, words};
use crate::serde_helpers::{optional_number, optional_word};

impl Resource for Mapping {
    type Service = OfAudienceManager;
    const WORDS: Words = Words {
        look_up: "mappings.list",
        ..words!("mappings")
    };
    const CHANGED_BY: Option<Method> = Some(Method::PUT);

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
        let wire = WireMapping::deserialize(wire).ok()?;
        let said = |text: Option<Box<str>>| text.filter(|text| !text.is_empty());
        Some(Self {
            id: wire.id.id()?,
            segment: SegmentSid(wire.sid?),
            keys: MappingKeys {
                url: said(wire.url),
                alias: said(wire.trait_alias),
                value_alias: said(wire.value_alias),
            },
            start: said(wire.start_date),
            end: said(wire.end_date),
            activity: activity(wire.element_status),
        })
    }

    fn decode_id(element: &[u8]) -> Option<MappingId> {
        let wire: WireMappingId = serde_json::from_slice(element).ok()?;
        wire.id()
    }

    fn is_live(mapping: &Self) -> bool {
        !matches!(&mapping.activity, Activity::Other(word) if word.eq_ignore_ascii_case("deleted"))
    }

    fn path(id: &MappingId) -> String {
        format!("{}{id}", list_path(id.destination))
    }

    fn list(destination: &DestinationId) -> List {
        List {
            is_missing_if_empty: true,
            ..List::new(Self::WORDS.list, list_path(*destination))
        }
    }

    fn look_up((_, destination): &(SegmentSid, DestinationId)) -> List {
        Self::list(destination)
    }

    fn fits((segment, _): &(SegmentSid, DestinationId), found: &Self) -> bool {
        found.segment == *segment
    }

    fn creation(new: &NewMapping) -> Creation {
        let NewMapping {
            destination,
            destination_name: _,
            segment,
            keys,
            start,
            end,
        } = new;
        let [url, alias, value_alias] = key_fields(keys);
        let dates = [
            field("startDate", start.as_ref()),
            field("endDate", end.as_ref()),
        ];
        let fields = [url, alias, value_alias].into_iter().chain(dates).flatten();
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let mut sent: Map<String, Value> = fields.collect();
        sent.insert("sid".into(), json!(segment.0));
        sent.insert("traitType".into(), json!("SEGMENT"));
        Creation {
            known: vec![("destinationId", json!(destination.0))],
            ..Creation::new(
                "mappings.create",
                list_path(*destination),
                Value::Object(sent),
            )
        }
    }

    fn changes(&self, change: &MappingChange) -> Result<Vec<Field>, &'static str> {
        let MappingChange {
            keys,
            start,
            end,
            activate,
        } = change;
        let end = end.as_ref().map(|end| match end {
            EndChange::Set(date) => json!(date),
            EndChange::Clear => Value::Null,
        });
        let more = [
            field("startDate", start.as_ref()),
            end.map(|end| ("endDate", end)),
            field("elementStatus", activate.then_some("active")),
        ];
        Ok(key_fields(keys).into_iter().chain(more).flatten().collect())
    }

    /// Also the start date, which would move by a day if it were sent as it was read.
    fn is_server_owned(field: &str) -> bool {
        wire::is_server_owned(field)
            || matches!(
                field,
                "mappingId"
                    | "destinationMappingId"
                    | "elementName"
                    | "elementDescription"
                    | "startDate"
            )
    }

    /// Whether an update names the destination that its path names already, no source says (§6.2).
    fn updated_or_else(object: &Value) -> Option<Value> {
        let mut without = object.clone();
        without.as_object_mut()?.remove("destinationId")?;
        Some(without)
    }

    fn complete(&self, object: &mut Value) {
        object["destinationId"] = json!(self.id.destination.0);
        object["destinationMappingId"] = json!(self.id.number);
    }
}

fn list_path(destination: DestinationId) -> String {
    format!("/destinations/{destination}/mappings/")
}

fn key_fields(keys: &MappingKeys) -> [Option<Field>; 3] {
    let MappingKeys {
        url,
        alias,
        value_alias,
    } = keys;
    [
        field("url", url.as_ref()),
        field("traitAlias", alias.as_ref()),
        field("valueAlias", value_alias.as_ref()),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMapping {
    #[serde(flatten)]
    id: WireMappingId,
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "optional_word")]
    url: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_word")]
    trait_alias: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_word")]
    value_alias: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_word")]
    start_date: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_word")]
    end_date: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_word")]
    element_status: Option<Box<str>>,
}

/// The number has two names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMappingId {
    #[serde(default, deserialize_with = "optional_number")]
    destination_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    mapping_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    destination_mapping_id: Option<u64>,
}

impl WireMappingId {
    fn id(&self) -> Option<MappingId> {
        Some(MappingId {
            destination: DestinationId(self.destination_id?),
            number: self.destination_mapping_id.or(self.mapping_id)?,
        })
    }
}
