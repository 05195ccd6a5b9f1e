//! The audience of a resource that is deleted, or whose source is gone: handed over, paused or deleted.

use super::input::{RecordedAudience, created_by, has_natural_key};
use crate::compose::{external_key, metadata_key, mirror};
use crate::domain::experience_platform::{Audience, AudienceChange, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::inventory::AudienceNaturalKey;
use crate::ownership::Left;
use crate::plan::delete::{Marked, OwnedObjects};
use crate::plan::input::Cleanup;
use crate::plan::lookup::{Slot, SlotKey};
use crate::plan::{DeletionInput, Plan};

/// Of one audience.
type AudienceDeletion<'a> = DeletionInput<'a, &'a RecordedAudience>;

pub(in crate::plan) fn clean_up_audience(
    deletion: AudienceDeletion<'_>,
    cleanup: Cleanup<'_>,
) -> Plan<Left> {
    let (mut plan, owned_objects) = ours(deletion);
    if !plan.steps.is_empty() {
        return plan;
    }
    match cleanup {
        Cleanup::Retain => {}
        Cleanup::Pause => plan.steps.extend(owned_objects.pause()),
        Cleanup::Delete => plan.steps.extend(owned_objects.deletions(true, |_| true)),
        Cleanup::HandOver(successor) => {
            let marked = owned_objects.hand_over(&successor.mark, |_| true);
            plan.steps.extend(marked);
            plan.state = Left::default(); // what carries the successor's mark by now is not left
        }
    }
    plan
}

impl Marked for Audience {
    fn described(description: Box<str>) -> AudienceChange {
        AudienceChange {
            description: Some(description),
            ..AudienceChange::default()
        }
    }

    fn paused(&self) -> Option<AudienceChange> {
        (self.lifecycle != Lifecycle::Inactive).then(|| AudienceChange {
            deactivate: true,
            ..AudienceChange::default()
        })
    }
}

/// The audience that is ours; its id may never have been written down: the process died in between.
pub fn owned(deletion: AudienceDeletion<'_>) -> Option<AudienceId> {
    let (_, owned_objects) = ours(deletion);
    let first = owned_objects.kept.first()?;
    Some(first.record().id.clone())
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
