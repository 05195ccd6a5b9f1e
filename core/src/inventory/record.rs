//! How each kind of record is found: its id, its natural key (design.md §4.4) and the list that covers it.

use std::fmt::{Debug, Display};

use super::key::{AudienceNaturalKey, Coverage, Key};
use crate::domain::audience_manager::{DataSource, Segment, SegmentFolder, Trait, TraitFolder};
use crate::domain::destination::{Destination, Mapping};
use crate::domain::experience_platform::Audience;
use crate::domain::field::Field;
use crate::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, IntegrationCode, MappingId, SegmentFolderId,
    SegmentSid, TraitFolderId, TraitSid,
};
use crate::domain::ownership::Mark;
use crate::domain::pql;

/// A record of one kind of object.
pub trait Record: PartialEq + Debug {
    type Id: Ord + Clone + Debug + Display;
    type NaturalKey: Ord + Clone + Debug;

    fn id(&self) -> Self::Id;
    /// All that the record can be found by, its id apart.
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey>;
    fn coverage(&self) -> Coverage;
    /// A text of ours as the service shows it; `None` where it has no such field, or the answer did not tell it.
    fn stored(&self, field: Field) -> Option<&str>;
    /// Appends what depends on this record.
    fn keys(&self, keys: &mut Vec<Key>);
}

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
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SharedObjects);
        keys.push(Key::DataSource(self.id));
    }
}

impl Record for TraitFolder {
    type Id = TraitFolderId;
    type NaturalKey = (TraitFolderId, Box<str>);

    fn id(&self) -> TraitFolderId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
        std::iter::once((self.parent, self.name.clone()))
    }
    fn coverage(&self) -> Coverage {
        Coverage::Whole
    }
    fn stored(&self, field: Field) -> Option<&str> {
        (field == Field::Name).then_some(&*self.name)
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SharedObjects);
    }
}

impl Record for SegmentFolder {
    type Id = SegmentFolderId;
    type NaturalKey = (SegmentFolderId, Box<str>);

    fn id(&self) -> SegmentFolderId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
        std::iter::once((self.parent, self.name.clone()))
    }
    fn coverage(&self) -> Coverage {
        Coverage::Whole
    }
    fn stored(&self, field: Field) -> Option<&str> {
        (field == Field::Name).then_some(&*self.name)
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SharedObjects);
    }
}

impl Record for Trait {
    type Id = TraitSid;
    type NaturalKey = (DataSourceId, IntegrationCode);

    fn id(&self) -> TraitSid {
        self.sid
    }
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
        let code = self.integration_code.clone();
        code.map(|code| (self.data_source, code)).into_iter()
    }
    fn coverage(&self) -> Coverage {
        Coverage::DataSource(self.data_source)
    }
    fn stored(&self, field: Field) -> Option<&str> {
        let code = || self.integration_code.as_ref();
        match field {
            Field::Name => Some(&self.name),
            Field::Description => Some(&self.description),
            Field::IntegrationCode => Some(code().map_or("", IntegrationCode::as_str)),
            Field::TraitRule => Some(&self.rule),
            _ => None,
        }
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Trait(self.sid));
        keys.extend(self.integration_code.clone().map(Key::Code));
    }
}

impl Record for Segment {
    type Id = SegmentSid;
    type NaturalKey = (DataSourceId, IntegrationCode);

    fn id(&self) -> SegmentSid {
        self.sid
    }
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
        let code = self.integration_code.clone();
        code.map(|code| (self.data_source, code)).into_iter()
    }
    fn coverage(&self) -> Coverage {
        Coverage::DataSource(self.data_source)
    }
    fn stored(&self, field: Field) -> Option<&str> {
        let code = || self.integration_code.as_ref();
        match field {
            Field::Name => Some(&self.name),
            Field::Description => Some(&self.description),
            Field::IntegrationCode => Some(code().map_or("", IntegrationCode::as_str)),
            Field::SegmentRule => Some(&self.rule),
            _ => None,
        }
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Segment(self.sid));
        keys.extend(self.integration_code.clone().map(Key::Code));
    }
}

impl Record for Audience {
    type Id = AudienceId;
    type NaturalKey = AudienceNaturalKey;

    fn id(&self) -> AudienceId {
        self.id.clone()
    }
    fn natural_keys(&self) -> impl Iterator<Item = AudienceNaturalKey> {
        let external = self.key.clone().map(AudienceNaturalKey::External);
        let mark = Mark::read(&self.description).map(|mark| mark.of_any_uid());
        let marked = mark.map(AudienceNaturalKey::Marked);
        let expression = self.expression.as_deref();
        let expression = expression.map(|text| pql::mirrored(text).map_or(text.into(), Into::into));
        std::iter::once(AudienceNaturalKey::Name(self.name.clone()))
            .chain(external)
            .chain(expression.map(AudienceNaturalKey::Expression))
            .chain(marked)
            .chain(
                self.dependencies
                    .iter()
                    .cloned()
                    .map(AudienceNaturalKey::Dependency),
            )
    }
    fn coverage(&self) -> Coverage {
        Coverage::Whole
    }
    fn stored(&self, field: Field) -> Option<&str> {
        match field {
            Field::Name => Some(&self.name),
            Field::Description => Some(&self.description),
            Field::Expression => self.expression.as_deref(),
            _ => None,
        }
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Audience(self.id.clone()));
        keys.push(Key::AudienceName(self.name.clone()));
        keys.extend(self.key.clone().map(Key::AudienceKey));
        keys.extend(self.dependencies.iter().cloned().map(Key::Audience));
    }
}

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
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Destination(self.id));
        keys.push(Key::DestinationName(self.name.clone()));
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
        std::iter::once((self.segment, self.destination))
    }
    fn coverage(&self) -> Coverage {
        Coverage::Destination(self.destination)
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
