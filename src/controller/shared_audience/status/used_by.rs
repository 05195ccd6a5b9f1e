//! Who uses the shared audience, as the status shows it.

use audience_sharing_core::plan::used_by::{UsedBy, User};

use crate::api::used_by::{UsedByStatus, UserStatus, UsersStatus};

/// Of each kind; the rest is counted.
const USERS_SHOWN_MAX: usize = 16;
/// More than Audience Manager's limits allow (audience-manager.md §2.7).
const COUNT_MAX: usize = 1_000_000;
/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 255;

/// What is known now; kinds that were not looked up stay as they are. `handled`: the request that was.
pub(super) fn after(
    known: Option<Box<UsedByStatus>>,
    found: &UsedBy,
    handled: Option<String>,
) -> Option<Box<UsedByStatus>> {
    let known = *known.unwrap_or_default();
    let users = |found: &Option<Vec<User>>, known| found.as_deref().map(users).or(known);
    let definitions = users(&found.segment_definitions, known.segment_definitions);
    let status = UsedByStatus {
        segments: users(&found.segments, known.segments),
        models: users(&found.models, known.models),
        destinations: users(&found.destinations, known.destinations),
        // Nearly no audience has any, and each would say so.
        segment_definitions: definitions.filter(|users| users.count > 0),
        last_handled_request_at: handled.or(known.last_handled_request_at),
    };
    (status != UsedByStatus::default()).then(|| Box::new(status))
}

fn users(found: &[User]) -> UsersStatus {
    let shown = found.iter().take(USERS_SHOWN_MAX);
    UsersStatus {
        count: i32::try_from(found.len().min(COUNT_MAX)).unwrap_or_default(),
        items: shown
            .map(|user| UserStatus {
                id: user.id.to_string(),
                name: user.name.chars().take(NAME_CHARS_MAX).collect(),
            })
            .collect(),
    }
}
