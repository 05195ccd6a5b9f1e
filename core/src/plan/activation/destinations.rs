//! Which destination a declaration means, and whether a segment can be mapped to it (audience-manager.md §6).

use crate::blocker::{Blocker, ObjectName};
use crate::call::Call;
use crate::compose::{DeclaredDestination, DestinationSelector};
use crate::domain::audience_manager::Activity;
use crate::domain::destination::{Destination, MappingKeys, Need};
use crate::domain::identifier::DestinationId;
use crate::inventory::{Coverage, Inventory};
use crate::ownership::{Judged as _, object_name};

pub(crate) enum ResolvedDestination<'a> {
    Found(&'a Destination),
    Ask(Call),
    Blocked(Blocker),
}

pub(crate) fn resolve_destination<'a>(
    inventory: &'a Inventory,
    selector: &DestinationSelector,
    pinned: Option<DestinationId>,
) -> ResolvedDestination<'a> {
    let table = &inventory.destinations;
    if !table.is_listed(Coverage::Whole) {
        return ResolvedDestination::Ask(Call::list::<Destination>(()));
    }
    let name = match (selector, pinned) {
        (DestinationSelector::Name(name), None) => name,
        (DestinationSelector::Id(id), _) => return destination_by_id(inventory, *id),
        (DestinationSelector::Name(_), Some(id)) => return destination_by_id(inventory, id),
    };
    let found: Vec<_> = table.find(name).collect();
    match found.as_slice() {
        [entry] if entry.stale || !entry.record.is_whole() => {
            ResolvedDestination::Ask(Call::read::<Destination>(entry.record.id))
        }
        [entry] => ResolvedDestination::Found(&entry.record),
        [] => ResolvedDestination::Blocked(match table.holds_unreadable(Coverage::Whole) {
            true => Blocker::Unreadable(ObjectName::new(Destination::NOUN, format!("{name:?}"))),
            false => Blocker::DestinationNotFound(name.clone()),
        }),
        several => ResolvedDestination::Blocked(Blocker::DestinationAmbiguous(
            name.clone(),
            several.iter().map(|entry| entry.record.id).collect(),
        )),
    }
}

fn destination_by_id(inventory: &Inventory, id: DestinationId) -> ResolvedDestination<'_> {
    let table = &inventory.destinations;
    match table.get(&id) {
        Some(entry) if !entry.stale && entry.record.is_whole() => {
            ResolvedDestination::Found(&entry.record)
        }
        None if table.is_gone(&id) => ResolvedDestination::Blocked(Blocker::DestinationGone(id)),
        Some(_) | None => ResolvedDestination::Ask(Call::read::<Destination>(id)),
    }
}

pub(crate) fn unusable(destination: &Destination) -> Option<Blocker> {
    let name = object_name(destination);
    if destination.kind.needs().is_none() {
        return Some(Blocker::DestinationUnsupported {
            destination: name,
            name: destination.name.clone(),
            kind: destination.kind.label().into(),
        });
    }
    (destination.activity == Activity::Inactive).then_some(Blocker::DestinationInactive(name))
}

/// A key that the kind of destination needs and the declaration lacks, or the other way round (§6.2).
pub(crate) fn misfit(declared: &DeclaredDestination, destination: &Destination) -> Option<Blocker> {
    let needs = destination.kind.needs()?;
    let MappingKeys {
        url,
        alias,
        value_alias,
    } = &declared.keys;
    // Where Audience Manager chooses the alias, one may still be declared.
    let alias_need = match destination.fills_alias {
        Some(true) => Need::Unknown,
        Some(false) | None => needs.alias,
    };
    let fields = [
        ("url", needs.url, url),
        ("alias", alias_need, alias),
        ("valueAlias", needs.value_alias, value_alias),
    ];
    let (field, need, _) = fields.into_iter().find(|(_, need, text)| match need {
        Need::Required => text.is_none(),
        Need::Refused => text.is_some(),
        Need::Unknown => false,
    })?;
    Some(Blocker::MappingKeyMisfit {
        destination: object_name(destination),
        kind: destination.kind.label().into(),
        entry: declared.key.clone(),
        field,
        needed: need == Need::Required,
    })
}
