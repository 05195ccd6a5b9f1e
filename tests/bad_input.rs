//! Bad input: refused by the API server with our message, or told in status; never a remote write.

use serde_json::json;

use crate::harness::{
    LOYAL_GAMERS, World, audience, connection, ready_message, root, start_control_plane,
};

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
async fn what_adobe_shared_itself_is_observed_and_never_written() {
    let world = World::with_seed("adobe-sharing.json").await;
    world.connect().await;
    let state = world.tenant().await;
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

#[tokio::test]
async fn an_object_of_another_owner_is_told_and_left_alone() {
    let world = World::start().await;
    world.connect().await;
    world
        .share("first", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01")
        .await;
    let made = world.get("sharedaudience", "first").await;
    let objects = &made["status"]["audienceManager"];
    world
        .control
        .create(
            "traits",
            &json!({
                "pid": 1794, "name": "Loyal gamers", "integrationCode": LOYAL_GAMERS,
                "description": "[audience-sharing:another-cluster/marketing/loyal]",
                "dataSourceId": objects["dataSourceId"], "folderId": objects["traitFolderId"],
                "traitType": "ON_BOARDED_TRAIT", "traitRule": "segid == \"x\"", "status": "ACTIVE", "ttl": 120,
            }),
        )
        .await
        .unwrap();
    world.control.clear_calls().await.unwrap();
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let conflict = world
        .until("sharedaudience", "loyal", "False", "ManagementConflict")
        .await;
    assert!(
        ready_message(&conflict).contains("another-cluster/marketing/loyal"),
        "{conflict}"
    );
    let writes = world.writes().await;
    assert!(
        writes.iter().all(|call| call == "POST /v1/traits/"),
        "at most the create that the server refuses: {writes:?}"
    );
    world.delete("loyal").await;
    let deletions = world.writes().await;
    assert!(
        !deletions.iter().any(|call| call.starts_with("DELETE")),
        "{deletions:?}"
    );
}

/// The definitions without the schema of `spec`: what an older or newer version may have stored.
fn loose_definitions() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(root().join("crds")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut definition: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let version = &mut definition["spec"]["versions"][0];
        version.as_object_mut().unwrap().remove("selectableFields");
        let schema = &mut version["schema"]["openAPIV3Schema"];
        schema["properties"]["spec"] =
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        schema
            .as_object_mut()
            .unwrap()
            .remove("x-kubernetes-validations");
        std::fs::write(
            folder.path().join(path.file_name().unwrap()),
            definition.to_string(),
        )
        .unwrap();
    }
    folder
}

#[tokio::test]
async fn an_object_that_does_not_decode_says_so_and_stops_no_other() {
    let definitions = loose_definitions();
    let plane = start_control_plane(definitions.path().to_owned());
    let world = World::over(plane, &root().join("simulator/seeds/realistic.json")).await;
    world.connect().await;
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    let mut broken = audience("loyal", LOYAL_GAMERS);
    broken["spec"]["target"] = json!({"audienceManager": {"ttlDays": "for ever"}});
    world.control.clear_calls().await.unwrap();
    world.apply(&broken).await;
    let unreadable = world
        .until("sharedaudience", "loyal", "False", "Unreadable")
        .await;
    assert!(
        ready_message(&unreadable).contains("Apply the manifest again"),
        "{unreadable}"
    );
    assert_eq!(
        unreadable["status"]["audienceManager"], shared["status"]["audienceManager"],
        "the ids stay on record"
    );
    world
        .share("other", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01")
        .await;
    assert!(
        !world
            .writes()
            .await
            .iter()
            .any(|call| call.starts_with("DELETE")),
        "nothing of it was touched"
    );
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let healed = world.ready("loyal").await;
    assert_eq!(
        healed["status"]["audienceManager"],
        shared["status"]["audienceManager"]
    );
}
