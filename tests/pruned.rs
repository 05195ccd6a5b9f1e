//! Everything is pruned while no operator runs, in whatever order: it ends all the same (law L7). The orders and the
//! clocks are played on virtual time (`tests/faults/leaving.rs`); here is the real API server.

use serde_json::json;

use crate::harness::{LOYAL_GAMERS, World, trait_sid};

#[tokio::test]
async fn what_was_pruned_while_nobody_ran_is_released_after_ten_minutes_in_all() {
    let mut world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world.stop_operator().await;
    for (kind, name) in [
        ("secret", "adobe-oauth"),
        ("sharingconnection", "acme"),
        ("sharedaudience", "loyal"),
    ] {
        world.kubectl(&["delete", kind, name, "--wait=false"]).await;
    }
    // As an earlier process left it, ten seconds before the end.
    let leaving = world.get("sharedaudience", "loyal").await;
    let since = &leaving["metadata"]["deletionTimestamp"];
    let waited = json!({"status": {"deletionWait": {"seconds": 590, "countedAt": since}}});
    let patch = ["patch", "sharedaudience", "loyal", "--subresource=status"];
    let merge = ["--type=merge", "--patch", &waited.to_string()];
    world.kubectl(&[&patch[..], &merge].concat()).await;
    world.start_again(&[]).await;
    world.gone("sharedaudience", "loyal").await;
    world.gone("sharingconnection", "acme").await;
    let sid = trait_sid(&shared);
    let stays = world.remote("traits", "sid", &sid).await;
    assert!(
        !stays.is_null(),
        "nobody had a credential to delete it with"
    );
    let log = std::fs::read_to_string(world.operator.log_file()).unwrap();
    assert!(
        log.contains(&format!("trait {sid}")),
        "it is told which stays"
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_by_the_connection_that_leaves() {
    let mut world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.stop_operator().await;
    world.kubectl(&["delete", "secret", "adobe-oauth"]).await;
    for (kind, name) in [("sharingconnection", "acme"), ("sharedaudience", "loyal")] {
        world.kubectl(&["delete", kind, name, "--wait=false"]).await;
    }
    world.start_again(&[]).await;
    world
        .until("sharingconnection", "acme", "False", "SecretNotFound")
        .await;
    // It comes back in time, and the objects are deleted.
    world.apply_secret(crate::harness::SECRET).await;
    world.gone("sharedaudience", "loyal").await;
    world.gone("sharingconnection", "acme").await;
    let state = world.tenant().await;
    let ours = state["traits"].as_array().unwrap().iter().filter(|found| {
        let description = found["description"].as_str().unwrap_or_default();
        description.contains("/loyal")
    });
    assert_eq!(ours.count(), 0);
}
