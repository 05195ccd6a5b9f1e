//! One shared trait or segment: its audience in Experience Platform (design.md §2, AAM → AEP).
//!
//! What Adobe's source connector delivers is the audience, and is never written. Ours steps aside for it.

pub mod deletion;
mod input;
mod labels;

pub use input::{ObservedAudience, RecordedAudience};

/// Of one audience.
type AudienceInput<'a> = PlanInput<'a, DesiredAudience, RecordedAudience>;

use self::input::{has_natural_key, natural_key};
use super::Plan;
use super::delete;
use super::difference::{Desired, FieldComparison, unmarkable};
use super::input::PlanInput;
use super::keep::{Kept, keep};
use super::lookup::{Candidate, Lookup, Slot, SlotKey};
use crate::blocker::{Blocker, ObjectName};
use crate::call::{Call, Kind as _, Step};
use crate::compose::{DesiredAudience, Mode, external_key, metadata_key, mirror};
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, AudienceKind, Lifecycle, NewForm,
};
use crate::domain::field::Field;
use crate::domain::pql;
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Entry, Inventory};
use crate::kinds::audience::AudienceLookUp;
use crate::ownership::owned::Ours;
use crate::ownership::{Judged as _, Ownership, object_name};

/// Plans the audience of one share.
pub fn plan_audience(input: AudienceInput<'_>) -> Plan<ObservedAudience> {
    let mut plan = Plan::default();
    let slot = audience_slot(&input);
    let found = match find_audience(&input, &slot) {
        Lookup::Ask(call) => {
            plan.steps.push(Step::ready(*call));
            return plan;
        }
        Lookup::Found(found) => Some(found),
        Lookup::Absent => None,
    };
    if let Some(blocker) = claimed_by_another(&input, found.as_ref()) {
        return Plan::blocked(blocker);
    }
    let delivered = delivered(input.inventory, &input.desired.connector);
    match &input.desired.new.form {
        NewForm::External { .. } | NewForm::MetadataOnly { .. } => match delivered {
            Some(connectors) => observe(&input, &slot, connectors, found, &mut plan),
            None if input.share.mode == Mode::Observe => {
                plan.blockers
                    .push(Blocker::AwaitingConnector(delivered_as(&input)));
            }
            None => keep_audience(&input, &slot, found, &mut plan),
        },
        NewForm::SegmentDefinition { .. } => match delivered {
            None => {
                let found = found.as_ref();
                let owned = found.filter(|found| matches!(found.ownership, Ownership::Owned(_)));
                plan.state.audience = owned.map(|found| found.record.id.clone());
                plan.blockers
                    .push(Blocker::NoMemberSource(delivered_as(&input)));
            }
            Some(connectors) if input.share.mode == Mode::Observe => {
                observe(&input, &slot, connectors, None, &mut plan);
            }
            Some(_) => keep_audience(&input, &slot, found, &mut plan),
        },
    }
    plan
}

/// What is stale is asked for before anything is judged: every audience over the source, the connector's and those of
/// another strategy too, whose marks say who holds the source.
fn find_audience<'a>(input: &AudienceInput<'a>, slot: &Slot<'a, Audience>) -> Lookup<'a, Audience> {
    let table = &input.inventory.audiences;
    // The connector's, as far as the status names it: absence from a list proves nothing.
    let observed = input.recorded.audience.iter();
    let mut observed = observed.filter(|id| match table.get(id) {
        Some(entry) => entry.stale,
        None => !table.is_gone(id),
    });
    if let Some(id) = observed.next() {
        return Lookup::Ask(Box::new(Call::read::<Audience>(id.clone())));
    }
    let source = &input.desired.source;
    let over_source = keys_of_any_strategy(source).chain(
        input
            .desired
            .connector
            .iter()
            .cloned()
            .map(AudienceNaturalKey::External),
    );
    let mut over_source = over_source.flat_map(|key| table.find(&key));
    match slot.find(|found| input.desired.equals(input.inventory, found)) {
        Lookup::Ask(call) => Lookup::Ask(call),
        found => match over_source.find(|entry| entry.stale) {
            Some(entry) => Lookup::Ask(Box::new(Call::read::<Audience>(entry.record.id.clone()))),
            None => found,
        },
    }
}

