//! What users and marketers do: each operation with the world that it begins in.

use adobe_simulator::{Connector, DataSourceChange, Picked};
use serde_json::{Value, json};

use crate::operator::{World, audience, connection, secret, shared_segment};

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
    /// Two destinations are declared: one by its name, one by its id.
    Map,
    /// Another address for the one destination, another alias for the other.
    ChangeMapping,
    /// One of the two destinations is taken out.
    Unmap,
    /// The audience goes, with two mappings.
    DeleteMapped,
    /// A segment whose rule names traits of another provider, mapped to a destination.
    NameTraits,
    /// Equal objects without a mark stand already.
    Adopt,
    /// The manifest is renamed: one object appears, the other goes.
    HandOver,
    Delete,
    /// Audience and connection go together, with the shared objects.
    DeleteAll,
    /// A segment of Audience Manager, as an external audience of Experience Platform.
    ShareBack,
    /// The same, as metadata alone.
    ShareMetadata,
    /// The same, as a definition over what the connector delivers.
    Mirror,
    /// A segment of Audience Manager is renamed.
    RenameSegment,
    /// A person renames our audience in Experience Platform.
    EditAudience,
    /// Adobe's source connector begins to deliver what we made.
    Deliver,
    HandOverBack,
    DeleteBack,
    /// An algorithmic model is declared.
    AddModel,
    /// The same, and then the audience goes.
    DeleteModelled,
}

impl Operation {
    pub(crate) const ALL: [Self; 27] = [
        Self::Create,
        Self::Update,
        Self::Rename,
        Self::GainLabel,
        Self::LoseLabel,
        Self::AddSegment,
        Self::RemoveSegment,
        Self::MoveFolder,
        Self::Map,
        Self::ChangeMapping,
        Self::Unmap,
        Self::DeleteMapped,
        Self::NameTraits,
        Self::Adopt,
        Self::HandOver,
        Self::Delete,
        Self::DeleteAll,
        Self::ShareBack,
        Self::ShareMetadata,
        Self::Mirror,
        Self::RenameSegment,
        Self::EditAudience,
        Self::Deliver,
        Self::HandOverBack,
        Self::DeleteBack,
        Self::AddModel,
        Self::DeleteModelled,
    ];

    /// Declares what stands before; the operator runs already unless its start belongs to the operation.
    pub(crate) fn prepare(self, world: &World) {
        if matches!(self, Self::GainLabel | Self::LoseLabel) {
            moves_objects(world);
        }
        world.apply(secret());
        let mut connection = connection("acme");
        match self {
            Self::DeleteAll => connection["spec"]["deletionPolicy"] = json!("Delete"),
            _ => world.copy_beside(),
        }
        world.apply(connection);
        destinations(world);
        match self {
            Self::Create => {}
            Self::ChangeMapping | Self::Unmap | Self::DeleteMapped => {
                world.apply(mapped(&[shop("first"), partner("gamers")]));
            }
            Self::RemoveSegment => world.apply(with_segments(&["one", "two"])),
            Self::DeleteModelled => world.apply(with_model()),
            Self::Adopt => world.apply(audience("other", OTHER)),
            Self::LoseLabel => {
                label(world, &["core/C3"]);
                world.apply(audience("loyal", LOYAL_GAMERS));
            }
            Self::ShareBack | Self::ShareMetadata => drop(console_buyers(world)),
            Self::Mirror => {
                console_buyers(world);
                deliver_buyers(world);
            }
            Self::Deliver => {
                let sid = console_buyers(world);
                world.apply(shared_segment("buyers", &sid, "MetadataOnly"));
            }
            Self::RenameSegment | Self::EditAudience | Self::HandOverBack | Self::DeleteBack => {
                let sid = console_buyers(world);
                world.apply(shared_segment("buyers", &sid, "ExternalAudience"));
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
                adopting["spec"]["adoptionPolicy"] = json!("Always");
                world.apply(adopting);
            }
            Self::HandOver => {
                world.apply(audience("renamed", LOYAL_GAMERS));
                world.delete("loyal");
            }
            Self::Map => world.apply(mapped(&[shop("first"), partner("gamers")])),
            Self::ChangeMapping => world.apply(mapped(&[shop("second"), partner("players")])),
            Self::Unmap => world.apply(mapped(&[shop("first")])),
            Self::NameTraits => world.apply(with_named_traits()),
            Self::Delete | Self::DeleteMapped | Self::DeleteModelled => world.delete("loyal"),
            Self::AddModel => world.apply(with_model()),
            Self::DeleteAll => {
                world.delete("loyal");
                world.delete_connection("acme");
            }
            Self::ShareBack => share(world, "buyers", "ExternalAudience"),
            Self::ShareMetadata => share(world, "buyers", "MetadataOnly"),
            Self::Mirror => share(world, "buyers", "SegmentDefinition"),
            Self::RenameSegment => {
                let renamed = json!({"name": "Buyers of consoles"});
                world.person("segments", &sid_of_buyers(world).to_string(), &renamed);
                world.look_now("buyers");
            }
            Self::EditAudience => {
                let id = world.audience("buyers")["status"]["experiencePlatform"]["id"].clone();
                let edited = json!({"name": "Edited by hand"});
                world.person("audiences", id.as_str().unwrap(), &edited);
                world.look_now("buyers");
            }
            Self::Deliver => {
                deliver_buyers(world);
                world.look_now("buyers");
            }
            Self::HandOverBack => {
                share(world, "renamed", "ExternalAudience");
                world.delete("buyers");
            }
            Self::DeleteBack => world.delete("buyers"),
        }
    }
}

