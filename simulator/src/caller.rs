//! Who asks: the caller that a service admitted, and what the world keeps of tokens and of rates. Data only.

use crate::state::{Access, Credential};
use crate::store::Object;

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) client_id: String,
    pub(crate) secret: String,
    pub(crate) expires_ms: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// In thousandths of a request.
    pub(crate) level: u64,
    pub(crate) at_ms: u64,
}

/// Who asks, after the gateway let them through.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) organization: String,
    pub(crate) pid: u64,
    pub(crate) aam_access: Access,
    pub(crate) aep_access: Access,
    pub(crate) flow_access: Access,
    pub(crate) sandboxes: Vec<String>,
    pub(crate) sandbox_administration: bool,
    /// Empty where the call names none.
    pub(crate) sandbox: Object,
}

impl Caller {
    pub(crate) fn nobody() -> Self {
        Self {
            client_id: String::new(),
            organization: String::new(),
            pid: 0,
            aam_access: Access::None,
            aep_access: Access::None,
            flow_access: Access::None,
            sandboxes: Vec::new(),
            sandbox_administration: false,
            sandbox: Object::new(),
        }
    }

    pub(crate) fn of(credential: &Credential) -> Self {
        Self {
            client_id: credential.client_id.clone(),
            organization: credential.organization_id.clone(),
            pid: credential.pid.unwrap_or(0),
            aam_access: match credential.pid {
                Some(_) => credential.aam_access,
                None => Access::None,
            },
            aep_access: credential.aep_access,
            // A role that may only read in the sandbox changes no flow of it either.
            flow_access: credential.aep_access.max(credential.flow_access),
            sandboxes: credential.sandboxes.clone(),
            sandbox_administration: credential.sandbox_administration,
            sandbox: Object::new(),
        }
    }
}
