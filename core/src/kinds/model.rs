//! An algorithmic model of Audience Manager.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use super::common::{Never, named};
use crate::call::Kind;
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, ModelId};
use crate::domain::mark::{EntryKey, Mark};
use crate::domain::model::{LastRun, Model, ModelBasis, ModelChange, NewModel};
use crate::facts::{At, Known, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record};
use crate::ownership::Judged;

named!(NewModel);

/// A model, with how its last run ended, which only the list shows (audience-manager.md §6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    pub model: Model,
    pub last_run: LastRun,
}

impl ListedModel {
    fn parts(self) -> ((ModelId, LastRun), Model) {
        ((self.model.id, self.last_run), self.model)
    }
}

impl Borrow<Model> for ListedModel {
    fn borrow(&self) -> &Model {
        &self.model
    }
}

impl From<ListedModel> for Model {
    fn from(listed: ListedModel) -> Self {
        listed.model
    }
}

/// The basis, and the key of the entry that declares it, which the mark names: no service distinguishes two models of one
/// basis.
pub type ModelKey = (ModelBasis, Option<EntryKey>);

fn entry(description: &str) -> Option<EntryKey> {
    Mark::read(description)?.entry().cloned()
}

impl Record for Model {
    type Id = ModelId;
    type NaturalKey = ModelKey;
    const MAY_BE_EMPTY: bool = true;

    fn id(&self) -> ModelId {
        self.id
    }
    fn natural_keys(&self) -> impl Iterator<Item = ModelKey> {
        self.basis()
            .map(|basis| (basis, entry(&self.description)))
            .into_iter()
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
    fn key_of(id: &ModelId) -> Option<Key> {
        Some(Key::Model(*id))
    }
    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Model(self.id));
        keys.extend(self.baseline.map(Key::Baseline));
    }
}

impl Judged for Model {
    const NOUN: &'static str = "model";
}

impl Kind for Model {
    const PLURAL: &'static str = "models";
    type Scope = ();
    type Query = Never;
    type New = NewModel;
    type Change = ModelChange;

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.basis() == other.basis()
            && self.excluded == other.excluded
            && self.activity == other.activity
    }
    fn new_texts(new: &NewModel) -> Vec<(Field, &str)> {
        vec![
            (Field::Name, &new.name),
            (Field::Description, &new.description),
        ]
    }
    fn changed_texts(change: &ModelChange) -> Vec<(Field, Option<&str>)> {
        vec![
            (Field::Name, change.name.as_deref()),
            (Field::Description, change.description.as_deref()),
        ]
    }
    fn preview_new(new: &NewModel, formatter: &mut Formatter<'_>) -> fmt::Result {
        let ModelBasis {
            baseline,
            data_sources,
            look_back_days,
        } = &new.basis;
        let ids: Vec<_> = data_sources.iter().map(DataSourceId::to_string).collect();
        let ids = ids.join(", ");
        write!(
            formatter,
            " of {baseline} in data sources {ids} over {look_back_days} days"
        )?;
        match new.excluded.len() {
            0 => Ok(()),
            count => write!(formatter, " without {count} traits"),
        }
    }
    fn preview_change(&self, change: &ModelChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        match change.activate {
            true => formatter.write_str(" status → ACTIVE"),
            false => Ok(()),
        }
    }
}

impl Known for Model {
    type Listed = ListedModel;

    fn queried(query: &Never) -> ModelKey {
        match *query {}
    }
    fn created(new: &NewModel) -> ModelKey {
        (new.basis.clone(), entry(&new.description))
    }
    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<ListedModel, ModelId>,
        at: At,
    ) -> Vec<Key> {
        let (runs, models): (Vec<_>, Vec<_>) =
            listing.items.into_iter().map(ListedModel::parts).unzip();
        let runs: BTreeMap<_, _> = runs.into_iter().collect();
        let moved = runs
            .iter()
            .filter(|(id, run)| inventory.model_runs.get(*id) != Some(*run));
        let moved: Vec<_> = moved.map(|(id, _)| Key::Model(*id)).collect();
        inventory.model_runs = runs;
        let table = &mut inventory.models;
        let mut touched = table.apply_whole_list(at.sent, at.now, models, listing.undecodable);
        touched.extend(moved);
        touched
    }
}
