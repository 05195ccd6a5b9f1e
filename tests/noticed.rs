//! What must be noticed and corrected without a restart: each sentence of the promise, a test.

use serde_json::json;

use crate::harness::{
    LOYAL_GAMERS, SECRET, World, audience, ready_condition, segment_sid, trait_sid,
};

#[tokio::test]
async fn a_changed_manifest_is_applied_at_once() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let mut changed = audience("loyal", LOYAL_GAMERS);
    changed["spec"]["target"] =
        json!({"audienceManager": {"name": "Named by hand", "ttlDays": 30}});
    world.apply(&changed).await;
    let found = world
        .remote_until(
            "traits",
            &trait_sid(&shared),
            "the new name and ttl",
            |found| found["name"] == "Named by hand",
        )
        .await;
    assert_eq!(found["ttl"], 30);
    world
        .remote_until("segments", &segment_sid(&shared), "the new name", |found| {
            found["name"] == "Named by hand"
        })
        .await;
}

#[tokio::test]
async fn a_rotated_secret_is_used_without_a_restart() {
    let world = World::start().await;
    world.apply_secret("wrong").await;
    world.apply_connection().await;
    let refused = world
        .until("sharingconnection", "acme", "False", "CredentialsRefused")
        .await;
    assert!(
        ready_condition(&refused)["message"]
            .as_str()
            .unwrap()
            .contains("credential")
    );
    world.apply_secret(SECRET).await;
    world.until("sharingconnection", "acme", "True", "").await;
    world.share("loyal", LOYAL_GAMERS).await;
}

#[tokio::test]
async fn a_segment_renamed_in_experience_platform_is_followed_under_the_same_ids() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world
        .control
        .patch("audiences", LOYAL_GAMERS, &json!({"name": "Loyal players"}))
        .await
        .unwrap();
    world.look_now("loyal").await;
    let (trait_sid, segment_sid) = (trait_sid(&shared), segment_sid(&shared));
    assert_eq!(
        world.remote("traits", "sid", &trait_sid).await["name"],
        "Loyal players"
    );
    assert_eq!(
        world.remote("segments", "sid", &segment_sid).await["name"],
        "Loyal players"
    );
}

#[tokio::test]
async fn an_object_edited_moved_or_deleted_by_hand_is_corrected() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let sid = trait_sid(&shared);
    let before = world.remote("traits", "sid", &sid).await;

    let edit = json!({"name": "Edited", "traitRule": "segid == \"other\"", "folderId": 0});
    world
        .control
        .patch("traits", &sid.to_string(), &edit)
        .await
        .unwrap();
    world.look_now("loyal").await;
    let after = world.remote("traits", "sid", &sid).await;
    for field in ["name", "traitRule", "folderId", "description", "ttl"] {
        assert_eq!(after[field], before[field], "{field} is put back");
    }

    world
        .control
        .delete("segments", &segment_sid(&shared).to_string())
        .await
        .unwrap();
    world.look_now("loyal").await;
    let again = world.ready("loyal").await;
    assert_ne!(
        segment_sid(&again),
        segment_sid(&shared),
        "a deleted segment comes back under another id"
    );
    assert_eq!(
        world.remote("segments", "sid", &segment_sid(&again)).await["segmentRule"],
        format!("{sid}T")
    );
}

#[tokio::test]
async fn a_connection_and_a_secret_that_appear_after_their_audience_are_noticed() {
    let world = World::start().await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    world
        .until("sharedaudience", "loyal", "False", "ConnectionNotFound")
        .await;
    world.apply_connection().await;
    world
        .until("sharingconnection", "acme", "False", "SecretNotFound")
        .await;
    world.apply_secret(SECRET).await;
    world.ready("loyal").await;
}

#[tokio::test]
async fn a_manifest_renamed_in_git_hands_its_objects_over() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("old-name", LOYAL_GAMERS).await;
    world.apply(&audience("new-name", LOYAL_GAMERS)).await;
    world
        .until("sharedaudience", "new-name", "False", "SourceClaimed")
        .await;
    world.control.clear_calls().await.unwrap();
    world.delete("old-name").await;
    let taken = world.ready("new-name").await;
    assert_eq!(trait_sid(&taken), trait_sid(&shared));
    assert_eq!(segment_sid(&taken), segment_sid(&shared));
    let writes = world.writes().await;
    assert!(
        writes.iter().all(|call| call.starts_with("PUT ")),
        "only the marks are rewritten: {writes:?}"
    );
    let description =
        world.remote("traits", "sid", &trait_sid(&taken)).await["description"].clone();
    assert!(
        description.as_str().unwrap().contains("/new-name#"),
        "{description}"
    );
}

#[tokio::test]
async fn a_cluster_that_lost_all_resources_takes_its_objects_over_by_their_marks_alone() {
    let mut world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world
        .kubectl(&[
            "annotate",
            "sharedaudience",
            "loyal",
            "audience-sharing.dev/abandon=true",
        ])
        .await;
    world.delete("loyal").await;
    world
        .kubectl(&["delete", "sharingconnection", "acme", "--timeout=60s"])
        .await;
    world.restart_operator().await;
    world.control.clear_calls().await.unwrap();
    world.apply_connection().await;
    let again = world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(
        (trait_sid(&again), segment_sid(&again)),
        (trait_sid(&shared), segment_sid(&shared))
    );
    // Each object gets the mark of the resource that exists now, and nothing else changes.
    let writes = world.writes().await;
    assert!(
        writes.len() == 2 && writes.iter().all(|call| call.starts_with("PUT ")),
        "{writes:?}"
    );
}

#[tokio::test]
async fn item_counts_are_told_beside_adobes_limits() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
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
