//! A data source of Audience Manager.

use std::fmt::{self, Formatter};

use super::common::{Never, kept_in, named};
use crate::call::Kind;
use crate::domain::audience_manager::{DataSource, DataSourceChange, NewDataSource};
use crate::domain::field::Field;
use crate::ownership::Judged;

named!(NewDataSource);

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
    kept_in!(data_sources, DataSource);

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
