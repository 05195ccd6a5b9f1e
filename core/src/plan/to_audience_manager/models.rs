//! The algorithmic models over the shared trait or segment, and the traits that they yield (audience-manager.md §6.5). What a
//! model is made of never changes: another basis is another entry, with a model of its own.

use std::collections::BTreeMap;

use super::input::KnownModel;
use super::own_models::{OwnModels, baselines, model_deletion};
use super::planner::{Planner, TraitState};
use super::undeclared_segments::keys_below;
use super::users::{TraitUsers, users_of};
use crate::blocker::{Blocker, ModelState, ObjectName};
use crate::call::{Call, Kind as _, Step};
use crate::compose::{Baseline, LookAlikesToKeep, ModelToKeep};
use crate::domain::audience_manager::{Activity, LookAlikes, NewTrait, Trait, TraitKind};
use crate::domain::identifier::{ModelId, TraitSid};
use crate::domain::mark::EntryKey;
use crate::domain::model::{LastRun, Model, ModelBasis, NewModel};
use crate::inventory::{Coverage, Inventory};
use crate::kinds::model::ModelKey;
use crate::ownership::{Claimant, Judged as _, Ownership, object_name};
use crate::plan::Plan;
use crate::plan::delete::deletion;
use crate::plan::difference::{Desired as _, DesiredModel, DesiredTrait, unmarkable};
use crate::plan::keep::keep;
use crate::plan::lookup::{Candidate, Lookup, Slot, SlotKey};

/// Audience Manager runs no more (audience-manager.md §2.7); inactive ones do not count.
const ACTIVE_MODELS_MAX: usize = 20;
/// Of a company; only those that are listed can be counted.
const ALGORITHMIC_TRAITS_MAX: usize = 50;

/// In the place of a baseline that the plan itself creates; never sent.
pub(crate) const NEW_BASELINE: u64 = 0;

/// What a slot of models is found by.
fn by_basis(inventory: &Inventory, basis: &ModelBasis, entry: &EntryKey) -> Vec<SlotKey<Model>> {
    let list: fn(&ModelKey) -> Option<Call> = |_| Some(Call::list::<Model>(()));
    let own = SlotKey {
        key: (basis.clone(), Some(entry.clone())),
        look_up: list,
        list: match inventory.models.is_listed(Coverage::Whole) {
            true => |_| None,
            false => list,
        },
    };
    vec![own, SlotKey::found_by((basis.clone(), None))]
}