/// Found by its recorded id, by its mark with any uid, and by its natural key.
fn audience_slot<'a>(input: &AudienceInput<'a>) -> Slot<'a, Audience> {
    let PlanInput {
        desired,
        inventory,
        recorded,
        ..
    } = *input;
    let created_by = input::created_by(AudienceLookUp::of(&desired.new).natural_key());
    let key = natural_key(&desired.new.form);
    let found_by = SlotKey::found_by(key.clone());
    let has_key = move |found: &Audience| {
        let wrote_expression = match &desired.new.form {
            // This process gave it our expression, which the service shows in another form.
            NewForm::SegmentDefinition { expression } => {
                let table = &inventory.audiences;
                table.is_stored_as(found, Field::Expression, expression)
            }
            NewForm::External { .. } | NewForm::MetadataOnly { .. } => false,
        };
        has_natural_key(found, &key) || wrote_expression
    };
    let ours = recorded.audience.iter().filter(|_| !recorded.observed);
    Slot {
        inventory,
        claimant: input.claimant,
        recorded: ours.cloned().collect(),
        as_ours: true,
        keys: vec![created_by, found_by],
        other_keys: Vec::new(),
        has_key: Box::new(has_key),
        description: Some(&desired.new.description),
    }
}

/// A definition with our very mark whose expression comes in a form that cannot be read: it may be ours, or a copy of
/// it that tests something else. It is left, and no second one is made beside it.
fn unreadable_definition(input: &AudienceInput<'_>) -> Option<Blocker> {
    let claimant = input.claimant;
    let mut found = input.inventory.audiences.marked(&input.desired.mark);
    let hidden = found.find(|Entry { record, .. }| {
        let expression = record.expression.as_deref();
        record.kind == AudienceKind::SegmentDefinition
            && !record.is_deleted()
            && claimant.is_marked(&record.description)
            && expression.is_none_or(|text| !pql::is_readable(text))
    })?;
    Some(Blocker::UnreadableDefinition(object_name(&hidden.record)))
}

fn delivered<'a>(inventory: &'a Inventory, keys: &[AudienceKey]) -> Option<&'a Audience> {
    let found = keys.iter().flat_map(|key| {
        inventory
            .audiences
            .find(&AudienceNaturalKey::External(key.clone()))
    });
    found
        .map(|entry: &Entry<Audience>| &entry.record)
        .find(|audience| audience.is_adobes() && !audience.is_deleted())
}

/// Whose mark is on an audience over the source says who holds it.
fn claimed_by_another(
    input: &AudienceInput<'_>,
    found: Option<&Candidate<'_, Audience>>,
) -> Option<Blocker> {
    let (source, claimant) = (&input.desired.source, input.claimant);
    let others = of_any_strategy(input.inventory, source);
    let found = found.map(|found| found.record).into_iter();
    let marked = found
        .chain(others)
        .find_map(|found| claimant.marked_share(&found.description));
    let object = ObjectName::new("source", source.to_string());
    input.claimed_by_another(source, object, marked.as_ref())
}

/// What exists over the source by any strategy, the connector's apart.
fn of_any_strategy<'a>(
    inventory: &'a Inventory,
    source: &SourceId,
) -> impl Iterator<Item = &'a Audience> {
    let found = keys_of_any_strategy(source).flat_map(|key| {
        let found: Vec<_> = inventory.audiences.find(&key).collect();
        found.into_iter().map(|entry| &entry.record)
    });
    found.filter(|audience| !audience.is_adobes() && !audience.is_deleted())
}

fn keys_of_any_strategy(source: &SourceId) -> impl Iterator<Item = AudienceNaturalKey> + use<> {
    let external = [external_key(source), metadata_key(source)];
    let external = external.into_iter().flatten();
    external
        .map(AudienceNaturalKey::External)
        .chain(mirror(source).map(AudienceNaturalKey::Expression))
}

/// The connector's audience is the audience; ours goes, unless something uses it: then the service refuses.
fn observe(
    input: &AudienceInput<'_>,
    slot: &Slot<'_, Audience>,
    connectors: &Audience,
    found: Option<Candidate<'_, Audience>>,
    plan: &mut Plan<ObservedAudience>,
) {
    plan.state = ObservedAudience {
        audience: Some(connectors.id.clone()),
        observed: true,
        ..ObservedAudience::default()
    };
    if input.share.mode == Mode::Observe {
        return;
    }
    plan.blockers
        .extend(labels::of_connectors(input.desired, connectors));
    if let Some(Ownership::Owned(ours)) = found.map(|found| found.ownership) {
        plan.state.superseded = Some(ours.record().id.clone());
        plan.steps.push(delete::deletion(ours.owned(), true));
        if input.desired.equals(input.inventory, ours.record()) {
            plan.steps.extend(duplicate_audiences(slot, ours));
        }
    }
}

