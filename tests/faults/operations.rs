//! What users and marketers do: each operation with the world that it begins in.

use serde_json::{Value, json};

use crate::operator::{OWNER, World, audience, connection, secret};

pub(crate) const LOYAL_GAMERS: &str = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// The operator starts over an empty tenant, with connection and audience there.
    Create,
    Update,
    /// The source is renamed in Experience Platform.
    Rename,
    /// The source gets a label that Audience Manager has an export control for.
    GainLabel,
    /// The source loses it again.
    LoseLabel,
    AddSegment,
    RemoveSegment,
    /// A person moves the trait to another folder.
    MoveFolder,
    /// Equal objects without a mark stand already.
    Adopt,
    /// The manifest is renamed: one object appears, the other goes.
    HandOver,
    Delete,
    /// Audience and connection go together, with the shared objects.
    DeleteAll,
}

impl Operation {
    pub(crate) const ALL: [Self; 12] = [
        Self::Create,
        Self::Update,
        Self::Rename,
        Self::GainLabel,
        Self::LoseLabel,
        Self::AddSegment,
        Self::RemoveSegment,
        Self::MoveFolder,
        Self::Adopt,
        Self::HandOver,
        Self::Delete,
        Self::DeleteAll,
    ];

    /// Declares what stands before; the operator runs already unless its start belongs to the operation.
    pub(crate) fn prepare(self, world: &World) {
        world.apply(secret());
        let mut connection = connection("acme");
        if self == Self::DeleteAll {
            connection["spec"]["deletionPolicy"] = json!("Delete");
        }
        world.apply(connection);
        match self {
            Self::Create => {}
            Self::RemoveSegment => world.apply(with_segments(&["one", "two"])),
            Self::Adopt => world.apply(audience("other", OTHER)),
            Self::LoseLabel => {
                label(world, &["core/C3"]);
                world.apply(audience("loyal", LOYAL_GAMERS));
            }
            _ => world.apply(audience("loyal", LOYAL_GAMERS)),
        }
        match self {
            Self::Create => world.apply(audience("loyal", LOYAL_GAMERS)),
            _ => world.start_operator(),
        }
    }

    /// After what was prepared stands.
    pub(crate) fn act(self, world: &World) {
        match self {
            Self::Create => world.start_operator(),
            Self::Update => world.edit(
                "loyal",
                &target(json!({"description": "Plays a lot", "ttlDays": 30})),
            ),
            Self::Rename => {
                world.person(
                    "audiences",
                    LOYAL_GAMERS,
                    &json!({"name": "Very loyal gamers"}),
                );
                world.look_now("loyal");
            }
            Self::GainLabel => {
                label(world, &["core/C3", "custom/finance"]);
                world.look_now("loyal");
            }
            Self::LoseLabel => {
                label(world, &["custom/finance"]);
                world.look_now("loyal");
            }
            Self::AddSegment => world.apply(with_segments(&["one"])),
            Self::RemoveSegment => world.apply(with_segments(&["two"])),
            Self::MoveFolder => {
                let sid = world.audience("loyal")["status"]["audienceManager"]["traitSid"].clone();
                world.person("traits", &sid.to_string(), &json!({"folderId": 325_001}));
                world.look_now("loyal");
            }
            Self::Adopt => {
                adoptable(world);
                let mut adopting = audience("loyal", LOYAL_GAMERS);
                adopting["spec"]["adoptionPolicy"] = json!("Adopt");
                world.apply(adopting);
            }
            Self::HandOver => {
                world.apply(audience("renamed", LOYAL_GAMERS));
                world.delete("loyal");
            }
            Self::Delete => world.delete("loyal"),
            Self::DeleteAll => {
                world.delete("loyal");
                world.delete_connection("acme");
            }
        }
    }
}

fn label(world: &World, labels: &[&str]) {
    world.person("audiences", LOYAL_GAMERS, &json!({"labels": labels}));
}

pub(crate) const OTHER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";

pub(crate) fn target(fields: Value) -> Value {
    json!({"spec": {"target": {"audienceManager": fields}}})
}

fn with_segments(keys: &[&str]) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    let segments: Vec<Value> = keys
        .iter()
        .map(|key| json!({"key": key, "name": format!("Loyal and {key}"), "rule": "{trait} AND 16440001T"}))
        .collect();
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": segments}});
    declared
}

/// A trait and a segment with the keys of the audience, made by a person in our data source, with other texts.
fn adoptable(world: &World) {
    let recorded = world.audience("other")["status"]["audienceManager"].clone();
    let made = world.create("traits", json!({
        "pid": 1794, "name": "Loyal gamers by hand", "description": "by hand", "integrationCode": LOYAL_GAMERS,
        "dataSourceId": recorded["dataSourceId"], "folderId": recorded["traitFolderId"],
        "traitType": "ON_BOARDED_TRAIT", "traitRule": format!("segid == \"{LOYAL_GAMERS}\""), "ttl": 120,
    }));
    world.create("segments", json!({
        "pid": 1794, "name": "Loyal gamers by hand", "description": "by hand", "integrationCode": LOYAL_GAMERS,
        "dataSourceId": recorded["dataSourceId"], "folderId": recorded["segmentFolderId"],
        "segmentRule": format!("{}T", made["sid"]),
    }));
    debug_assert!(!made["description"].to_string().contains(OWNER));
}
