//! What the kinds have in common.

use std::convert::Infallible;
use std::fmt::{self, Display, Formatter};

use crate::call::Label;
use crate::domain::identifier::{DataSourceId, DestinationId, IntegrationCode};

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

impl Label for DataSourceId {
    fn label(&self) -> String {
        format!("of data source {self}")
    }
}

impl Label for DestinationId {
    fn label(&self) -> String {
        format!("of destination {self}")
    }
}

impl Label for (DataSourceId, IntegrationCode) {
    fn label(&self) -> String {
        format!("with integration code {}", self.1)
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

/// Where objects of a kind are kept, and which call is about them.
macro_rules! kept_in {
    ($table:ident, $call:ident) => {
        fn table(inventory: &$crate::inventory::Inventory) -> &$crate::inventory::Table<Self> {
            &inventory.$table
        }
        fn table_mut(
            inventory: &mut $crate::inventory::Inventory,
        ) -> &mut $crate::inventory::Table<Self> {
            &mut inventory.$table
        }
        fn call(operation: $crate::call::Operation<Self>) -> $crate::call::Call {
            $crate::call::Call::$call(operation)
        }
    };
}
pub(super) use kept_in;

pub(super) fn code(code: &Option<IntegrationCode>) -> Option<&str> {
    code.as_ref().map(IntegrationCode::as_str)
}

/// `field from → to`, where it changes.
pub(super) fn preview(
    formatter: &mut Formatter<'_>,
    field: &str,
    from: impl Display,
    to: Option<impl Display>,
) -> fmt::Result {
    match to {
        Some(to) => write!(formatter, " {field} {from} → {to}"),
        None => Ok(()),
    }
}