/// Second ones that nothing uses.
fn duplicate_audiences(slot: &Slot<'_, Audience>, kept: Ours<'_, Audience>) -> Vec<Step> {
    let table = &slot.inventory.audiences;
    let steps = slot
        .duplicates(kept.record(), Audience::is_same)
        .into_iter()
        .filter_map(|(ours, entry)| {
            let id = &entry.record.id;
            if entry.stale {
                return Some(Step::ready(Call::read::<Audience>(id.clone())));
            }
            let users = AudienceNaturalKey::Dependency(id.clone());
            let is_used = table.find(&users).next().is_some();
            (!is_used).then(|| delete::deletion(ours.owned(), true))
        });
    steps.collect()
}

fn keep_audience(
    input: &AudienceInput<'_>,
    slot: &Slot<'_, Audience>,
    found: Option<Candidate<'_, Audience>>,
    plan: &mut Plan<ObservedAudience>,
) {
    let desired = input.desired;
    let Some(found) = found else {
        let blocker = unmarkable(&desired.mark).or_else(|| unreadable_definition(input));
        if let Some(blocker) = blocker.or_else(|| labels::unknown(desired, None)) {
            return plan.blockers.push(blocker);
        }
        let creation = || Call::create::<Audience>(labels::at_creation(&desired.new));
        let call = slot.unproven(input.since).unwrap_or_else(creation);
        return plan.steps.push(Step::ready(call));
    };
    let record = found.record;
    let kept = match keep(input.inventory, &found, desired, input.share.adoption) {
        Ok(kept) => kept,
        Err(blocker) => return plan.blockers.push(blocker),
    };
    plan.steps.extend(labels_last(&kept).step());
    plan.blockers.extend(labels::unknown(desired, Some(record)));
    if kept.is_equal() {
        plan.steps.extend(duplicate_audiences(slot, kept.ours));
    }
    plan.state.audience = Some(record.id.clone());
    plan.state.stored_differently = kept.stored_differently;
}

/// Labels are put on separately, after the rest: a service that refuses them refuses nothing else with them.
fn labels_last<'a>(kept: &Kept<'a, Audience>) -> Kept<'a, Audience> {
    let rest = AudienceChange {
        labels: Default::default(),
        ..kept.change.clone()
    };
    Kept {
        ours: kept.ours,
        change: match rest == AudienceChange::default() {
            true => kept.change.clone(),
            false => rest,
        },
        stored_differently: Vec::new(),
    }
}

impl Desired<Audience> for DesiredAudience {
    fn description(&self) -> &str {
        &self.new.description
    }

    fn change(&self, comparison: &mut FieldComparison<'_, Audience>) -> AudienceChange {
        let (new, found) = (&self.new, comparison.found);
        AudienceChange {
            name: comparison.text(Field::Name, &new.name),
            description: comparison.text(Field::Description, &new.description),
            labels: labels::lacking_labels(self, found),
            expression: match &new.form {
                NewForm::SegmentDefinition { expression } => {
                    comparison.text(Field::Expression, expression)
                }
                NewForm::External { .. } | NewForm::MetadataOnly { .. } => None,
            },
            publish: match (&found.lifecycle, &new.form) {
                (Lifecycle::Inactive, _) => true,
                // Metadata alone is made without a state: which one it gets, no page says (experience-platform.md §3.8).
                (
                    Lifecycle::Draft,
                    NewForm::External { .. } | NewForm::SegmentDefinition { .. },
                ) => true,
                _ => false,
            },
            deactivate: false,
        }
    }

    fn undescribed(change: AudienceChange) -> AudienceChange {
        AudienceChange {
            description: None,
            ..change
        }
    }
}

/// Under which audience id the connector would deliver the source.
fn delivered_as(input: &AudienceInput<'_>) -> Box<str> {
    input.desired.connector[0].audience_id().into()
}
