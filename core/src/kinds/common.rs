//! What the kinds have in common.

use std::convert::Infallible;

use crate::call::Label;
use crate::domain::identifier::{DataSourceId, DestinationId};

/// Of a kind that no call creates or looks up.
pub type Never = Infallible;

impl Label for Never {
    fn label(&self) -> String {
        match *self {}
    }
}

impl Label for () {
    fn label(&self) -> String {
        String::new()
    }
}

/// One list takes several data sources (audience-manager.md §4.1).
impl Label for Vec<DataSourceId> {
    fn label(&self) -> String {
        let ids: Vec<_> = self.iter().map(DataSourceId::to_string).collect();
        match &*ids {
            [id] => format!("of data source {id}"),
            ids => format!("of data sources {}", ids.join(", ")),
        }
    }
}

impl Label for DestinationId {
    fn label(&self) -> String {
        format!("of destination {self}")
    }
}

/// What is created is called by its name.
macro_rules! named {
    ($new:ident) => {
        impl $crate::call::Label for $new {
            fn label(&self) -> String {
                format!("{:?}", self.name)
            }
        }
    };
}
pub(super) use named;
