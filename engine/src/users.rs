//! Which objects use a shared audience. What a resync lists is reported with every reconcile; the rest is read on request.

use audience_sharing_core::domain::destination::Destination;
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::model::Model;
use audience_sharing_core::plan::to_audience_manager::ObservedState;
use audience_sharing_core::plan::used_by::{Used, UsedBy, segment_definitions};

use super::handle::Engine;
use super::state::EngineState;
use adobe_client::gateway::{CallContext, Priority};

/// The objects of a share in Audience Manager; `None` while its trait does not exist.
fn used(observed_state: &ObservedState) -> Option<Used> {
    let additional = observed_state
        .additional_segments
        .iter()
        .map(|(_, sid)| *sid);
    Some(Used {
        shared_trait: observed_state.trait_sid?,
        segments: observed_state
            .segment_sid
            .into_iter()
            .chain(additional)
            .collect(),
    })
}

impl EngineState {
    /// The destinations, if the last resync listed them.
    pub(super) fn listed_users(&self, observed_state: &ObservedState) -> UsedBy {
        let wanted = self.dependency_index.wants_destinations();
        let used = used(observed_state).filter(|_| wanted);
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
    /// Asks Audience Manager for the users of these objects: three lists. What an answer lacks stays unknown; nothing
    /// depends on it.
    pub async fn look_for_users(&self, observed_state: &ObservedState) -> UsedBy {
        let Some(used) = used(observed_state) else {
            return UsedBy::default();
        };
        let context = CallContext {
            priority: Priority::Resync,
            key: "users".into(),
        };
        let audience_manager = &self.systems.audience_manager;
        let containing = audience_manager.segments_containing(&context, used.shared_trait);
        let segments = containing.await.ok();
        let models = audience_manager.list::<Model>(&context, &()).await.ok();
        let destinations = audience_manager
            .list::<Destination>(&context, &())
            .await
            .ok();
        let with_mappings = destinations.and_then(|listing| {
            let all = listing.items.into_iter();
            let all = all.map(|listed| Some((listed.destination, listed.mappings?.items)));
            all.collect::<Option<Vec<_>>>()
        });
        UsedBy {
            segments: segments.map(|listing| used.segments(&listing.items)),
            models: models.map(|listing| {
                let listed = listing.items.iter();
                used.models(listed.map(|listed| &listed.model))
            }),
            destinations: with_mappings.map(|all| {
                let all = all.iter();
                used.destinations(all.map(|(destination, mappings)| (destination, &**mappings)))
            }),
            segment_definitions: None,
        }
    }
}
