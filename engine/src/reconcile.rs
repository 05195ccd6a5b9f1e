//! The next step of one declared audience: tenant, source, claim, shared objects, its own objects, in order.

use std::collections::BTreeSet;

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::compose::{
    AudienceSelector, DesiredObjects, DestinationSelector, Direction, Mode, SourceSelector,
    ToAudienceManager, compose, mark,
};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, MappingId, SegmentSid,
};
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::{Inventory, Key};
use audience_sharing_core::ownership::object_name;
use audience_sharing_core::plan::activation::mappings::KnownMapping;
use audience_sharing_core::plan::activation::rules::KnownTrait;
use audience_sharing_core::plan::source::{Resolution, resolve_audience};
use audience_sharing_core::plan::used_by::UsedBy;
use audience_sharing_core::plan::{PlanInput, to_audience_manager};
use audience_sharing_core::plan::{activation::export_controls, rights, shared_objects, tenant};
use sha2::{Digest, Sha256};

use audience_sharing_core::call::Call;

use super::job::{Next, Progress};
use super::request::{Origin, Problem, ReconcileOutcome, ReconcileRequest};
use super::state::EngineState;

impl EngineState {
    /// What is due for `request`, as far as it is known now.
    pub(super) fn reconcile(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
    ) -> Next<ReconcileOutcome> {
        if let Some(problem) = self.not_ready() {
            return Next::Finish(self.unjudged(None, problem));
        }
        if !self.ready {
            return Next::WaitForResync;
        }
        if let Some(blocker) = tenant::mismatch(&request.recorded_tenant, &self.inventory.tenant) {
            return Next::Finish(self.unjudged(None, blocker.into()));
        }
        match &request.share.direction {
            Direction::ToAudienceManager(target) => {
                self.reconcile_to_audience_manager(job, request, target)
            }
            Direction::ToExperiencePlatform(target) => {
                self.reconcile_to_experience_platform(job, request, target)
            }
        }
    }

    fn reconcile_to_audience_manager(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
        target: &ToAudienceManager,
    ) -> Next<ReconcileOutcome> {
        let pinned = request.pinned.as_ref().and_then(SourceId::audience);
        let source = match resolve_audience(&target.source, pinned, &self.inventory) {
            Resolution::Found(source) => source.clone(),
            Resolution::Ask(call) => return self.ask(job, call),
            Resolution::Blocked(blocker) => {
                self.watch_source(request, target);
                return Next::Finish(self.unjudged(self.origin_of(request), blocker.into()));
            }
            Resolution::Gone(gone) => {
                self.watch_source(request, target);
                let origin = self.origin_of(request);
                return self.source_gone(job, request, target, (gone, origin));
            }
        };
        if must_be_recorded(request, &SourceSelector::Audience(target.source.clone())) {
            return Next::Finish(self.recorded_first(origin(&source)));
        }
        let claimed = SourceId::Audience(source.id.clone());
        self.claims
            .claim(&request.share.name, &claimed, request.created);
        let controls = self.controls_for(request, &source);
        if !controls.is_empty() && !self.has_data_source(controls) {
            let desired = compose(&self.settings, self.mark(request), target, &source);
            let (recorded, inventory) = (&request.recorded, &self.inventory);
            let additional = recorded.additional_segments.iter().map(|(_, sid)| *sid);
            let segments: Vec<_> = recorded.segment_sid.into_iter().chain(additional).collect();
            let recorded = (&*recorded.mappings, &*segments);
            match export_controls::before_data_source(&desired, recorded, controls, inventory) {
                Err(call) => return self.ask(job, *call),
                Ok(Some(blocker)) => {
                    self.controls.remove(&request.share.name);
                    self.watch_objects(
                        request,
                        target,
                        &desired,
                        &to_audience_manager::ObservedState::default(),
                    );
                    return Next::Finish(self.unjudged(Some(origin(&source)), blocker.into()));
                }
                Ok(None) => {}
            }
        }
        match self.shared_objects_for(request.share.mode, controls) {
            Ok(shared_objects) => {
                self.reconcile_objects(job, request, target, &source, shared_objects, controls)
            }
            Err(problem) => {
                let problem = problem.map_or_else(|| job.wait_for_shared_objects(), Err);
                let Err(problem) = problem else {
                    return Next::WaitForSharedObjects;
                };
                self.watch_source(request, target);
                Next::Finish(self.unjudged(Some(origin(&source)), problem))
            }
        }
    }

