//! Adobe's own sharing (audience-manager.md §8.1, §8.7): each audience that is activated gets a trait and a segment in
//! Audience Manager by itself, a while later, in a data source and in folders that Adobe makes. Activated are the
//! audiences on a flow to the destination Experience Cloud Audiences, and those that the switch `sharing` names, where
//! no flow is played. It delivers definitions; members are counted in `populations.rs`. What becomes of the pair when an
//! audience is renamed, deleted or taken off the destination, no source says: nothing does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audience_manager::{data_sources, segments, traits};
use crate::caller::Caller;
use crate::experience_platform::common::AUDIENCE_MANAGER_ORIGIN;
use crate::flags::{Activated, Sharing, SharingDataSource, SharingDescription};
use crate::flow_service::selection::{is_to_experience_cloud, sandbox_named, selected, takes};
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

const TRAIT_FOLDER: &str = "Experience Platform Traits";
const SEGMENT_FOLDER: &str = "Experience Platform Segments";
const SEGMENT_DESCRIPTION: &str = "This segment was created in Adobe Experience Platform";

/// One link with the two tenants that it connects.
pub(crate) struct Link {
    caller: Caller,
    /// The sandbox's id.
    sandbox: Value,
    activated: Activated,
    /// A flow's; the older link shares audiences of more origins.
    by_flow: bool,
    delay_ms: u64,
}

impl Link {
    /// All that there are. A link to a sandbox or a company that is not there is none.
    pub(crate) fn all(world: &World) -> Vec<Self> {
        let flows = world.store.all(Kind::Flows);
        let by_flow = flows.filter_map(|flow| Self::of_flow(world, flow));
        Self::set_up(world).into_iter().chain(by_flow).collect()
    }

    fn set_up(world: &World) -> Option<Self> {
        let Sharing {
            pid,
            sandbox,
            audiences,
            delay_ms,
        } = world.flags.sharing.set_up.clone()?;
        let mut credentials = world.credentials.iter();
        let credential = credentials.find(|credential| {
            credential.pid.is_some() && pid.is_none_or(|pid| credential.pid == Some(pid))
        })?;
        Some(Self {
            caller: Caller::of(credential),
            sandbox: sandbox_named(world, &sandbox)?.get("id")?.clone(),
            activated: audiences,
            by_flow: false,
            delay_ms,
        })
    }

    fn of_flow(world: &World, flow: &Object) -> Option<Self> {
        if text_of(flow, "state") != Some("enabled") || !is_to_experience_cloud(flow) {
            return None;
        }
        let owner = text_of(flow, "imsOrgId");
        let mut credentials = world.credentials.iter();
        let credential = credentials.find(|credential| {
            credential.pid.is_some()
                && owner.is_none_or(|owner| credential.organization_id == owner)
        })?;
        let sandbox = sandbox_named(world, text_of(flow, "sandboxName")?)?;
        Some(Self {
            caller: Caller::of(credential),
            sandbox: sandbox.get("id")?.clone(),
            activated: Activated::Some(selected(flow).map(str::to_owned).collect()),
            by_flow: true,
            delay_ms: world.flags.sharing.metadata_delay_ms,
        })
    }

    fn names(&self, id: &str) -> bool {
        match &self.activated {
            Activated::All => true,
            Activated::Some(ids) => ids.contains(id),
        }
    }

    pub(crate) fn shares(&self, audience: &Object) -> bool {
        let taken = match self.by_flow {
            true => takes(audience),
            false => {
                text_of(audience, "lifecycleState").unwrap_or("published") == "published"
                    && text_of(audience, "originName") != Some(AUDIENCE_MANAGER_ORIGIN)
            }
        };
        taken
            && self.names(text_of(audience, "id").unwrap_or_default())
            && audience
                .get("sandbox")
                .is_some_and(|sandbox| sandbox["sandboxId"] == self.sandbox)
    }

    /// The objects of the company that the service made itself, or that anybody made.
    fn named<'w>(&self, world: &'w World, kind: Kind, name: &str) -> Option<&'w Object> {
        let mut found = world.store.all(kind);
        found.find(|object| {
            number_of(object, "pid") == Some(self.caller.pid)
                && text_of(object, "name") == Some(name)
        })
    }
}

/// Puts the audiences that the open write changed or activated on the schedule.
pub(crate) fn note_changes(world: &mut World) {
    for link in Link::all(world) {
        let changed = world.store.open_changes();
        let changed = changed.filter_map(|(kind, key, ..)| match (kind, key) {
            (Kind::Audiences, Key::Text(id)) => Some(id.clone()),
            _ => None,
        });
        let changed = changed
            .filter(|id| !link.by_flow || link.names(id))
            .collect();
        schedule(world, link.delay_ms, changed);
    }
    let flows = world.store.open_changes();
    let flows = flows.filter(|(kind, ..)| *kind == Kind::Flows);
    let activated: BTreeSet<String> = flows
        .flat_map(|(kind, key, before, _)| {
            let on = |flow: &Object| {
                let link = Link::of_flow(world, flow);
                link.map(|_| selected(flow).map(str::to_owned).collect::<BTreeSet<_>>())
            };
            let before = before.and_then(on).unwrap_or_default();
            let after = world.store.get(kind, key).and_then(on).unwrap_or_default();
            after.difference(&before).cloned().collect::<Vec<_>>()
        })
        .collect();
    let delay_ms = world.flags.sharing.metadata_delay_ms;
    schedule(world, delay_ms, activated);
}

