//! Which audience of Experience Platform a `SharedAudience` means, and whether it may be shared at all.

pub mod audience_manager;
mod resolution;

pub use resolution::Resolution;
pub(super) use resolution::bounded_list;

use super::gone::Gone;
use crate::blocker::Blocker;
use crate::call::Call;
use crate::compose::{AudienceSelector, CONNECTOR_ORIGIN};
use crate::domain::experience_platform::{Audience, Lifecycle};
use crate::domain::identifier::AudienceId;
use crate::domain::mark::Mark;
use crate::domain::reason::Reason;
use crate::inventory::{AudienceNaturalKey, Coverage, Inventory};

/// A name is resolved once; from then on `pinned`, the recorded id, is the source (design.md §3).
pub fn resolve<'a>(
    selector: &AudienceSelector,
    pinned: Option<&AudienceId>,
    inventory: &'a Inventory,
) -> Resolution<&'a Audience> {
    match (pinned, selector) {
        (Some(id), _) | (None, AudienceSelector::Id(id)) => by_id(id, inventory),
        (None, AudienceSelector::Name(name)) => by_name(name, inventory),
    }
}

fn by_id<'a>(id: &AudienceId, inventory: &'a Inventory) -> Resolution<&'a Audience> {
    match inventory.audiences.get(id) {
        Some(entry) if entry.stale => Resolution::Ask(Call::read::<Audience>(id.clone())),
        Some(entry) => judge(&entry.record),
        None if inventory.audiences.is_gone(id) => Resolution::Gone(Gone::deleted(format!(
            "Experience Platform has no audience with the id {id} in this sandbox"
        ))),
        None => Resolution::Ask(Call::read::<Audience>(id.clone())),
    }
}

fn by_name<'a>(name: &str, inventory: &'a Inventory) -> Resolution<&'a Audience> {
    let matching: Vec<_> = inventory
        .audiences
        .find(&AudienceNaturalKey::Name(name.into()))
        .collect();
    match matching.as_slice() {
        [entry] if entry.stale => Resolution::Ask(Call::read::<Audience>(entry.record.id.clone())),
        [entry] => judge(&entry.record),
        [] if !inventory.audiences.is_listed(Coverage::Whole) => Resolution::Held(Blocker::new(
            Reason::Progressing,
            "The audiences of Experience Platform are being read.".into(),
        )),
        [] => Resolution::Held(Blocker::new(
            Reason::SourceNotFound,
            format!(
                "Experience Platform lists no audience named {name:?} in this sandbox. Correct the name (it is \
                 compared exactly), or name the source by its id: inactive audiences are never listed."
            ),
        )),
        several => {
            let mut ids: Vec<_> = several
                .iter()
                .map(|entry| entry.record.id.as_str())
                .collect();
            ids.sort_unstable();
            Resolution::Held(Blocker::new(
                Reason::SourceAmbiguous,
                format!(
                    "The name {name:?} fits several audiences of Experience Platform: {}. Name the source by its id.",
                    bounded_list(&ids)
                ),
            ))
        }
    }
}

fn judge(audience: &Audience) -> Resolution<&Audience> {
    if audience.lifecycle == Lifecycle::Deleted {
        return Resolution::Gone(Gone::deleted(format!(
            "Audience {} {:?} was deleted in Experience Platform",
            audience.id, audience.name
        )));
    }
    if let Some(mark @ Mark::Audience { .. }) = Mark::read(&audience.description) {
        return Resolution::Held(Blocker::new(
            Reason::SharingLoop,
            format!(
                "Audience {} {:?} was shared from Audience Manager and carries the mark {mark}; it is not shared back. \
                 Use its trait or segment there.",
                audience.id, audience.name
            ),
        ));
    }
    if came_from_audience_manager(audience) {
        return Resolution::Held(Blocker::new(
            Reason::SharingLoop,
            format!(
                "Audience {} {:?} came from Audience Manager and is not shared back. Use its segment there.",
                audience.id, audience.name
            ),
        ));
    }
    if audience.lifecycle == Lifecycle::Inactive {
        return Resolution::Gone(Gone::inactive(format!(
            "Audience {} {:?} is inactive in Experience Platform: nobody enters it any more",
            audience.id, audience.name
        )));
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
