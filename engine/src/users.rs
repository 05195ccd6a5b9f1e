//! Who uses a shared audience: what a pass lists is told with every look, the rest is asked when somebody wants to know.

use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::plan::to_audience_manager::Standing;
use audience_sharing_core::plan::used_by::{Used, UsedBy, segment_definitions};

use super::Engine;
use super::world::World;
use adobe_client::gateway::{Priority, Turn};

/// The objects of a share in Audience Manager; `None` while its trait does not stand.
fn used(standing: &Standing) -> Option<Used> {
    let additional = standing.additional_segments.iter().map(|(_, sid)| *sid);
    Some(Used {
        shared_trait: standing.trait_sid?,
        segments: standing.segment_sid.into_iter().chain(additional).collect(),
    })
}

impl World {
    /// The destinations, where the last pass listed them.
    pub(super) fn listed_users(&self, standing: &Standing) -> UsedBy {
        let wanted = self.interest.wants_destinations();
        let used = used(standing).filter(|_| wanted);
        UsedBy {
            destinations: used.and_then(|used| used.listed_destinations(&self.inventory)),
            ..UsedBy::default()
        }
    }

    pub(super) fn definitions_using(&self, audience: &AudienceId) -> UsedBy {
        UsedBy {
            segment_definitions: Some(segment_definitions(&self.inventory, audience)),
            ..UsedBy::default()
        }
    }
}

impl Engine {
    /// Asks Audience Manager for the users of what stands: three lists. What it does not tell stays unknown; nothing
    /// depends on it.
    pub async fn look_for_users(&self, standing: &Standing) -> UsedBy {
        let Some(used) = used(standing) else {
            return UsedBy::default();
        };
        let turn = Turn {
            priority: Priority::Resync,
            key: "users".into(),
        };
        let audience_manager = &self.systems.audience_manager;
        let containing = audience_manager.segments_containing(&turn, used.shared_trait);
        let segments = containing.await.ok();
        let models = audience_manager.models(&turn).await.ok();
        let destinations = audience_manager.destinations(&turn).await.ok();
        let told = destinations.and_then(|listing| {
            let all = listing.items.into_iter();
            let told = all.map(|listed| Some((listed.destination, listed.mappings?.items)));
            told.collect::<Option<Vec<_>>>()
        });
        UsedBy {
            segments: segments.map(|listing| used.segments(&listing.items)),
            models: models.map(|listing| used.models(&listing.items)),
            destinations: told.map(|all| {
                let all = all
                    .iter()
                    .map(|(destination, mappings)| (destination, &**mappings));
                used.destinations(all)
            }),
            segment_definitions: None,
        }
    }
}
