//! Bad input: refused by the API server with our message, or told in status; never a remote write.

use serde_json::json;

use crate::harness::{LOYAL_GAMERS, World, audience, connection, ready_condition};

#[tokio::test]
async fn a_manifest_that_breaks_a_rule_is_refused_with_the_way_to_mend_it() {
    let world = World::start().await;
    let mut both = audience("both", LOYAL_GAMERS);
    both["spec"]["source"]["experiencePlatform"]["name"] = json!("Loyal gamers");
    assert!(
        world.refusal(&both).await.contains("exactly one of"),
        "id and name together"
    );

    let mut rule = audience("rule", LOYAL_GAMERS);
    rule["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [{"key": "a", "name": "A", "rule": "1T AND 2T"}]}});
    assert!(
        world.refusal(&rule).await.contains("{trait}"),
        "a rule without the shared trait"
    );

    let mut organization = connection();
    organization["spec"]["organizationId"] = json!("not-an-organization");
    assert!(
        world
            .refusal(&organization)
            .await
            .contains("organizationId"),
        "no organisation id"
    );

    world.apply(&audience("fixed", LOYAL_GAMERS)).await;
    let other = audience("fixed", "another-source");
    assert!(
        world.refusal(&other).await.contains("cannot change"),
        "another source"
    );
}

#[tokio::test]
async fn a_source_that_cannot_be_shared_is_told_and_stops_no_other() {
    let world = World::start().await;
    world.connect().await;
    world
        .apply(&audience("missing", "00000000-0000-4000-8000-000000000000"))
        .await;
    let mut ambiguous = audience("ambiguous", "x");
    ambiguous["spec"]["source"]["experiencePlatform"] = json!({"name": "Newsletter readers"});
    world.apply(&ambiguous).await;
    world.share("loyal", LOYAL_GAMERS).await;

    let missing = world
        .until("sharedaudience", "missing", "False", "SourceNotFound")
        .await;
    assert!(
        ready_condition(&missing)["message"]
            .as_str()
            .unwrap()
            .contains("share another source")
    );
    let ambiguous = world
        .until("sharedaudience", "ambiguous", "False", "SourceAmbiguous")
        .await;
    assert!(
        ready_condition(&ambiguous)["message"]
            .as_str()
            .unwrap()
            .contains("by its id")
    );
    let writes = world.writes().await;
    assert_eq!(writes.len(), 5, "only the healthy one wrote: {writes:?}");
}

#[tokio::test]
async fn what_adobe_shared_itself_is_observed_and_never_written() {
    let world = World::with_seed("adobe-sharing.json").await;
    world.connect().await;
    let state = world.control.state().await.unwrap();
    let adobes = state["dataSources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["name"] == "Adobe Experience Platform Audience Sharing");
    let data_source = adobes.unwrap()["dataSourceId"].clone();
    let traits = state["traits"].as_array().unwrap();
    let delivered = traits
        .iter()
        .find(|found| found["dataSourceId"] == data_source)
        .unwrap();
    let source = delivered["integrationCode"].as_str().unwrap();
    world.apply(&audience("observed", source)).await;
    let observed = world
        .until("sharedaudience", "observed", "True", "AdobeSharingActive")
        .await;
    assert_eq!(
        observed["status"]["audienceManager"]["traitSid"],
        delivered["sid"]
    );
    world.delete("observed").await;
    assert_eq!(world.writes().await, Vec::<String>::new());
}