pub(crate) fn label(world: &World, labels: &[&str]) {
    world.person("audiences", LOYAL_GAMERS, &json!({"labels": labels}));
}

/// A segment of the company's own; gives its sid.
pub(crate) fn console_buyers(world: &World) -> Value {
    let made = world.create(
        "segments",
        json!({
            "pid": 1794, "name": "Console buyers", "description": "Bought a console", "dataSourceId": 29_771,
            "folderId": 0, "segmentRule": "16440001T", "traitDataSourceIds": [29_771], "status": "ACTIVE",
        }),
    );
    made["sid"].clone()
}

pub(crate) fn sid_of_buyers(world: &World) -> Value {
    let state = world.tenant();
    let mut segments = state["segments"].as_array().unwrap().iter();
    segments
        .find(|found| found["name"] == "Console buyers")
        .unwrap()["sid"]
        .clone()
}

fn share(world: &World, name: &str, strategy: &str) {
    world.apply(shared_segment(name, &sid_of_buyers(world), strategy));
}

/// A person sets Adobe's source connector up for it, beside what it delivers already.
pub(crate) fn deliver(world: &World, collection: &str, sid: u64) {
    let mut flags = world.simulator.flags();
    let connector = flags.connector.set_up.get_or_insert_with(|| Connector {
        pid: None,
        sandbox: "prod".into(),
        segments: Picked::None,
        traits: Picked::None,
        delay_ms: 0,
    });
    let picked = match collection {
        "traits" => &mut connector.traits,
        _ => &mut connector.segments,
    };
    match picked {
        Picked::All => {}
        Picked::None => *picked = Picked::Some([sid].into()),
        Picked::Some(sids) => drop(sids.insert(sid)),
    }
    world.simulator.set_flags(flags);
    world.choke_point.snapshot();
}

pub(crate) fn deliver_buyers(world: &World) {
    let sid = sid_of_buyers(world).as_u64().unwrap();
    deliver(world, "segments", sid);
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

/// Destinations of the tenant, and a mapping of a person's.
pub(crate) fn destinations(world: &World) {
    world.create(
        "destinations",
        json!({"pid": 1794, "destinationId": 4711, "name": "Shop", "destinationType": "PUSH", "status": "ACTIVE",
            "serializationEnabled": false}),
    );
    world.create(
        "destinations",
        json!({"pid": 1794, "destinationId": 4712, "name": "Partner", "destinationType": "S2S", "status": "ACTIVE"}),
    );
    world.create(
        "mappings",
        json!({"pid": 1794, "destinationId": 4711, "sid": 16_450_001, "traitType": "SEGMENT", "elementStatus": "active",
            "url": "https://by-hand.example"}),
    );
}

pub(crate) fn shop(page: &str) -> Value {
    json!({"key": "shop", "name": "Shop", "url": format!("https://shop.example/{page}"), "startDate": "2026-07-04"})
}

pub(crate) fn partner(alias: &str) -> Value {
    json!({"key": "partner", "id": 4712, "alias": alias})
}

pub(crate) fn mapped(destinations: &[Value]) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({"audienceManager": {"destinations": destinations}});
    declared
}

/// Without a trait, which only a run of it would bring.
fn with_model() -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({"audienceManager": {"models": [
        {"key": "look", "name": "Like gamers", "dataSourceIds": [6601], "lookBackDays": 30},
    ]}});
    declared
}

fn with_named_traits() -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [{
        "key": "third", "name": "Loyal and third", "rule": "{trait} AND ({auto} OR {pets})",
        "traits": [
            {"key": "auto", "name": "Auto intenders", "dataSourceId": 6601},
            {"key": "pets", "sid": 9913},
        ],
        "destinations": [partner("third")],
    }]}});
    declared
}

/// A trait and a segment with the keys of the audience, made by a person in our data source, with other texts.
/// Audience Manager moves an object to the data source that an update names. Under the worse reading the object stays, and
/// nothing that follows a move happens (`labels::a_server_that_moves_nothing_is_told_until_it_moves`).
pub(crate) fn moves_objects(world: &World) {
    let mut flags = world.simulator.flags();
    flags.audience_manager.data_source_change = DataSourceChange::Follows;
    world.simulator.set_flags(flags);
}

fn adoptable(world: &World) {
    let recorded = world.audience("other")["status"]["audienceManager"].clone();
    let made = world.create("traits", json!({
        "pid": 1794, "name": "Loyal gamers by hand", "description": "by hand", "integrationCode": LOYAL_GAMERS,
        "dataSourceId": recorded["dataSourceId"], "folderId": recorded["traitFolderId"],
        "traitType": "ON_BOARDED_TRAIT", "traitRule": format!("segid == \"{LOYAL_GAMERS}\""), "ttl": 120,
    }));
    world.changes.adopt("traits", &made["sid"]);
    let segment = world.create("segments", json!({
        "pid": 1794, "name": "Loyal gamers by hand", "description": "by hand", "integrationCode": LOYAL_GAMERS,
        "dataSourceId": recorded["dataSourceId"], "folderId": recorded["segmentFolderId"],
        "segmentRule": format!("{}T", made["sid"]),
    }));
    world.changes.adopt("segments", &segment["sid"]);
}
