//! Law L1 on the whole operator: objects that look like ours and are not, objects that were ours, and resources that come
//! back under their names. What is judged is the tenant, object by object, as it was before.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, deliver};
use crate::operator::{
    OWNER, World, audience, audience_key, connection, secret, seed, shared_segment,
};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict;
use crate::virtual_time;

/// More than a resync and all that follows from it.
const RESYNC: Duration = Duration::from_secs(700);

const STRANGERS_DEFINITION: &str = "d3f602b4-9e5c-402b-8c88-4b6fbe309c03";

async fn connected() -> World {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    world.start_operator();
    virtual_time::passes(LOOK).await;
    world
}

fn object(world: &World, collection: &str, id: &Value) -> Value {
    let state = world.simulator.state();
    let mut objects = state[collection].as_array().unwrap().iter();
    let found = objects.find(|found| found["sid"] == *id || found["id"] == *id);
    found.cloned().unwrap_or_default()
}

fn recorded(world: &World, name: &str, system: &str, field: &str) -> Value {
    world.audience(name)["status"][system][field].clone()
}

fn reason(world: &World, name: &str) -> String {
    verdict::ready(&world.audience(name)).1
}

fn shared_trait(name: &str, sid: u64, strategy: &str) -> Value {
    let mut shared = shared_segment(name, &Value::Null, strategy);
    shared["spec"]["source"] = json!({"audienceManager": {"trait": {"sid": sid}}});
    shared
}

async fn delete(world: &World, name: &str) {
    world.delete(name);
    virtual_time::passes(RESYNC).await;
    assert!(world.audience(name).is_null(), "{name} is released");
}

fn mark(name: &str, uid: &str) -> String {
    format!("[audience-sharing:{OWNER}/marketing/{name}#{uid}]")
}

/// Two definitions can have one name: the name is no sign of ownership.
#[rstest]
fn a_persons_definition_with_the_declared_name_is_left(
    #[values("Never", "IfEqual", "Always")] adoption: &str,
    #[values(false, true)] delivered: bool,
) {
    on_virtual_time(async {
        let world = connected().await;
        let before = object(&world, "audiences", &json!(STRANGERS_DEFINITION));
        assert_eq!(before["name"], "Cart abandoners");
        if delivered {
            world.create("audiences", json!({
                "id": "delivered", "audienceId": "16450001", "name": "Spenders", "namespace": "AAMSegments",
                "originName": "AUDIENCE_MANAGER", "type": "ExternalSegment", "lifecycleState": "published",
            }));
        }
        let mut shared = shared_segment("carts", &json!(16_450_001), "SegmentDefinition");
        shared["spec"]["target"]["experiencePlatform"]["name"] = json!("Cart abandoners");
        shared["spec"]["adoptionPolicy"] = json!(adoption);
        world.apply(shared);
        virtual_time::passes(RESYNC).await;
        assert_ne!(
            recorded(&world, "carts", "experiencePlatform", "id"),
            json!(STRANGERS_DEFINITION)
        );
        delete(&world, "carts").await;
        assert_eq!(
            object(&world, "audiences", &json!(STRANGERS_DEFINITION)),
            before
        );
    });
}

/// The mark alone is no sign either: the retained audience is of another source.
#[rstest]
fn a_retained_audience_is_left_when_its_resource_is_created_again_for_another_source(
    #[values("MetadataOnly", "ExternalAudience")] strategy: &str,
) {
    on_virtual_time(async {
        let world = connected().await;
        let mut shared = shared_trait("loyal", 16_440_001, strategy);
        shared["spec"]["deletionPolicy"] = json!("Retain");
        world.apply(shared);
        virtual_time::passes(LOOK).await;
        let retained = recorded(&world, "loyal", "experiencePlatform", "id");
        assert!(
            retained.is_string(),
            "{}",
            world.audience("loyal")["status"]
        );
        let before = object(&world, "audiences", &retained);
        delete(&world, "loyal").await;
        world.apply(shared_trait("loyal", 16_440_002, strategy));
        virtual_time::passes(RESYNC).await;
        let second = recorded(&world, "loyal", "experiencePlatform", "id");
        assert_ne!(second, retained);
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        assert_eq!(object(&world, "audiences", &retained), before);
        delete(&world, "loyal").await;
        assert_eq!(object(&world, "audiences", &retained), before);
        assert!(object(&world, "audiences", &second).is_null());
    });
}

