//! Ids as status holds them, which are JSON integers with a sign, and as `core` has them.

use audience_sharing_core::domain::identifier::{CompanyId, SandboxId};
use audience_sharing_core::inventory::Tenant;

use crate::api::TenantStatus;

pub(super) fn recorded_id(recorded: Option<i64>) -> Option<u64> {
    recorded.and_then(|id| u64::try_from(id).ok())
}

pub(super) fn recorded_tenant(recorded: &TenantStatus) -> Tenant {
    Tenant {
        company: recorded_id(recorded.company_id).map(CompanyId),
        sandbox: recorded.sandbox_id.as_deref().map(SandboxId::new),
    }
}

pub(super) fn tenant(tenant: &Tenant) -> TenantStatus {
    TenantStatus {
        company_id: tenant.company.and_then(|id| stored_id(id.0)),
        sandbox_id: tenant.sandbox.as_ref().map(|id| id.as_str().into()),
    }
}

pub(super) fn stored_id(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
}
