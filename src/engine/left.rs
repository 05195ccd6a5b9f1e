//! What a resource that went leaves behind: objects that its status names as its own and that are not ours any more, by
//! whatever hand. They are not touched, and never left without a word (L7).

use audience_sharing_core::domain::experience_platform::Lifecycle;

use super::request::{Departure, Retired};
use super::world::World;

impl World {
    /// Nothing is left to do for a resource that leaves: nothing stands any more, or what stands is not ours.
    pub(super) fn gone(&self, departure: &Departure) -> Retired {
        let recorded = &departure.recorded;
        let own_trait = recorded.trait_sid.filter(|_| !recorded.observed);
        let own_trait = own_trait.filter(|sid| self.inventory.traits.get(sid).is_some());
        let own_segment = recorded.segment_sid.filter(|_| !recorded.observed);
        let additional = recorded.additional_segments.iter().map(|(_, sid)| *sid);
        let segments = own_segment.into_iter().chain(additional);
        let segments = segments.filter(|sid| self.inventory.segments.get(sid).is_some());
        let audience = departure.recorded_audience.as_ref();
        let audience = audience
            .filter(|known| !known.observed)
            .and_then(|known| known.audience.as_ref());
        let audience = audience.filter(|id| {
            let stands = self.inventory.audiences.get(id);
            stands.is_some_and(|entry| entry.record.lifecycle != Lifecycle::Deleted)
        });
        let left: Vec<String> = own_trait
            .into_iter()
            .map(|sid| format!("trait {sid}"))
            .chain(segments.map(|sid| format!("segment {sid}")))
            .chain(audience.map(|id| format!("audience {id} of Experience Platform")))
            .collect();
        match left.is_empty() {
            true => Retired::Gone,
            false => Retired::Left(left.join(", ")),
        }
    }
}