    fn reconcile_objects(
        &mut self,
        job: &mut Progress,
        request: &ReconcileRequest,
        target: &ToAudienceManager,
        source: &Audience,
        shared_objects: shared_objects::ObservedSharedObjects,
        controls: ExportControls,
    ) -> Next<ReconcileOutcome> {
        let desired = compose(&self.settings, self.mark(request), target, source);
        self.observer.on_plan();
        let place = shared_objects.place(&self.settings, controls);
        let input = PlanInput {
            share: &request.share,
            claimant: self.claimant(&desired.mark),
            claims: &self.claims,
            desired: &desired,
            recorded: &request.recorded,
            inventory: &self.inventory,
            since: job.since,
            among_many: job.among_many,
        };
        let plan = to_audience_manager::plan_objects(input, &shared_objects, place);
        let plan = rights::checked(plan, &self.inventory);
        let observed = plan.state.data_source.filter(|_| plan.state.observed);
        let beside = plan.state.adobes.map(|pair| pair.data_source);
        if let Some(data_source) = observed.or(beside) {
            self.inventory.adobe_sharing.note_pair(data_source);
        }
        self.watch_objects(request, target, &desired, &plan.state);
        let objects = objects(&desired);
        let due = plan.writes();
        let conflict = plan.blockers.first().is_some_and(is_conflict);
        let mut observed_state = self.with_recorded(plan.state, &request.recorded, &desired);
        let stored_differently = std::mem::take(&mut observed_state.stored_differently);
        let choice = job.choose(plan.steps, plan.blockers, objects);
        choice.next(|problem| {
            let problem = problem.map(|problem| match job.was_denied(&problem) {
                true => problem.stopped_in_the_middle(&self.names(&observed_state), &due),
                false => problem,
            });
            ReconcileOutcome {
                // What another one holds is not ours to record.
                controls: observed_state
                    .data_source
                    .map(|id| shared_objects.controls_of(id, &self.inventory))
                    .unwrap_or_default(),
                used_by: self
                    .listed_users(&observed_state)
                    .updated(self.definitions_using(&source.id)),
                observed_state: (!conflict).then_some(observed_state),
                shared_objects,
                applied_hash: problem.is_none().then(|| digest(&desired)),
                stored_differently,
                ..self.outcome(Some(origin(source)), problem)
            }
        })
    }

    /// The objects of an audience that exist, for a message.
    fn names(&self, observed_state: &to_audience_manager::ObservedState) -> Vec<String> {
        let Inventory {
            traits,
            segments,
            mappings,
            ..
        } = &self.inventory;
        let shared_trait = observed_state.trait_sid.and_then(|sid| traits.get(&sid));
        let additional = observed_state
            .additional_segments
            .iter()
            .map(|(_, sid)| sid);
        let all_segments = observed_state.segment_sid.iter().chain(additional);
        let mapped = observed_state
            .mappings
            .iter()
            .filter_map(|known| known.mapping);
        let shared_trait = shared_trait.map(|entry| object_name(&entry.record).to_string());
        let all_segments = all_segments
            .filter_map(|sid| segments.get(sid))
            .map(|entry| object_name(&entry.record).to_string());
        let mapped = mapped
            .filter_map(|id| mappings.get(&id))
            .map(|entry| object_name(&entry.record).to_string());
        shared_trait
            .into_iter()
            .chain(all_segments)
            .chain(mapped)
            .collect()
    }

    pub(super) fn mark(&self, request: &ReconcileRequest) -> Mark {
        mark(&self.settings.owner, &request.share.name, request.share.uid)
    }

    /// What the source's labels ask for, noted so that its data source is there. An answer that said nothing of labels
    /// takes nothing away: the audience stays under the controls that it is under.
    fn controls_for(&mut self, request: &ReconcileRequest, source: &Audience) -> ExportControls {
        let share = &request.share;
        let controls = match (share.mode, source.controls()) {
            (Mode::Observe, _) => ExportControls::NONE,
            (Mode::Manage, Some(controls)) => controls,
            (Mode::Manage, None) => self.controls_at_rest(source),
        };
        if !controls.is_empty() && !self.controls.values().any(|known| *known == controls) {
            // A person may have made the data source for them since it was last looked for.
            self.inventory.expect_another_list();
        }
        match controls.is_empty() {
            true => self.controls.remove(&share.name),
            false => self.controls.insert(share.name.clone(), controls),
        };
        controls
    }

