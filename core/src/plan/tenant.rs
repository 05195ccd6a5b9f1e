//! Ids are valid in one tenant: before any write the credential must answer for the recorded one (design.md §4.7).

use crate::blocker::Blocker;
use crate::inventory::Tenant;

/// `None` if the recorded ids are valid where the credential leads.
pub fn mismatch(recorded: &Tenant, observed: &Tenant) -> Option<Blocker> {
    if let (Some(recorded), Some(observed)) = (recorded.company, observed.company)
        && recorded != observed
    {
        return Some(Blocker::OtherCompany { recorded, observed });
    }
    if let (Some(recorded), Some(observed)) = (&recorded.sandbox, &observed.sandbox)
        && recorded != observed
    {
        return Some(Blocker::OtherSandbox {
            recorded: recorded.clone(),
            observed: observed.clone(),
        });
    }
    None
}
