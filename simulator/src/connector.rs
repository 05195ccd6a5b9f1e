//! Adobe's source connector (experience-platform.md §5.1, §5.2; audience-manager.md §9): traits and segments of a
//! company appear as audiences by themselves, a while after they changed, and nobody else may write to those. There is no
//! API to set it up: the switch `connector` is the person who did. It delivers definitions; members are counted in
//! `populations.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audience_manager::export_controls;
use crate::experience_platform::audience;
use crate::experience_platform::common::{AUDIENCE_MANAGER_ORIGIN, sandbox_view};
use crate::flags::{
    Connector, ConnectorCollision, ConnectorDeletion, ConnectorNamespaces, ExternalAudienceIds,
    Picked,
};
use crate::store::{Key, Kind, Object, number_of, object_of, text_of, value_of};
use crate::world::World;

/// The connector with what it stands between.
struct Link {
    connector: Connector,
    pid: u64,
    organization: String,
    sandbox: Object,
}

impl Link {
    /// `None` where no connector is set up, it is paused, or it names a sandbox or a company that is not there.
    fn of(world: &World) -> Option<Self> {
        if world.flags.connector.paused {
            return None;
        }
        let connector = world.flags.connector.set_up.clone()?;
        let credential = world.credentials.iter().find(|credential| {
            credential.pid.is_some() && connector.pid.is_none_or(|pid| credential.pid == Some(pid))
        })?;
        let sandbox = world
            .store
            .all(Kind::Sandboxes)
            .find(|sandbox| text_of(sandbox, "name") == Some(&connector.sandbox))?
            .clone();
        Some(Self {
            pid: credential.pid?,
            organization: credential.organization_id.clone(),
            connector,
            sandbox,
        })
    }

    /// Only first-party traits and segments can be picked (audience-manager.md §9).
    fn delivers(&self, kind: Kind, object: &Object) -> bool {
        let own = number_of(object, "pid").is_none_or(|pid| pid == self.pid);
        own && number_of(object, "sid").is_some_and(|sid| self.picked(kind, sid))
    }

    fn picked(&self, kind: Kind, sid: u64) -> bool {
        let picked = match kind {
            Kind::Traits => &self.connector.traits,
            _ => &self.connector.segments,
        };
        match picked {
            Picked::None => false,
            Picked::All => true,
            Picked::Some(sids) => sids.contains(&sid),
        }
    }
}

fn namespace(world: &World, kind: Kind) -> &'static str {
    match (world.flags.connector.namespaces, kind) {
        (ConnectorNamespaces::One, _) => "AAM",
        (ConnectorNamespaces::PerKind, Kind::Traits) => "AAMTraits",
        (ConnectorNamespaces::PerKind, _) => "AAMSegments",
        (ConnectorNamespaces::LowerCamel, Kind::Traits) => "aamTraits",
        (ConnectorNamespaces::LowerCamel, _) => "aamSegments",
    }
}

/// Puts the traits and segments that the open write changed on the schedule.
pub(crate) fn note_changes(world: &mut World) {
    let Some(connector) = &world.flags.connector.set_up else {
        return;
    };
    let due_ms = world.now_ms().saturating_add(connector.delay_ms);
    let changed: Vec<(Kind, u64)> = world
        .store
        .open_changes()
        .filter_map(|(kind, key, ..)| match (kind, key) {
            (Kind::Traits | Kind::Segments, Key::Number(sid)) => Some((kind, *sid)),
            _ => None,
        })
        .collect();
    for (kind, sid) in changed {
        world.schedule.add(due_ms, kind, Key::Number(sid));
    }
}

/// Puts everything on the schedule that is not as it should be and not on its way: the first delivery of a connector
/// that was just set up.
pub(crate) fn sweep(world: &mut World) {
    let Some(link) = Link::of(world) else {
        return;
    };
    let due_ms = world.now_ms().saturating_add(link.connector.delay_ms);
    let on_the_way: BTreeSet<u64> = world.schedule.deliveries().map(|one| one.sid).collect();
    let mut late = Vec::new();
    for kind in [Kind::Traits, Kind::Segments] {
        let standing = world
            .store
            .all(kind)
            .filter(|object| link.delivers(kind, object));
        let delivered = world.store.all(Kind::Audiences).filter(|audience| {
            is_ours(&link, audience) && has_text(audience, "namespace", namespace(world, kind))
        });
        let sids: BTreeSet<u64> = standing
            .filter_map(|object| number_of(object, "sid"))
            .chain(delivered.filter_map(|audience| number_of(audience, "audienceId")))
            .filter(|sid| !on_the_way.contains(sid))
            .collect();
        late.extend(sids.into_iter().map(|sid| (kind, sid)));
    }
    for (kind, sid) in late {
        if next(world, &link, kind, sid).is_some() {
            world.schedule.add(due_ms, kind, Key::Number(sid));
        }
    }
}

