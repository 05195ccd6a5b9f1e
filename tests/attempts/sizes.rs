//! Oversized everything: what a person declares, and what a tenant holds.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, connection};

fn segment(number: usize) -> Value {
    json!({"key": format!("k{number}"), "name": "A", "rule": "{trait}"})
}

fn destination(number: usize) -> Value {
    json!({"key": format!("k{number}"), "id": 1})
}

#[tokio::test]
async fn what_is_too_large_in_a_manifest_is_refused() {
    let world = World::start().await;
    let with = |target: Value| {
        let mut declared = audience("loyal", LOYAL_GAMERS);
        declared["spec"]["target"] = json!({"audienceManager": target});
        declared
    };
    let many = |make: fn(usize) -> Value| (0..17).map(make).collect::<Vec<_>>();
    let mut labels = audience("loyal", "x");
    labels["spec"]["source"] = json!({"audienceManager": {"trait": {"sid": 1}}});
    let all: Vec<String> = (0..33).map(|number| format!("custom/{number}")).collect();
    labels["spec"]["target"] = json!({"experiencePlatform": {"dataUsageLabels": all}});
    let mut resync = connection();
    resync["spec"]["resyncInterval"] = json!("99999h99999h");
    let mut budget = connection();
    budget["spec"]["budget"] = json!({"requestsPerMinute": 6_001});
    let rule = format!("{{trait}} OR {}", "1T OR ".repeat(2_000));
    let attempts = [
        (
            audience(&"a".repeat(64), LOYAL_GAMERS),
            "at most 63 characters",
        ),
        (audience("loyal", &"a".repeat(129)), "Too long"),
        (with(json!({"name": "n".repeat(256)})), "Too long"),
        (with(json!({"description": "d".repeat(256)})), "Too long"),
        (
            with(json!({"ttlDays": 3_651})),
            "less than or equal to 3650",
        ),
        (with(json!({"destinations": many(destination)})), "Too many"),
        (
            with(json!({"additionalSegments": many(segment)})),
            "Too many",
        ),
        (
            with(json!({"additionalSegments": [{"key": "a", "name": "A", "rule": rule}]})),
            "Too long",
        ),
        (labels, "Too many"),
        (resync, "from 1m to 24h"),
        (budget, "less than or equal to 6000"),
    ];
    for (manifest, because) in attempts {
        let refusal = world.refusal(&manifest).await;
        assert!(refusal.contains(because), "{because}: {refusal}");
    }
    // An annotation has no schema: what is repeated of it is cut.
    world.connect().await;
    let mut annotated = audience("loyal", LOYAL_GAMERS);
    annotated["metadata"]["annotations"] =
        json!({"audience-sharing.dev/reconcile-requested-at": "x".repeat(100_000)});
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), annotated.to_string()).unwrap();
    world
        .kubectl(&["create", "--filename", file.path().to_str().unwrap()])
        .await;
    let ready = world.ready("loyal").await;
    let handled = ready["status"]["lastHandledReconcileAt"].as_str().unwrap();
    assert_eq!(handled, "x".repeat(256));
}

/// Whatever Adobe's systems hold, every object gets a status that the API server takes, and the others go on.
#[tokio::test]
async fn nothing_oversized_in_a_tenant_makes_a_status_that_is_refused() {
    let world = World::with_seed("both-directions.json").await;
    let id = |number: u32| format!("5ca1ab1e-0000-4000-8000-00000000000{number}");
    let huge = "x".repeat(20_000);
    let attempts = [
        json!({"name": huge}),
        json!({"description": huge}),
        json!({"lifecycleState": huge}),
        json!({"labels": vec![format!("custom/{huge}"); 3]}),
        json!({"labels": (0..300).map(|number| format!("custom/{number}")).collect::<Vec<_>>()}),
        json!({"sandbox": {"sandboxId": huge, "sandboxName": "prod"}}),
        // Found by its name, since no manifest may hold such an id.
        json!({"name": "Of an endless id", "id": "i".repeat(300)}),
    ];
    for (number, odd) in (1..).zip(&attempts) {
        let mut object = json!({
            "id": id(number), "audienceId": id(number), "name": format!("Odd {number}"), "type": "SegmentDefinition",
            "namespace": "AEPSegments", "originName": "REAL_TIME_CUSTOMER_PROFILE", "lifecycleState": "published",
        });
        let fields = odd.as_object().unwrap().clone();
        object.as_object_mut().unwrap().extend(fields);
        world.control.create("audiences", &object).await.unwrap();
    }
    world.connect().await;
    for number in 1..=7 {
        let mut declared = audience(&format!("odd-{number}"), &id(number));
        if number == 7 {
            declared["spec"]["source"]["experiencePlatform"] = json!({"name": "Of an endless id"});
        }
        world.apply(&declared).await;
    }
    for number in 1..=7 {
        let name = format!("odd-{number}");
        let settled = world.until_settled("sharedaudience", &name).await;
        assert!(settled["status"]["conditions"].is_array(), "{settled}");
    }
    assert_no_status_refused(&world);
    world.share("loyal", LOYAL_GAMERS).await;
}

/// The labels that an audience of ours carries come from the tenant too.
#[tokio::test]
async fn labels_without_end_on_an_audience_of_ours_are_not_repeated() {
    let world = World::with_seed("both-directions.json").await;
    world.connect().await;
    let mut declared = audience("gold", "");
    declared["spec"]["source"] = json!({"audienceManager": {"segment": {"sid": 16_450_002}}});
    world.apply(&declared).await;
    let ready = world.ready("gold").await;
    let id = ready["status"]["experiencePlatform"]["id"]
        .as_str()
        .unwrap();
    let mut labels: Vec<String> = (0..100).map(|number| format!("custom/{number}")).collect();
    labels.push(format!("custom/{}", "x".repeat(20_000)));
    labels.insert(0, format!("core/{}", "x".repeat(200)));
    let labels = json!({"labels": labels});
    world.control.patch("audiences", id, &labels).await.unwrap();
    world.look_now("gold").await;
    let shown = world.ready("gold").await;
    let shown = shown["status"]["experiencePlatform"]["dataUsageLabels"].clone();
    assert_eq!(shown.as_array().unwrap().len(), 64, "{shown}");
    assert_no_status_refused(&world);
}

fn assert_no_status_refused(world: &World) {
    let log = std::fs::read_to_string(world.operator.log_file()).unwrap();
    assert!(!log.contains("status not written"), "{log}");
}
