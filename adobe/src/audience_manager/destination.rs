//! Destinations (audience-manager.md §6.1), with their mappings where a list shows them. They are only read. A list may leave
//! out most of a destination (§2.9): what an answer lacks is unknown, never a default.

use std::convert::Infallible;
use std::fmt;

use audience_sharing_core::domain::destination::{Destination, DestinationKind, Mapping};
use audience_sharing_core::domain::identifier::{DestinationId, MappingId};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::facts::{ListedDestination, Listing};
use http::Method;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::service::OfAudienceManager;
use super::wire::{activity, resolved};
use crate::resource::{Creation, Field, List, Resource, Words, query, unchanged, words};
use crate::serde_helpers::{optional_number, optional_word, text, texts};

/// One destination holds at most the 20,000 segments of a company (§2.7); a mapping takes some 700 bytes.
const DESTINATION_BYTES_MAX: usize = 16 << 20;
const PATH: &str = "/destinations/";
const WITH_MAPPINGS: &[(&str, &str)] = &[("includeMappings", "true")];

impl Resource for Destination {
    type Service = OfAudienceManager;
    const WORDS: Words = words!("destinations");
    const CHANGED_BY: Option<Method> = None;
    const READ_QUERY: &[(&str, &str)] = WITH_MAPPINGS;
    const CAN_BE_DELETED: bool = false;
    const ELEMENT_BYTES_MAX: usize = DESTINATION_BYTES_MAX;

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<ListedDestination> {
        let wire = WireDestination::deserialize(wire).ok()?;
        let id = DestinationId(wire.destination_id?);
        let kind = match &*wire.destination_type {
            "PUSH" => DestinationKind::Url {
                serial: wire.serialization_enabled,
            },
            "ADS" => DestinationKind::Cookie {
                key_per_segment: wire.format_type.map(|format| *format == *"key_value"),
            },
            "S2S" => DestinationKind::ServerToServer,
            _ => DestinationKind::Other(wire.destination_type),
        };
        let mappings = wire.mappings.map(|WireMappings(listing)| listing);
        let destination = Self {
            id,
            name: resolved(wire.name),
            kind,
            activity: activity(wire.status),
            fills_alias: wire
                .mapping_auto_filler
                .map(|filler| matches!(&*filler, "SID" | "IC")),
            labels: wire.data_export_labels.map(Restrictions::new),
            updated: wire.update_time,
            was_read: false,
            tells_mappings: mappings.is_some(),
        };
        Some(ListedDestination {
            destination,
            mappings,
        })
    }

    fn decode_id(element: &[u8]) -> Option<DestinationId> {
        let WireDestinationId { destination_id } = serde_json::from_slice(element).ok()?;
        destination_id.map(DestinationId)
    }

    fn path(id: &DestinationId) -> String {
        format!("{PATH}{id}")
    }

    fn list((): &()) -> List {
        List::new(Self::WORDS.list, query(PATH, WITH_MAPPINGS))
    }

    fn look_up(never: &Infallible) -> List {
        match *never {}
    }

    fn fits(never: &Infallible, _: &Self) -> bool {
        match *never {}
    }

    fn creation(never: &Infallible) -> Creation {
        match *never {}
    }

    fn changes(&self, change: &()) -> Result<Vec<Field>, &'static str> {
        unchanged::<Self>(change)
    }

    fn is_server_owned(_: &str) -> bool {
        true
    }
}

/// The mappings inside a destination, each whole, else its id alone, else only that it was there. They are read one by one:
/// there may be thousands.
struct WireMappings(Listing<Mapping, MappingId>);

impl<'de> Deserialize<'de> for WireMappings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = WireMappings;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of mappings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WireMappings, A::Error> {
                let mut listing = Listing::default();
                while let Some(element) = list.next_element::<Value>()? {
                    match Mapping::decode(&element) {
                        Some(mapping) => listing.items.push(mapping),
                        None => {
                            let id = Mapping::decode_id(element.to_string().as_bytes());
                            listing.undecodable.push(id);
                        }
                    }
                }
                listing.items.retain(Mapping::is_live);
                Ok(WireMappings(listing))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDestination {
    #[serde(default, deserialize_with = "optional_number")]
    destination_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    destination_type: Box<str>,
    #[serde(default, deserialize_with = "optional_word")]
    format_type: Option<Box<str>>,
    serialization_enabled: Option<bool>,
    #[serde(default, deserialize_with = "optional_word")]
    mapping_auto_filler: Option<Box<str>>,
    #[serde(default, deserialize_with = "texts")]
    data_export_labels: Option<Vec<Box<str>>>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    update_time: Option<u64>,
    mappings: Option<WireMappings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDestinationId {
    #[serde(default, deserialize_with = "optional_number")]
    destination_id: Option<u64>,
}