/// The audiences that it made by `made_until`, with the members of their traits and segments that have numbers.
pub(crate) fn populations(world: &World, made_until: u64) -> Vec<(Object, u64)> {
    let Some(link) = Link::of(world).filter(|_| !world.flags.connector.link_broken) else {
        return Vec::new();
    };
    let made = world.store.all(Kind::Audiences);
    let made = made.filter(|audience| is_ours(&link, audience));
    let made = made.filter(|audience| {
        number_of(audience, "creationTime").is_some_and(|made| made <= made_until)
    });
    let counted = made.filter_map(|audience| {
        let sid = number_of(audience, "audienceId")?;
        let numbers = [
            (Kind::Segments, "totalUniques1Day"),
            (Kind::Traits, "uniques30Day"),
        ];
        let members = numbers.into_iter().find_map(|(kind, field)| {
            let object = world.store.number(kind, sid)?;
            let delivered = link.delivers(kind, object);
            number_of(object, field).filter(|_| delivered)
        })?;
        Some((audience.clone(), members))
    });
    counted.collect()
}

/// What one delivery does.
enum Delivery {
    Appears(Object),
    Changes(Object),
    Goes(Object),
}

/// Takes one trait or segment over to Experience Platform as it is now.
pub(crate) fn deliver(world: &mut World, kind: Kind, sid: u64) {
    let Some(link) = Link::of(world) else {
        return;
    };
    match next(world, &link, kind, sid) {
        None => {}
        Some(Delivery::Appears(facts)) => {
            let made = appear(world, &link, kind, sid, facts);
            store(world, made);
        }
        Some(Delivery::Changes(mut changed)) => {
            audience::touch(world, &mut changed);
            store(world, changed);
        }
        Some(Delivery::Goes(audience)) => {
            if let Some(key) = Key::of(Kind::Audiences, &audience) {
                world.store.set(Kind::Audiences, key, None);
            }
        }
    }
}

fn store(world: &mut World, audience: Object) {
    if let Some(key) = Key::of(Kind::Audiences, &audience) {
        world.store.set(Kind::Audiences, key, Some(audience));
    }
}

fn next(world: &World, link: &Link, kind: Kind, sid: u64) -> Option<Delivery> {
    let object = world
        .store
        .number(kind, sid)
        .filter(|object| link.delivers(kind, object));
    let same_key: Vec<&Object> = world
        .store
        .with_code(Kind::Audiences, &sid.to_string())
        .into_iter()
        .filter(|audience| in_sandbox(link, audience))
        .filter(|audience| has_text(audience, "namespace", namespace(world, kind)))
        .collect();
    let ours = same_key.iter().find(|audience| is_ours(link, audience));
    let theirs = same_key.iter().find(|audience| !is_ours(link, audience));
    match (object, ours, theirs) {
        (None, None, _) => None,
        (None, Some(audience), _) => depart(world, link, kind, sid, audience),
        (Some(object), Some(audience), _) => follow(world, kind, object, audience),
        (Some(object), None, None) => Some(Delivery::Appears(facts(world, kind, object))),
        (Some(object), None, Some(theirs)) => {
            let same_id = text_of(theirs, "id") == Some(&composite(world, link, kind, sid))
                && world.flags.connector.audience_ids == ExternalAudienceIds::Composite;
            match world.flags.connector.collision {
                ConnectorCollision::Skips => None,
                ConnectorCollision::Beside if !same_id => {
                    Some(Delivery::Appears(facts(world, kind, object)))
                }
                ConnectorCollision::Beside | ConnectorCollision::TakesOver => {
                    let mut taken = (*theirs).clone();
                    taken.extend(facts(world, kind, object));
                    taken.insert("originName".to_owned(), json!(AUDIENCE_MANAGER_ORIGIN));
                    Some(Delivery::Changes(taken))
                }
            }
        }
    }
}

/// A deleted trait or segment: no source says what becomes of its audience.
fn depart(world: &World, link: &Link, kind: Kind, sid: u64, audience: &Object) -> Option<Delivery> {
    // One that was only taken off the list is not deleted: its audience stays.
    if !link.picked(kind, sid) {
        return None;
    }
    match world.flags.connector.deletion {
        ConnectorDeletion::Keeps => None,
        ConnectorDeletion::Removes => Some(Delivery::Goes(audience.clone())),
        ConnectorDeletion::MarksDeleted => {
            let mut marked = audience.clone();
            let meta = marked.entry("audienceMeta").or_insert(json!({}));
            if meta["segmentStatus"] == "DELETED" {
                return None;
            }
            meta["segmentStatus"] = json!("DELETED");
            Some(Delivery::Changes(marked))
        }
    }
}

