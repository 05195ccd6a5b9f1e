//! The gateway before the services of Experience Platform (experience-platform.md §1.4): token, API key, organization,
//! then the sandbox.

use super::{common, errors};
use crate::caller::Caller;
use crate::calls::System;
use crate::exchange::{Answer, Incoming};
use crate::gateway;
use crate::state::Access;
use crate::store::text_of;
use crate::world::World;

pub(crate) fn admit(
    world: &mut World,
    incoming: &Incoming,
    system: System,
) -> Result<Caller, Answer> {
    let token = gateway::bearer(incoming)?;
    let caller = gateway::holder(world, token).ok_or_else(gateway::invalid_token)?;
    gateway::check_api_key(incoming, &caller)?;
    match incoming.header("x-gw-ims-org-id") {
        None => return Err(gateway::error(400, "400003", "Missing header")),
        Some(name) if !well_formed(name) => {
            return Err(gateway::error(403, "403027", "User region is missing"));
        }
        Some(name) if name != caller.organization => {
            return Err(gateway::error(403, "403025", "Profile is not valid"));
        }
        Some(_) if caller.aep_access == Access::None => {
            return Err(gateway::unentitled(world));
        }
        Some(_) => {}
    }
    gateway::spend(world, &caller, system)?;
    Ok(caller)
}

/// The sandbox that the call names: one that is active, and the caller's.
pub(crate) fn enter_sandbox(
    world: &World,
    caller: &mut Caller,
    name: Option<&str>,
) -> Result<(), Answer> {
    let Some(name) = name else {
        return Err(gateway::error(400, "400003", "Missing header"));
    };
    let usable = common::sandboxes_of(world, caller)
        .find(|sandbox| {
            text_of(sandbox, "name") == Some(name) && text_of(sandbox, "state") == Some("active")
        })
        .cloned();
    caller.sandbox = usable.ok_or_else(|| {
        let status = world.flags.experience_platform.unknown_sandbox_status;
        let title = match status {
            404 => "NotFoundError",
            _ => "ForbiddenError",
        };
        errors::problem(status, title, &format!("Sandbox {name} is not available"))
    })?;
    Ok(())
}

fn well_formed(organization: &str) -> bool {
    organization
        .strip_suffix("@AdobeOrg")
        .is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