impl<'a> Planner<'a> {
    /// The algorithmic traits of ours that exist, by key: rules name them.
    pub(super) fn look_alikes(&self) -> BTreeMap<&'a str, TraitSid> {
        let declared = self.input.desired.look_alikes();
        let found =
            declared.filter_map(
                |declared| match self.look_alikes_slot(declared).find(|_| true) {
                    Lookup::Found(Candidate {
                        record,
                        ownership: Ownership::Owned(_) | Ownership::TakenOver(_),
                        ..
                    }) => Some((&*declared.key, record.sid)),
                    Lookup::Found(_) | Lookup::Ask(_) | Lookup::Absent => None,
                },
            );
        found.collect()
    }

    pub(super) fn models(&mut self, state: TraitState) {
        for model in &self.input.desired.models {
            let baseline = match (model.baseline, state) {
                (_, TraitState::Missing) => continue,
                (Baseline::SharedTrait, state) => state.sid().map(|sid| sid.0),
                (Baseline::SharedSegment, _) => self.plan.state.segment_sid.map(|sid| sid.0),
            };
            let basis = ModelBasis {
                baseline: baseline.unwrap_or(NEW_BASELINE),
                data_sources: model.data_sources.clone(),
                look_back_days: model.look_back_days,
            };
            match baseline {
                Some(_) => self.model(model, &basis),
                // Recorded, it waits for its baseline to be known again.
                None if self.recorded_model(&model.key).is_some() || self.in_vain => {}
                None => self.plan.steps.push(Step::waiting(creation(model, &basis))),
            }
        }
        self.undeclared_look_alikes();
        self.undeclared_models();
    }

    fn recorded_model(&self, key: &EntryKey) -> Option<&'a KnownModel> {
        let mut recorded = self.input.recorded.models.iter();
        recorded.find(|known| known.key == *key)
    }

    fn model(&mut self, model: &'a ModelToKeep, basis: &ModelBasis) {
        let input = self.input;
        let recorded = self.recorded_model(&model.key).map(|known| known.id);
        let wanted = basis.clone();
        let slot = Slot {
            inventory: input.inventory,
            claimant: Claimant {
                mark: &model.mark,
                ..input.claimant
            },
            recorded: recorded.into_iter().collect(),
            as_ours: true,
            keys: by_basis(input.inventory, basis, &model.key),
            other_keys: Vec::new(),
            has_key: Box::new(move |found: &Model| found.basis().as_ref() == Some(&wanted)),
            description: Some(&model.description),
        };
        let equals = |found: &Model| {
            self.desired_model(model, found)
                .equals(slot.inventory, found)
        };
        match slot.find(equals) {
            Lookup::Ask(call) => self.ask(vec![*call]),
            Lookup::Absent => self.create_model(model, basis),
            Lookup::Found(found) => self.keep_model(model, basis, &slot, &found),
        }
    }

    fn create_model(&mut self, model: &ModelToKeep, basis: &ModelBasis) {
        if self.in_vain {
            return;
        }
        let table = &self.input.inventory.models;
        let running = table.iter();
        let running = running.filter(|entry| entry.record.activity == Activity::Active);
        let blocker = if running.count() >= ACTIVE_MODELS_MAX {
            Some(Blocker::ModelLimit(model.name.clone(), ACTIVE_MODELS_MAX))
        } else if table.unreadable().is_some() {
            let object = ObjectName::new(Model::NOUN, format!("{:?}", model.name));
            Some(Blocker::Unreadable(object))
        } else {
            unmarkable(&model.mark)
        };
        if let Some(blocker) = blocker {
            return self.plan.blockers.push(blocker);
        }
        let key = (basis.clone(), Some(model.key.clone()));
        // No filter of the list and no server enforces the key: another list must lack it too.
        self.ask(vec![match table.is_free(&key) {
            true => creation(model, basis),
            false => Call::list::<Model>(()),
        }]);
    }

    fn keep_model(
        &mut self,
        model: &'a ModelToKeep,
        basis: &ModelBasis,
        slot: &Slot<'a, Model>,
        found: &Candidate<'a, Model>,
    ) {
        let input = self.input;
        let record = found.record;
        let desired = self.desired_model(model, record);
        let kept = match keep(input.inventory, found, &desired, input.share.adoption) {
            Ok(kept) => kept,
            Err(blocker) => return self.plan.blockers.push(blocker),
        };
        self.plan.steps.extend(kept.step());
        let twins = slot.duplicates(record, |kept, found| kept.is_same(found));
        let twins = twins.iter().filter(|(_, entry)| !entry.stale);
        let twins = twins.map(|(ours, _)| model_deletion(input.inventory, ours, true));
        self.plan.steps.extend(twins);
        let last_run = last_run(input.inventory, record.id);
        let state = &mut self.plan.state;
        state.stored_differently.extend(kept.stored_differently);
        if record.basis().is_some_and(|shown| shown != *basis) || is_excluding_less(model, record) {
            let outdated = Blocker::ModelOutdated(object_name(record));
            self.plan.blockers.push(outdated);
        }
        let mut traits = Vec::new();
        let mut waits = false;
        for declared in &model.traits {
            match self.look_alikes_trait(declared, record.id, last_run) {
                Some(sid) => traits.push((declared.key.clone(), sid)),
                None => waits = true,
            }
        }
        self.note_run(record, last_run, waits);
        self.plan.state.models.push(KnownModel {
            key: model.key.clone(),
            id: record.id,
            last_run,
            traits,
        });
    }

    /// Why a trait of the model does not exist yet, or why it will not be filled any more.
    fn note_run(&mut self, model: &Model, last_run: LastRun, waits: bool) {
        let state = match (last_run, &model.activity) {
            (LastRun::WithoutData, Activity::Inactive) => ModelState::Deactivated,
            (LastRun::WithoutData, _) => ModelState::WithoutData,
            (LastRun::Failed, _) => ModelState::Failed,
            (LastRun::None, _) => ModelState::NotRunYet,
            (LastRun::WithData, _) => return,
        };
        if waits || state == ModelState::Deactivated {
            let blocker = Blocker::ModelRunning(object_name(model), state);
            self.plan.blockers.push(blocker);
        }
    }

    /// `None`: it does not exist, or is not ours.
    fn look_alikes_trait(
        &mut self,
        declared: &'a LookAlikesToKeep,
        model: ModelId,
        last_run: LastRun,
    ) -> Option<TraitSid> {
        let input = self.input;
        let slot = self.look_alikes_slot(declared);
        let equals = |found: &Trait| {
            let desired = self.desired_look_alikes(declared, found);
            desired.equals(slot.inventory, found)
        };
        let found = match slot.find(equals) {
            Lookup::Ask(call) => {
                self.ask(vec![*call]);
                return None;
            }
            Lookup::Absent if last_run == LastRun::WithData => {
                let unproven = slot.unproven(input.since);
                let unproven = unproven.filter(|_| !self.place.enforces_trait_codes);
                self.create_look_alikes(declared, model, unproven);
                return None;
            }
            Lookup::Absent => return None,
            Lookup::Found(found) => found,
        };
        let desired = self.desired_look_alikes(declared, found.record);
        let kept = match keep(input.inventory, &found, &desired, input.share.adoption) {
            Ok(kept) => kept,
            Err(blocker) => {
                self.plan.blockers.push(blocker);
                return None;
            }
        };
        let of_model = found.record.look_alikes.as_ref();
        if found.record.kind != TraitKind::Algorithmic
            || of_model.is_some_and(|found| found.model != model)
        {
            let object = object_name(found.record);
            self.plan.blockers.push(Blocker::NotOfModel(object, model));
            return None;
        }
        self.plan.steps.extend(kept.step());
        let state = &mut self.plan.state;
        state.stored_differently.extend(kept.stored_differently);
        self.note_suspended_trait(found.record);
        Some(found.record.sid)
    }

    fn create_look_alikes(
        &mut self,
        declared: &LookAlikesToKeep,
        model: ModelId,
        unproven: Option<Call>,
    ) {
        let known = self.input.inventory.traits.iter();
        let known = known.filter(|entry| entry.record.kind == TraitKind::Algorithmic);
        if known.count() >= ALGORITHMIC_TRAITS_MAX {
            let (name, limit) = (declared.name.clone(), ALGORITHMIC_TRAITS_MAX);
            let blocker = Blocker::AlgorithmicTraitLimit(name, limit);
            return self.plan.blockers.push(blocker);
        }
        let Some(folder) = self.trait_folder() else {
            return;
        };
        let create = Call::create::<Trait>(NewTrait {
            name: declared.name.clone(),
            description: declared.description.clone(),
            integration_code: declared.code.clone(),
            data_source: self.place.data_source,
            folder,
            rule: "".into(),
            ttl_days: declared.ttl_days,
            look_alikes: Some(LookAlikes {
                model,
                threshold: Some(declared.threshold),
            }),
        });
        self.ask(vec![unproven.unwrap_or(create)]);
    }

    fn look_alikes_slot(&self, declared: &'a LookAlikesToKeep) -> Slot<'a, Trait> {
        let recorded = self.input.recorded.models.iter();
        let mut recorded = recorded.flat_map(|known| &known.traits);
        let recorded = recorded.find(|(key, _)| *key == declared.key);
        Slot {
            recorded: recorded.map(|(_, sid)| *sid).into_iter().collect(),
            ..self.slot(&declared.code, &declared.description)
        }
    }

    fn desired_model(&self, model: &'a ModelToKeep, found: &Model) -> DesiredModel<'a> {
        DesiredModel {
            name: &model.name,
            description: &model.description,
            may_run: last_run(self.input.inventory, found.id) != LastRun::WithoutData,
        }
    }

    fn desired_look_alikes(
        &self,
        declared: &'a LookAlikesToKeep,
        found: &Trait,
    ) -> DesiredTrait<'a> {
        DesiredTrait {
            name: &declared.name,
            description: &declared.description,
            code: &declared.code,
            data_source: self.data_source_for(found.data_source),
            folder: self.trait_folder().unwrap_or(found.folder),
            rule: "",
            ttl_days: declared.ttl_days,
            threshold: Some(declared.threshold),
        }
    }

    /// Algorithmic traits of ours that are declared no more, unless something still uses them.
    fn undeclared_look_alikes(&mut self) {
        let input = self.input;
        let declared = |found: &Trait| {
            let mut declared = input.desired.look_alikes();
            declared.any(|one| Some(&one.code) == found.integration_code.as_ref())
        };
        let recorded = input.recorded.models.iter().flat_map(|known| &known.traits);
        let recorded = recorded.filter(|(key, _)| {
            let mut declared = input.desired.look_alikes();
            declared.all(|one| one.key != *key)
        });
        let data_sources: Vec<_> = self.shared_objects.data_sources().collect();
        let below = keys_below(&input.inventory.traits, &data_sources, &input.desired.code);
        let slot = Slot {
            inventory: input.inventory,
            claimant: input.claimant,
            recorded: recorded.map(|(_, sid)| *sid).collect(),
            as_ours: true,
            keys: below.iter().cloned().map(SlotKey::found_by).collect(),
            other_keys: Vec::new(),
            has_key: Box::new(|found: &Trait| {
                let code = found.integration_code.clone();
                code.is_some_and(|code| below.contains(&(found.data_source, code)))
            }),
            description: None,
        };
        let mut asked = Plan::default();
        let found = slot.all(&mut asked);
        if input.share.retain {
            return;
        }
        self.plan.steps.extend(asked.steps);
        for found in found.into_iter().filter(|found| !declared(found.record)) {
            let Ownership::Owned(ours) = found.ownership else {
                continue;
            };
            let sid = found.record.sid;
            match users_of(input.inventory, input.since, sid, &[]) {
                TraitUsers::Unknown => self.ask(vec![Call::ReadTraitUsers(sid)]),
                TraitUsers::Foreign(blocker) => self.plan.blockers.push(blocker),
                TraitUsers::OursAlone => self.plan.steps.push(deletion(ours.owned(), true)),
            }
        }
    }

    /// Models of ours that are declared no more, once their traits are gone.
    fn undeclared_models(&mut self) {
        let input = self.input;
        let is_declared = |key: &EntryKey| {
            let mut declared = input.desired.models.iter();
            declared.any(|model| model.key == *key)
        };
        if input.share.retain {
            return;
        }
        let state = &self.plan.state;
        let (of_trait, of_segment) = (state.trait_sid, state.segment_sid);
        let found = OwnModels {
            inventory: input.inventory,
            claimant: input.claimant,
            recorded: &input.recorded.models,
            baselines: baselines(of_trait, of_segment),
        };
        let (asked, found) = found.find(|key| !is_declared(key));
        self.plan.steps.extend(asked);
        let deletions = found.iter();
        let deletions = deletions.map(|ours| model_deletion(input.inventory, ours, true));
        self.plan.steps.extend(deletions);
    }
}

fn last_run(inventory: &Inventory, id: ModelId) -> LastRun {
    let known = inventory.model_runs.get(&id);
    known.copied().unwrap_or(LastRun::None)
}

/// Traits that the credential may not see are missing in what is shown.
fn is_excluding_less(model: &ModelToKeep, found: &Model) -> bool {
    !found.excluded.is_empty() && !found.excluded.is_subset(&model.excluded)
}

fn creation(model: &ModelToKeep, basis: &ModelBasis) -> Call {
    Call::create::<Model>(NewModel {
        name: model.name.clone(),
        description: model.description.clone(),
        basis: basis.clone(),
        excluded: model.excluded.clone(),
    })
}
