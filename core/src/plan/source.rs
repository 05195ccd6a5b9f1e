//! Which audience of Experience Platform a `SharedAudience` means, and whether it may be shared at all.

pub mod audience_manager;
mod resolution;

pub use resolution::Resolution;

use crate::blocker::{Blocker, GoneSource, LoopSign, ObjectName};
use crate::call::Call;
use crate::compose::{AudienceSelector, CONNECTOR_ORIGIN};
use crate::domain::experience_platform::{Audience, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::domain::mark::Mark;
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Coverage, Inventory};
use crate::ownership::{Judged as _, object_name};

/// A name is resolved once; from then on `pinned`, the recorded id, is the source (L6). What names another object now is
/// refused, whichever way it names it.
pub fn resolve_audience<'a>(
    selector: &AudienceSelector,
    pinned: Option<&AudienceId>,
    inventory: &'a Inventory,
) -> Resolution<&'a Audience> {
    let Some(pinned) = pinned else {
        return match selector {
            AudienceSelector::Id(id) => audience_by_id(id, inventory),
            AudienceSelector::Name(name) => audience_by_name(name, inventory),
        };
    };
    match audience_by_id(pinned, inventory) {
        Resolution::Ask(call) => Resolution::Ask(call),
        resolution => match other_than(pinned, selector, inventory) {
            Some(named) => Resolution::Blocked(Blocker::SourceChanged {
                named: SourceId::Audience(named),
                recorded: SourceId::Audience(pinned.clone()),
            }),
            None => resolution,
        },
    }
}

/// The audience that the selector names, if it is not the recorded one. A recorded audience that was renamed since is
/// still the source: its former name names nothing.
fn other_than(
    pinned: &AudienceId,
    selector: &AudienceSelector,
    inventory: &Inventory,
) -> Option<AudienceId> {
    let name = match selector {
        AudienceSelector::Id(id) => return (id != pinned).then(|| id.clone()),
        AudienceSelector::Name(name) => name,
    };
    let mut named = inventory
        .audiences
        .find(&AudienceNaturalKey::Name(name.clone()))
        .map(|entry| &entry.record.id);
    let first = named.next()?;
    (first != pinned && named.all(|id| id != pinned)).then(|| first.clone())
}

fn audience_by_id<'a>(id: &AudienceId, inventory: &'a Inventory) -> Resolution<&'a Audience> {
    match inventory.audiences.get(id) {
        Some(entry) if entry.stale => Resolution::Ask(Call::read::<Audience>(id.clone())),
        Some(entry) => judge_audience(&entry.record),
        None if inventory.audiences.is_gone(id) => {
            Resolution::Gone(GoneSource::NoAudience(id.clone()))
        }
        None => Resolution::Ask(Call::read::<Audience>(id.clone())),
    }
}

fn audience_by_name<'a>(name: &str, inventory: &'a Inventory) -> Resolution<&'a Audience> {
    let matching: Vec<_> = inventory
        .audiences
        .find(&AudienceNaturalKey::Name(name.into()))
        .collect();
    match matching.as_slice() {
        [entry] if entry.stale => Resolution::Ask(Call::read::<Audience>(entry.record.id.clone())),
        [entry] => judge_audience(&entry.record),
        [] if !inventory.audiences.is_listed(Coverage::Whole) => {
            Resolution::Blocked(Blocker::AudiencesNotListed)
        }
        [] => Resolution::Blocked(
            match inventory.audiences.holds_unreadable(Coverage::Whole) {
                true => Blocker::Unreadable(ObjectName::new(Audience::NOUN, format!("{name:?}"))),
                false => Blocker::AudienceNotFound(name.into()),
            },
        ),
        several => {
            let ids = several.iter().map(|entry| entry.record.id.clone());
            let mut ids: Vec<_> = ids.collect();
            ids.sort_unstable();
            let name = name.into();
            Resolution::Blocked(Blocker::AudienceAmbiguous(name, ids))
        }
    }
}

fn judge_audience(audience: &Audience) -> Resolution<&Audience> {
    let source = || object_name(audience);
    let looped = |sign| Resolution::Blocked(Blocker::SharingLoop(source(), sign));
    if audience.lifecycle == Lifecycle::Deleted {
        return Resolution::Gone(GoneSource::DeletedAudience(source()));
    }
    if let Some(mark @ Mark::Audience { .. }) = Mark::read(&audience.description) {
        return looped(LoopSign::MarkedAudience(mark));
    }
    if came_from_audience_manager(audience) {
        return looped(LoopSign::ConnectorsAudience);
    }
    if audience.lifecycle == Lifecycle::Inactive {
        return Resolution::Gone(GoneSource::InactiveAudience(source()));
    }
    Resolution::Found(audience)
}

/// Namespace and origin of Adobe's source connector; the namespace's case varies (experience-platform.md §3.3).
fn came_from_audience_manager(audience: &Audience) -> bool {
    audience.origin.eq_ignore_ascii_case(CONNECTOR_ORIGIN)
        || ["AAM", "AAMSegments", "AAMTraits"]
            .iter()
            .any(|known| audience.namespace.eq_ignore_ascii_case(known))
}
