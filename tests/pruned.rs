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
