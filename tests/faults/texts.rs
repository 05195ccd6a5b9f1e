//! What we write is compared field by field, and what a service changes of it is written once and no more.

use std::time::Duration;

use adobe_simulator::{DefinitionExpressions, StoredTexts};
use rstest::rstest;
use serde_json::{Value, json};

use crate::choke_point::Call;
use crate::failures::answers::set_flags;
use crate::operations::{
    LOYAL_GAMERS, Operation, console_buyers, deliver_buyers, moves_objects, sid_of_buyers, target,
};
use crate::operator::{World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::verdict;
use crate::virtual_time;

/// The writes to Adobe after so many calls.
fn writes_since(world: &World, count: usize) -> Vec<Call> {
    let calls = world.choke_point.calls().split_off(count);
    calls.into_iter().filter(Call::is_remote_write).collect()
}

fn is_ready(world: &World, name: &str) -> bool {
    verdict::ready(&world.audience(name)).0 == "True"
}

fn reason(world: &World, name: &str) -> String {
    verdict::ready(&world.audience(name)).1
}

fn find(world: &World, collection: &str, id: &Value) -> Value {
    let state = world.simulator.state();
    let mut found = state[collection].as_array().unwrap().iter();
    let is_it = |found: &&Value| found["sid"] == *id || found["id"] == *id;
    found.find(is_it).cloned().unwrap_or_default()
}

/// Our object of one kind, as the status names it.
fn ours(world: &World, name: &str, collection: &str) -> Value {
    let status = &world.audience(name)["status"];
    let id = match collection {
        "traits" => &status["audienceManager"]["traitSid"],
        "segments" => &status["audienceManager"]["segmentSid"],
        _ => &status["experiencePlatform"]["id"],
    };
    find(world, collection, id)
}

fn id_of(object: &Value) -> String {
    match &object["sid"] {
        Value::Null => object["id"].as_str().unwrap().to_owned(),
        sid => sid.to_string(),
    }
}

/// A running operator, and the segment of [`console_buyers`] is shared to Experience Platform as `buyers`.
pub(crate) async fn shared_there(strategy: &str) -> World {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    let sid = console_buyers(&world);
    if strategy == "SegmentDefinition" {
        deliver_buyers(&world);
    }
    world.apply(shared_segment("buyers", &sid, strategy));
    world.start_operator();
    virtual_time::passes(LOOK).await;
    world
}

/// Every field that a create of ours sends, but for what no write changes (type, namespace, audience id, origin).
#[rstest]
#[case::a_trait("traits", json!({"name": "by hand"}))]
#[case::a_trait("traits", json!({"description": "by hand"}))]
#[case::a_trait("traits", json!({"integrationCode": "by-hand"}))]
#[case::a_trait("traits", json!({"integrationCode": null}))]
#[case::a_trait("traits", json!({"dataSourceId": 29_771}))]
#[case::a_trait("traits", json!({"folderId": 325_001}))]
#[case::a_trait("traits", json!({"traitRule": "segid == \"another\""}))]
#[case::a_trait("traits", json!({"ttl": 7}))]
#[case::a_trait("traits", json!({"status": "INACTIVE"}))]
#[case::a_segment("segments", json!({"name": "by hand"}))]
#[case::a_segment("segments", json!({"description": "by hand"}))]
#[case::a_segment("segments", json!({"integrationCode": "by-hand"}))]
#[case::a_segment("segments", json!({"integrationCode": null}))]
#[case::a_segment("segments", json!({"dataSourceId": 29_771}))]
#[case::a_segment("segments", json!({"folderId": 0}))]
#[case::a_segment("segments", json!({"segmentRule": "16440001T"}))]
#[case::a_segment("segments", json!({"status": "INACTIVE"}))]
#[case::an_audience("audiences", json!({"name": "by hand"}))]
#[case::an_audience("audiences", json!({"description": "by hand"}))]
#[case::an_audience("audiences", json!({"lifecycleState": "inactive"}))]
#[case::an_audience("audiences", json!({"lifecycleState": "draft"}))]
#[case::a_definition("definitions", json!({"name": "by hand"}))]
#[case::a_definition("definitions", json!({"description": "by hand"}))]
#[case::a_definition("definitions", json!({"lifecycleState": "inactive"}))]
#[case::a_definition("definitions", json!({"expression": {
    "type": "PQL", "format": "pql/text", "value": "workAddress.country = \"US\""}}))]
