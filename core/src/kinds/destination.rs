//! Destinations, which are only read, and the mappings of segments to them.

use std::fmt::{self, Formatter};

use super::common::Never;
use crate::call::{Kind, Label};
use crate::domain::destination::{
    Destination, EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use crate::domain::field::Field;
use crate::domain::identifier::{DestinationId, MappingId, SegmentSid};
use crate::facts::{At, Known, ListedDestination, Listing};
use crate::inventory::{Coverage, Inventory, Key, ListedMappings, Record};
use crate::ownership::Judged;

impl Record for Destination {
    type Id = DestinationId;
    type NaturalKey = Box<str>;

    fn id(&self) -> DestinationId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = Box<str>> {
        std::iter::once(self.name.clone())
    }
    fn coverage(&self) -> Coverage {
        Coverage::Whole
    }
    fn stored(&self, _: Field) -> Option<&str> {
        None
    }
    fn key_of(id: &DestinationId) -> Option<Key> {
        Some(Key::Destination(*id))
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Destination(self.id));
        keys.push(Key::DestinationName(self.name.clone()));
    }
}

impl Judged for Destination {
    const NOUN: &'static str = "destination";

    fn title(&self) -> String {
        format!("{} {:?}", self.id, self.name)
    }
}

impl Kind for Destination {
    const PLURAL: &'static str = "destinations";
    /// With their mappings, where the list includes them.
    type Scope = ();
    type Query = Never;
    type New = Never;
    type Change = ();

    fn new_texts(new: &Never) -> Vec<(Field, &str)> {
        match *new {}
    }
}

impl Label for (SegmentSid, DestinationId) {
    fn label(&self) -> String {
        format!("of segment {} to destination {}", self.0, self.1)
    }
}

impl Label for NewMapping {
    fn label(&self) -> String {
        let name = &self.destination_name;
        format!("{} {name:?}", (self.segment, self.destination).label())
    }
}

impl Record for Mapping {
    type Id = MappingId;
    /// The segment first, so that all of its mappings stand side by side.
    type NaturalKey = (SegmentSid, DestinationId);

    fn id(&self) -> MappingId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
        std::iter::once((self.segment, self.id.destination))
    }
    fn coverage(&self) -> Coverage {
        Coverage::Destination(self.id.destination)
    }
    fn stored(&self, field: Field) -> Option<&str> {
        let keys = &self.keys;
        match field {
            Field::Url => Some(keys.url.as_deref().unwrap_or_default()),
            Field::Alias => Some(keys.alias.as_deref().unwrap_or_default()),
            Field::ValueAlias => Some(keys.value_alias.as_deref().unwrap_or_default()),
            _ => None,
        }
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Segment(self.segment));
    }
}

impl Judged for Mapping {
    const NOUN: &'static str = "mapping";

    fn title(&self) -> String {
        format!(
            "{} {}",
            self.id,
            (self.segment, self.id.destination).label()
        )
    }
}

impl Kind for Mapping {
    const PLURAL: &'static str = "mappings";
    type Scope = DestinationId;
    type Query = (SegmentSid, DestinationId);
    type New = NewMapping;
    type Change = MappingChange;

    fn new_texts(new: &NewMapping) -> Vec<(Field, &str)> {
        let texts = keys(&new.keys).into_iter();
        texts
            .filter_map(|(field, text)| Some((field, text?)))
            .collect()
    }
    fn changed_texts(change: &MappingChange) -> Vec<(Field, Option<&str>)> {
        keys(&change.keys).into()
    }
    fn preview_new(new: &NewMapping, formatter: &mut Formatter<'_>) -> fmt::Result {
        let keys = &new.keys;
        for (field, text) in [
            ("url", &keys.url),
            ("alias", &keys.alias),
            ("valueAlias", &keys.value_alias),
            ("start", &new.start),
            ("end", &new.end),
        ] {
            key(formatter, field, text)?;
        }
        Ok(())
    }
    fn preview_change(&self, change: &MappingChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        key(formatter, "start", &change.start)?;
        match &change.end {
            Some(EndChange::Set(date)) => write!(formatter, " end {date:?}")?,
            Some(EndChange::Clear) => formatter.write_str(" without end")?,
            None => {}
        }
        match change.activate {
            true => formatter.write_str(" status → active"),
            false => Ok(()),
        }
    }
}

impl Known for Destination {
    type Listed = ListedDestination;

    fn queried(query: &Never) -> Box<str> {
        match *query {}
    }
    fn created(new: &Never) -> Box<str> {
        match *new {}
    }
    fn apply_read(inventory: &mut Inventory, read: ListedDestination, at: At) -> Vec<Key> {
        let listed = read.mappings.map(mappings);
        inventory.apply_destination(at.sent, at.now, read.destination, listed)
    }

    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<ListedDestination, Self::Id>,
        at: At,
    ) -> Vec<Key> {
        let listed = listing.items.into_iter();
        let listed = listed.map(|item| (item.destination, item.mappings.map(mappings)));
        inventory.apply_destinations(at.sent, at.now, listed.collect(), &listing.undecodable)
    }
}

impl Known for Mapping {
    type Listed = Self;

    fn queried(query: &Self::Query) -> Self::NaturalKey {
        *query
    }
    fn created(new: &NewMapping) -> Self::NaturalKey {
        (new.segment, new.destination)
    }
    fn coverages(destination: &DestinationId) -> Vec<Coverage> {
        vec![Coverage::Destination(*destination)]
    }
    fn apply_list(
        inventory: &mut Inventory,
        scope: &Self::Scope,
        listing: Listing<Self, MappingId>,
        at: At,
    ) -> Vec<Key> {
        inventory.apply_mappings(at.sent, at.now, *scope, mappings(listing))
    }
}

fn mappings(listing: Listing<Mapping, MappingId>) -> ListedMappings {
    (listing.items, listing.undecodable)
}

fn key(formatter: &mut Formatter<'_>, field: &str, text: &Option<Box<str>>) -> fmt::Result {
    match text {
        Some(text) => write!(formatter, " {field} {text:?}"),
        None => Ok(()),
    }
}

fn keys(keys: &MappingKeys) -> [(Field, Option<&str>); 3] {
    [
        (Field::Url, keys.url.as_deref()),
        (Field::Alias, keys.alias.as_deref()),
        (Field::ValueAlias, keys.value_alias.as_deref()),
    ]
}
