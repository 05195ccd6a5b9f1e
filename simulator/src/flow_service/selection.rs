//! Which audiences are on the destination Experience Cloud Audiences (experience-platform.md §5.5, §5.7): what a flow
//! selects, and what the destination takes. Reads flows and changes none.

use serde_json::Value;

use super::catalog::EXPERIENCE_CLOUD_AUDIENCES;
use crate::store::{Kind, Object, text_of};
use crate::world::World;

/// Where a flow keeps what it selects.
pub(crate) const SELECTORS: &str = "/transformations/0/params/segmentSelectors/selectors";

/// The ids that a flow selects, in its order.
pub(crate) fn selected(flow: &Object) -> impl Iterator<Item = &str> {
    let first = flow.get("transformations").and_then(|all| all.get(0));
    let selectors = first
        .and_then(|one| one.pointer("/params/segmentSelectors/selectors"))
        .and_then(Value::as_array);
    selectors.into_iter().flatten().filter_map(id_of)
}

pub(crate) fn id_of(selector: &Value) -> Option<&str> {
    selector["value"]["id"].as_str()
}

/// Only published people audiences of the Segmentation Service: by the newest text no uploads, no look-alikes, and
/// none that came from Audience Manager.
pub(crate) fn takes(audience: &Object) -> bool {
    let origin = text_of(audience, "originName");
    text_of(audience, "type") == Some("SegmentDefinition")
        && origin.is_none_or(|origin| origin == "REAL_TIME_CUSTOMER_PROFILE")
        && ["published", "active"]
            .contains(&text_of(audience, "lifecycleState").unwrap_or("published"))
}

/// The audience of the flow's sandbox with this id.
pub(crate) fn audience_of<'w>(world: &'w World, flow: &Object, id: &str) -> Option<&'w Object> {
    let sandbox = sandbox_named(world, text_of(flow, "sandboxName")?)?;
    let audience = world.store.text(Kind::Audiences, id)?;
    let its = audience.get("sandbox")?.get("sandboxId");
    (its == sandbox.get("id")).then_some(audience)
}

pub(crate) fn is_to_experience_cloud(flow: &Object) -> bool {
    let targets = flow
        .get("inheritedAttributes")
        .and_then(|inherited| inherited["targetConnections"].as_array());
    let mut targets = targets.into_iter().flatten();
    targets.any(|target| target["connectionSpec"]["id"] == EXPERIENCE_CLOUD_AUDIENCES)
}

pub(crate) fn sandbox_named<'w>(world: &'w World, name: &str) -> Option<&'w Object> {
    let mut sandboxes = world.store.all(Kind::Sandboxes);
    sandboxes.find(|sandbox| text_of(sandbox, "name") == Some(name))
}
