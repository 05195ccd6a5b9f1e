//! Destinations on the real API server: segments are mapped, changed and unmapped; what cannot be mapped is told, and
//! costs no other object.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, World, audience, connection, ready_message, segment_sid, trait_sid,
};
use crate::standing;

const OTHER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";

/// Destinations of the tenant, and a mapping that a person made of a segment of theirs.
async fn with_destinations() -> World {
    let world = World::start().await;
    let made = [
        json!({"destinationId": 4711, "name": "Shop", "destinationType": "PUSH"}),
        json!({"destinationId": 4712, "name": "Partner", "destinationType": "S2S"}),
        json!({"destinationId": 4713, "name": "Twice", "destinationType": "PUSH"}),
        json!({"destinationId": 4714, "name": "Twice", "destinationType": "PUSH"}),
        json!({"destinationId": 4715, "name": "Asleep", "destinationType": "PUSH", "status": "INACTIVE"}),
        json!({"destinationId": 4716, "name": "People", "destinationType": "PEOPLE_BASED"}),
        json!({"destinationId": 4717, "name": "Banner", "destinationType": "ADS", "formatType": "key_value",
            "cookieName": "c"}),
        json!({"destinationId": 4718, "name": "Mailing", "destinationType": "S2S", "dataExportLabels": ["PII"]}),
    ];
    for mut destination in made {
        destination["pid"] = json!(1794);
        world
            .control
            .create("destinations", &destination)
            .await
            .unwrap();
    }
    let by_hand = json!({"pid": 1794, "destinationId": 4711, "sid": 16_450_001, "traitType": "SEGMENT",
        "elementStatus": "active", "url": "https://by-hand.example"});
    world.control.create("mappings", &by_hand).await.unwrap();
    world
}

fn mapped(name: &str, source: &str, destinations: &Value) -> Value {
    let mut declared = audience(name, source);
    declared["spec"]["target"] = json!({"audienceManager": {"destinations": destinations}});
    declared
}

fn shop() -> Value {
    json!({"key": "shop", "name": "Shop", "url": "https://shop.example/a?b&c", "startDate": "2026-07-04"})
}

async fn mappings(world: &World, sid: &Value) -> Vec<Value> {
    let state = world.tenant().await;
    let found = standing::mappings_of(&state, sid);
    found.into_iter().cloned().collect()
}

#[tokio::test]
async fn a_segment_is_mapped_changed_and_unmapped() {
    let world = with_destinations().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let sid = segment_sid(&shared);

    world.control.clear_calls().await.unwrap();
    let both =
        json!([shop(), {"key": "partner", "id": 4712, "alias": "gamers", "endDate": "2026-12-31"}]);
    world.apply(&mapped("loyal", LOYAL_GAMERS, &both)).await;
    let ready = world.ready("loyal").await;
    let mut calls = world.calls().await;
    assert_eq!(
        calls.remove(0),
        "GET /v1/destinations/",
        "once, when the first is declared"
    );
    calls.sort();
    assert_eq!(
        calls,
        [
            "GET /v1/destinations/4711/mappings/",
            "GET /v1/destinations/4712/mappings/",
            "POST /v1/destinations/4711/mappings/",
            "POST /v1/destinations/4712/mappings/",
        ],
        "no server enforces the key: a look before each create"
    );
    let made = mappings(&world, &sid).await;
    let to = |id: u64| {
        made.iter()
            .find(|mapping| mapping["destinationId"] == id)
            .unwrap()
    };
    assert_eq!(to(4711)["url"], "https://shop.example/a?b&c");
    assert_eq!(
        to(4711)["startDate"],
        "2026-07-03",
        "as Audience Manager shows it"
    );
    assert_eq!(to(4712)["traitAlias"], "gamers");
    assert_eq!(to(4712)["endDate"], "2026-12-31");
    let told = &ready["status"]["audienceManager"]["destinations"];
    let id = |id: u64| to(id)["destinationMappingId"].clone();
    assert_eq!(
        *told,
        json!([
            {"key": "shop", "foundBy": "Shop", "destinationId": 4711, "mappingId": id(4711)},
            {"key": "partner", "destinationId": 4712, "mappingId": id(4712)},
        ])
    );

    // Renamed in Audience Manager: the id is pinned. The shifted date is no drift.
    world
        .control
        .patch("destinations", "4711", &json!({"name": "Shop of old"}))
        .await
        .unwrap();
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    world.look_now("loyal").await;
    assert_eq!(world.writes().await, Vec::<String>::new());

    let other = json!([{"key": "shop", "name": "Shop", "url": "https://shop.example/b", "startDate": "2026-07-04"}]);
    world.control.clear_calls().await.unwrap();
    world.apply(&mapped("loyal", LOYAL_GAMERS, &other)).await;
    world.ready("loyal").await;
    let mut calls = world.calls().await;
    calls.sort();
    assert_eq!(
        calls,
        [
            format!("DELETE /v1/destinations/4712/mappings/{}", id(4712)),
            "GET /v1/destinations/4711/mappings/".to_owned(),
            format!("PUT /v1/destinations/4711/mappings/{}", id(4711)),
        ]
    );
    let left = mappings(&world, &sid).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["url"], "https://shop.example/b");
    assert_eq!(left[0]["startDate"], "2026-07-03", "it did not move again");

    world.control.clear_calls().await.unwrap();
    world.delete("loyal").await;
    assert_eq!(
        world.writes().await,
        [
            format!("DELETE /v1/destinations/4711/mappings/{}", id(4711)),
            format!("DELETE /v1/segments/{sid}"),
            format!("DELETE /v1/traits/{}", trait_sid(&shared)),
        ],
        "mappings first"
    );
    world
        .control
        .patch("destinations", "4711", &json!({"name": "Shop"}))
        .await
        .unwrap();
    // A deleted mapping stays in the simulator's store, and no answer shows it.
    let left = [
        "dataSources",
        "mappings",
        "mappings",
        "segmentFolders",
        "traitFolders",
    ];
    assert_eq!(world.changes.left(), left);
}

