//! What is found by an integration code in a data source: traits and segments. Each says only how it differs.

use std::fmt::{self, Display, Formatter};

use crate::call::{Kind, Label};
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::facts::{At, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record};

/// A data source and an integration code in it.
pub type Code = (DataSourceId, IntegrationCode);

impl Label for Code {
    fn label(&self) -> String {
        format!("with integration code {}", self.1)
    }
}

/// A kind that is found by an integration code in a data source.
pub trait Coded:
    Kind<Id: Copy, NaturalKey = Code, Query = Code, Scope = Vec<DataSourceId>>
{
    /// Its data source, and its code where it has one.
    fn place(&self) -> (DataSourceId, Option<&IntegrationCode>);

    /// One list of several data sources, each judged separately, and what may be done with each object.
    fn apply_contents(
        inventory: &mut Inventory,
        data_sources: &[DataSourceId],
        listing: Listing<Self, Self::Id>,
        at: At,
    ) -> Vec<Key> {
        let table = Self::table_mut(inventory);
        let listed: Vec<_> = listing.items.iter().map(Record::id).collect();
        let mut rest = listing.items;
        let mut touched = Vec::new();
        for id in data_sources {
            let coverage = Coverage::DataSource(*id);
            let (items, others) = rest
                .into_iter()
                .partition(|item| item.coverage() == coverage);
            rest = others;
            let undecodable = &listing.undecodable;
            touched.extend(table.apply_list(at.sent, at.now, coverage, items, undecodable));
        }
        touched.extend(table.apply_rights(at.sent, listed, listing.lacking));
        touched
    }
}

/// Where an object goes, if it moves.
pub(super) fn preview_place(
    formatter: &mut Formatter<'_>,
    data_source: (DataSourceId, Option<DataSourceId>),
    folder: (impl Display, Option<impl Display>),
) -> fmt::Result {
    preview(formatter, "data source", data_source.0, data_source.1)?;
    preview(formatter, "folder", folder.0, folder.1)
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

/// All that traits and segments have in common; behind the semicolon what is the kind's own.
macro_rules! coded {
    (
        $kind:ident($sid:ident), $noun:literal, $new:ident, $change:ident, $rule:ident;
        $($own:item)*
    ) => {
        named!($new);

        impl Record for $kind {
            type Id = $sid;
            type NaturalKey = Code;

            fn id(&self) -> $sid {
                self.sid
            }
            fn natural_keys(&self) -> impl Iterator<Item = Code> {
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
                    Field::$rule => Some(&self.rule),
                    _ => None,
                }
            }
            fn key_of(sid: &$sid) -> Option<Key> {
                Some(Key::$kind(*sid))
            }
            fn keys(&self, keys: &mut Vec<Key>) {
                keys.push(Key::$kind(self.sid));
                keys.extend(self.integration_code.clone().map(Key::Code));
            }
        }

        impl Judged for $kind {
            const NOUN: &'static str = $noun;
        }

        impl Kind for $kind {
            const PLURAL: &'static str = concat!($noun, "s");
            type Scope = Vec<DataSourceId>;
            type Query = Code;
            type New = $new;
            type Change = $change;


            fn new_texts(new: &$new) -> Vec<(Field, &str)> {
                vec![
                    (Field::Name, &new.name),
                    (Field::Description, &new.description),
                    (Field::IntegrationCode, new.integration_code.as_str()),
                    (Field::$rule, &new.rule),
                ]
            }
            fn changed_texts(change: &$change) -> Vec<(Field, Option<&str>)> {
                let code = change.integration_code.as_ref();
                vec![
                    (Field::Name, change.name.as_deref()),
                    (Field::Description, change.description.as_deref()),
                    (Field::$rule, change.rule.as_deref()),
                    (Field::IntegrationCode, code.map(IntegrationCode::as_str)),
                ]
            }
            $($own)*
        }

        impl Coded for $kind {
            fn place(&self) -> (DataSourceId, Option<&IntegrationCode>) {
                (self.data_source, self.integration_code.as_ref())
            }
        }

        impl Known for $kind {
            type Listed = Self;

            fn queried(query: &Code) -> Code {
                query.clone()
            }
            fn created(new: &$new) -> Code {
                (new.data_source, new.integration_code.clone())
            }
            fn coverages(scope: &Vec<DataSourceId>) -> Vec<Coverage> {
                scope.iter().copied().map(Coverage::DataSource).collect()
            }
            fn apply_list(
                inventory: &mut Inventory,
                scope: &Vec<DataSourceId>,
                listing: Listing<Self, $sid>,
                at: At,
            ) -> Vec<Key> {
                Self::apply_contents(inventory, scope, listing, at)
            }
        }
    };
}
pub(super) use coded;