    fn has_data_source(&self, controls: ExportControls) -> bool {
        let observed_state = self.shared_objects_plan(Mode::Observe).state;
        let mut controlled = observed_state.controlled.iter();
        controlled.any(|found| found.controls == controls)
    }

    fn controls_at_rest(&self, source: &Audience) -> ExportControls {
        let observed_state = self.shared_objects_plan(Mode::Observe).state;
        let code = IntegrationCode::new(source.id.as_str());
        let holds_it = |id: &DataSourceId| {
            let key = (*id, code.clone());
            self.inventory.traits.find(&key).next().is_some()
        };
        let controlled = observed_state.controlled.iter().filter(|found| found.ours);
        let mut controlled = controlled.map(|found| (found.place.data_source, found.controls));
        let found = controlled.find(|(id, _)| holds_it(id));
        found.map_or(ExportControls::NONE, |(_, controls)| controls)
    }

    /// A recorded object that could not be judged stays recorded; only a 404 of its own forgets it.
    fn with_recorded(
        &self,
        mut observed_state: to_audience_manager::ObservedState,
        recorded: &to_audience_manager::RecordedIds,
        desired: &DesiredObjects,
    ) -> to_audience_manager::ObservedState {
        let trait_sid = recorded
            .trait_sid
            .filter(|sid| !self.inventory.traits.is_gone(sid));
        let lives = |sid: &_| !self.inventory.segments.is_gone(sid);
        // What carries another mark still becomes ours by the write that marks it. Recorded before, it would look like an
        // object of ours that another resource took over.
        let is_anothers =
            |description: &str| Mark::read(description).is_some_and(|found| found != desired.mark);
        let tables = &self.inventory;
        let segment_is_anothers = |sid: &SegmentSid| {
            let found = tables.segments.get(sid);
            found.is_some_and(|entry| is_anothers(&entry.record.description))
        };
        if !observed_state.observed {
            observed_state.trait_sid = observed_state.trait_sid.filter(|sid| {
                let found = tables.traits.get(sid);
                !found.is_some_and(|entry| is_anothers(&entry.record.description))
            });
            observed_state.segment_sid = observed_state
                .segment_sid
                .filter(|sid| !segment_is_anothers(sid));
        }
        observed_state
            .additional_segments
            .retain(|(_, sid)| !segment_is_anothers(sid));
        if observed_state.trait_sid.is_none() && observed_state.segment_sid.is_none() {
            observed_state.observed = recorded.observed;
        }
        observed_state.trait_sid = observed_state.trait_sid.or(trait_sid);
        let known = observed_state.trait_sid;
        let known = known.and_then(|sid| self.inventory.traits.get(&sid));
        observed_state.data_source = known.map(|entry| entry.record.data_source);
        observed_state.segment_sid = observed_state
            .segment_sid
            .or(recorded.segment_sid.filter(lives));
        for (key, sid) in &recorded.additional_segments {
            if lives(sid)
                && !observed_state
                    .additional_segments
                    .iter()
                    .any(|(observed_state, _)| observed_state == key)
            {
                observed_state.additional_segments.push((key.clone(), *sid));
            }
        }
        self.with_recorded_models(&mut observed_state, recorded, desired);
        self.with_recorded_uses(&mut observed_state, recorded, desired);
        observed_state
    }

    fn with_recorded_models(
        &self,
        observed_state: &mut to_audience_manager::ObservedState,
        recorded: &to_audience_manager::RecordedIds,
        desired: &DesiredObjects,
    ) {
        let (models, traits) = (&self.inventory.models, &self.inventory.traits);
        let own = desired.mark.of_any_uid();
        observed_state.models.retain(|known| {
            let found = models.get(&known.id);
            let mark = found.and_then(|entry| Mark::read(&entry.record.description));
            // As above: another incarnation's becomes ours by the write that marks it.
            mark.is_none_or(|mark| {
                mark.of_any_uid().of_entry(None) != own || mark.of_entry(None) == desired.mark
            })
        });
        for known in &recorded.models {
            let mut known = known.clone();
            known.traits.retain(|(_, sid)| !traits.is_gone(sid));
            let same = observed_state
                .models
                .iter_mut()
                .find(|other| other.key == known.key);
            match same {
                Some(other) => {
                    let missing = known.traits.into_iter();
                    let missing = missing
                        .filter(|(key, _)| other.traits.iter().all(|(found, _)| found != key));
                    let missing: Vec<_> = missing.collect();
                    other.traits.extend(missing);
                }
                None if !models.is_gone(&known.id) || !known.traits.is_empty() => {
                    observed_state.models.push(known);
                }
                None => {}
            }
        }
    }

