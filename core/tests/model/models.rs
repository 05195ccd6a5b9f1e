//! Algorithmic models of the tenant, and people's that look like ours.

use std::collections::BTreeSet;

use audience_sharing_core::call::Operation;
use audience_sharing_core::domain::audience_manager::{Activity, Trait, TraitKind};
use audience_sharing_core::domain::identifier::{DataSourceId, ModelId};
use audience_sharing_core::domain::model::{LastRun, Model};
use audience_sharing_core::facts::{At, Known as _, Listing};
use audience_sharing_core::inventory::{Inventory, Moment, Sequence};
use audience_sharing_core::kinds::model::ListedModel;

use super::Tenant;

/// As Audience Manager's own ids of models are.
const PEOPLES: u64 = 70_000;

/// A call that was sent and answered at one moment.
fn at(at: u64) -> At {
    At {
        sent: Sequence(at),
        answered: Sequence(at),
        now: Moment(at * 100_000),
        recorded: false,
    }
}

impl Tenant {
    /// People make models of the same trait: with other data sources, and with ours under no mark, another owner's, a
    /// resource's that is gone, or under a copy of ours.
    pub(crate) fn surround_with_models(&mut self, baseline: u64, data_sources: &[u64]) {
        let texts = [
            "",
            "[audience-sharing:them/marketing/loyal#a1b2c3d4:look]",
            "[audience-sharing:us/marketing/loyal#a1b2c3d4:theirs]",
            "[audience-sharing:us/marketing/loyal#a1b2c3d4]",
        ];
        for (number, text) in texts.into_iter().enumerate() {
            let other: &[u64] = match number {
                2 => data_sources,
                _ => &[6_601],
            };
            let baseline = match number {
                2 => baseline + 5_000,
                _ => baseline,
            };
            let made = Model {
                id: ModelId(PEOPLES + number as u64),
                name: "Look-alikes".into(),
                description: text.into(),
                baseline: Some(baseline),
                data_sources: Some(other.iter().copied().map(DataSourceId).collect()),
                look_back_days: Some(30),
                excluded: BTreeSet::new(),
                activity: Activity::Active,
            };
            self.strangers.models.insert(made.id, made);
        }
    }

    pub(crate) fn run(&mut self, id: ModelId, ended: LastRun) {
        self.runs.insert(id, ended);
    }

    pub(crate) fn all_models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().chain(self.strangers.models.values())
    }

    pub(crate) fn apply_models(&self, inventory: &mut Inventory, at: u64) {
        let listed = self.all_models().map(|model| ListedModel {
            model: model.clone(),
            last_run: self.runs.get(&model.id).copied().unwrap_or(LastRun::None),
        });
        let listing = Listing {
            items: listed.collect(),
            ..Listing::default()
        };
        Model::apply_list(inventory, &(), listing, self::at(at));
    }

    pub(super) fn carry_out_model(
        &mut self,
        operation: &Operation<Model>,
        at: u64,
        inventory: &mut Inventory,
    ) {
        let (sequence, now) = (Sequence(at), Moment(at * 100_000));
        match operation {
            Operation::List(()) => self.apply_models(inventory, at),
            Operation::Read(id) => match self.all_models().find(|found| found.id == *id) {
                Some(found) => drop(inventory.models.apply_read(sequence, found.clone())),
                None => drop(inventory.models.apply_gone(sequence, id)),
            },
            Operation::Create(new) => {
                let made = Model {
                    id: ModelId(self.id()),
                    name: new.name.clone(),
                    description: new.description.clone(),
                    baseline: Some(new.basis.baseline),
                    data_sources: Some(new.basis.data_sources.clone()),
                    look_back_days: Some(new.basis.look_back_days),
                    excluded: new.excluded.clone(),
                    activity: Activity::Active,
                };
                let baselines = self.traits.keys().map(|sid| sid.0);
                let mut baselines = baselines.chain(self.segments.keys().map(|sid| sid.0));
                assert!(
                    baselines.any(|sid| sid == new.basis.baseline),
                    "a forecast is never carried out"
                );
                self.models.insert(made.id, made.clone());
                inventory.models.apply_written(sequence, now, made);
            }
            Operation::Update(expected, change) => {
                let found = self.models.get_mut(&expected.id).unwrap();
                assert_eq!(*found, **expected, "planned on what is there");
                if let Some(name) = change.name.clone() {
                    found.name = name;
                }
                if let Some(description) = change.description.clone() {
                    found.description = description;
                }
                if change.activate {
                    found.activity = Activity::Active;
                }
                inventory.models.apply_written(sequence, now, found.clone());
            }
            Operation::Delete(expected) => {
                let of_model = |found: &Trait| {
                    let made_of = found.look_alikes.as_ref();
                    made_of.is_some_and(|made_of| made_of.model == expected.id)
                };
                assert!(!self.all_traits().any(of_model), "refused: in use");
                let found = self.models.remove(&expected.id);
                assert_eq!(
                    found.as_ref(),
                    Some(&**expected),
                    "planned on what is there"
                );
                inventory.models.apply_gone(sequence, &expected.id);
            }
            Operation::LookUp(query) => match *query {},
        }
    }

    /// Audience Manager takes an algorithmic trait only of a model that ran with data.
    pub(super) fn assert_yields(&self, made: &Trait) {
        if let Some(made_of) = &made.look_alikes {
            assert_eq!(made.kind, TraitKind::Algorithmic);
            assert_eq!(self.runs.get(&made_of.model), Some(&LastRun::WithData));
        }
    }
}
