//! An audience of Experience Platform.

use std::fmt::{self, Formatter};

use super::common::{Never, kept_in, named};
use crate::call::{Kind, Label};
use crate::compose::CONNECTOR_ORIGIN;
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, Lifecycle, NewAudience, NewForm,
};
use crate::domain::field::Field;
use crate::domain::labels::UsageLabels;
use crate::inventory::AudienceNaturalKey;
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
    /// Only a resync lists them.
    type Scope = Never;
    type Query = AudienceLookUp;
    type New = NewAudience;
    type Change = AudienceChange;

    kept_in!(audiences, Audience);

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

fn labels(formatter: &mut Formatter<'_>, labels: &UsageLabels) -> fmt::Result {
    match labels.is_empty() {
        true => Ok(()),
        false => write!(formatter, " labels + {}", labels.listed()),
    }
}
