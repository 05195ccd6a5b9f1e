//! First step: the connection that the audience names, and its engine.

use audience_sharing_core::domain::reason::Reason;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::{Outcome, dependency_not_ready};
use crate::api::SharedAudience;
use crate::controller::context::Context;
use crate::controller::engines::Running;
use audience_sharing_engine::Problem;

/// The running engine of the audience's connection.
pub(super) fn engine(audience: &SharedAudience, context: &Context) -> Result<Running, Outcome> {
    let namespace = audience.namespace().unwrap_or_default();
    let name = &audience.spec.connection_ref.name;
    let reference = ObjectRef::new(name).within(&namespace);
    let Some(connection) = context.connections.get(&reference) else {
        return Err(Outcome::Unresolved(Problem::new(
            Reason::ConnectionNotFound,
            format!(
                "There is no SharingConnection {name} in namespace {namespace}. Create it, or correct \
                 spec.connectionRef.name in a new SharedAudience."
            ),
        )));
    };
    if connection.metadata.deletion_timestamp.is_some() {
        return Err(Outcome::Unresolved(dependency_not_ready(name)));
    }
    let key = (namespace, name.clone());
    if context.engines.is_without_credential(&key) || context.engines.is_held_elsewhere(&key) {
        return Err(Outcome::Unresolved(dependency_not_ready(name)));
    }
    // Whoever starts the engine wakes its audiences.
    context.engines.get(&key.0, &key.1).ok_or(Outcome::NotOurs)
}
