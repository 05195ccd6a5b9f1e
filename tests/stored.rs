//! Manifests with the names that fields and values had before: refused with the new name on the real API server, and, where
//! an older definition stored them, reported in their own status. `tests/faults/manifests.rs` plays the rest.

use audience_sharing_operator::api::crd::definitions;
use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, World, audience, connection, ready_message, root, start_control_plane,
};

fn with(mut manifest: Value, field: &str, value: Value) -> Value {
    manifest["spec"][field] = value;
    manifest
}

/// Each with what the message must name: the field or the values of today.
fn outdated() -> [(Value, &'static str); 4] {
    let limit = json!({"requestsPerMinute": 60, "burst": 5});
    [
        (with(connection(), "budget", limit), "rateLimit"),
        (
            with(connection(), "adoptionPolicy", json!("Match")),
            "IfEqual",
        ),
        (
            with(
                audience("loyal", LOYAL_GAMERS),
                "adoptionPolicy",
                json!("Adopt"),
            ),
            "Always",
        ),
        (
            with(
                audience("loyal", LOYAL_GAMERS),
                "sourceGonePolicy",
                json!("Keep"),
            ),
            "Retain",
        ),
    ]
}

#[tokio::test]
async fn an_outdated_manifest_is_refused_with_the_name_of_today() {
    let world = World::start().await;
    for (manifest, name) in outdated() {
        let message = world.refusal(&manifest).await;
        assert!(message.contains(name), "{manifest}: {message}");
    }
}

/// The definitions as they were: the fields and values of before are taken.
fn older(folder: &std::path::Path) {
    for definition in definitions().unwrap() {
        let mut value = definition.as_value().clone();
        let schema = &mut value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let fields = &mut schema["properties"]["spec"]["properties"];
        for (field, word) in [("adoptionPolicy", "Match"), ("sourceGonePolicy", "Keep")] {
            if let Some(words) = fields
                .get_mut(field)
                .and_then(|field| field["enum"].as_array_mut())
            {
                words.push(json!(word));
            }
        }
        if let Some(budget) = fields
            .get_mut("budget")
            .and_then(|budget| budget.as_object_mut())
        {
            budget.remove("x-kubernetes-validations");
        }
        let file = folder.join(format!("{}.json", definition.name()));
        std::fs::write(file, value.to_string()).unwrap();
    }
}

#[tokio::test]
async fn stored_objects_of_an_older_definition_say_so_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    older(folder.path());
    let plane = start_control_plane(folder.path().to_owned());
    let seed = root().join("simulator/seeds/realistic.json");
    let mut world = World::over(plane, &seed).await;
    world.stop_operator().await;
    world.apply_secret("demo-secret").await;
    let limit = json!({"requestsPerMinute": 60, "burst": 5});
    world.apply(&with(connection(), "budget", limit)).await;
    let keep = with(
        audience("kept", LOYAL_GAMERS),
        "sourceGonePolicy",
        json!("Keep"),
    );
    world.apply(&keep).await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let crds = root().join("crds");
    let crds = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--filename",
        crds.to_str().unwrap(),
    ];
    plane.run_kubectl(&crds).await.unwrap();
    world.start_again(&[]).await;
    let found = world
        .until("sharingconnection", "acme", "False", "InvalidSpec")
        .await;
    assert!(ready_message(&found).contains("spec.rateLimit"), "{found}");
    let found = world
        .until("sharedaudience", "kept", "False", "InvalidSpec")
        .await;
    assert!(
        ready_message(&found).contains("spec.sourceGonePolicy"),
        "{found}"
    );
    world
        .until("sharedaudience", "loyal", "False", "DependencyNotReady")
        .await;
    assert_eq!(world.writes().await, Vec::<String>::new());
    // The manifests of today.
    world
        .kubectl(&["delete", "sharedaudience", "kept", "--wait=false"])
        .await;
    let retain = [
        "--type=merge",
        "--patch",
        r#"{"spec": {"deletionPolicy": "Retain"}}"#,
    ];
    world
        .kubectl(&[&["patch", "sharedaudience", "kept"][..], &retain].concat())
        .await;
    world.gone("sharedaudience", "kept").await;
    world.apply(&connection()).await;
    world.ready("loyal").await;
}
