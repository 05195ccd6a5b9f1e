//! The audience of a resource that leaves: handed over or deleted.

use std::collections::BTreeSet;

use super::{Recorded, delete, has_key, is_connectors, label};
use crate::compose::{DESCRIPTION_CHARS_MAX, external_key, metadata_key, mirror};
use crate::domain::experience_platform::{AudienceChange, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::domain::ownership::{Mark, describe, strip};
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Inventory};
use crate::plan::Plan;
use crate::plan::call::{AudienceLookUp, Call, Step};
use crate::plan::ownership::{Claimant, Left, Ownership, Signs};

/// An audience whose resource is being deleted.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    pub claimant: Claimant<'a>,
    /// Its natural keys are a sign of what is ours.
    pub source: Option<&'a SourceId>,
    pub recorded: &'a Recorded,
    pub inventory: &'a Inventory,
}

/// Plans how another resource takes the audience over: it is marked as its own (design.md §4, L5).
pub fn hand_over(departure: Departure<'_>, successor: &Mark) -> Plan<Left> {
    let inventory = departure.inventory;
    let plan = retire(departure);
    let steps = plan.steps.into_iter().filter_map(|step| {
        let Call::DeleteAudience { id, .. } = &step.call else {
            return Some(step);
        };
        let expected = &inventory.audiences.get(id)?.record;
        Some(Step::ready(Call::UpdateAudience {
            expected: Box::new(expected.clone()),
            change: AudienceChange {
                description: Some(
                    describe(
                        strip(&expected.description),
                        successor,
                        DESCRIPTION_CHARS_MAX,
                    )
                    .into(),
                ),
                ..AudienceChange::default()
            },
        }))
    });
    Plan {
        steps: steps.collect(),
        holds: plan.holds,
        standing: Left::default(),
    }
}

/// Plans the deletions; a settled plan means that nothing of ours is left. `standing` names what the status records and
/// is left, since it is not ours any more.
pub fn retire(departure: Departure<'_>) -> Plan<Left> {
    let (mut plan, leaving) = judge(departure);
    if plan.steps.is_empty() {
        let calls = leaving.into_iter();
        plan.steps
            .extend(calls.filter_map(|id| delete(departure.inventory, id, None)));
    }
    plan
}

/// Plans what must be asked for before [`owned`] can tell.
pub fn look(departure: Departure<'_>) -> Plan<Left> {
    judge(departure).0
}

/// The audience that is ours; its id may never have been written down: the process died in between.
pub fn owned(departure: Departure<'_>) -> Option<AudienceId> {
    let (_, owned) = judge(departure);
    let recorded = departure.recorded.audience.as_ref();
    let first = owned
        .into_iter()
        .min_by_key(|id| (recorded != Some(*id), *id));
    first.cloned()
}

/// What must be asked for, and what is ours.
fn judge(departure: Departure<'_>) -> (Plan<Left>, Vec<&AudienceId>) {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: Left::default(),
    };
    let table = &departure.inventory.audiences;
    let sources = departure.source.into_iter();
    let own_keys = sources.flat_map(|source| {
        let external = [external_key(source), metadata_key(source)];
        let external = external.into_iter().flatten();
        let expression = mirror(source).map(AudienceNaturalKey::Expression);
        external.map(AudienceNaturalKey::External).chain(expression)
    });
    let own_keys: Vec<AudienceNaturalKey> = own_keys.collect();
    // Creates of open outcome are few: of those that may be ours each is settled before anything is judged.
    for key in table.unresolved() {
        let look_up = match key {
            AudienceNaturalKey::External(external) if own_keys.contains(key) => {
                AudienceLookUp::Key(external.clone())
            }
            AudienceNaturalKey::Name(name) => AudienceLookUp::DefinitionName(name.clone()),
            AudienceNaturalKey::External(_)
            | AudienceNaturalKey::Dependency(_)
            | AudienceNaturalKey::Expression(_)
            | AudienceNaturalKey::Marked(_) => continue,
        };
        plan.steps.push(Step::ready(Call::LookUpAudience(look_up)));
    }
    let recorded = departure
        .recorded
        .audience
        .as_ref()
        .filter(|_| !departure.recorded.observed);
    let marked = AudienceNaturalKey::Marked(departure.claimant.mark.of_any_uid());
    let found = own_keys.iter().chain([&marked]);
    let found = found.flat_map(|key| table.find(key));
    let found = found.map(|entry| &entry.record.id);
    let candidates: BTreeSet<&AudienceId> = recorded.into_iter().chain(found).collect();
    let mut leaving = Vec::new();
    for id in candidates {
        let Some(entry) = table.get(id).filter(|entry| !entry.doubtful) else {
            if !table.is_gone(id) {
                plan.steps.push(Step::ready(Call::ReadAudience(id.clone())));
            }
            continue;
        };
        let audience = &entry.record;
        if audience.lifecycle == Lifecycle::Deleted || is_connectors(audience) {
            continue;
        }
        let signs = Signs {
            description: &audience.description,
            recorded: recorded == Some(id),
            natural_key: own_keys.iter().any(|key| has_key(audience, key)),
        };
        match departure.claimant.judge(&label(audience), signs) {
            Ownership::Owned => leaving.push(id),
            Ownership::Blocked(_) if signs.recorded => plan.standing.push(label(audience)),
            Ownership::Blocked(_)
            | Ownership::TakenOver
            | Ownership::Unmarked
            | Ownership::Unrelated => {}
        }
    }
    (plan, leaving)
}
