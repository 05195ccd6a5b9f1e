//! Which destination a declaration means, and whether a segment can be mapped to it (audience-manager.md §6).

use crate::blocker::Blocker;
use crate::call::Call;
use crate::compose::{DeclaredDestination, DestinationSelector};
use crate::domain::audience_manager::Activity;
use crate::domain::destination::{Destination, MappingKeys};
use crate::domain::identifier::DestinationId;
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory};
use crate::plan::source::bounded_list;

pub(crate) enum Resolved<'a> {
    Found(&'a Destination),
    Ask(Call),
    Held(Blocker),
}

pub(crate) fn resolve<'a>(
    inventory: &'a Inventory,
    selector: &DestinationSelector,
    pinned: Option<DestinationId>,
) -> Resolved<'a> {
    let table = &inventory.destinations;
    if !table.is_listed(Coverage::Whole) {
        return Resolved::Ask(Call::list::<Destination>(()));
    }
    let name = match (selector, pinned) {
        (DestinationSelector::Name(name), None) => name,
        (DestinationSelector::Id(id), _) => return by_id(inventory, *id),
        (DestinationSelector::Name(_), Some(id)) => return by_id(inventory, id),
    };
    let found: Vec<_> = table.find(name).collect();
    match found.as_slice() {
        [entry] if entry.stale => Resolved::Ask(Call::read::<Destination>(entry.record.id)),
        [entry] => Resolved::Found(&entry.record),
        [] => Resolved::Held(Blocker::new(
            Reason::DestinationNotFound,
            format!(
                "Audience Manager lists no destination named {name:?}; nothing was mapped to it. Correct the name (it is \
                 compared exactly), create the destination in Audience Manager, or give the credential the right to see it."
            ),
        )),
        several => {
            let ids: Vec<_> = several
                .iter()
                .map(|entry| entry.record.id.to_string())
                .collect();
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            Resolved::Held(Blocker::new(
                Reason::DestinationAmbiguous,
                format!(
                    "The name {name:?} fits several destinations of Audience Manager: {}. Name the destination by its id.",
                    bounded_list(&ids)
                ),
            ))
        }
    }
}

fn by_id(inventory: &Inventory, id: DestinationId) -> Resolved<'_> {
    let table = &inventory.destinations;
    match table.get(&id) {
        Some(entry) if !entry.stale => Resolved::Found(&entry.record),
        None if table.is_gone(&id) => Resolved::Held(Blocker::new(
            Reason::DestinationNotFound,
            format!(
                "Audience Manager has no destination with the id {id}; nothing was mapped to it. Correct the id, or take \
                 the destination out."
            ),
        )),
        Some(_) | None => Resolved::Ask(Call::read::<Destination>(id)),
    }
}

/// "destination 4711 "Shop"", for messages.
pub(crate) fn label(destination: &Destination) -> String {
    format!("destination {} {:?}", destination.id, destination.name)
}

pub(crate) fn unusable(destination: &Destination) -> Option<Blocker> {
    let label = label(destination);
    if destination.kind.needs().is_none() {
        return Some(Blocker::new(
            Reason::DestinationUnsupported,
            format!(
                "To {label} (kind {}) Audience Manager's API maps no segment; nothing was mapped. Take it out here, and map \
                 the segment in Audience Manager under Audience Data > Destinations > {} > Segment Mappings.",
                destination.kind.label(),
                destination.name
            ),
        ));
    }
    (destination.activity == Activity::Inactive).then(|| {
        Blocker::new(
            Reason::DestinationInactive,
            format!(
                "The {label} is inactive; nothing was mapped to it, and a mapping that stands was left. Activate it in \
                 Audience Manager under Audience Data > Destinations, or take it out here."
            ),
        )
    })
}

/// A key that the kind of destination needs and the declaration lacks, or the other way round (§6.2).
pub(crate) fn misfit(declared: &DeclaredDestination, destination: &Destination) -> Option<Blocker> {
    let needs = destination.kind.needs()?;
    let MappingKeys {
        url,
        alias,
        value_alias,
    } = &declared.keys;
    let fills_alias = destination.fills_alias;
    let fields = [
        ("url", needs.url, url, false),
        ("alias", needs.alias, alias, fills_alias),
        ("valueAlias", needs.value_alias, value_alias, false),
    ];
    let (field, needed, ..) = fields
        .into_iter()
        .find(|(_, needed, text, filled)| match text {
            Some(_) => !needed && !filled,
            None => *needed && !filled,
        })?;
    let (label, kind) = (label(destination), destination.kind.label());
    let key = &declared.key;
    Some(Blocker::new(
        Reason::MappingInvalid,
        match needed {
            true => format!(
                "A mapping to {label} (kind {kind}) needs {field}; nothing was mapped to it. Write destinations[{key}].{field}."
            ),
            false => format!(
                "A mapping to {label} (kind {kind}) takes no {field}; nothing was mapped to it. Take \
                 destinations[{key}].{field} out."
            ),
        },
    ))
}
