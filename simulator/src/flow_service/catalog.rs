//! The specifications that Flow Service knows: of connections, which are the sources and destinations there are, and of
//! flows. Only few of their ids are printed (experience-platform.md §5.7, §5.8); the others are made up.

use serde_json::json;

use super::lists;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Object, object_of};
use crate::world::World;

/// The source side of every destination; printed.
pub(crate) const PROFILE_SERVICE: &str = "8a9c3494-9708-43d7-ae3f-cda01e5030e1";
pub(crate) const EXPERIENCE_CLOUD_AUDIENCES: &str = "b1f0c3a7-52d4-4e0b-9c8e-6d1a7f2e4c95";
pub(crate) const AUDIENCE_MANAGER: &str = "3e6f9d18-0b7c-4a52-8f41-c5d2e7a90b36";
/// Printed.
const AMAZON_S3: &str = "4890fc95-5a1f-4983-94bb-e060c08e3f81";

/// Of destinations by profile; printed.
pub(crate) const TO_PROFILE_DESTINATION: &str = "71471eba-b620-49e4-90fd-23f1fa0174d8";
const TO_SEGMENT_DESTINATION: &str = "2c9d5e70-4b1f-4f6a-a3d8-95e0b7c61f24";
pub(crate) const FROM_AUDIENCE_MANAGER: &str = "7d3b8a54-e6c2-4190-b7f5-1a0e9c4d2f68";

pub(crate) fn list_connection_specs(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let destination = world.flags.flow_service.destination_name.as_str();
    let specs = [
        (PROFILE_SERVICE, "Unified Profile Service"),
        (EXPERIENCE_CLOUD_AUDIENCES, destination),
        (AMAZON_S3, "Amazon S3"),
        (AUDIENCE_MANAGER, "Adobe Audience Manager"),
    ];
    lists::whole(ask, specs.map(spec).to_vec())
}

pub(crate) fn list_flow_specs(_: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let specs = [
        (TO_PROFILE_DESTINATION, "UPStoProfileBasedDestination"),
        (TO_SEGMENT_DESTINATION, "UPStoSegmentBasedDestination"),
        (FROM_AUDIENCE_MANAGER, "AudienceManagerToPlatform"),
    ];
    lists::whole(ask, specs.map(spec).to_vec())
}

fn spec((id, name): (&str, &str)) -> Object {
    object_of([
        ("id", json!(id)),
        ("name", json!(name)),
        ("providerId", json!("14e34fac-d307-11e9-bb65-2a2ae2dbcce4")),
        ("version", json!("1.0")),
    ])
}