#[tokio::test]
async fn what_a_person_changes_of_a_mapping_is_put_back() {
    let mut world = with_destinations().await;
    world.connect().await;
    world
        .apply(&mapped("loyal", LOYAL_GAMERS, &json!([shop()])))
        .await;
    let ready = world.ready("loyal").await;
    let sid = segment_sid(&ready);
    let made = mappings(&world, &sid).await.remove(0);
    let id = made["destinationMappingId"].to_string();
    let by_hand = json!({"url": "https://elsewhere.example", "elementStatus": "inactive"});
    world
        .control
        .patch("mappings", &id, &by_hand)
        .await
        .unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    let found = mappings(&world, &sid).await.remove(0);
    assert_eq!(found["url"], "https://shop.example/a?b&c");
    assert_eq!(found["elementStatus"], "active");
    // Deleted by hand: made again, once. What was written within a minute would be believed against the list.
    world.restart_operator().await;
    world
        .control
        .patch("mappings", &id, &json!({"elementStatus": "deleted"}))
        .await
        .unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    let found = mappings(&world, &sid).await;
    assert_eq!(found.len(), 1);
    assert_ne!(found[0]["destinationMappingId"].to_string(), id);
}

#[tokio::test]
async fn an_additional_segment_is_mapped_and_loses_its_mapping_before_it_goes() {
    let world = with_destinations().await;
    world.connect().await;
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [{
        "key": "third", "name": "Third", "rule": "{trait} AND 9912T",
        "destinations": [{"key": "banner", "name": "Banner", "alias": "k", "valueAlias": "v"}],
    }]}});
    world.apply(&declared).await;
    let ready = world.ready("loyal").await;
    let told = &ready["status"]["audienceManager"]["additionalSegments"][0];
    let made = mappings(&world, &told["sid"]).await.remove(0);
    assert_eq!(
        (&made["traitAlias"], &made["valueAlias"]),
        (&json!("k"), &json!("v"))
    );
    assert_eq!(
        told["destinations"][0]["mappingId"],
        made["destinationMappingId"]
    );
    world.control.clear_calls().await.unwrap();
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    world.ready("loyal").await;
    assert_eq!(
        world.writes().await,
        [
            format!(
                "DELETE /v1/destinations/4717/mappings/{}",
                made["destinationMappingId"]
            ),
            format!("DELETE /v1/segments/{}", told["sid"]),
        ]
    );
}

