//! A trait of Audience Manager.

use std::fmt::{self, Formatter};

use super::coded::{Code, Coded, coded, preview, preview_place};
use super::common::named;
use crate::call::Kind;
use crate::domain::audience_manager::{LookAlikes, NewTrait, Trait, TraitChange};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode, TraitSid};
use crate::facts::{At, Known, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record};
use crate::ownership::Judged;

coded! {
    Trait(TraitSid), "trait", NewTrait, TraitChange, TraitRule;

    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.name == other.name
            && self.description == other.description
            && self.integration_code == other.integration_code
            && Field::TraitRule.same(&self.rule, &other.rule)
            && self.ttl_days == other.ttl_days
            && self.look_alikes == other.look_alikes
            && self.activity == other.activity
    }

    fn preview_new(new: &NewTrait, formatter: &mut Formatter<'_>) -> fmt::Result {
        match new.look_alikes {
            Some(LookAlikes { model, threshold }) => {
                write!(formatter, " of model {model}")?;
                threshold.map_or(Ok(()), |threshold| write!(formatter, " {threshold}"))
            }
            None => write!(formatter, " rule {}", new.rule),
        }
    }

    fn preview_change(&self, change: &TraitChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        let data_source = (self.data_source, change.data_source);
        preview_place(formatter, data_source, (self.folder, change.folder))?;
        let days = self.ttl_days.map(|days| days.to_string());
        let days = days.unwrap_or_else(|| "unknown".into());
        preview(formatter, "ttl", days, change.ttl_days)?;
        let shown = self.look_alikes.as_ref();
        let shown = shown.and_then(|found| found.threshold);
        let shown = shown.map_or("unknown".into(), |threshold| threshold.to_string());
        preview(formatter, "threshold", shown, change.threshold)?;
        match change.activate {
            true => formatter.write_str(" status → ACTIVE"),
            false => Ok(()),
        }
    }
}
