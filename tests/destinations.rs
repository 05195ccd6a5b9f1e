//! Destinations on the real API server: a segment is mapped, changed and unmapped.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, segment_sid, trait_sid};
use crate::standing;

/// Destinations of the tenant, and a mapping that a person made of a segment of theirs.
async fn with_destinations() -> World {
    let world = World::start().await;
    let made = [
        json!({"destinationId": 4711, "name": "Shop", "destinationType": "PUSH"}),
        json!({"destinationId": 4712, "name": "Partner", "destinationType": "S2S"}),
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
            "GET /v1/destinations/4711",
            "GET /v1/destinations/4711/mappings/",
            "GET /v1/destinations/4712",
            "GET /v1/destinations/4712/mappings/",
            "POST /v1/destinations/4711/mappings/",
            "POST /v1/destinations/4712/mappings/",
        ],
        "the list leaves out what a mapping needs, and no server enforces the key: a look before each create"
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
            format!("GET /v1/destinations/4711/mappings/{}", id(4711)),
            // A deletion too reads its object first.
            format!("GET /v1/destinations/4712/mappings/{}", id(4712)),
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

/// The list of destinations leaves out what a mapping needs, or shows it (audience-manager.md §2.9).
#[rstest]
#[case::compact(true, 4)]
#[case::full(false, 0)]
#[tokio::test]
async fn each_kind_of_destination_is_mapped_whether_or_not_the_list_shows_what_it_needs(
    #[case] compact: bool,
    #[case] reads: usize,
) {
    let world = World::start().await;
    let flags = json!({"audienceManager": {"destinationListCompact": compact}});
    world.control.flags(&flags).await.unwrap();
    let made = [
        json!({"destinationId": 4721, "destinationType": "PUSH", "serializationEnabled": true, "delimiter": ",",
            "urlFormatString": "https://serial.example/%ALIAS%"}),
        json!({"destinationId": 4722, "destinationType": "ADS", "cookieName": "c", "formatType": "key_value"}),
        json!({"destinationId": 4723, "destinationType": "S2S", "mappingAutoFiller": "SID"}),
        json!({"destinationId": 4724, "destinationType": "S2S", "dataExportLabels": ["PII"]}),
    ];
    for mut destination in made {
        destination["pid"] = json!(1794);
        destination["name"] = json!(format!("Kind {}", destination["destinationId"]));
        let created = world.control.create("destinations", &destination).await;
        created.unwrap();
    }
    world.connect().await;
    world.control.clear_calls().await.unwrap();
    let all = json!([
        {"key": "serial", "id": 4721, "alias": "a"},
        {"key": "cookie", "name": "Kind 4722", "alias": "k", "valueAlias": "v"},
        {"key": "filled", "id": 4723},
        {"key": "labelled", "id": 4724, "alias": "l"},
    ]);
    world.apply(&mapped("loyal", LOYAL_GAMERS, &all)).await;
    let shared = world.ready("loyal").await;
    let sid = segment_sid(&shared);
    assert_eq!(mappings(&world, &sid).await.len(), 4);
    let by_id = |calls: Vec<String>| {
        let by_id = |call: &String| {
            let id = call.strip_prefix("GET /v1/destinations/");
            id.is_some_and(|id| id.parse::<u64>().is_ok())
        };
        calls.iter().filter(|call| by_id(call)).count()
    };
    assert_eq!(by_id(world.calls().await), reads);

    world.control.clear_calls().await.unwrap();
    for _ in 0..2 {
        world.look_now("loyal").await;
    }
    assert_eq!(by_id(world.calls().await), 0, "what was read is kept");

    // The label that only the destination itself shows forbids it to a source for which the control stands.
    let labels = json!({"labels": ["core/C3"]});
    let patched = world
        .control
        .patch("audiences", LOYAL_GAMERS, &labels)
        .await;
    patched.unwrap();
    world.look_now("loyal").await;
    world
        .until("sharedaudience", "loyal", "False", "ExportControlViolated")
        .await;
    assert_eq!(mappings(&world, &sid).await.len(), 4, "nothing moved");
    let without = json!({"labels": []});
    let patched = world
        .control
        .patch("audiences", LOYAL_GAMERS, &without)
        .await;
    patched.unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    world.delete("loyal").await;
}