fn sids(world: &World, name: &str) -> [(&'static str, Value); 2] {
    [
        (
            "traits",
            recorded(world, name, "audienceManager", "traitSid"),
        ),
        (
            "segments",
            recorded(world, name, "audienceManager", "segmentSid"),
        ),
    ]
}

fn assert_gone(world: &World, sids: &[(&'static str, Value)]) {
    for (collection, sid) in sids {
        let found = object(world, collection, sid);
        assert!(found.is_null(), "{collection} {sid} is left");
    }
}

/// A second cluster with the same manifests and owner id, or a restored one, takes the objects over by its own uid. The
/// first one has lost them, and deleting it deletes nothing.
#[test]
fn objects_that_another_uid_took_over_are_left_by_the_first() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sids = sids(&world, "loyal");
        for (collection, sid) in &sids {
            world.person(
                collection,
                &sid.to_string(),
                &json!({"description": mark("loyal", "feedbeef")}),
            );
        }
        let before = sids
            .clone()
            .map(|(collection, sid)| object(&world, collection, &sid));
        virtual_time::passes(RESYNC).await;
        assert_eq!(reason(&world, "loyal"), "ManagementConflict");
        delete(&world, "loyal").await;
        for ((collection, sid), before) in sids.iter().zip(&before) {
            assert_eq!(object(&world, collection, sid), *before);
        }
        // Created again it has another uid, which never recorded them: it takes them back.
        world.apply(audience("loyal", LOYAL_GAMERS));
        virtual_time::passes(RESYNC).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        assert_eq!(self::sids(&world, "loyal"), sids);
        delete(&world, "loyal").await;
        assert_gone(&world, &sids);
    });
}

/// Edited by hand, the status names objects of somebody else.
#[test]
fn a_status_that_names_strangers_gives_none_of_them_away() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let strangers = [
            ("traits", json!(16_440_001)),
            ("segments", json!(16_450_001)),
        ];
        let before = strangers
            .clone()
            .map(|(collection, sid)| object(&world, collection, &sid));
        world.kill_operator();
        let mut edited = world.audience("loyal");
        edited["status"]["audienceManager"]["traitSid"] = json!(16_440_001);
        edited["status"]["audienceManager"]["segmentSid"] = json!(16_450_001);
        let status = json!({"metadata": {}, "status": edited["status"]});
        world
            .cluster
            .apply_status(&audience_key("loyal"), &status)
            .unwrap();
        world.start_operator();
        virtual_time::passes(RESYNC).await;
        assert_eq!(reason(&world, "loyal"), "OwnershipLost");
        delete(&world, "loyal").await;
        for ((collection, sid), before) in strangers.iter().zip(&before) {
            assert_eq!(object(&world, collection, sid), *before);
        }
    });
}

/// A person turns an object that the status records into another one: its id is the only sign that is left.
#[rstest]
#[case::a_trait("traits", json!({"integrationCode": "theirs", "traitRule": "theirs == 1"}))]
#[case::a_segment("segments", json!({"integrationCode": null, "segmentRule": "16440001T"}))]
#[case::a_definition("audiences", json!({"expression": {
    "type": "PQL", "format": "pql/text", "value": "person.age > 18"}}))]
fn a_recorded_object_that_a_person_made_another_is_left(
    #[case] collection: &str,
    #[case] mut patch: Value,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let (name, system, field) = match collection {
            "traits" => ("loyal", "audienceManager", "traitSid"),
            "segments" => ("loyal", "audienceManager", "segmentSid"),
            _ => ("spenders", "experiencePlatform", "id"),
        };
        if name == "spenders" {
            deliver(&world, "segments", 16_450_001);
            world.apply(shared_segment(
                name,
                &json!(16_450_001),
                "SegmentDefinition",
            ));
            virtual_time::passes(LOOK).await;
        }
        let id = recorded(&world, name, system, field);
        let key = id.as_str().map_or(id.to_string(), str::to_owned);
        patch["name"] = json!("Their own");
        patch["description"] = json!("Their own");
        world.person(collection, &key, &patch);
        world.changes.disown(collection, &id);
        let before = object(&world, collection, &id);
        virtual_time::passes(RESYNC).await;
        assert_eq!(reason(&world, name), "OwnershipLost");
        delete(&world, name).await;
        assert_eq!(object(&world, collection, &id), before);
    });
}

