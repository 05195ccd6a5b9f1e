//! A segment of Audience Manager on the real API server: made, changed and deleted in Experience Platform.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, World, audience, ready_message};

/// With `Gold members` of the seed for both directions as its source.
fn gold(target: &Value) -> Value {
    let mut declared = audience("gold", "");
    declared["spec"]["source"] = json!({"audienceManager": {"segment": {"sid": 16_450_002}}});
    declared["spec"]["target"] = json!({"experiencePlatform": target});
    declared
}

async fn stands(world: &World, object: &Value) -> Value {
    let id = &object["status"]["experiencePlatform"]["id"];
    world.remote("audiences", "id", id).await
}

#[tokio::test]
async fn a_segment_is_shared_renamed_corrected_and_deleted() {
    let world = World::with_seed("both-directions.json").await;
    let labels = json!({"experiencePlatform": {"externalAudienceLabels": "stored"}});
    world.control.flags(&labels).await.unwrap();
    world.connect().await;
    world.apply(&gold(&json!({}))).await;
    let ready = world.ready("gold").await;
    let status = &ready["status"];
    assert_eq!(status["source"]["direction"], "ToExperiencePlatform");
    assert_eq!(status["source"]["kind"], "Segment");
    assert_eq!(status["experiencePlatform"]["namespace"], "AAMSegments");
    assert_eq!(status["experiencePlatform"]["audienceId"], "16450002");
    assert_eq!(
        status["pql"]["text"],
        "segmentMembership.get(\"AAMSegments\").get(\"16450002\").status in ([\"realized\", \"existing\"])"
    );
    assert_eq!(stands(&world, &ready).await["name"], "Gold members");
    assert_eq!(
        status["experiencePlatform"]["dataUsageLabels"],
        json!(["core/C3"]),
        "of the data source of its trait"
    );

    // The manifest names it otherwise, then a person does.
    world
        .apply(&gold(
            &json!({"name": "Our gold members", "dataUsageLabels": ["custom/partners-only"]}),
        ))
        .await;
    let renamed = world.ready("gold").await;
    let labels = json!(["core/C3", "custom/partners-only"]);
    assert_eq!(stands(&world, &renamed).await["labels"], labels);
    assert_eq!(stands(&world, &renamed).await["name"], "Our gold members");
    let id = status["experiencePlatform"]["id"].as_str().unwrap();
    world
        .control
        .patch("audiences", id, &json!({"name": "Edited by hand"}))
        .await
        .unwrap();
    world.look_now("gold").await;
    let corrected = world.ready("gold").await;
    assert_eq!(stands(&world, &corrected).await["name"], "Our gold members");

    world.delete("gold").await;
    assert_eq!(stands(&world, &corrected).await, Value::Null);
    assert_eq!(world.changes.left(), Vec::<&str>::new());
}

/// In both readings: a list with all fields, and one without labels and descriptions, which are read from each audience.
#[rstest]
#[case::all(&[])]
#[case::no_labels_and_no_description(&["labels", "description"])]
#[tokio::test]
async fn what_a_list_leaves_out_is_neither_lost_nor_taken_for_empty(#[case] left_out: &[&str]) {
    let world = World::with_seed("both-directions.json").await;
    let flags = json!({"experiencePlatform": {
        "audienceListLeavesOut": left_out, "externalAudienceLabels": "stored",
    }});
    world.control.flags(&flags).await.unwrap();
    world.connect().await;
    world.apply(&gold(&json!({}))).await;
    let ready = world.ready("gold").await;
    let made = stands(&world, &ready).await;
    let id = made["id"].as_str().unwrap();
    let by_hand = json!({"description": "by hand"});
    world
        .control
        .patch("audiences", id, &by_hand)
        .await
        .unwrap();
    world.look_now("gold").await;
    world.ready("gold").await;
    assert_eq!(
        stands(&world, &ready).await["description"],
        made["description"]
    );
}

/// Where Adobe still makes external audiences the share is ready; where it does not, the status says what to try.
#[rstest]
#[case::served("served", "Succeeded")]
#[case::plain_400("plainBadRequest", "NotEntitled")]
#[case::with_403("forbidden", "NotEntitled")]
#[case::with_404("notFound", "NotEntitled")]
#[tokio::test]
async fn a_withdrawn_way_to_make_audiences_names_the_next_strategy(
    #[case] reading: &str,
    #[case] reason: &str,
) {
    let world = World::with_seed("both-directions.json").await;
    let flags = json!({"experiencePlatform": {
        "externalAudienceCreate": reading, "externalAudienceLabels": "stored",
    }});
    world.control.flags(&flags).await.unwrap();
    world.connect().await;
    world.apply(&gold(&json!({}))).await;
    if reason == "Succeeded" {
        world.ready("gold").await;
        return;
    }
    let refused = world.until("sharedaudience", "gold", "False", reason).await;
    let message = ready_message(&refused);
    assert!(message.contains("strategy MetadataOnly"), "{message}");
}

/// One page holds fifty.
#[rstest]
#[case::of_one_page(49)]
#[case::of_two_pages(50)]
#[tokio::test]
async fn a_sandbox_is_found_on_whichever_page(#[case] before: usize) {
    let world = World::start().await;
    let mut state = world.control.state().await.unwrap();
    let sandboxes = state["sandboxes"].as_array_mut().unwrap();
    let mut found = sandboxes.iter();
    let prod = found.find(|sandbox| sandbox["name"] == "prod").unwrap();
    let prod = prod.clone();
    sandboxes.clear();
    for index in 0..before {
        let mut other = prod.clone();
        other["name"] = json!(format!("a-{index}"));
        other["id"] = json!(format!("00000000-0000-4000-8000-{index:012}"));
        sandboxes.push(other);
    }
    sandboxes.push(prod);
    world.control.put_state(&state).await.unwrap();
    world.connect().await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    world.share("loyal", LOYAL_GAMERS).await;
}

/// A credential that lacks the scope or the product profile of Experience Platform: the status names the service and what to
/// add, Audience Manager is still asked, and with the profile all goes on.
#[rstest]
#[case::refused_as_forbidden(403)]
#[case::refused_as_if_the_token_were_wrong(401)]
#[tokio::test]
async fn a_credential_that_one_service_does_not_take_is_named_with_what_it_lacks(
    #[case] status: u16,
) {
    let world = World::start().await;
    let flags = json!({"shared": {"unentitledStatus": status}});
    world.control.flags(&flags).await.unwrap();
    let set = async |access: &str| {
        let mut state = world.control.state().await.unwrap();
        state["credentials"][0]["aepAccess"] = json!(access);
        world.control.put_state(&state).await.unwrap();
    };
    set("none").await;
    world.connect().await;
    let refused = world
        .until("sharingconnection", "acme", "False", "CredentialsRefused")
        .await;
    let message = ready_message(&refused);
    for text in ["Experience Platform", "product profile", "scopes"] {
        assert!(message.contains(text), "{message}");
    }
    let calls = world.calls().await;
    assert!(calls.iter().any(|call| call.contains("/v1/")), "{calls:?}");
    set("full").await;
    world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
}
