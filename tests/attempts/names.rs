//! To break a line of the log, a metric or an Event with a name that somebody chose in the tenant or in a Secret.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{World, audience};

/// Ends a line, begins a forged one, colours a terminal, turns the text around, closes JSON and a label.
const HOSTILE: &str = "Forged\n2026-01-01T00:00:00Z ERROR forged: line\r\u{1b}[31mred\u{202e}\u{2028}\u{0}\"}\\ {a=\"b\"} # HELP";
const FIRST: &str = "5ca1ab1e-0000-4000-8000-000000000001";
const SECOND: &str = "5ca1ab1e-0000-4000-8000-000000000002";

fn in_the_tenant(id: &str, name: &str) -> Value {
    json!({
        "id": id, "audienceId": id, "name": name, "description": HOSTILE, "type": "SegmentDefinition",
        "namespace": "AEPSegments", "originName": "REAL_TIME_CUSTOMER_PROFILE", "lifecycleState": HOSTILE, "labels": [HOSTILE],
    })
}

#[rstest]
#[tokio::test]
async fn no_name_breaks_the_log_a_metric_or_an_event(#[values("text", "json")] format: &str) {
    let mut world = World::start().await;
    for id in [FIRST, SECOND] {
        let name = format!("{HOSTILE}{}", &id[35..]);
        let created = world
            .control
            .create("audiences", &in_the_tenant(id, &name))
            .await;
        created.unwrap();
    }
    world
        .restart_with(&["--log-format", format, "--log-level", "debug"])
        .await;
    world.connect().await;
    let mut hostile = audience("first", FIRST);
    // What a manifest may hold, the API server takes: no tab, no line break.
    let declared = HOSTILE.replace(['\n', '\r', '\0'], " ");
    hostile["spec"]["target"] = json!({"audienceManager": {"name": declared}});
    world.apply(&hostile).await;
    world.share("second", SECOND).await;
    world.ready("first").await;
    // By a name that nobody has: the message repeats it.
    let mut unknown = audience("third", "");
    unknown["spec"]["source"]["experiencePlatform"] = json!({"name": declared});
    world.apply(&unknown).await;
    world
        .until("sharedaudience", "third", "False", "SourceNotFound")
        .await;

    let log = std::fs::read_to_string(world.operator.log_file()).unwrap();
    assert!(log.contains("Forged"), "the names were told at all");
    for line in log.lines() {
        assert!(!line.contains(['\u{1b}', '\r', '\0']), "{line:?}");
        match format {
            "json" => drop(serde_json::from_str::<Value>(line).expect(line)),
            _ => assert!(
                starts_with_a_time(line) && !line.starts_with("2026-01-01T00:00:00Z"),
                "{line:?}"
            ),
        }
    }
    let metrics = world.operator.metrics().await.unwrap();
    assert!(
        !metrics.contains("Forged") && !metrics.contains("forged"),
        "{metrics}"
    );
    let events = world.kubectl(&["get", "events", "--output=json"]).await;
    let events: Value = serde_json::from_str(&events).unwrap();
    for event in events["items"].as_array().unwrap() {
        assert!(event["note"].as_str().unwrap_or_default().len() <= 1_024);
    }
}

fn starts_with_a_time(line: &str) -> bool {
    let begin = line.split('Z').next().unwrap_or_default();
    begin.parse::<jiff::civil::DateTime>().is_ok()
}
