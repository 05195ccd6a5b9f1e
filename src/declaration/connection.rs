//! What a `SharingConnection` declares.

use std::time::Duration;

use adobe_client::gateway::RateLimitOptions;
use audience_sharing_core::compose::ConnectionSettings;
use audience_sharing_core::domain::identifier::{DataSourceId, OrganizationId, SandboxName};
use audience_sharing_core::domain::mark::OwnerId;
use audience_sharing_engine::Problem;

use super::audience::adoption_policy;
use super::problem::invalid;
use crate::api::sharing_connection::{AudienceManagerSettings, RateLimit};
use crate::api::{DeletionPolicy, SharingConnection};

pub(crate) struct ConnectionDeclaration {
    pub(crate) organization: OrganizationId,
    /// The name of the Secret.
    pub(crate) secret: String,
    pub(crate) sandbox: SandboxName,
    pub(crate) settings: ConnectionSettings,
    pub(crate) resync_interval: Duration,
    pub(crate) rate_limit: RateLimitOptions,
    /// The shared objects are deleted with the resource.
    pub(crate) deletes_shared_objects: bool,
    /// Its audiences are not reconciled, but can be deleted.
    pub(crate) invalid: Option<Problem>,
    audience_manager: AudienceManagerSettings,
}

impl ConnectionDeclaration {
    pub(crate) fn of(
        connection: &SharingConnection,
        owner: &OwnerId,
        previous_owners: &[OwnerId],
    ) -> Self {
        let spec = &connection.spec;
        let audience_manager = &spec.audience_manager;
        let merge_rule = audience_manager.profile_merge_rule.as_ref();
        Self {
            organization: organization(connection),
            secret: spec.credentials_secret_ref.name.clone(),
            sandbox: SandboxName::new(spec.experience_platform.sandbox.as_str()),
            settings: ConnectionSettings {
                owner: owner.clone(),
                previous_owners: previous_owners.to_vec(),
                data_source: audience_manager.data_source.as_str().into(),
                trait_folder: audience_manager.trait_folder.as_str().into(),
                segment_folder: audience_manager.segment_folder.as_str().into(),
                merge_rule: merge_rule
                    .and_then(|rule| u64::try_from(rule.data_source_id).ok())
                    .map(DataSourceId),
                trait_rule_key: audience_manager.trait_rule_key.as_str().into(),
                adoption: adoption_policy(spec.adoption_policy),
            },
            resync_interval: spec.resync_interval(),
            rate_limit: rate_limit(spec.budget.as_ref().unwrap_or(&spec.rate_limit)),
            deletes_shared_objects: spec.deletion_policy == DeletionPolicy::Delete,
            invalid: spec
                .budget
                .as_ref()
                .map(|_| invalid("spec.budget was renamed to spec.rateLimit.").of_connection()),
            audience_manager: audience_manager.clone(),
        }
    }

    /// What distinguishes one pair of tenants, and the place in it, from another.
    pub(crate) fn tenants(&self) -> (&OrganizationId, &SandboxName, &AudienceManagerSettings) {
        (&self.organization, &self.sandbox, &self.audience_manager)
    }
}

/// In the one spelling by which the organization is known here.
pub(crate) fn organization(connection: &SharingConnection) -> OrganizationId {
    OrganizationId::new(&connection.spec.organization_id)
}

/// The schema bounds both; what was stored before it did is brought inside.
fn rate_limit(declared: &RateLimit) -> RateLimitOptions {
    let at_least_one = |value: i32| u32::try_from(value).unwrap_or(1).max(1);
    RateLimitOptions {
        requests_per_minute: at_least_one(declared.requests_per_minute),
        burst: at_least_one(declared.burst),
    }
}
