//! The audit trail: every write of the operator, told once; what was only read is told to those who debug.

use audience_sharing_core::call::Call;
use audience_sharing_core::facts::Response;

use super::scope::Scope;
use adobe_client::Error;

/// Every write, done or failed, is told once.
pub(super) fn audit(call: &Call, owner: &Scope, result: &Result<Response, Error>) {
    let (operation, object) = (call.operation(), call.object());
    match result {
        Ok(response) if response.is_changed() => {
            tracing::info!(
                operation,
                object,
                scope = %owner,
                "not written: the object changed meanwhile"
            );
        }
        Ok(_) if call.is_write() => {
            tracing::info!(target: "audit", operation, object, scope = %owner, "written")
        }
        Ok(_) => tracing::debug!(operation, object, scope = %owner, "read"),
        Err(error) => tracing::info!(operation, object, scope = %owner, %error, "failed"),
    }
}
