//! An audience of Experience Platform.

use std::fmt::{self, Formatter};

use super::common::named;
use crate::call::{Kind, Label};
use crate::compose::CONNECTOR_ORIGIN;
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, Lifecycle, NewAudience, NewForm,
};
use crate::domain::field::Field;
use crate::domain::identifier::AudienceId;
use crate::domain::labels::UsageLabels;
use crate::domain::pql;
use crate::facts::{Applied, At, Known, Listing};
use crate::inventory::{AudienceNaturalKey, Coverage, Inventory, Key, Record};
use crate::ownership::Judged;

/// By what an audience is looked up, inactive ones included as far as the service shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceLookUp {
    Key(AudienceKey),
    /// Of segment definitions, whose names are unique (experience-platform.md §2.1).
    DefinitionName(Box<str>),
}

impl AudienceLookUp {
    /// By what an audience is found before it is created.
    pub fn of(new: &NewAudience) -> Self {
        match new.form.key() {
            Some(key) => Self::Key(key),
            None => Self::DefinitionName(new.name.clone()),
        }
    }

    pub fn natural_key(&self) -> AudienceNaturalKey {
        match self {
            Self::Key(key) => AudienceNaturalKey::External(key.clone()),
            Self::DefinitionName(name) => AudienceNaturalKey::Name(name.clone()),
        }
    }
}

impl Label for AudienceLookUp {
    fn label(&self) -> String {
        match self {
            Self::Key(key) => format!("with audience id {}", key.audience_id()),
            Self::DefinitionName(name) => format!("{name:?}"),
        }
    }
}

named!(NewAudience);

impl Record for Audience {
    type Id = AudienceId;
    type NaturalKey = AudienceNaturalKey;

    fn id(&self) -> AudienceId {
        self.id.clone()
    }
    fn natural_keys(&self) -> impl Iterator<Item = AudienceNaturalKey> {
        let external = self.key.clone().map(AudienceNaturalKey::External);
        let expression = self.expression.as_deref();
        let expression = expression.map(|text| pql::mirrored(text).map_or(text.into(), Into::into));
        std::iter::once(AudienceNaturalKey::Name(self.name.clone()))
            .chain(external)
            .chain(expression.map(AudienceNaturalKey::Expression))
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
    fn fill_in(&mut self, known: Option<&Self>) -> bool {
        let Some(known) = known else {
            return !self.names_description || self.labels.is_none();
        };
        // What the object's own answer lacks too, no other answer has.
        let (describes, labels) = (
            !self.names_description && known.names_description,
            self.labels.is_none() && known.labels.is_some(),
        );
        if describes {
            self.description.clone_from(&known.description);
            self.names_description = true;
        }
        if labels {
            self.labels.clone_from(&known.labels);
        }
        describes || labels
    }
    fn key_of(id: &AudienceId) -> Option<Key> {
        Some(Key::Audience(id.clone()))
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Audience(self.id.clone()));
        keys.push(Key::AudienceName(self.name.clone()));
        keys.extend(self.key.clone().map(Key::AudienceKey));
        keys.extend(self.dependencies.iter().cloned().map(Key::Audience));
    }
}

impl Judged for Audience {
    const NOUN: &'static str = "audience";

    /// What Adobe's source connector made is read-only (experience-platform.md §5.2).
    fn is_adobes(&self) -> bool {
        self.origin.eq_ignore_ascii_case(CONNECTOR_ORIGIN)
    }
}

impl Kind for Audience {
    const PLURAL: &'static str = "audiences";
    const SYSTEM: &'static str = "Experience Platform";
    type Scope = ();
    type Query = AudienceLookUp;
    type New = NewAudience;
    type Change = AudienceChange;

    fn is_deleted(&self) -> bool {
        self.lifecycle == Lifecycle::Deleted
    }
    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.name == other.name
            && self.description == other.description
            && self.key == other.key
            && self.expression == other.expression
            && self.lifecycle == other.lifecycle
    }
    fn new_texts(new: &NewAudience) -> Vec<(Field, &str)> {
        let expression: Option<&str> = match &new.form {
            NewForm::SegmentDefinition { expression } => Some(expression),
            NewForm::External { .. } | NewForm::MetadataOnly { .. } => None,
        };
        let mut texts: Vec<(Field, &str)> = vec![
            (Field::Name, &new.name),
            (Field::Description, &new.description),
        ];
        texts.extend(expression.map(|text| (Field::Expression, text)));
        texts
    }
    fn changed_texts(change: &AudienceChange) -> Vec<(Field, Option<&str>)> {
        vec![
            (Field::Name, change.name.as_deref()),
            (Field::Description, change.description.as_deref()),
            (Field::Expression, change.expression.as_deref()),
        ]
    }
    fn preview_new(new: &NewAudience, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &new.form {
            NewForm::External {
                namespace,
                audience_id,
            }
            | NewForm::MetadataOnly {
                namespace,
                audience_id,
            } => write!(formatter, " {namespace}/{audience_id}"),
            NewForm::SegmentDefinition { expression } => write!(formatter, " {expression}"),
        }?;
        labels(formatter, &new.labels)
    }
    fn preview_change(
        &self,
        change: &AudienceChange,
        formatter: &mut Formatter<'_>,
    ) -> fmt::Result {
        if change.publish {
            formatter.write_str(" lifecycle → published")?;
        } else if change.deactivate {
            formatter.write_str(" lifecycle → inactive")?;
        }
        labels(formatter, &change.labels)
    }
}

impl Known for Audience {
    type Listed = Self;

    fn queried(query: &AudienceLookUp) -> AudienceNaturalKey {
        query.natural_key()
    }
    fn created(new: &NewAudience) -> AudienceNaturalKey {
        AudienceLookUp::of(new).natural_key()
    }
    /// Reads may lag behind writes here (experience-platform.md §7.1): what does not show the created audience within a
    /// minute says nothing.
    fn apply_found(
        inventory: &mut Inventory,
        query: &AudienceLookUp,
        found: Vec<Self>,
        at: At,
    ) -> Applied {
        let table = &mut inventory.audiences;
        table.apply_lagging_look_up((at.sent, at.now), query.natural_key(), found)
    }
    fn unresolved(inventory: &mut Inventory, new: &NewAudience, at: At, _: bool) {
        let table = &mut inventory.audiences;
        table.apply_unresolved_lagging((at.answered, at.now), Self::created(new));
    }
    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<Self, Self::Id>,
        at: At,
    ) -> Vec<Key> {
        inventory.apply_audiences(at.sent, at.now, listing.items, &listing.undecodable)
    }
}

fn labels(formatter: &mut Formatter<'_>, labels: &UsageLabels) -> fmt::Result {
    match labels.is_empty() {
        true => Ok(()),
        false => write!(formatter, " labels + {}", labels.listed()),
    }
}