    /// Mappings that exist, and what was found for declarations that could not be judged.
    fn with_recorded_uses(
        &self,
        observed_state: &mut to_audience_manager::ObservedState,
        recorded: &to_audience_manager::RecordedIds,
        desired: &DesiredObjects,
    ) {
        for known in &recorded.mappings {
            // Under another key now, it has left its place here.
            let elsewhere = |id: &MappingId| {
                let mut others = observed_state.mappings.iter();
                others.any(|other| {
                    other.mapping == Some(*id)
                        && (&other.segment, &other.key) != (&known.segment, &known.key)
                })
            };
            let lives = |id: &_| !self.inventory.mappings.is_gone(id) && !elsewhere(id);
            let known = KnownMapping {
                mapping: known.mapping.filter(lives),
                ..known.clone()
            };
            let place = |other: &&mut KnownMapping| {
                (&other.segment, &other.key) == (&known.segment, &known.key)
            };
            match observed_state.mappings.iter_mut().find(place) {
                // The place is taken only once the mapping that was there is gone.
                Some(other) if other.mapping.is_none() && known.mapping.is_some() => *other = known,
                Some(_) => {}
                None if known.mapping.is_some()
                    || desired.declares_destination(known.segment.as_deref(), &known.key) =>
                {
                    observed_state.mappings.push(known);
                }
                None => {}
            }
        }
        for known in &recorded.traits {
            let same =
                |other: &KnownTrait| (&other.segment, &other.key) == (&known.segment, &known.key);
            if desired.declares_trait(&known.segment, &known.key)
                && !observed_state.traits.iter().any(same)
            {
                observed_state.traits.push(known.clone());
            }
        }
    }

    pub(super) fn ask(&self, job: &mut Progress, call: Call) -> Next<ReconcileOutcome> {
        let choice = job.ask(call);
        choice.next(|problem| self.outcome(None, problem))
    }

    pub(super) fn unjudged(&self, source: Option<Origin>, problem: Problem) -> ReconcileOutcome {
        self.outcome(source, Some(problem))
    }

    /// Nothing of the audience's objects was judged: what is recorded of them stays.
    pub(super) fn outcome(
        &self,
        source: Option<Origin>,
        problem: Option<Problem>,
    ) -> ReconcileOutcome {
        ReconcileOutcome {
            source,
            observed_state: None,
            controls: ExportControls::NONE,
            audience: None,
            used_by: UsedBy::default(),
            shared_objects: shared_objects::ObservedSharedObjects::default(),
            tenant: self.inventory.tenant.clone(),
            applied_hash: None,
            stored_differently: Vec::new(),
            problem,
            records_source_first: false,
        }
    }

    /// By its mark alone nothing is known as ours: if the process died and the source got another name meanwhile, what was
    /// made of it would be unknown.
    pub(super) fn recorded_first(&self, source: Origin) -> ReconcileOutcome {
        let message = format!(
            "The source {:?} was found: {}. Its id is recorded before anything is created.",
            source.name, source.id
        );
        let problem = Problem::new(Reason::Progressing, message);
        ReconcileOutcome {
            records_source_first: true,
            ..self.unjudged(Some(source), problem)
        }
    }

    /// What is known of a source that may not be shared.
    fn origin_of(&self, request: &ReconcileRequest) -> Option<Origin> {
        let id = request.pinned.as_ref()?.audience()?;
        self.inventory
            .audiences
            .get(id)
            .map(|entry| origin(&entry.record))
    }

    fn watch_source(&mut self, request: &ReconcileRequest, target: &ToAudienceManager) {
        let mut keys = BTreeSet::new();
        source_keys(request, target, &mut keys);
        self.dependency_index.set(&request.share.name, keys);
    }