/// A full pass with everything as declared.
#[rstest]
#[case::nobody_declares_any(0, 5)]
#[case::one_audience(1, 6)]
#[case::twenty_audiences(20, 6)]
#[tokio::test]
async fn destinations_cost_one_list_a_pass_however_many_audiences_are_mapped(
    #[case] audiences: usize,
    #[case] lists: usize,
) {
    let world = with_destinations().await;
    let mut state = world.control.state().await.unwrap();
    let sources = state["audiences"].as_array_mut().unwrap();
    let template = sources
        .iter()
        .find(|found| found["id"] == LOYAL_GAMERS)
        .unwrap()
        .clone();
    for index in 0..audiences {
        let mut source = template.clone();
        source["id"] = json!(format!("segment-{index}"));
        source["audienceId"] = source["id"].clone();
        source["name"] = json!(format!("Segment {index}"));
        sources.push(source);
    }
    world.control.put_state(&state).await.unwrap();
    world.apply_secret(crate::harness::SECRET).await;
    let mut connection = connection();
    connection["spec"]["budget"] = json!({"requestsPerMinute": 6_000, "burst": 100});
    world.apply(&connection).await;
    world.share("plain", OTHER).await;
    let partner = json!({"key": "partner", "id": 4712, "alias": "a"});
    let items: Vec<_> = (0..audiences)
        .map(|index| {
            let source = format!("segment-{index}");
            mapped(&source, &source, &json!([shop(), partner]))
        })
        .collect();
    if !items.is_empty() {
        let all = json!({"apiVersion": "v1", "kind": "List", "items": items});
        world.apply(&all).await;
    }
    world
        .kubectl(&[
            "wait",
            "sharedaudience",
            "--all",
            "--for=condition=Ready",
            "--timeout=120s",
        ])
        .await;
    world.look_now("plain").await;
    world.control.clear_calls().await.unwrap();
    for _ in 0..3 {
        world.look_now("plain").await;
    }
    let calls = world.calls().await;
    let audience_manager = calls.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(audience_manager, 3 * lists, "{calls:?}");
    assert_eq!(world.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_that_does_not_tell_the_mappings_is_followed_by_one_for_each_destination_in_use() {
    let world = with_destinations().await;
    let flag = json!({"destinationListTellsMappings": false});
    world.control.flags(&flag).await.unwrap();
    world.connect().await;
    world
        .apply(&mapped("loyal", LOYAL_GAMERS, &json!([shop()])))
        .await;
    world
        .apply(&mapped("readers", OTHER, &json!([shop()])))
        .await;
    let ready = world.ready("loyal").await;
    world.ready("readers").await;
    world.look_now("loyal").await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    let audience_manager = calls.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(
        audience_manager, 7,
        "destinations, and the mappings of one: {calls:?}"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
    // Drift is seen there too.
    let made = mappings(&world, &segment_sid(&ready)).await.remove(0);
    let id = made["destinationMappingId"].to_string();
    let by_hand = json!({"url": "https://elsewhere.example"});
    world
        .control
        .patch("mappings", &id, &by_hand)
        .await
        .unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    let found = mappings(&world, &segment_sid(&ready)).await.remove(0);
    assert_eq!(found["url"], "https://shop.example/a?b&c");
}

#[tokio::test]
async fn an_export_control_that_forbids_a_destination_is_told_with_its_name() {
    let world = with_destinations().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let data_source = &shared["status"]["audienceManager"]["dataSourceId"];
    let controls = json!({"dataExportRestrictions": ["PII"]});
    world
        .control
        .patch("dataSources", &data_source.to_string(), &controls)
        .await
        .unwrap();
    let mailing = json!([{"key": "mail", "name": "Mailing", "alias": "a"}]);
    world.apply(&mapped("loyal", LOYAL_GAMERS, &mailing)).await;
    let refused = world
        .until("sharedaudience", "loyal", "False", "ExportControlled")
        .await;
    assert!(
        ready_message(&refused).contains("4718 \"Mailing\""),
        "{refused}"
    );
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    world.ready("loyal").await;
}

#[tokio::test]
async fn a_persons_mapping_of_our_segment_holds_its_deletion_and_is_left_alone() {
    let world = with_destinations().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let by_hand = json!({"pid": 1794, "destinationId": 4716, "sid": segment_sid(&shared), "traitType": "SEGMENT",
        "elementStatus": "active"});
    let made = world.control.create("mappings", &by_hand).await.unwrap();
    world
        .kubectl(&["delete", "sharedaudience", "loyal", "--wait=false"])
        .await;
    let blocked = world
        .until("sharedaudience", "loyal", "False", "DeletionBlocked")
        .await;
    assert!(
        ready_message(&blocked).contains("mapped to a destination"),
        "{blocked}"
    );
    let id = made["destinationMappingId"].to_string();
    world
        .control
        .patch("mappings", &id, &json!({"elementStatus": "deleted"}))
        .await
        .unwrap();
    let look = "audience-sharing.dev/reconcile-requested-at=now";
    world
        .kubectl(&["annotate", "sharedaudience", "loyal", look])
        .await;
    world.gone("sharedaudience", "loyal").await;
}
