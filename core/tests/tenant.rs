//! Ids are valid in one tenant.

use audience_sharing_core::domain::identifier::{CompanyId, SandboxId};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::tenant::mismatch;
use rstest::rstest;

fn tenant(company: Option<u64>, sandbox: Option<&str>) -> Tenant {
    Tenant {
        company: company.map(CompanyId),
        sandbox: sandbox.map(SandboxId::new),
    }
}

#[rstest]
#[case::the_same((Some(1), Some("a")), (Some(1), Some("a")), None)]
#[case::nothing_recorded_yet((None, None), (Some(1), Some("a")), None)]
#[case::not_known_yet((Some(1), Some("a")), (None, None), None)]
#[case::another_company((Some(1), Some("a")), (Some(2), Some("a")), Some(Reason::TenantMismatch))]
#[case::another_company_first((Some(1), Some("a")), (Some(2), Some("b")), Some(Reason::TenantMismatch))]
#[case::another_sandbox((Some(1), Some("a")), (Some(1), Some("b")), Some(Reason::SandboxReset))]
fn nothing_is_done_where_the_recorded_ids_are_not_valid(
    #[case] recorded: (Option<u64>, Option<&str>),
    #[case] observed: (Option<u64>, Option<&str>),
    #[case] reason: Option<Reason>,
) {
    let blocker = mismatch(
        &tenant(recorded.0, recorded.1),
        &tenant(observed.0, observed.1),
    );
    assert_eq!(blocker.map(|blocker| blocker.reason()), reason);
}
