//! Who uses a shared audience, in its status: looked up when somebody asks.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, segment_sid, trait_sid};

async fn used_by(world: &World, name: &str) -> Value {
    let object = world.get("sharedaudience", name).await;
    object["status"]["usedBy"].clone()
}

/// Asks who uses the audience, and waits for the answer.
async fn ask(world: &World, name: &str, value: &str) -> Value {
    let asked = format!("audience-sharing.dev/users-requested-at={value}");
    world
        .kubectl(&["annotate", "--overwrite", "sharedaudience", name, &asked])
        .await;
    let seen = format!("--for=jsonpath={{.status.usedBy.lastHandledRequestAt}}={value}");
    world
        .kubectl(&["wait", "sharedaudience", name, &seen, "--timeout=60s"])
        .await;
    used_by(world, name).await
}

fn users(found: &[(u64, &str)]) -> Value {
    let items: Vec<_> = found
        .iter()
        .map(|(id, name)| json!({"id": id.to_string(), "name": name}))
        .collect();
    match items.is_empty() {
        true => json!({"count": 0}),
        false => json!({"count": items.len(), "items": items}),
    }
}

#[tokio::test]
async fn segments_models_and_destinations_are_looked_up_when_asked_and_never_at_rest() {
    let world = World::start().await;
    let shows = json!({"audienceManager": {"destinationListTellsMappings": true}});
    world.control.flags(&shows).await.unwrap();
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let (sid, segment) = (trait_sid(&shared), segment_sid(&shared));
    let control = &world.control;
    let foreign = json!({"pid": 1794, "name": "Gamers who read", "segmentRule": format!("{sid}T AND 16440001T"),
        "dataSourceId": 29_769, "folderId": 0, "status": "ACTIVE"});
    let foreign = control.create("segments", &foreign).await.unwrap()["sid"].clone();
    let of_trait = json!({"pid": 1794, "name": "Like gamers", "sid": sid, "status": "ACTIVE"});
    let of_trait = control.create("models", &of_trait).await.unwrap()["algoModelId"].clone();
    let of_segment =
        json!({"pid": 1794, "name": "Like the segment", "sid": segment, "status": "ACTIVE"});
    let of_segment = control.create("models", &of_segment).await.unwrap()["algoModelId"].clone();
    let other = json!({"pid": 1794, "name": "Another", "sid": 16_440_001, "status": "ACTIVE"});
    control.create("models", &other).await.unwrap();
    let shop =
        json!({"destinationId": 4711, "pid": 1794, "name": "Shop", "destinationType": "PUSH"});
    control.create("destinations", &shop).await.unwrap();
    let by_hand = json!({"pid": 1794, "destinationId": 4711, "sid": segment, "traitType": "SEGMENT",
        "elementStatus": "active", "url": "https://by-hand.example"});
    control.create("mappings", &by_hand).await.unwrap();

    // At rest none is asked. In the first pass it shows that the two data sources, ours and Adobe's, must be listed apart.
    world.look_now("loyal").await;
    control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    assert_eq!(
        calls.iter().filter(|call| call.contains("/v1/")).count(),
        7,
        "{calls:?}"
    );
    assert_eq!(used_by(&world, "loyal").await, Value::Null);

    control.clear_calls().await.unwrap();
    let found = ask(&world, "loyal", "one").await;
    let id = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        found["segments"],
        users(&[(id(&foreign), "Gamers who read")])
    );
    let models = [
        (id(&of_trait), "Like gamers"),
        (id(&of_segment), "Like the segment"),
    ];
    assert_eq!(found["models"], users(&models));
    assert_eq!(found["destinations"], users(&[(4711, "Shop")]));
    let mut calls = world.calls().await;
    calls.sort();
    assert_eq!(
        calls,
        [
            "GET /v1/destinations/",
            "GET /v1/models/",
            "GET /v1/segments/"
        ],
        "one list of each kind, and no other call"
    );

    // They go: told when somebody asks again, whatever else is looked at.
    control
        .delete("models", &of_trait.to_string())
        .await
        .unwrap();
    control
        .delete("segments", &foreign.to_string())
        .await
        .unwrap();
    world.look_now("loyal").await;
    assert_eq!(used_by(&world, "loyal").await["segments"]["count"], 1);
    let found = ask(&world, "loyal", "two").await;
    assert_eq!(found["segments"], users(&[]));
    assert_eq!(
        found["models"],
        users(&[(id(&of_segment), "Like the segment")])
    );
}
