//! What must be noticed without a restart, through the watches of the real API server.

use crate::harness::{LOYAL_GAMERS, SECRET, World, audience, ready_message};

#[tokio::test]
async fn a_connection_and_a_secret_that_come_late_and_change_are_noticed() {
    let world = World::start().await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    world
        .until("sharedaudience", "loyal", "False", "ConnectionNotFound")
        .await;
    world.apply_connection().await;
    world
        .until("sharingconnection", "acme", "False", "SecretNotFound")
        .await;
    world.apply_secret("wrong").await;
    let refused = world
        .until("sharingconnection", "acme", "False", "CredentialsRefused")
        .await;
    assert!(ready_message(&refused).contains("credential"), "{refused}");
    world.apply_secret(SECRET).await;
    world.ready("loyal").await;
    let connection = world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    let items = &connection["status"]["items"];
    assert_eq!(items["traits"]["limit"], 100_000);
    assert_eq!(items["segments"]["limit"], 20_000);
    let folders = items["traitFolders"]["count"].as_u64().unwrap();
    assert!(
        (4..=5).contains(&folders),
        "four of the tenant, and ours, which alone is no news: {folders}"
    );
}
