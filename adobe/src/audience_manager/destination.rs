//! Destinations and the mappings of segments to them (audience-manager.md §6.1, §6.2). Destinations are only read.

use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{
    Destination, DestinationKind, EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use audience_sharing_core::domain::identifier::{DestinationId, MappingId, SegmentSid};
use audience_sharing_core::domain::labels::Restrictions;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::super::body::{Each, Element, Splitter};
use super::super::error::{CallKind, Error, Kind};
use super::super::gateway::{CallContext, Reading};
use super::super::lease_guard::LeaseGuard;
use super::super::listing::{self, Listing};
use super::super::serde_helpers::{optional_number, optional_word, text, texts};
use super::wire::{self, activity, resolved};
use super::{AudienceManager, Deleted, Updated, get, merge, operation, query};

/// One destination holds at most the 20,000 segments of a company (§2.7); a mapping takes some 700 bytes.
const DESTINATION_BYTES_MAX: usize = 16 << 20;

pub use audience_sharing_core::facts::ListedDestination;

impl AudienceManager {
    /// Every destination, with its mappings.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn destinations(
        &self,
        context: &CallContext,
    ) -> Result<Listing<ListedDestination, DestinationId>, Error> {
        let path = query(DESTINATIONS, &[("includeMappings", "true")]);
        let call = get(operation("destinations.list", CallKind::List), path);
        let mut listing = Listing::default();
        let splitter = || Splitter::bare().with_elements_up_to(DESTINATION_BYTES_MAX);
        self.gateway
            .elements(context, &call, splitter, &mut |element| {
                listing::take(&mut listing, element, listed, destination_id)
            })
            .await?;
        Ok(listing)
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn destination_by_id(
        &self,
        context: &CallContext,
        id: DestinationId,
    ) -> Result<ListedDestination, Error> {
        let operation = operation("destinations.read", CallKind::Read);
        let path = query(
            &format!("{DESTINATIONS}{id}"),
            &[("includeMappings", "true")],
        );
        let mut whole = Reading::Whole {
            bytes_max: DESTINATION_BYTES_MAX,
        };
        let body = self
            .gateway
            .run(context, &get(operation, path), &mut whole)
            .await?;
        listed(&body).ok_or_else(|| operation.unexpected("the body holds no such object"))
    }

    /// Every mapping of a destination. A destination that has none, or that is not there, answers 404 (§2.1): both have no
    /// mappings.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn mappings_of(
        &self,
        context: &CallContext,
        destination: DestinationId,
    ) -> Result<Listing<Mapping, MappingId>, Error> {
        let mut listing = Listing::default();
        self.each_mapping(context, destination, &mut |element| {
            listing::take(&mut listing, element, from_bytes, mapping_id)
        })
        .await?;
        listing.items.retain(is_live);
        Ok(listing)
    }

    /// The mappings of one segment to one destination.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of the mappings cannot be read: then nobody knows whether the segment is mapped.
    pub async fn mappings_of_segment(
        &self,
        context: &CallContext,
        destination: DestinationId,
        segment: SegmentSid,
    ) -> Result<Vec<Mapping>, Error> {
        let Listing {
            items, undecodable, ..
        } = self.mappings_of(context, destination).await?;
        if !undecodable.is_empty() {
            let error = operation(LIST_MAPPINGS, CallKind::List);
            return Err(error.unexpected("an element of the list cannot be read"));
        }
        let of_segment = |mapping: &Mapping| mapping.segment == segment;
        Ok(items.into_iter().filter(of_segment).collect())
    }

    async fn each_mapping(
        &self,
        context: &CallContext,
        destination: DestinationId,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        // Read: its 404 means something, unlike that of other lists.
        let call = get(
            operation(LIST_MAPPINGS, CallKind::Read),
            mappings_path(destination),
        );
        match self
            .gateway
            .elements(context, &call, Splitter::bare, each)
            .await
        {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// # Errors
    /// `effect` tells whether it may exist all the same.
    pub async fn create_mapping(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &NewMapping,
    ) -> Result<Mapping, Error> {
        let NewMapping {
            destination,
            destination_name: _,
            segment,
            keys,
            start,
            end,
        } = new;
        let mut sent = Map::new();
        sent.insert("sid".into(), json!(segment.0));
        sent.insert("traitType".into(), json!("SEGMENT"));
        let dates = [("startDate", start), ("endDate", end)];
        for (field, text) in key_fields(keys).into_iter().chain(dates) {
            sent.extend(text.as_ref().map(|text| (field.to_owned(), json!(text))));
        }
        let path = mappings_path(*destination);
        let operation = operation("mappings.create", CallKind::Create);
        let sent = Value::Object(sent);
        let body = self
            .write(context, lease_guard, operation, path, Some(&sent))
            .await?;
        merge::answered(of_destination(sent, *destination), &body, from_value)
            .ok_or_else(|| operation.unexpected("the body holds no such object"))
    }

    /// Reads the mappings of the destination, since none has a read of its own, compares and writes (design.md §4.5).
    ///
    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update_mapping(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Mapping,
        change: &MappingChange,
    ) -> Result<Updated<Mapping>, Error> {
        let reading = operation(LIST_MAPPINGS, CallKind::Read);
        let (mut found, mut skipped) = (None, false);
        self.each_mapping(context, expected.destination, &mut |element| {
            let Element::Whole(element) = element else {
                skipped = true;
                return;
            };
            let read = from_bytes(element).filter(is_live);
            if let Some(read) = read.filter(|read| read.id == expected.id) {
                found = serde_json::from_slice::<Value>(element)
                    .ok()
                    .zip(Some(read));
            }
        })
        .await?;
        let Some((mut object, read)) = found else {
            return Err(match skipped {
                true => reading.unexpected("an element of the list cannot be read"),
                // The destination was read, and does not hold it: a mapping has no read of its own.
                false => reading.error(Kind::NotFound).with_proof(),
            });
        };
        if read != *expected {
            return Ok(Updated::Changed(read));
        }
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
        let keys =
            key_fields(keys).map(|(field, text)| (field, text.as_ref().map(|text| json!(text))));
        let more = [
            ("startDate", start.as_ref().map(|date| json!(date))),
            ("endDate", end),
            ("elementStatus", activate.then(|| json!("active"))),
        ];
        let changed = keys.into_iter().chain(more);
        let changed = changed.filter_map(|(field, value)| Some((field, value?)));
        merge::apply(&mut object, changed.collect(), server_owned);
        let writing = operation("mappings.update", CallKind::Update);
        let path = mapping_path(expected.destination, expected.id);
        let body = self
            .write(context, lease_guard, writing, path, Some(&object))
            .await?;
        let sent = of_mapping(of_destination(object, expected.destination), expected.id);
        merge::answered(sent, &body, from_value)
            .map(Updated::Written)
            .ok_or_else(|| writing.unexpected("the body holds no such object"))
    }

    /// Reads the mappings of the destination, and deletes nothing if the mapping is not as expected. One that the list lacks
    /// is deleted all the same: the list may be behind, and the deletion says whether it was there.
    ///
    /// # Errors
    /// `is_not_found` if it was gone already.
    pub async fn delete_mapping(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Mapping,
    ) -> Result<Deleted<Mapping>, Error> {
        let this = self.together(2);
        let mut listing = this.mappings_of(context, expected.destination).await?;
        let at = listing.items.iter().position(|read| read.id == expected.id);
        if let Some(read) = at.map(|at| listing.items.swap_remove(at))
            && read != *expected
        {
            return Ok(Deleted::Changed(read));
        }
        let path = mapping_path(expected.destination, expected.id);
        this.delete(context, lease_guard, "mappings.delete", path)
            .await?;
        Ok(Deleted::Done)
    }
}

const DESTINATIONS: &str = "/destinations/";
const LIST_MAPPINGS: &str = "mappings.list";

fn mappings_path(destination: DestinationId) -> String {
    format!("{DESTINATIONS}{destination}/mappings/")
}

fn mapping_path(destination: DestinationId, id: MappingId) -> String {
    format!("{}{id}", mappings_path(destination))
}

fn key_fields(keys: &MappingKeys) -> [(&'static str, &Option<Box<str>>); 3] {
    let MappingKeys {
        url,
        alias,
        value_alias,
    } = keys;
    [
        ("url", url),
        ("traitAlias", alias),
        ("valueAlias", value_alias),
    ]
}

fn of_destination(mut object: Value, destination: DestinationId) -> Value {
    object["destinationId"] = json!(destination.0);
    object
}

fn of_mapping(mut object: Value, id: MappingId) -> Value {
    object["destinationMappingId"] = json!(id.0);
    object
}

/// What the server owns, and the start date, which would move by a day if it were sent as it was read (§6.2).
fn server_owned(field: &str) -> bool {
    merge::server_owned(field)
        || matches!(
            field,
            "mappingId"
                | "destinationMappingId"
                | "elementName"
                | "elementDescription"
                | "startDate"
        )
}

fn is_live(mapping: &Mapping) -> bool {
    !matches!(&mapping.activity, Activity::Other(word) if word.eq_ignore_ascii_case("deleted"))
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
    mappings: Option<Vec<WireElement>>,
}

/// One mapping inside a destination: whole, else its id alone, else only that it was there.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireElement {
    Whole(WireMapping),
    Id(WireMappingId),
    Other(IgnoredAny),
}

impl WireElement {
    fn read(self, listing: &mut Listing<Mapping, MappingId>) {
        let id = match self {
            Self::Whole(wire) => {
                let id = wire.id.id();
                match wire.read() {
                    Some(mapping) => return listing.items.push(mapping),
                    None => id,
                }
            }
            Self::Id(wire) => wire.id(),
            Self::Other(_) => None,
        };
        listing.undecodable.push(id);
    }
}

fn listed(element: &[u8]) -> Option<ListedDestination> {
    let wire: WireDestination = serde_json::from_slice(element).ok()?;
    let id = DestinationId(wire.destination_id?);
    let kind = match &*wire.destination_type {
        "PUSH" => DestinationKind::Url {
            serial: wire.serialization_enabled.unwrap_or_default(),
        },
        "ADS" => DestinationKind::Cookie {
            key_per_segment: wire.format_type.as_deref() == Some("key_value"),
        },
        "S2S" => DestinationKind::ServerToServer,
        _ => DestinationKind::Other(wire.destination_type),
    };
    let mappings = wire.mappings.map(|mappings| {
        let mut listing = Listing::default();
        for element in mappings {
            element.read(&mut listing);
        }
        listing.items.retain(is_live);
        listing
    });
    let destination = Destination {
        id,
        name: resolved(wire.name),
        kind,
        activity: activity(wire.status),
        fills_alias: matches!(wire.mapping_auto_filler.as_deref(), Some("SID" | "IC")),
        labels: Restrictions::new(wire.data_export_labels.unwrap_or_default()),
        tells_mappings: mappings.is_some(),
    };
    Some(ListedDestination {
        destination,
        mappings,
    })
}

fn destination_id(element: &[u8]) -> Option<DestinationId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Id {
        #[serde(default, deserialize_with = "optional_number")]
        destination_id: Option<u64>,
    }
    let Id { destination_id } = serde_json::from_slice(element).ok()?;
    destination_id.map(DestinationId)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMapping {
    #[serde(flatten)]
    id: WireMappingId,
    #[serde(default, deserialize_with = "optional_number")]
    destination_id: Option<u64>,
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

impl WireMapping {
    fn read(self) -> Option<Mapping> {
        let said = |text: Option<Box<str>>| text.filter(|text| !text.is_empty());
        Some(Mapping {
            id: self.id.id()?,
            destination: DestinationId(self.destination_id?),
            segment: SegmentSid(self.sid?),
            keys: MappingKeys {
                url: said(self.url),
                alias: said(self.trait_alias),
                value_alias: said(self.value_alias),
            },
            start: said(self.start_date),
            end: said(self.end_date),
            activity: activity(self.element_status),
        })
    }
}

fn from_bytes(element: &[u8]) -> Option<Mapping> {
    wire::from_bytes(element, WireMapping::read)
}

fn from_value(object: Value) -> Option<Mapping> {
    wire::from_value(object, WireMapping::read)
}

fn mapping_id(element: &[u8]) -> Option<MappingId> {
    wire::from_bytes(element, |wire: WireMappingId| wire.id())
}

/// The id has two names (§6.2).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMappingId {
    #[serde(default, deserialize_with = "optional_number")]
    mapping_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    destination_mapping_id: Option<u64>,
}

impl WireMappingId {
    fn id(&self) -> Option<MappingId> {
        self.destination_mapping_id
            .or(self.mapping_id)
            .map(MappingId)
    }
}