/// Puts every audience on the schedule: the first delivery of a link that was just set up.
pub(crate) fn sweep(world: &mut World) {
    for link in Link::all(world) {
        let audiences = match &link.activated {
            Activated::Some(ids) if link.by_flow => ids.clone(),
            _ => {
                let audiences = world.store.all(Kind::Audiences);
                let ids = audiences.filter_map(|audience| text_of(audience, "id"));
                ids.map(str::to_owned).collect()
            }
        };
        schedule(world, link.delay_ms, audiences);
    }
}

fn schedule(world: &mut World, delay_ms: u64, audiences: BTreeSet<String>) {
    let due_ms = world.now_ms().saturating_add(delay_ms);
    for audience in audiences {
        world
            .schedule
            .add(due_ms, Kind::Audiences, Key::Text(audience));
    }
}

/// Makes what an activated audience lacks.
pub(crate) fn deliver(world: &mut World, id: &str) {
    let Some(audience) = world.store.text(Kind::Audiences, id) else {
        return;
    };
    let mut links = Link::all(world).into_iter();
    let Some(link) = links.find(|link| link.shares(audience)) else {
        return;
    };
    let name = audience.get("name").cloned().unwrap_or_default();
    let source = data_source(world, &link);
    let Some(sid) = add_trait(world, &link, (id, &name), source) else {
        return;
    };
    add_segment(world, &link, (id, &name), source, sid);
}

fn add_trait(
    world: &mut World,
    link: &Link,
    (id, name): (&str, &Value),
    source: u64,
) -> Option<u64> {
    if let Some(known) = with_code(world, Kind::Traits, id, source) {
        // In a data source that it shares with a client, another's object has the code: its own is refused.
        return (number_of(known, "crUID") == Some(0)).then(|| number_of(known, "sid"))?;
    }
    let sid = world.store.new_id(Kind::Traits);
    let folder = folder(world, link, Kind::TraitFolders, TRAIT_FOLDER);
    let description = match world.flags.sharing.trait_description {
        SharingDescription::Automatic => "This is an automatically created trait",
        SharingDescription::Corresponds => {
            "This trait corresponds to a segment created in Adobe Experience Platform"
        }
    };
    let mut made = traits::blank(world, &link.caller, sid);
    made.extend(object_of([
        ("traitType", json!("ON_BOARDED_TRAIT")),
        ("name", name.clone()),
        ("description", json!(description)),
        ("integrationCode", json!(id)),
        ("dataSourceId", json!(source)),
        ("folderId", json!(folder)),
        ("traitRule", json!(format!("segid == \"{id}\""))),
    ]));
    set(world, Kind::Traits, sid, made);
    Some(sid)
}

fn add_segment(
    world: &mut World,
    link: &Link,
    (id, name): (&str, &Value),
    source: u64,
    shared: u64,
) {
    if with_code(world, Kind::Segments, id, source).is_some() {
        return;
    }
    let sid = world.store.new_id(Kind::Segments);
    let folder = folder(world, link, Kind::SegmentFolders, SEGMENT_FOLDER);
    let mut made = segments::blank(world, &link.caller, sid);
    made.extend(object_of([
        ("name", name.clone()),
        ("description", json!(SEGMENT_DESCRIPTION)),
        ("integrationCode", json!(id)),
        ("dataSourceId", json!(source)),
        ("folderId", json!(folder)),
        ("segmentRule", json!(format!("{shared}T"))),
        (segments::TRAIT_SOURCES, json!([source])),
    ]));
    set(world, Kind::Segments, sid, made);
}

fn with_code<'w>(world: &'w World, kind: Kind, code: &str, source: u64) -> Option<&'w Object> {
    let found = world.store.with_code(kind, code);
    found
        .into_iter()
        .find(|object| number_of(object, "dataSourceId") == Some(source))
}

fn data_source(world: &mut World, link: &Link) -> u64 {
    let name = match world.flags.sharing.data_source {
        SharingDataSource::AudienceSharing => "Adobe Experience Platform Audience Sharing",
        SharingDataSource::ExperiencePlatformSegments => "Experience Platform Segments",
    };
    let takes_any = world.flags.sharing.takes_named_data_source;
    let known = world.store.all(Kind::DataSources).find(|source| {
        number_of(source, "pid") == Some(link.caller.pid)
            && text_of(source, "name") == Some(name)
            && (takes_any || number_of(source, "crUID") == Some(0))
    });
    if let Some(id) = known.and_then(|source| number_of(source, "dataSourceId")) {
        return id;
    }
    let id = world.store.new_id(Kind::DataSources);
    let mut made = data_sources::blank(world, &link.caller, id);
    made.insert("name".to_owned(), json!(name));
    set(world, Kind::DataSources, id, made);
    id
}

fn folder(world: &mut World, link: &Link, kind: Kind, name: &str) -> u64 {
    let known = link.named(world, kind, name);
    if let Some(id) = known.and_then(|folder| number_of(folder, "folderId")) {
        return id;
    }
    let id = world.store.new_id(kind);
    let made = object_of([
        ("folderId", json!(id)),
        ("pid", json!(link.caller.pid)),
        ("name", json!(name)),
        ("parentFolderId", json!(0)),
    ]);
    world.store.set(kind, Key::Number(id), Some(made));
    id
}

/// What Adobe makes has no user that anybody is.
fn set(world: &mut World, kind: Kind, id: u64, mut made: Object) {
    made.extend(object_of([("crUID", json!(0)), ("upUID", json!(0))]));
    world.store.set(kind, Key::Number(id), Some(made));
}
