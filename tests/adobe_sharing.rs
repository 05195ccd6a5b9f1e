//! Adobe's own sharing on the real API server: its pair is found under either name of its data source, is named beside
//! ours where it comes later, and takes the place of ours only where that is declared.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, World, audience, ready_condition, ready_message, segment_sid, trait_sid,
};

const CART_ABANDONERS: &str = "d3f602b4-9e5c-402b-8c88-4b6fbe309c03";

/// A person puts the audience on the destination, or nothing of Adobe's is set up yet.
async fn activate(world: &World, data_source: &str) {
    let sharing = json!({
        "setUp": {"sandbox": "prod", "audiences": {"some": [LOYAL_GAMERS]}},
        "dataSource": data_source, "takesNamedDataSource": false,
    });
    let flags = json!({"sharing": sharing});
    world.control.flags(&flags).await.unwrap();
}

/// Trait and segment that Adobe made.
async fn adobes(world: &World) -> (Value, Value) {
    let state = world.tenant().await;
    let made = |collection: &str| {
        let all = state[collection].as_array().unwrap().iter();
        let mut found =
            all.filter(|found| found["crUID"] == 0 && found["integrationCode"] == LOYAL_GAMERS);
        found.next().expect("Adobe's").clone()
    };
    (made("traits"), made("segments"))
}

/// Whether the trait and the segment are there.
async fn are_there(world: &World, of_trait: &Value, of_segment: &Value) -> (bool, bool) {
    let state = world.tenant().await;
    let is_there = |collection: &str, sid: &Value| {
        let mut all = state[collection].as_array().unwrap().iter();
        all.any(|found| found["sid"] == *sid)
    };
    (
        is_there("traits", of_trait),
        is_there("segments", of_segment),
    )
}

#[rstest]
#[case::by_the_page_of_audience_manager("audienceSharing")]
#[case::by_the_page_of_the_destination("experiencePlatformSegments")]
#[tokio::test]
async fn where_adobes_pair_exists_ours_is_not_made(#[case] data_source: &str) {
    let world = World::start().await;
    // The connection has a data source of its own.
    let mut connection = crate::harness::connection();
    connection["spec"]["audienceManager"] = json!({"dataSource": "Shared by us"});
    world.apply_secret("demo-secret").await;
    world.apply(&connection).await;
    activate(&world, data_source).await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let (of_trait, of_segment) = adobes(&world).await;
    assert_eq!(ready_condition(&shared)["reason"], "AdobeSharingActive");
    assert_eq!(trait_sid(&shared), of_trait["sid"]);
    assert_eq!(segment_sid(&shared), of_segment["sid"]);
    let changes: Vec<String> = world.writes().await;
    let of_pairs: Vec<_> = changes
        .iter()
        .filter(|call| call.contains("/v1/traits") || call.contains("/v1/segments"))
        .collect();
    assert_eq!(of_pairs, Vec::<&String>::new());
    // Another one, that is on no destination, gets ours.
    world.share("cart", CART_ABANDONERS).await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    world.look_now("cart").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn where_adobes_pair_comes_later_both_are_named_and_ours_goes_when_it_is_declared() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let (own_trait, own_segment) = (trait_sid(&shared), segment_sid(&shared));
    activate(&world, "experiencePlatformSegments").await;
    let (of_trait, of_segment) = adobes(&world).await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let both = world.get("sharedaudience", "loyal").await;
    let beside = &both["status"]["audienceManager"]["adobeSharing"];
    assert_eq!(beside["traitSid"], of_trait["sid"]);
    assert_eq!(beside["segmentSid"], of_segment["sid"]);
    assert_eq!(
        (trait_sid(&both), segment_sid(&both)),
        (own_trait.clone(), own_segment.clone())
    );
    assert_eq!(ready_condition(&both)["reason"], "AdobeSharingActive");
    let message = ready_message(&both);
    for sid in [
        &own_trait,
        &own_segment,
        &of_trait["sid"],
        &of_segment["sid"],
    ] {
        assert!(message.contains(&sid.to_string()), "{message}");
    }
    assert_eq!(world.writes().await, Vec::<String>::new());

    let mut moving = audience("loyal", LOYAL_GAMERS);
    moving["spec"]["target"] = json!({"audienceManager": {"adobeSharing": "MoveOver"}});
    world.apply(&moving).await;
    world
        .until("sharedaudience", "loyal", "False", "AwaitingAdobeSharing")
        .await;
    assert_eq!(
        are_there(&world, &own_trait, &own_segment).await,
        (true, true)
    );
    assert_eq!(world.writes().await, Vec::<String>::new());

    let sid = of_segment["sid"].to_string();
    let members = json!({"totalUniques1Day": 12});
    world
        .control
        .patch("segments", &sid, &members)
        .await
        .unwrap();
    world.look_now("loyal").await;
    let moved = world.ready("loyal").await;
    assert_eq!(ready_condition(&moved)["reason"], "AdobeSharingActive");
    assert_eq!(trait_sid(&moved), of_trait["sid"]);
    assert_eq!(
        are_there(&world, &own_trait, &own_segment).await,
        (false, false)
    );
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
}

/// Where Adobe takes the data source of that name that is ours, our code is in its way: the status says what to do.
#[tokio::test]
async fn what_keeps_adobes_pair_from_being_made_is_said() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    let flags = json!({"sharing": {
        "setUp": {"sandbox": "prod", "audiences": "all"},
        "dataSource": "audienceSharing", "takesNamedDataSource": true,
    }});
    world.control.flags(&flags).await.unwrap();
    let mut moving = audience("loyal", LOYAL_GAMERS);
    moving["spec"]["target"] = json!({"audienceManager": {"adobeSharing": "MoveOver"}});
    world.apply(&moving).await;
    let ready = world.ready("loyal").await;
    let message = ready_message(&ready);
    assert!(
        message.contains("takes each integration code once"),
        "{message}"
    );
    let own = (trait_sid(&ready), segment_sid(&ready));
    assert_eq!(are_there(&world, &own.0, &own.1).await, (true, true));
}
