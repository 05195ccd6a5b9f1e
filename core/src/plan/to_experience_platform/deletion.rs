//! The audience of a resource that is deleted, or whose source is gone: handed over, paused or deleted.

use super::input::{RecordedAudience, created_by, has_natural_key};
use crate::compose::{DESCRIPTION_CHARS_MAX, external_key, metadata_key, mirror};
use crate::domain::experience_platform::{Audience, AudienceChange, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::domain::mark::{Mark, describe, strip};
use crate::inventory::AudienceNaturalKey;
use crate::ownership::Left;
use crate::plan::delete::OwnedObjects;
use crate::plan::lookup::{Slot, SlotKey};
use crate::plan::{DeletionInput, Plan};

/// Of one audience.
type AudienceDeletion<'a> = DeletionInput<'a, &'a RecordedAudience>;

/// Plans how another resource takes the audience over: it is marked as its own (design.md §4, L5).
pub fn hand_over_audience(deletion: AudienceDeletion<'_>, successor: &Mark) -> Plan<Left> {
    let plan = plan_each(deletion, |found| {
        let text = strip(&found.description);
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
pub fn pause_audience(deletion: AudienceDeletion<'_>) -> Plan<Left> {
    plan_each(deletion, |found| {
        (found.lifecycle != Lifecycle::Inactive).then(|| AudienceChange {
            deactivate: true,
            ..AudienceChange::default()
        })
    })
}

/// Plans the deletions; a settled plan means that nothing of ours is left. `state` names what the status records and
/// is left, since it is not ours any more.
pub fn delete_audience(deletion: AudienceDeletion<'_>) -> Plan<Left> {
    let (mut plan, owned_objects) = ours(deletion);
    if plan.steps.is_empty() {
        plan.steps.extend(owned_objects.deletions(true));
    }
    plan
}

/// Plans what must be asked for before [`owned`] can tell.
pub fn look_up_audience(deletion: AudienceDeletion<'_>) -> Plan<Left> {
    ours(deletion).0
}

/// The audience that is ours; its id may never have been written down: the process died in between.
pub fn owned(deletion: AudienceDeletion<'_>) -> Option<AudienceId> {
    let (_, owned_objects) = ours(deletion);
    let first = owned_objects.kept.first()?;
    Some(first.record().id.clone())
}

/// What becomes of each that is ours; what cannot be judged is asked for first.
fn plan_each(
    deletion: AudienceDeletion<'_>,
    change: impl Fn(&Audience) -> Option<AudienceChange>,
) -> Plan<Left> {
    let (mut plan, owned_objects) = ours(deletion);
    if plan.steps.is_empty() {
        plan.steps.extend(owned_objects.updates(change));
    }
    plan
}

/// What is ours, by whichever strategy it was made; what is not known is asked for.
fn ours<'a>(deletion: AudienceDeletion<'a>) -> (Plan<Left>, OwnedObjects<'a, Audience>) {
    let DeletionInput {
        claimant,
        source,
        recorded,
        inventory,
        since: _,
    } = deletion;
    let keys = source.into_iter().flat_map(|source| {
        let external = [external_key(source), metadata_key(source)];
        external.into_iter().flatten()
    });
    let external: Vec<_> = keys.collect();
    let expression = source.and_then(mirror).map(AudienceNaturalKey::Expression);
    let natural = external.iter().cloned().map(AudienceNaturalKey::External);
    let natural: Vec<_> = natural.chain(expression).collect();
    // Creates with an unknown outcome are few: of those that may be ours each is looked up before anything is judged.
    let names = inventory.audiences.unresolved().cloned();
    let names = names.filter(|key| matches!(key, AudienceNaturalKey::Name(_)));
    let external = external.into_iter().map(AudienceNaturalKey::External);
    let looked_up = external.chain(names).map(created_by);
    let found_by = natural.iter().cloned();
    let of_status = recorded.audience.iter().filter(|_| !recorded.observed);
    let slot = Slot {
        inventory,
        claimant,
        recorded: of_status.cloned().collect(),
        as_ours: true,
        keys: looked_up.chain(found_by.map(SlotKey::found_by)).collect(),
        other_keys: Vec::new(),
        has_key: Box::new(move |found| natural.iter().any(|key| has_natural_key(found, key))),
        description: None,
    };
    let mut plan = Plan::default();
    let owned_objects = OwnedObjects::of(&slot, &mut plan, |_, _| true, |_| false);
    (plan, owned_objects)
}
