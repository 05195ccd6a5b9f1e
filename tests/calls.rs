//! At rest: calls, counted by the simulator, and writes, counted by the API server.

use rstest::rstest;
use serde_json::json;

use crate::harness::{LOYAL_GAMERS, World, audience, moment, root};

/// Everything as declared but for one that cannot be: Adobe is read by lists, and neither Adobe nor Kubernetes is written
/// but for the echo of each request, in the same process and in another one.
///
/// Where Audience Manager heeds one data source of a list alone, what is in ours and in Adobe's is listed apart.
#[rstest]
#[case::both_in_one_list("all", 5)]
#[case::one_by_one("last", 7)]
#[tokio::test]
async fn passes_at_rest_write_nothing_anywhere_also_after_a_restart(
    #[case] repeated: &str,
    #[case] lists: usize,
) {
    let mut world = World::start().await;
    let flags = json!({"audienceManager": {"repeatedDataSourceId": repeated}});
    world.control.flags(&flags).await.unwrap();
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
        "--for=condition=SharedObjectsReady",
        "--timeout=60s",
    ];
    world.kubectl(&told).await;
    world.look_now("loyal").await;
    let at_rest = moment();
    world.control.clear_calls().await.unwrap();
    for _ in 0..5 {
        world.look_now("loyal").await;
    }
    let calls = world.calls().await;
    let audience_manager = calls.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(audience_manager, 5 * lists, "{calls:?}");
    world.restart_operator().await;
    world.look_now("loyal").await;
    let writes = world.kubernetes_writes(at_rest, 6).await;
    assert_eq!(
        writes, ["patch sharedaudiences/status"; 6],
        "the echo of each request: no event, no finalizer, no other status"
    );
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
