//! What an invalid spec is reported as.

use audience_sharing_core::domain::reason::Reason;
use audience_sharing_engine::Problem;

/// `what`: the field and what is wrong with it, as a sentence.
pub(super) fn invalid(what: impl std::fmt::Display) -> Problem {
    let reason = Reason::InvalidSpec;
    Problem::new(
        reason,
        format!("{what} Nothing was changed. {}", reason.remedy()),
    )
}