fn what_a_person_changes_of_our_object_is_put_back(#[case] kind: &str, #[case] patch: Value) {
    on_virtual_time(async {
        let (name, collection, world) = match kind {
            "audiences" => ("buyers", kind, shared_there("ExternalAudience").await),
            "definitions" => (
                "buyers",
                "audiences",
                shared_there("SegmentDefinition").await,
            ),
            _ => ("loyal", kind, World::sharing("loyal", LOYAL_GAMERS).await),
        };
        assert!(is_ready(&world, name), "{}", reason(&world, name));
        moves_objects(&world);
        let made = ours(&world, name, collection);
        world.person(collection, &id_of(&made), &patch);
        let count = world.choke_point.count();
        world.look_now(name);
        virtual_time::passes(LOOK).await;
        let found = ours(&world, name, collection);
        for field in patch.as_object().unwrap().keys() {
            assert_eq!(found[field], made[field], "{field} of {found}");
        }
        assert!(is_ready(&world, name), "{}", reason(&world, name));
        let writes = writes_since(&world, count);
        assert_eq!(writes.len(), 1, "{writes:#?}");
    });
}

#[test]
fn a_changed_code_and_a_lost_status_leave_one_pair() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        for collection in ["traits", "segments"] {
            let made = ours(&world, "loyal", collection);
            let by_hand = json!({"integrationCode": "by-hand"});
            world.person(collection, &id_of(&made), &by_hand);
        }
        world.look_now("loyal");
        virtual_time::passes(LOOK).await;
        world.kill_operator();
        world.edit("loyal", &json!({"status": null}));
        world.start_operator();
        virtual_time::passes(REST).await;
        assert!(is_ready(&world, "loyal"), "{}", reason(&world, "loyal"));
        assert!(world.choke_point.violations().is_empty());
        let state = world.tenant();
        for collection in ["traits", "segments"] {
            let marked = state[collection].as_array().unwrap().iter();
            let mark = "/marketing/loyal";
            let marked: Vec<_> = marked
                .filter(|found| found["description"].to_string().contains(mark))
                .collect();
            assert_eq!(marked.len(), 1, "{marked:#?}");
        }
    });
}

/// Where a service changes white space, a name is not what was declared, byte for byte
/// (`a_text_that_is_stored_otherwise_is_told_and_not_written_again`).
fn stores_texts_as_sent(world: &World) {
    set_flags(world, &json!({"shared": {"storedTexts": "asSent"}}));
}

#[rstest]
#[case::resolved("Shoes &amp; Bags", "Shoes & Bags")]
#[case::escaped("Shoes & Bags", "Shoes &amp; Bags")]
#[case::escaped_twice("Shoes &amp; Bags", "Shoes &amp;amp; Bags")]
#[case::white_space("Shoes  and Bags", "Shoes and Bags")]
fn a_rename_to_another_spelling_is_a_rename(#[case] from: &str, #[case] to: &str) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        stores_texts_as_sent(&world);
        for name in [from, to] {
            world.person(
                "audiences",
                LOYAL_GAMERS,
                &json!({"name": name, "description": name}),
            );
            world.look_now("loyal");
            virtual_time::passes(LOOK).await;
            assert_eq!(ours(&world, "loyal", "traits")["name"], name);
            assert_eq!(ours(&world, "loyal", "segments")["name"], name);
            assert!(
                ours(&world, "loyal", "traits")["description"]
                    .as_str()
                    .unwrap()
                    .starts_with(name)
            );
        }
        let world = shared_there("ExternalAudience").await;
        stores_texts_as_sent(&world);
        let sid = sid_of_buyers(&world).to_string();
        for name in [from, to] {
            world.person(
                "segments",
                &sid,
                &json!({"name": name, "description": name}),
            );
            world.look_now("buyers");
            virtual_time::passes(LOOK).await;
            assert_eq!(ours(&world, "buyers", "audiences")["name"], name);
        }
    });
}

