//! Calls, counted by the simulator, and writes, counted by the API server.

use rstest::rstest;
use serde_json::json;

use crate::harness::{
    LOYAL_GAMERS, SECRET, World, audience, connection, root, segment_sid, trait_sid,
};

/// Another published segment of the realistic tenant.
async fn another_segment(world: &World) -> String {
    let state = world.tenant().await;
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
async fn a_deletion_asks_who_uses_our_two_objects_reads_each_and_removes_it_and_nothing_else() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world.control.clear_calls().await.unwrap();
    world.delete("loyal").await;
    let segment = format!("/v1/segments/{}", segment_sid(&shared));
    let of_trait = format!("/v1/traits/{}", trait_sid(&shared));
    assert_eq!(
        world.calls().await,
        [
            "GET /v1/segments/".to_owned(),
            format!("GET {segment}"),
            format!("DELETE {segment}"),
            format!("GET {of_trait}"),
            format!("DELETE {of_trait}"),
        ]
    );
    let shared_objects = ["dataSources", "segmentFolders", "traitFolders"];
    assert_eq!(world.changes.left(), shared_objects);
}

#[tokio::test]
async fn a_restarted_operator_that_finds_all_as_declared_writes_nothing_anywhere() {
    let mut world = World::start().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    let missing = audience("missing", "00000000-0000-4000-8000-000000000000");
    world.apply(&missing).await;
    world
        .until("sharedaudience", "missing", "False", "SourceNotFound")
        .await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    // The connection tells last that the shared objects stand.
    let told = [
        "wait",
        "sharingconnection",
        "acme",
        "--for=condition=FoundationReady",
        "--timeout=60s",
    ];
    world.kubectl(&told).await;
    let before = world.kubernetes_writes().len();
    world.restart_operator().await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let writes = world.kubernetes_writes().split_off(before);
    assert_eq!(
        writes,
        ["patch sharedaudiences/status"],
        "the echo of the request alone"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
}

/// The calls beyond the lists of a pass.
fn beyond_the_pass(calls: Vec<String>) -> Vec<String> {
    calls
        .into_iter()
        .filter(|call| {
            call.starts_with("PUT ")
                || call.trim_end_matches(|last: char| last.is_ascii_digit()) != call
        })
        .collect()
}

#[tokio::test]
async fn a_rename_in_experience_platform_reads_and_writes_the_two_objects_once() {
    let world = World::start().await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    world.look_now("loyal").await;
    world
        .control
        .patch("audiences", LOYAL_GAMERS, &json!({"name": "Loyal players"}))
        .await
        .unwrap();
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let (made, segment) = (trait_sid(&shared), segment_sid(&shared));
    let calls = world.calls().await;
    assert_eq!(calls.len(), 6 + 4, "one pass and two updates: {calls:?}");
    // The two go side by side.
    let mut updates = beyond_the_pass(calls);
    updates.sort();
    assert_eq!(
        updates,
        [
            format!("GET /v1/segments/{segment}"),
            format!("GET /v1/traits/{made}"),
            format!("PUT /v1/segments/{segment}"),
            format!("PUT /v1/traits/{made}"),
        ]
    );
}

/// The tenant with `count` more published segments; their ids.
async fn add_segments(world: &World, count: usize) -> Vec<String> {
    let mut state = world.control.state().await.unwrap();
    let audiences = state["audiences"].as_array_mut().unwrap();
    let template = audiences
        .iter()
        .find(|audience| audience["id"] == LOYAL_GAMERS)
        .unwrap()
        .clone();
    let ids: Vec<String> = (0..count).map(|index| format!("segment-{index}")).collect();
    for id in &ids {
        let mut audience = template.clone();
        audience["id"] = json!(id);
        audience["audienceId"] = json!(id);
        audience["name"] = json!(format!("Name of {id}"));
        audiences.push(audience);
    }
    world.control.put_state(&state).await.unwrap();
    ids
}

/// Ten passes over both systems with everything as declared: Adobe is read by lists, and neither Adobe nor Kubernetes
/// is written but for the echo of each request.
#[rstest]
#[case::one(1, 1)]
#[case::five_hundred(500, 6)]
#[tokio::test]
async fn ten_passes_at_rest_write_nothing_anywhere(#[case] audiences: usize, #[case] pages: usize) {
    let world = World::start().await;
    let ids = add_segments(&world, audiences).await;
    world.apply_secret(SECRET).await;
    let mut connection = connection();
    connection["spec"]["budget"] = json!({"requestsPerMinute": 6_000, "burst": 100});
    world.apply(&connection).await;
    let items: Vec<_> = ids.iter().map(|id| audience(id, id)).collect();
    world
        .apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}))
        .await;
    world
        .kubectl(&[
            "wait",
            "sharedaudience",
            "--all",
            "--for=condition=Ready",
            "--timeout=240s",
        ])
        .await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    world.look_now(&ids[0]).await;
    let before = world.kubernetes_writes().len();
    assert!(before > audiences, "the log knows of the operator's writes");
    world.control.clear_calls().await.unwrap();
    for _ in 0..10 {
        world.look_now(&ids[0]).await;
    }
    let writes = world.kubernetes_writes().split_off(before);
    assert_eq!(
        writes, ["patch sharedaudiences/status"; 10],
        "no event, no finalizer, no other status"
    );
    let calls = world.calls().await;
    let audience_manager = calls.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(audience_manager, 50, "five lists a pass");
    assert_eq!(calls.len() - audience_manager, 10 * pages);
    assert_eq!(world.writes().await, Vec::<String>::new());
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