    fn watch_objects(
        &mut self,
        request: &ReconcileRequest,
        target: &ToAudienceManager,
        desired: &DesiredObjects,
        observed_state: &to_audience_manager::ObservedState,
    ) {
        let mut keys = BTreeSet::from([
            Key::Audience(desired.source.clone()),
            Key::Code(desired.code.clone()),
        ]);
        source_keys(request, target, &mut keys);
        keys.extend(
            desired
                .additional_segments
                .iter()
                .map(|segment| Key::Code(segment.code.clone())),
        );
        keys.extend(observed_state.trait_sid.map(Key::Trait));
        keys.extend(observed_state.segment_sid.map(Key::Segment));
        // What is known of them is kept.
        keys.extend(observed_state.inspected.iter().copied().map(Key::Trait));
        keys.extend(
            observed_state
                .additional_segments
                .iter()
                .map(|(_, sid)| Key::Segment(*sid)),
        );
        let mut data_sources = self.inventory.data_sources.iter();
        if self.controls.contains_key(&request.share.name)
            || data_sources.any(|entry| entry.lacking.is_some())
        {
            keys.insert(Key::SharedObjects); // its data source may come, lose a control, or be opened to the credential
        }
        if !desired.models.is_empty() {
            let baselines = [
                observed_state.trait_sid.map(|sid| sid.0),
                observed_state.segment_sid.map(|sid| sid.0),
            ];
            keys.extend(baselines.into_iter().flatten().map(Key::Baseline));
            keys.extend(
                desired
                    .look_alikes()
                    .map(|declared| Key::Code(declared.code.clone())),
            );
        }
        for known in observed_state.models.iter().chain(&request.recorded.models) {
            keys.insert(Key::Model(known.id));
            keys.extend(known.traits.iter().map(|(_, sid)| Key::Trait(*sid)));
        }
        keys.extend(request.recorded.trait_sid.map(Key::Trait));
        keys.extend(request.recorded.segment_sid.map(Key::Segment));
        let destinations = desired.all_destinations();
        keys.extend(destinations.map(|declared| match &declared.destination {
            DestinationSelector::Id(id) => Key::Destination(*id),
            DestinationSelector::Name(name) => Key::DestinationName(name.clone()),
        }));
        let found = observed_state.mappings.iter();
        keys.extend(found.map(|known| Key::Destination(known.destination)));
        if desired.all_destinations().next().is_some() {
            // What its controls forbid may change.
            keys.extend(observed_state.data_source.map(Key::DataSource));
        }
        self.dependency_index.set(&request.share.name, keys);
    }
}

fn source_keys(request: &ReconcileRequest, target: &ToAudienceManager, keys: &mut BTreeSet<Key>) {
    let pinned = request.pinned.as_ref().and_then(SourceId::audience);
    keys.extend(pinned.cloned().map(Key::Audience));
    keys.insert(match &target.source {
        AudienceSelector::Id(id) => Key::Audience(id.clone()),
        AudienceSelector::Name(name) => Key::AudienceName(name.clone()),
    });
}

/// A source that a name or code led to, and that no status names yet.
pub(super) fn must_be_recorded(request: &ReconcileRequest, source: &SourceSelector) -> bool {
    request.share.mode == Mode::Manage && request.pinned.is_none() && source.id().is_none()
}

fn origin(source: &Audience) -> Origin {
    Origin {
        id: SourceId::Audience(source.id.clone()),
        name: source.name.clone(),
        lifecycle: source.lifecycle.to_string().into(),
        data_source: None,
    }
}

/// The objects are another's, or nothing shows that they are ours: what is recorded stays recorded, so that a later job
/// knows it as lost.
pub(super) fn is_conflict(blocker: &Blocker) -> bool {
    matches!(
        blocker.reason(),
        Reason::SourceClaimed | Reason::ManagementConflict | Reason::OwnershipLost
    )
}

/// All that a round of work may have calls about: the trait, the segments with their rules, the mappings, the traits of
/// rules.
fn objects(desired: &DesiredObjects) -> usize {
    let segments = desired.additional_segments.iter();
    let of_segments: usize = segments.map(|segment| 2 + segment.traits.len()).sum();
    let of_models: usize = desired
        .models
        .iter()
        .map(|model| 2 + 2 * model.traits.len())
        .sum();
    2 + of_segments + of_models + desired.all_destinations().count()
}

/// Changes whenever anything that is desired changes.
pub(super) fn digest(desired: &impl std::fmt::Debug) -> String {
    let hash = Sha256::digest(format!("{desired:?}"));
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
