//! `--read-only` on the real API server: the way to try the operator on a real tenant.

use serde_json::json;

use crate::harness::{LOYAL_GAMERS, World, audience, ready_message, segment_sid, trait_sid};

const NEWSLETTER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";

#[tokio::test]
async fn read_only_writes_nothing_through_a_whole_life_and_says_what_it_would_do() {
    let mut world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world.restart_with(&["--read-only"]).await;
    world.control.clear_calls().await.unwrap();

    // New, changed and deleted: none of it reaches the tenant.
    world.apply(&audience("new", NEWSLETTER)).await;
    let held = world
        .until("sharedaudience", "new", "False", "ReadOnly")
        .await;
    let message = ready_message(&held);
    assert!(
        message.contains("create trait \"Newsletter readers\""),
        "{message}"
    );
    let mut changed = audience("loyal", LOYAL_GAMERS);
    changed["spec"]["target"] = json!({"audienceManager": {"name": "Another name"}});
    world.apply(&changed).await;
    let held = world
        .until("sharedaudience", "loyal", "False", "ReadOnly")
        .await;
    let message = ready_message(&held);
    assert!(
        message.contains("update trait") && message.contains("read-only"),
        "{message}"
    );
    world
        .kubectl(&["delete", "sharedaudience", "loyal", "--wait=false"])
        .await;
    world.look_now("new").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
    for (collection, sid) in [
        ("traits", trait_sid(&shared)),
        ("segments", segment_sid(&shared)),
    ] {
        let object = world.remote(collection, "sid", &sid).await;
        assert_ne!(object["name"], "Another name", "{object}");
        assert!(object.is_object(), "{collection} {sid} stands");
    }

    // Without the flag all of it is done.
    world.restart_with(&[]).await;
    world.gone("sharedaudience", "loyal").await;
    world.ready("new").await;
}
