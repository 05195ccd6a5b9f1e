//! A tenant that looks real: whatever stands in it that is not ours stands byte for byte as before.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, trait_sid};

/// What the tenant must hold for a test of this file to mean anything.
fn assert_looks_real(state: &Value) {
    let any = |collection: &str, holds: &dyn Fn(&Value) -> bool| {
        let objects = state[collection].as_array().unwrap();
        assert!(objects.iter().any(holds), "{collection}");
    };
    let long = |object: &Value| {
        object["name"]
            .as_str()
            .is_some_and(|name| name.chars().count() == 255)
    };
    any("traits", &long);
    any("audiences", &long);
    any("traits", &|found| found["name"] == "لاعبون مخلصون");
    any("audiences", &|found| found["name"] == "Лояльные игроки");
    any("traits", &|found| found["integrationCode"] == LOYAL_GAMERS);
    any("segments", &|found| {
        found["integrationCode"] == LOYAL_GAMERS && found["name"] == "Loyal gamers"
    });
    any("segments", &|found| {
        found["mergeRuleDataSourceId"].is_null()
    });
    any("segments", &|found| found["status"] == "PENDING_REVIEW");
    any("traits", &|found| {
        found["traitType"] == "COMPANY_ACTIVITY_TRAIT"
    });
    any("segments", &|found| {
        found["description"]
            .as_str()
            .is_some_and(|text| text.contains("&quot;"))
    });
}

#[tokio::test]
async fn audiences_come_change_and_go_in_a_tenant_that_looks_real() {
    let world = World::start().await;
    let state = world.tenant().await;
    assert_looks_real(&state);
    world.connect().await;

    let published = state["audiences"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| {
            found["type"] == "SegmentDefinition" && found["lifecycleState"] == "published"
        });
    let sources: Vec<_> = published
        .map(|found| (found["id"].clone(), found["name"].clone()))
        .collect();
    let mut shared = Vec::new();
    for (index, (id, name)) in sources.iter().enumerate() {
        let object = audience(&format!("share-{index}"), id.as_str().unwrap());
        world.apply(&object).await;
        shared.push((format!("share-{index}"), name, object));
    }
    let mut settled = 0;
    for (share, name, _) in &shared {
        let audience = world.until_settled("sharedaudience", share).await;
        if crate::harness::ready_condition(&audience)["status"] == "True" {
            settled += 1;
            let made = world.remote("traits", "sid", &trait_sid(&audience)).await;
            assert_eq!(made["name"], **name, "as Experience Platform spells it");
        }
    }
    assert!(settled >= 6, "names of every kind were shared: {settled}");

    for (share, _, object) in &shared {
        let mut changed = object.clone();
        changed["spec"]["target"] =
            json!({"audienceManager": {"ttlDays": 30, "description": "a <b> & \"c\""}});
        world.apply(&changed).await;
        world.until_settled("sharedaudience", share).await;
    }
    world.look_now("share-0").await;
    for (share, _, _) in &shared {
        world.delete(share).await;
    }
    let shared_objects = ["dataSources", "segmentFolders", "traitFolders"];
    assert_eq!(world.changes.left(), shared_objects);
}

#[tokio::test]
async fn a_data_source_without_unique_flags_costs_a_look_up_and_no_twin_arises() {
    let world = World::start().await;
    let own = world
        .control
        .create(
            "dataSources",
            &json!({
                "name": "Own source", "description": "made by hand", "pid": 1794, "status": "ACTIVE",
                "integrationCode": "own", "uniqueTraitIntegrationCodes": false,
                "uniqueSegmentIntegrationCodes": false,
            }),
        )
        .await
        .unwrap();
    world.changes.adopt("dataSources", &own["dataSourceId"]);
    world.apply_secret(crate::harness::SECRET).await;
    let mut connection = crate::harness::connection();
    connection["spec"]["audienceManager"] = json!({"dataSource": "Own source"});
    connection["spec"]["adoptionPolicy"] = json!("Adopt");
    world.apply(&connection).await;
    world.share("loyal", LOYAL_GAMERS).await;
    let calls = world.calls().await;
    let looked_up = calls
        .iter()
        .filter(|call| call.starts_with("GET") && call.contains("/v1/traits"));
    assert!(
        looked_up.count() >= 2,
        "the pass and one look-up: {calls:?}"
    );
    let state = world.tenant().await;
    let ours = state["traits"].as_array().unwrap().iter().filter(|found| {
        found["description"]
            .as_str()
            .is_some_and(|text| text.contains("[audience-sharing:"))
    });
    assert_eq!(ours.count(), 1);
}
