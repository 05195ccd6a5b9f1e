//! A data source of Audience Manager.

use std::fmt::{self, Formatter};

use super::common::{Never, named};
use crate::call::Kind;
use crate::domain::audience_manager::{DataSource, DataSourceChange, NewDataSource};
use crate::domain::field::Field;
use crate::domain::identifier::DataSourceId;
use crate::facts::{At, Known, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record};
use crate::ownership::Judged;

named!(NewDataSource);

impl Record for DataSource {
    type Id = DataSourceId;
    type NaturalKey = Box<str>;

    fn id(&self) -> DataSourceId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = Box<str>> {
        std::iter::once(self.name.clone())
    }
    fn coverage(&self) -> Coverage {
        Coverage::Whole
    }
    fn stored(&self, field: Field) -> Option<&str> {
        match field {
            Field::Name => Some(&self.name),
            Field::Description => Some(&self.description),
            _ => None,
        }
    }
    fn key_of(id: &DataSourceId) -> Option<Key> {
        Some(Key::DataSource(*id))
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SharedObjects);
        keys.push(Key::DataSource(self.id));
    }
}

impl Judged for DataSource {
    const NOUN: &'static str = "data source";
}

impl Kind for DataSource {
    const PLURAL: &'static str = "data sources";
    type Scope = ();
    type Query = Never;
    type New = NewDataSource;
    type Change = DataSourceChange;

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.restrictions == other.restrictions
    }

    fn new_texts(new: &NewDataSource) -> Vec<(Field, &str)> {
        vec![
            (Field::Name, &new.name),
            (Field::Description, &new.description),
        ]
    }
    fn changed_texts(change: &DataSourceChange) -> Vec<(Field, Option<&str>)> {
        vec![(Field::Description, change.description.as_deref())]
    }
    fn preview_new(new: &NewDataSource, formatter: &mut Formatter<'_>) -> fmt::Result {
        let controls: Vec<&str> = new.restrictions.names().collect();
        match controls.is_empty() {
            true => Ok(()),
            false => write!(formatter, " export controls {}", controls.join(", ")),
        }
    }
}

impl Known for DataSource {
    type Listed = Self;

    fn queried(query: &Never) -> Box<str> {
        match *query {}
    }
    fn created(new: &NewDataSource) -> Box<str> {
        new.name.clone()
    }
    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<Self, DataSourceId>,
        at: At,
    ) -> Vec<Key> {
        let listed: Vec<_> = listing.items.iter().map(|item| item.id).collect();
        let table = &mut inventory.data_sources;
        let mut touched =
            table.apply_whole_list(at.sent, at.now, listing.items, listing.undecodable);
        touched.extend(table.apply_rights(at.sent, listed, listing.lacking));
        inventory
            .adobe_sharing
            .note_sources(&inventory.data_sources);
        touched
    }

    /// Nothing can be in a data source that was not there a moment ago.
    fn apply_created(
        inventory: &mut Inventory,
        _: &NewDataSource,
        created: &Self,
        at: At,
    ) -> Vec<Key> {
        inventory.adobe_sharing.note_created(created.id);
        let coverage = Coverage::DataSource(created.id);
        let traits = &mut inventory.traits;
        let mut touched = traits.apply_list(at.answered, at.now, coverage, Vec::new(), &[]);
        let segments = &mut inventory.segments;
        touched.extend(segments.apply_list(at.answered, at.now, coverage, Vec::new(), &[]));
        touched
    }
}