/// A restored resource has another uid than the one that recorded its status: what it names counts for nothing.
#[test]
fn a_status_that_another_uid_recorded_counts_as_empty() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.kill_operator();
        let mut edited = world.audience("loyal");
        let own = edited["status"]["recordedBy"].clone();
        assert_eq!(own, edited["metadata"]["uid"]);
        edited["status"]["recordedBy"] = json!("feedbeef-0000-4000-8000-000000000000");
        edited["status"]["tenant"]["companyId"] = json!(4);
        edited["status"]["audienceManager"]["traitSid"] = json!(16_440_001);
        let status = json!({"metadata": {}, "status": edited["status"]});
        world
            .cluster
            .apply_status(&audience_key("loyal"), &status)
            .unwrap();
        world.start_operator();
        virtual_time::passes(RESYNC).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        let status = &world.audience("loyal")["status"];
        assert_eq!(status["recordedBy"], own);
        assert_ne!(status["audienceManager"]["traitSid"], json!(16_440_001));
        assert_eq!(status["tenant"]["companyId"], json!(1_794));
    });
}

/// A person clones the segment in the user interface, mark and code included, and changes its rule.
#[rstest]
fn a_persons_clone_of_our_segment_is_left(#[values(false, true)] status_is_lost: bool) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let [_, (_, sid)] = sids(&world, "loyal");
        let ours = object(&world, "segments", &sid);
        let data_source = ours["dataSourceId"].to_string();
        world.person(
            "dataSources",
            &data_source,
            &json!({"uniqueSegmentIntegrationCodes": false}),
        );
        let mut clone = ours.clone();
        clone.as_object_mut().unwrap().remove("sid");
        clone["segmentRule"] = json!("16440001T");
        let clone = world.create("segments", clone);
        let id = clone["sid"].clone();
        let before = object(&world, "segments", &id);
        if status_is_lost {
            world.kill_operator();
            let status = json!({"metadata": {}, "status": {}});
            world
                .cluster
                .apply_status(&audience_key("loyal"), &status)
                .unwrap();
            world.start_operator();
        }
        virtual_time::passes(RESYNC).await;
        assert_eq!(object(&world, "segments", &id), before);
        assert_eq!(
            recorded(&world, "loyal", "audienceManager", "segmentSid"),
            sid
        );
        delete(&world, "loyal").await;
        assert_eq!(object(&world, "segments", &id), before);
        assert!(object(&world, "segments", &sid).is_null());
    });
}

/// A resource in the same source takes the objects over even while it cannot look at them: they are marked as its own,
/// and go with it.
#[rstest]
#[case::suspended(json!({"suspend": true}))]
#[case::with_a_broken_spec(json!({"target": {"audienceManager": {"additionalSegments": [
    {"key": "one", "name": "Broken", "rule": "{trait} AND"},
]}}}))]
fn objects_are_handed_over_to_a_successor_that_cannot_look_at_them(#[case] successor: Value) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sids = sids(&world, "loyal");
        let mut next = audience("next", LOYAL_GAMERS);
        for (field, value) in successor.as_object().unwrap() {
            next["spec"][field] = value.clone();
        }
        world.apply(next);
        virtual_time::passes(LOOK).await;
        delete(&world, "loyal").await;
        let uid = world.audience("next")["metadata"]["uid"].as_str().unwrap()[..8].to_owned();
        for (collection, sid) in &sids {
            let found = object(&world, collection, sid);
            let description = found["description"].as_str().unwrap_or_default().to_owned();
            assert!(
                description.ends_with(&mark("next", &uid)),
                "{collection} {sid}: {description}"
            );
        }
        delete(&world, "next").await;
        assert_gone(&world, &sids);
    });
}

/// One that only observes owns nothing: nothing is handed over to it.
#[test]
fn nothing_is_handed_over_to_a_resource_that_only_observes() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sids = sids(&world, "loyal");
        let mut watcher = audience("watcher", LOYAL_GAMERS);
        watcher["spec"]["mode"] = json!("Observe");
        world.apply(watcher);
        virtual_time::passes(LOOK).await;
        delete(&world, "loyal").await;
        assert_gone(&world, &sids);
    });
}
