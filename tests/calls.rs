//! Calls, counted by the simulator; nothing foreign is touched; no secret is told.

use crate::harness::{LOYAL_GAMERS, SECRET, World, root, segment_sid, trait_sid};

/// Another published segment of the realistic tenant.
async fn another_segment(world: &World) -> String {
    let state = world.control.state().await.unwrap();
    let audiences = state["audiences"].as_array().unwrap();
    let found = audiences.iter().find(|audience| {
        audience["id"] != LOYAL_GAMERS
            && audience["type"] == "SegmentDefinition"
            && audience["lifecycleState"] == "published"
    });
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_audience_makes_the_shared_objects_and_the_second_two_creates() {
    let world = World::start().await;
    world.connect().await;
    world.share("first", LOYAL_GAMERS).await;
    assert_eq!(
        world.writes().await,
        [
            "POST /v1/datasources/",
            "POST /v1/folders/traits/",
            "POST /v1/folders/segments/",
            "POST /v1/traits/",
            "POST /v1/segments/",
        ]
    );
    let second = another_segment(&world).await;
    world.control.clear_calls().await.unwrap();
    world.share("second", &second).await;
    assert_eq!(
        world.calls().await,
        ["POST /v1/traits/", "POST /v1/segments/"],
        "the server enforces the keys: no look-up"
    );
}

#[tokio::test]
async fn a_deletion_removes_our_two_objects_after_one_look_at_who_uses_them_and_nothing_foreign() {
    let world = World::start().await;
    let before = world.control.state().await.unwrap();
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world.control.clear_calls().await.unwrap();
    world.delete("loyal").await;
    assert_eq!(
        world.calls().await,
        [
            "GET /v1/segments/".to_owned(),
            format!("DELETE /v1/segments/{}", segment_sid(&shared)),
            format!("DELETE /v1/traits/{}", trait_sid(&shared)),
        ]
    );
    let after = world.control.state().await.unwrap();
    // Audience Manager itself adds a folder trait for the folder that was made; what stood before stands as it was.
    for collection in [
        "traits",
        "segments",
        "audiences",
        "dataSources",
        "mergePolicies",
    ] {
        let after = after[collection].as_array().unwrap();
        for object in before[collection].as_array().unwrap() {
            assert!(
                after.contains(object),
                "{collection}: changed or gone: {object}"
            );
        }
    }
}

#[tokio::test]
async fn a_look_at_rest_makes_five_calls_to_audience_manager_and_writes_nothing() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.look_now("loyal").await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    let audience_manager: Vec<_> = calls.iter().filter(|call| call.contains("/v1/")).collect();
    assert_eq!(audience_manager.len(), 5, "{calls:?}");
    assert_eq!(
        calls.len(),
        6,
        "and one page of Experience Platform: {calls:?}"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn looking_again_writes_nothing_into_kubernetes_but_the_echo_of_the_request() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    world.look_now("loyal").await;
    let before = world.kubernetes_writes().len();
    assert!(before > 0, "the log knows of the operator's writes");
    for _ in 0..5 {
        world.look_now("loyal").await;
    }
    let writes = world.kubernetes_writes().split_off(before);
    assert_eq!(
        writes, ["patch sharedaudiences/status"; 5],
        "no event, no finalizer, no other status"
    );
}

#[tokio::test]
async fn the_client_secret_is_told_nowhere() {
    let world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.apply_secret("canary-that-is-wrong").await;
    world
        .until("sharingconnection", "acme", "False", "CredentialsRefused")
        .await;
    let told = [
        std::fs::read_to_string(world.operator.log_file()).unwrap(),
        world.operator.metrics().await.unwrap(),
        world
            .kubectl(&[
                "get",
                "events,sharedaudiences,sharingconnections",
                "--output=yaml",
            ])
            .await,
    ];
    for text in told {
        for secret in [SECRET, "canary-that-is-wrong", "Bearer "] {
            assert!(!text.contains(secret), "{secret} is told");
        }
    }
}

#[tokio::test]
async fn every_example_is_applied_and_understood() {
    let world = World::start().await;
    for example in std::fs::read_dir(root().join("examples")).unwrap() {
        let text = std::fs::read_to_string(example.unwrap().path()).unwrap();
        if text.contains("kind: Namespace") {
            continue;
        }
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(
            file.path(),
            text.replace(
                "namespace: marketing",
                &format!("namespace: {}", world.namespace),
            ),
        )
        .unwrap();
        world
            .kubectl(&["apply", "--filename", file.path().to_str().unwrap()])
            .await;
    }
    world.ready("loyal-gamers").await;
}
