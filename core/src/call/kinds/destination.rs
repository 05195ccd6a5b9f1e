//! Destinations, which are only read, and the mappings of segments to them.

use std::fmt::{self, Formatter};

use super::common::{Never, kept_in};
use crate::call::{Kind, Label};
use crate::domain::destination::{
    Destination, EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use crate::domain::field::Field;
use crate::domain::identifier::{DestinationId, SegmentSid};
use crate::ownership::Judged;

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

    kept_in!(destinations, Destination);

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

impl Judged for Mapping {
    const NOUN: &'static str = "mapping";

    fn title(&self) -> String {
        format!("{} {}", self.id, (self.segment, self.destination).label())
    }
}

/// It has no read of its own: a look-up asks its destination.
impl Kind for Mapping {
    const PLURAL: &'static str = "mappings";
    type Scope = DestinationId;
    type Query = (SegmentSid, DestinationId);
    type New = NewMapping;
    type Change = MappingChange;

    kept_in!(mappings, Mapping);

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