fn follow(world: &World, kind: Kind, object: &Object, audience: &Object) -> Option<Delivery> {
    let mut now = facts(world, kind, object);
    if !world.flags.connector.renames {
        let status = now
            .get("audienceMeta")
            .map(|meta| meta["segmentStatus"].clone());
        for field in ["name", "description", "audienceMeta"] {
            let before = value_of(audience, field);
            now.insert(field.to_owned(), before);
        }
        now["audienceMeta"]["segmentStatus"] = status.unwrap_or(Value::Null);
    }
    // Labels that somebody else put there stay.
    let own = &world.flags.connector.export_control_labels;
    let others = labels(audience).filter(|label| !own.values().any(|one| one == label));
    let mut all: Vec<String> = others.map(str::to_owned).collect();
    all.extend(labels(&now).map(str::to_owned));
    now.insert("labels".to_owned(), json!(all));
    let mut after = audience.clone();
    after.extend(now);
    (after != *audience).then_some(Delivery::Changes(after))
}

fn labels(audience: &Object) -> impl Iterator<Item = &str> {
    let labels = audience.get("labels").and_then(Value::as_array);
    labels.into_iter().flatten().filter_map(Value::as_str)
}

/// What the audience shows of its trait or segment.
fn facts(world: &World, kind: Kind, object: &Object) -> Object {
    let active = text_of(object, "status") != Some("INACTIVE");
    let inactive = !active && world.flags.connector.paused_is_inactive;
    let controls = match kind {
        Kind::Traits => export_controls::of_trait(world, object),
        _ => export_controls::of_segment(world, object),
    };
    let labels: BTreeSet<&String> = controls
        .iter()
        .filter_map(|control| world.flags.connector.export_control_labels.get(control))
        .collect();
    let name = value_of(object, "name");
    let description = text_of(object, "description").unwrap_or_default();
    object_of([
        ("name", name),
        ("description", json!(description)),
        (
            "lifecycleState",
            json!(if inactive { "inactive" } else { "published" }),
        ),
        ("labels", json!(labels)),
        (
            "audienceMeta",
            json!({
                "segmentStatus": if active { "ACTIVE" } else { "INACTIVE" },
                "AAMFolderId": folder(world, kind, object),
            }),
        ),
    ])
}

/// As the sample writes it: `325813-testnew` (experience-platform.md §3.3).
fn folder(world: &World, kind: Kind, object: &Object) -> String {
    let (folders, root) = match kind {
        Kind::Traits => (Kind::TraitFolders, "All Traits"),
        _ => (Kind::SegmentFolders, "All Segments"),
    };
    let id = number_of(object, "folderId").unwrap_or(0);
    let name = world
        .store
        .number(folders, id)
        .and_then(|folder| text_of(folder, "name"))
        .unwrap_or(root);
    format!("{id}-{name}")
}

fn appear(world: &mut World, link: &Link, kind: Kind, sid: u64, facts: Object) -> Object {
    let now_ms = world.now_ms();
    let id = match world.flags.connector.audience_ids {
        ExternalAudienceIds::Uuid => world.uuid(),
        ExternalAudienceIds::Composite => composite(world, link, kind, sid),
    };
    let mut made = object_of([
        ("id", json!(id)),
        ("audienceId", json!(sid.to_string())),
        ("type", json!("ExternalSegment")),
        ("namespace", json!(namespace(world, kind))),
        ("originName", json!(AUDIENCE_MANAGER_ORIGIN)),
        ("imsOrgId", json!(link.organization)),
        ("sandbox", sandbox_view(&link.sandbox)),
        ("isSystem", json!(false)),
        ("createdBy", json!("Audience Manager")),
        ("creationTime", json!(now_ms)),
        ("createEpoch", json!(now_ms / 1000)),
    ]);
    made.extend(facts);
    audience::touch(world, &mut made);
    made
}

fn composite(world: &World, link: &Link, kind: Kind, sid: u64) -> String {
    let sandbox = text_of(&link.sandbox, "id").unwrap_or_default();
    audience::composite_id(namespace(world, kind), &sid.to_string(), sandbox)
}

fn is_ours(link: &Link, audience: &Object) -> bool {
    has_text(audience, "originName", AUDIENCE_MANAGER_ORIGIN) && in_sandbox(link, audience)
}

fn in_sandbox(link: &Link, audience: &Object) -> bool {
    let sandbox = audience.get("sandbox");
    let id = sandbox.and_then(|sandbox| sandbox.get("sandboxId"));
    id.and_then(Value::as_str) == text_of(&link.sandbox, "id")
}

fn has_text(object: &Object, field: &str, wanted: &str) -> bool {
    text_of(object, field).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}