#[rstest]
fn a_definition_answered_in_another_form_is_written_once(
    #[values(
        DefinitionExpressions::Json,
        DefinitionExpressions::Reformatted,
        DefinitionExpressions::Unknown
    )]
    form: DefinitionExpressions,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        set_flags(
            &world,
            &json!({"experiencePlatform": {"definitionExpressions": form}}),
        );
        Operation::Mirror.prepare(&world);
        let count = world.choke_point.count();
        Operation::Mirror.act(&world);
        virtual_time::passes(Duration::from_secs(60)).await;
        let writes = writes_since(&world, count);
        assert_eq!(writes.len(), 1, "{writes:#?}");
        assert!(is_ready(&world, "buyers"), "{}", reason(&world, "buyers"));
        let told = reason(&world, "buyers");
        assert_eq!(
            told == "StoredDifferently",
            form == DefinitionExpressions::Unknown,
            "{told}"
        );
        rests(&world).await;
        // Another process knows nothing of the first try.
        let count = world.choke_point.count();
        world.restart_operator().await;
        virtual_time::passes(LOOK).await;
        let tries = writes_since(&world, count).len();
        assert_eq!(tries, usize::from(form == DefinitionExpressions::Unknown));
        rests(&world).await;
        world.delete("buyers");
        virtual_time::passes(REST).await;
        nothing_is_left(&world);
    });
}

/// Two full passes write nothing.
async fn rests(world: &World) {
    let count = world.choke_point.count();
    virtual_time::passes(2 * REST).await;
    let writes = writes_since(world, count);
    assert!(writes.is_empty(), "{writes:#?}");
}

fn nothing_is_left(world: &World) {
    let state = world.tenant();
    for collection in ["traits", "segments", "audiences"] {
        let found = state[collection].as_array().unwrap().iter();
        let left: Vec<_> = found
            .filter(|found| {
                found["description"]
                    .to_string()
                    .contains("audience-sharing:")
            })
            .collect();
        assert!(left.is_empty(), "{left:#?}");
    }
}

/// A text with runs of spaces and of decomposed letters.
const ODD: &str = "Cafe\u{301}  au  lait";

fn odd(world: &World) {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({"audienceManager": {
        "name": ODD, "description": ODD,
        "additionalSegments": [{"key": "one", "name": ODD, "description": ODD, "rule": "{trait} AND 16440001T"}],
        "destinations": [{"key": "partner", "id": 4712, "alias": ODD}],
    }});
    world.apply(declared);
    for (name, strategy) in [
        ("buyers", "ExternalAudience"),
        ("mirror", "SegmentDefinition"),
    ] {
        let made = world.create(
            "segments",
            json!({
                "pid": 1794, "name": ODD, "description": ODD, "dataSourceId": 29_771, "folderId": 0,
                "segmentRule": "16440001T", "traitDataSourceIds": [29_771], "status": "ACTIVE",
            }),
        );
        if strategy == "SegmentDefinition" {
            let sid = made["sid"].as_u64().unwrap();
            crate::operations::deliver(world, "segments", sid);
        }
        world.apply(shared_segment(name, &made["sid"], strategy));
    }
}

#[rstest]
fn a_text_that_a_service_spells_otherwise_is_written_once(
    #[values(StoredTexts::SpacesCollapsed, StoredTexts::Composed)] texts: StoredTexts,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        set_flags(
            &world,
            &json!({"shared": {"storedTexts": texts}, "experiencePlatform": {"definitionNameUnique": false}}),
        );
        world.apply(secret());
        let mut connection = connection("acme");
        connection["spec"]["audienceManager"] = json!({"dataSource": ODD});
        world.apply(connection);
        crate::operations::destinations(&world);
        odd(&world);
        world.start_operator();
        virtual_time::passes(Duration::from_secs(60)).await;
        let writes = writes_since(&world, 0);
        // Data source, two folders in both forms, trait, two segments, mapping; two audiences.
        assert_eq!(writes.len(), 11, "{writes:#?}");
        for name in ["loyal", "buyers", "mirror"] {
            let told = world.audience(name)["status"]["conditions"].to_string();
            assert!(is_ready(&world, name), "{told}");
            assert_eq!(reason(&world, name), "StoredDifferently", "{told}");
        }
        rests(&world).await;
        let count = world.choke_point.count();
        world.restart_operator().await;
        virtual_time::passes(Duration::from_secs(60)).await;
        let tries = writes_since(&world, count);
        // One further try of trait, two segments, mapping and two audiences.
        assert!(tries.len() <= 6, "{tries:#?}");
        rests(&world).await;
        // What is declared anew is written.
        world.edit("loyal", &target(json!({"name": "Plain"})));
        virtual_time::passes(LOOK).await;
        assert_eq!(ours(&world, "loyal", "traits")["name"], "Plain");
        for name in ["loyal", "buyers", "mirror"] {
            world.delete(name);
        }
        virtual_time::passes(REST).await;
        nothing_is_left(&world);
        assert!(world.choke_point.violations().is_empty());
    });
}

