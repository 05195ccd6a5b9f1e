//! To use what belongs to another namespace. The operator of these tests has every right in the cluster and watches both
//! namespaces, so that nothing but its own code stands between.

use serde_json::{Value, json};

use crate::harness::{LOYAL_GAMERS, SECRET, World, audience, connection, ready_message};

/// A world whose operator also watches another namespace, in which a connection works.
async fn beside_a_neighbour() -> (World, String) {
    let mut world = World::start().await;
    let neighbour = format!("{}-neighbour", world.namespace);
    world.kubectl(&["create", "namespace", &neighbour]).await;
    apply_in(&world, &neighbour, &secret()).await;
    apply_in(&world, &neighbour, &connection()).await;
    world
        .restart_as_administrator(&["--watch-namespace", &neighbour])
        .await;
    world
        .kubectl(&[
            "--namespace",
            &neighbour,
            "wait",
            "--for=condition=Ready",
            "sharingconnection/acme",
            "--timeout=60s",
        ])
        .await;
    (world, neighbour)
}

fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth"},
        "stringData": {"clientId": "demo-client", "clientSecret": SECRET},
    })
}

async fn apply_in(world: &World, namespace: &str, manifest: &Value) {
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), manifest.to_string()).unwrap();
    let filename = file.path().to_str().unwrap();
    // The last of two namespaces holds.
    world
        .kubectl(&["--namespace", namespace, "apply", "--filename", filename])
        .await;
}

#[tokio::test]
async fn no_connection_and_no_secret_of_another_namespace_is_used() {
    let (world, neighbour) = beside_a_neighbour().await;
    let namespace = json!(neighbour);

    // By a reference: there is no field for a namespace, and a name holds none.
    let mut named = audience("loyal", LOYAL_GAMERS);
    named["spec"]["connectionRef"]["namespace"] = namespace.clone();
    assert!(world.refusal(&named).await.contains("unknown field"));
    let mut named = audience("loyal", LOYAL_GAMERS);
    named["spec"]["connectionRef"]["name"] = json!(format!("{neighbour}/acme"));
    let refusal = world.refusal(&named).await;
    assert!(
        refusal.contains("a SharingConnection of this namespace"),
        "{refusal}"
    );
    let mut named = connection();
    named["spec"]["credentialsSecretRef"]["namespace"] = namespace;
    assert!(world.refusal(&named).await.contains("unknown field"));

    // By the same name: it is looked for in the object's own namespace alone.
    world.control.clear_calls().await.unwrap();
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let missing = world
        .until("sharedaudience", "loyal", "False", "ConnectionNotFound")
        .await;
    let own = format!("in namespace {}.", world.namespace);
    assert!(ready_message(&missing).contains(&own), "{missing}");
    world.apply_connection().await;
    let missing = world
        .until("sharingconnection", "acme", "False", "SecretNotFound")
        .await;
    assert!(ready_message(&missing).contains(&own), "{missing}");
    world
        .until("sharedaudience", "loyal", "False", "DependencyNotReady")
        .await;
    assert_eq!(world.writes().await, Vec::<String>::new());

    // No Secret was listed at large, and none read but the one that a connection of its namespace names.
    let asked = world.audit_events().unwrap();
    let foreign: Vec<_> = asked
        .iter()
        .filter(|event| event.user_agent.starts_with("audience-sharing"))
        .filter_map(|event| Some((event.verb.as_str(), event.object_ref.as_ref()?)))
        .filter(|(_, object)| object.resource == "secrets" && object.name != "adobe-oauth")
        .map(|(verb, object)| format!("{verb} {}/{}", object.namespace, object.name))
        .collect();
    assert_eq!(foreign, Vec::<String>::new());
}
