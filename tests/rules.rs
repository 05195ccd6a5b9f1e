//! Rules of additional segments on the real API server: traits that they name, Audience Manager's validation, and what
//! cannot be such a rule.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, ready_message, trait_sid};

fn ruled(rule: &str, traits: &Value) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    let segment = json!({"key": "third", "name": "Third", "rule": rule, "traits": traits});
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [segment]}});
    declared
}

/// The traits of another provider's data source that is not subscribed, and one more by the name of another.
async fn tenant() -> World {
    let world = World::start().await;
    let template = world.remote("traits", "sid", &json!(9912)).await;
    let more = [
        json!({"sid": 9920, "dataSourceId": 6602, "name": "Secret shoppers"}),
        json!({"sid": 9914, "name": "Pet owners"}),
        json!({"sid": 9915, "name": "Boat owners", "integrationCode": "boats"}),
    ];
    for fields in more {
        let mut made = template.clone();
        let changes = fields.as_object().unwrap().clone();
        made.as_object_mut().unwrap().extend(changes);
        world.control.create("traits", &made).await.unwrap();
    }
    world
}

fn validations(calls: &[String]) -> usize {
    calls
        .iter()
        .filter(|call| call.ends_with("/segments/validate/"))
        .count()
}

#[tokio::test]
async fn traits_are_found_once_pinned_and_the_rule_is_validated_once_for_its_content() {
    let world = tenant().await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    world.control.clear_calls().await.unwrap();
    let traits = json!([
        {"key": "auto", "name": "Auto intenders", "dataSourceId": 6601},
        {"key": "boats", "integrationCode": "boats"},
    ]);
    world
        .apply(&ruled("{trait} AND ({auto} OR {boats} OR 9913T)", &traits))
        .await;
    let ready = world.ready("loyal").await;
    let mut calls = world.calls().await;
    assert_eq!(
        calls.split_off(2),
        ["POST /v1/segments/validate/", "POST /v1/segments/"]
    );
    assert_eq!(
        calls,
        ["GET /v1/traits/", "GET /v1/traits/"],
        "one look for each name"
    );
    let told = &ready["status"]["audienceManager"]["additionalSegments"][0];
    assert_eq!(
        told["traits"],
        json!([
            {"key": "auto", "foundBy": "name \"Auto intenders\" in data source 6601", "sid": 9912},
            {"key": "boats", "foundBy": "integration code boats", "sid": 9915},
        ])
    );
    let made = world.remote("segments", "sid", &told["sid"]).await;
    let sid = trait_sid(&ready);
    assert_eq!(
        made["segmentRule"],
        format!("{sid}T AND (9912T OR 9915T OR 9913T)")
    );

    // The name belongs to another trait by now: the sid stays.
    world
        .control
        .patch("traits", "9912", &json!({"name": "Auto buyers"}))
        .await
        .unwrap();
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    assert_eq!(validations(&calls), 0, "nothing is asked at rest");
    assert_eq!(calls.len(), 6, "the lists of a pass: {calls:?}");

    world.control.clear_calls().await.unwrap();
    world
        .apply(&ruled("{trait} AND ({auto} OR {boats})", &traits))
        .await;
    world.ready("loyal").await;
    let calls = world.calls().await;
    assert_eq!(validations(&calls), 1, "another content: {calls:?}");
    let made = world.remote("segments", "sid", &told["sid"]).await;
    assert_eq!(made["segmentRule"], format!("{sid}T AND (9912T OR 9915T)"));
}

#[rstest]
#[case::brackets("{trait} AND (9912T", json!([]), "RuleInvalid", &["\"third\"", "at character"])]
#[case::without_a_named_key("{trait} AND {auto}", json!([]), "RuleInvalid", &["{auto}", "Add the key to traits"])]
#[case::with_an_unused_key("{trait} AND 9912T", json!([{"key": "auto", "sid": 9913}]), "RuleInvalid",
    &["does not use {auto}"])]
#[case::unknown("{trait} AND 666T", json!([]), "RuleInvalid", &["trait 666", "Audience Marketplace"])]
#[case::not_subscribed("{trait} AND {secret}", json!([{"key": "secret", "sid": 9920}]), "RuleInvalid",
    &["9920 (\"secret\")", "not subscribed"])]
#[case::not_subscribed_by_name("{trait} AND {secret}",
    json!([{"key": "secret", "name": "Secret shoppers", "dataSourceId": 6602}]), "TraitNotFound",
    &["\"Secret shoppers\"", "data source 6602", "Audience Marketplace"])]
#[case::ambiguous("{trait} AND {pets}", json!([{"key": "pets", "name": "Pet owners", "dataSourceId": 6601}]),
    "TraitAmbiguous", &["9913, 9914", "by its sid"])]
#[case::frequency("{trait} AND FREQUENCY([16440008T]) >= 2", json!([]), "RuleInvalid",
    &["16440008", "of kind onboarded", "FREQUENCY"])]
#[case::matches_everyone("NOT {trait} AND NOT 9912T", json!([]), "RuleInvalid", &["would match everyone"])]
#[tokio::test]
async fn a_rule_that_cannot_stand_is_told_with_its_trait_and_nothing_is_written(
    #[case] rule: &str,
    #[case] traits: Value,
    #[case] reason: &str,
    #[case] told: &[&str],
) {
    let world = tenant().await;
    world.connect().await;
    world
        .share("healthy", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01")
        .await;
    world.control.clear_calls().await.unwrap();
    world.apply(&ruled(rule, &traits)).await;
    let refused = world
        .until("sharedaudience", "loyal", "False", reason)
        .await;
    let message = ready_message(&refused);
    for text in told {
        assert!(message.contains(text), "{text}: {message}");
    }
    assert_eq!(
        world.writes().await,
        Vec::<String>::new(),
        "no partial write"
    );
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    world.ready("loyal").await;
}

#[tokio::test]
async fn a_rule_of_a_thousand_unknown_traits_costs_a_handful_of_calls_and_one_of_a_megabyte_none() {
    let world = tenant().await;
    world.connect().await;
    world
        .share("healthy", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01")
        .await;
    let megabyte = format!("{{trait}} AND {}", "9912T OR ".repeat(120_000));
    let refusal = world.refusal(&ruled(&megabyte, &json!([]))).await;
    assert!(
        refusal.contains("8192") || refusal.contains("too large"),
        "{refusal}"
    );

    let traits: Vec<String> = (1..=1_000).map(|sid| format!("{sid}T")).collect();
    let rule = format!("{{trait}} AND ({})", traits.join(" OR "));
    world.control.clear_calls().await.unwrap();
    world.apply(&ruled(&rule, &json!([]))).await;
    let refused = world
        .until("sharedaudience", "loyal", "False", "RuleInvalid")
        .await;
    assert!(
        ready_message(&refused).contains("trait 1, 2, 3"),
        "{refused}"
    );
    let calls = world.calls().await;
    assert!(
        calls.len() <= 9,
        "one validation and eight reads: {calls:?}"
    );
    assert_eq!(world.writes().await, Vec::<String>::new());
}
