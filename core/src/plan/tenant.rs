//! Ids are valid in one tenant: before any write the credential must answer for the recorded one (design.md §4.7).

use crate::blocker::Blocker;
use crate::domain::reason::Reason;
use crate::inventory::Tenant;

/// `None` if the recorded ids are valid where the credential leads.
pub fn mismatch(recorded: &Tenant, observed: &Tenant) -> Option<Blocker> {
    if let (Some(recorded), Some(observed)) = (recorded.company, observed.company)
        && recorded != observed
    {
        return Some(Blocker::new(
            Reason::TenantMismatch,
            format!(
                "The credential answers for Audience Manager company {observed}, the recorded ids belong to company \
                 {recorded}; nothing was changed. Put the credential of company {recorded} back into the Secret, or \
                 create a new connection for company {observed}."
            ),
        ));
    }
    if let (Some(recorded), Some(observed)) = (&recorded.sandbox, &observed.sandbox)
        && recorded != observed
    {
        return Some(Blocker::new(
            Reason::SandboxReset,
            format!(
                "The sandbox has the id {observed}, the recorded ids belong to sandbox {recorded}: it was reset, or \
                 the credential leads elsewhere; nothing was changed. Create a new connection for this sandbox."
            ),
        ));
    }
    None
}