/// `kept`: the service keeps so many characters of a description.
#[rstest]
fn a_description_that_is_too_long_keeps_its_mark(
    #[values("loyal", "buyers")] name: &str,
    #[values(255, 60)] kept: usize,
) {
    on_virtual_time(async {
        let long = "é".repeat(400);
        let world = World::new(seed());
        set_flags(
            &world,
            &json!({"shared": {"descriptionCharactersMax": kept}}),
        );
        world.apply(secret());
        world.apply(connection("acme"));
        let collection = match name {
            "loyal" => {
                let mut declared = audience("loyal", LOYAL_GAMERS);
                declared["spec"]["target"] = json!({"audienceManager": {"description": long}});
                world.apply(declared);
                "traits"
            }
            _ => {
                let sid = console_buyers(&world);
                let id = sid.to_string();
                world.person("segments", &id, &json!({"description": long}));
                world.apply(shared_segment("buyers", &sid, "ExternalAudience"));
                "audiences"
            }
        };
        world.start_operator();
        virtual_time::passes(Duration::from_secs(60)).await;
        assert!(is_ready(&world, name), "{}", reason(&world, name));
        let made = ours(&world, name, collection);
        let description = made["description"].as_str().unwrap();
        assert_eq!(description.chars().count(), kept);
        assert_eq!(description.ends_with(']'), kept == 255, "{description}");
        assert_eq!(reason(&world, name) == "StoredDifferently", kept != 255);
        rests(&world).await;
        // Another process knows nothing of the first try.
        world.restart_operator().await;
        virtual_time::passes(REST).await;
        rests(&world).await;
        world.delete(name);
        virtual_time::passes(REST).await;
        let id = match made["sid"].is_null() {
            true => &made["id"],
            false => &made["sid"],
        };
        assert_eq!(find(&world, collection, id), Value::Null);
        let state = world.tenant();
        let mut objects = state[collection].as_array().unwrap().iter();
        assert!(!objects.any(|found| found["description"] == description));
    });
}

/// Of every alphabet, and as long as may be; the strangers among them stay byte for byte as they are.
#[test]
fn every_audience_of_a_tenant_that_looks_real_is_shared_under_its_name() {
    on_virtual_time(async {
        let world = World::new(seed());
        stores_texts_as_sent(&world);
        world.apply(secret());
        world.apply(connection("acme"));
        let state = world.tenant();
        let all = state["audiences"].as_array().unwrap().iter();
        let published = all.filter(|found| {
            found["type"] == "SegmentDefinition" && found["lifecycleState"] == "published"
        });
        let published: Vec<(&str, &str)> = published
            .map(|found| {
                (
                    found["id"].as_str().unwrap(),
                    found["name"].as_str().unwrap(),
                )
            })
            .collect();
        for odd in ["Лояльные игроки", &"x".repeat(255)] {
            let same_length = |name: &str| name.chars().count() == odd.chars().count();
            assert!(
                published
                    .iter()
                    .any(|(_, name)| *name == odd || same_length(name))
            );
        }
        for (index, (id, _)) in published.iter().enumerate() {
            world.apply(audience(&format!("share-{index}"), id));
        }
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let ready: Vec<String> = (0..published.len())
            .map(|index| format!("share-{index}"))
            .filter(|name| is_ready(&world, name))
            .collect();
        assert!(ready.len() >= 6, "{ready:?}");
        for name in &ready {
            let index: usize = name[6..].parse().unwrap();
            assert_eq!(ours(&world, name, "traits")["name"], published[index].1);
            let text = json!({"ttlDays": 30, "description": "a <b> & \"c\""});
            world.edit(name, &target(text));
        }
        virtual_time::passes(LOOK).await;
        for name in &ready {
            assert!(is_ready(&world, name), "{}", reason(&world, name));
            assert_eq!(ours(&world, name, "traits")["ttl"], 30);
        }
        for index in 0..published.len() {
            world.delete(&format!("share-{index}"));
        }
        verdict::ends_well(&world).await;
        let shared_objects = ["dataSources", "segmentFolders", "traitFolders"];
        assert_eq!(world.changes.left(), shared_objects);
    });
}
