//! Oversized everything that a tenant holds, and an annotation, which has no schema.

use serde_json::json;

use crate::harness::{LOYAL_GAMERS, World, audience};

/// Whatever Adobe's systems hold, every object gets a status that the API server takes, and the others go on.
#[tokio::test]
async fn nothing_oversized_makes_a_status_that_is_refused() {
    let world = World::with_seed("both-directions.json").await;
    let labels = json!({"experiencePlatform": {"externalAudienceLabels": "stored"}});
    world.control.flags(&labels).await.unwrap();
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
        let reconciled = world.until_settled("sharedaudience", &name).await;
        assert!(
            reconciled["status"]["conditions"].is_array(),
            "{reconciled}"
        );
    }

    // An annotation has no schema: what is repeated of it is cut. Nor do the labels of an audience of ours have an end.
    let mut declared = audience("gold", "");
    declared["spec"]["source"] = json!({"audienceManager": {"segment": {"sid": 16_450_002}}});
    declared["metadata"]["annotations"] =
        json!({"audience-sharing.dev/reconcile-requested-at": "x".repeat(100_000)});
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), declared.to_string()).unwrap();
    world
        .kubectl(&["create", "--filename", file.path().to_str().unwrap()])
        .await;
    let ready = world.ready("gold").await;
    assert_eq!(ready["status"]["lastHandledReconcileAt"], "x".repeat(256));
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
    let log = std::fs::read_to_string(world.operator.log_file()).unwrap();
    assert!(!log.contains("status not written"), "{log}");
    world.share("loyal", LOYAL_GAMERS).await;
}
