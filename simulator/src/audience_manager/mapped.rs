//! What destinations, mappings and export controls all ask: the kinds of destinations, and which mappings are live.

use serde_json::Value;

use crate::store::{Kind, Object, text_of};
use crate::world::World;

pub(super) const URL: &str = "PUSH";
pub(super) const COOKIE: &str = "ADS";
pub(super) const SERVER_TO_SERVER: &str = "S2S";

pub(super) fn is_serial(destination: &Object) -> bool {
    destination.get("serializationEnabled") == Some(&Value::Bool(true))
}

pub(super) fn is_live(mapping: &Object) -> bool {
    text_of(mapping, "elementStatus") != Some("deleted")
}

/// The mappings of a segment that are not deleted.
pub(super) fn live_of(world: &World, sid: u64) -> impl Iterator<Item = &Object> {
    let mappings = world.store.mappings_of(sid).into_iter();
    mappings.filter(|mapping| is_live(mapping))
}

/// The mappings of a destination that are not deleted.
pub(super) fn live_in(world: &World, destination: u64) -> impl Iterator<Item = &Object> {
    let mappings = world
        .store
        .in_folder(Kind::Mappings, destination)
        .into_iter();
    mappings.filter(|mapping| is_live(mapping))
}
