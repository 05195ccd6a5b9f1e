//! The audience of a resource that is deleted, or whose source is gone: handed over, paused or deleted.

use super::input::{RecordedAudience, has_key};
use crate::call::kinds::AudienceLookUp;
use crate::call::{Call, Step};
use crate::compose::{DESCRIPTION_CHARS_MAX, external_key, metadata_key, mirror};
use crate::domain::experience_platform::{Audience, AudienceChange, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::domain::mark::{Mark, describe, strip};
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Inventory};
use crate::ownership::owned::Ours;
use crate::ownership::{Claimant, Left};
use crate::plan::Plan;
use crate::plan::delete::Leaving;
use crate::plan::lookup::{Slot, SlotKey};

/// An audience whose resource is being deleted.
#[derive(Clone, Copy, Debug)]
pub struct AudienceDeletionInput<'a> {
    pub claimant: Claimant<'a>,
    /// Its natural keys are a sign of what is ours.
    pub source: Option<&'a SourceId>,
    pub recorded: &'a RecordedAudience,
    pub inventory: &'a Inventory,
}

/// Plans how another resource takes the audience over: it is marked as its own (design.md §4, L5).
pub fn hand_over(departure: AudienceDeletionInput<'_>, successor: &Mark) -> Plan<Left> {
    let plan = plan_each(departure, |ours| {
        let text = strip(&ours.record().description);
        Some(AudienceChange {
            description: Some(describe(text, successor, DESCRIPTION_CHARS_MAX).into()),
            ..AudienceChange::default()
        })
    });
    Plan {
        state: Left::default(),
        ..plan
    }
}

/// Plans that an audience of ours is out of use.
pub fn pause(departure: AudienceDeletionInput<'_>) -> Plan<Left> {
    plan_each(departure, |ours| {
        (ours.record().lifecycle != Lifecycle::Inactive).then(|| AudienceChange {
            deactivate: true,
            ..AudienceChange::default()
        })
    })
}

/// Plans the deletions; a settled plan means that nothing of ours is left. `state` names what the status records and
/// is left, since it is not ours any more.
pub fn plan(departure: AudienceDeletionInput<'_>) -> Plan<Left> {
    let (mut plan, leaving) = ours(departure);
    if plan.steps.is_empty() {
        plan.steps.extend(leaving.deletions(true));
    }
    plan
}

/// Plans what must be asked for before [`owned`] can tell.
pub fn look(departure: AudienceDeletionInput<'_>) -> Plan<Left> {
    ours(departure).0
}

/// The audience that is ours; its id may never have been written down: the process died in between.
pub fn owned(departure: AudienceDeletionInput<'_>) -> Option<AudienceId> {
    let (_, leaving) = ours(departure);
    let first = leaving.kept.first()?;
    Some(first.record().id.clone())
}

/// What becomes of each that is ours; what cannot be judged is asked for first.
fn plan_each(
    departure: AudienceDeletionInput<'_>,
    change: impl Fn(&Ours<'_, Audience>) -> Option<AudienceChange>,
) -> Plan<Left> {
    let (mut plan, leaving) = ours(departure);
    if plan.steps.is_empty() {
        plan.steps.extend(leaving.all().filter_map(|ours| {
            let change = change(&ours)?;
            Some(Step::ready(Call::update(ours.owned(), change)))
        }));
    }
    plan
}

/// What is ours, by whichever strategy it was made; what is not known is asked for.
fn ours<'a>(departure: AudienceDeletionInput<'a>) -> (Plan<Left>, Leaving<'a, Audience>) {
    let AudienceDeletionInput {
        claimant,
        source,
        recorded,
        inventory,
    } = departure;
    let keys = source.into_iter().flat_map(|source| {
        let external = [external_key(source), metadata_key(source)];
        external.into_iter().flatten()
    });
    let external: Vec<_> = keys.collect();
    let expression = source.and_then(mirror).map(AudienceNaturalKey::Expression);
    let natural = external.iter().cloned().map(AudienceNaturalKey::External);
    let natural: Vec<_> = natural.chain(expression).collect();
    // Creates of open outcome are few: of those that may be ours each is settled before anything is judged.
    let created_by = external.into_iter().map(|key| {
        let look_up = AudienceLookUp::Key(key);
        (look_up.natural_key(), look_up)
    });
    let names = inventory.audiences.unresolved();
    let names = names.filter_map(|key| match key {
        AudienceNaturalKey::Name(name) => {
            Some((key.clone(), AudienceLookUp::DefinitionName(name.clone())))
        }
        AudienceNaturalKey::External(_)
        | AudienceNaturalKey::Dependency(_)
        | AudienceNaturalKey::Expression(_) => None,
    });
    let looked_up = created_by.chain(names).map(|(key, look_up)| SlotKey {
        key,
        look_up: Some(Call::look_up::<Audience>(look_up)),
        list: None,
    });
    let found_by = natural.iter().cloned();
    let of_status = recorded.audience.iter().filter(|_| !recorded.observed);
    let slot = Slot {
        inventory,
        claimant,
        recorded: of_status.cloned().collect(),
        as_ours: true,
        keys: looked_up.chain(found_by.map(SlotKey::found_by)).collect(),
        elsewhere: Vec::new(),
        has_key: Box::new(move |found| natural.iter().any(|key| has_key(found, key))),
        description: None,
    };
    let mut plan = Plan::default();
    let leaving = Leaving::of(&slot, &mut plan, |_, _| true, |_| false);
    (plan, leaving)
}
