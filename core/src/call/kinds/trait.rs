//! A trait of Audience Manager.

use std::fmt::{self, Formatter};

use super::common::{code, kept_in, named, preview};
use crate::call::Kind;
use crate::domain::audience_manager::{NewTrait, Trait, TraitChange};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::ownership::Judged;

named!(NewTrait);

impl Judged for Trait {
    const NOUN: &'static str = "trait";
}

impl Kind for Trait {
    const PLURAL: &'static str = "traits";
    type Scope = DataSourceId;
    type Query = (DataSourceId, IntegrationCode);
    type New = NewTrait;
    type Change = TraitChange;

    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.name == other.name
            && self.description == other.description
            && self.integration_code == other.integration_code
            && Field::TraitRule.same(&self.rule, &other.rule)
            && self.ttl_days == other.ttl_days
            && self.activity == other.activity
    }
    kept_in!(traits, Trait);

    fn new_texts(new: &NewTrait) -> Vec<(Field, &str)> {
        vec![
            (Field::Name, &new.name),
            (Field::Description, &new.description),
            (Field::IntegrationCode, new.integration_code.as_str()),
            (Field::TraitRule, &new.rule),
        ]
    }
    fn changed_texts(change: &TraitChange) -> Vec<(Field, Option<&str>)> {
        vec![
            (Field::Name, change.name.as_deref()),
            (Field::Description, change.description.as_deref()),
            (Field::TraitRule, change.rule.as_deref()),
            (Field::IntegrationCode, code(&change.integration_code)),
        ]
    }
    fn preview_new(new: &NewTrait, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, " rule {}", new.rule)
    }
    fn preview_change(&self, change: &TraitChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        let days = self.ttl_days.map(|days| days.to_string());
        let days = days.unwrap_or_else(|| "unknown".into());
        preview(
            formatter,
            "data source",
            self.data_source,
            change.data_source,
        )?;
        preview(formatter, "folder", self.folder, change.folder)?;
        preview(formatter, "ttl", days, change.ttl_days)?;
        match change.activate {
            true => formatter.write_str(" status → ACTIVE"),
            false => Ok(()),
        }
    }
}
