//! Every leaf of every custom resource (peers.md §4.6, T26 and T27, after Acto): set, changed, taken out, at its bounds and
//! beyond them. What is refused names the field; what is accepted shows, in the two systems or in the status; and the
//! manifest of before brings back all that stood before.

mod mutations;
mod patient;
mod refused;
mod remote;
mod schema;
mod table;
mod table_of_audience;
mod table_of_connection;
mod table_of_models;
mod table_of_segments;
mod tenant;

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::{Value, json};
use testbed::{ControlPlane, resource_path};

use crate::harness::{SECRET, World, shared_control_plane};
use crate::judges;
use mutations::{Expected, Mutation, mutations};
use patient::Patient;
use schema::{Leaf, leaves};
use table::{Values, table};
use table_of_audience::{CONNECTION, SECOND_CONNECTION};

/// A leaf with all that is done to it, on a manifest of its own.
struct Subject {
    number: usize,
    leaf: Leaf,
    values: Values,
    mutations: Vec<Mutation>,
}

impl Subject {
    fn base(&self) -> Value {
        self.values.base(self.number)
    }

    fn accepted(&self) -> impl Iterator<Item = &Mutation> {
        let all = self.mutations.iter();
        all.filter(|mutation| mutation.expected == Expected::Accepted)
    }
}

/// Every leaf with what the table says of it. A leaf that the table does not know, and an entry that no leaf needs, fail.
fn subjects() -> Vec<Subject> {
    let table = table();
    let leaves = leaves();
    let known: BTreeSet<&str> = table.iter().map(|values| values.leaf).collect();
    let names: BTreeSet<String> = leaves.iter().map(Leaf::name).collect();
    let unknown: Vec<_> = names
        .iter()
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "leaves without values: {unknown:#?}");
    let stale: Vec<_> = known
        .iter()
        .filter(|name| !names.contains(**name))
        .collect();
    assert!(stale.is_empty(), "entries without a leaf: {stale:#?}");
    let of = |(number, leaf): (usize, Leaf)| {
        let name = leaf.name();
        let values = table.iter().find(|values| values.leaf == name);
        let values = values.cloned().unwrap();
        let mutations = mutations(&leaf, &values, number);
        Subject {
            number,
            leaf,
            values,
            mutations,
        }
    };
    leaves.into_iter().enumerate().map(of).collect()
}

/// Makes it, or puts its spec and annotations in the place of those that stand; code and answer.
async fn apply(plane: &ControlPlane, namespace: &str, manifest: &Value, dry: bool) -> (u16, Value) {
    let name = manifest["metadata"]["name"].as_str().unwrap();
    let kind = manifest["kind"].as_str().unwrap();
    let all = resource_path(namespace, kind, "");
    let one = resource_path(namespace, kind, name);
    let options = if dry { "&dryRun=All" } else { "" };
    let options = format!("?fieldManager=sweep&fieldValidation=Strict{options}");
    let how = "application/json";
    loop {
        let sent = match plane.read(&one).await.unwrap() {
            None => {
                plane
                    .send("POST", &format!("{all}{options}"), how, manifest)
                    .await
            }
            Some(mut object) => {
                object["spec"] = manifest["spec"].clone();
                object["metadata"]["annotations"] = manifest["metadata"]["annotations"].clone();
                plane
                    .send("PUT", &format!("{one}{options}"), how, &object)
                    .await
            }
        };
        let (status, answer) = sent.unwrap();
        // The operator wrote its status or finalizer in between.
        if status != 409 {
            return (status, answer);
        }
    }
}

#[tokio::test]
async fn every_leaf_has_bounds_and_its_refusals_say_how_to_mend_them() {
    let plane = shared_control_plane();
    let namespace = "leaves";
    let create = ["create", "namespace", namespace];
    plane.run_kubectl(&create).await.unwrap();
    let mut door = refused::Door::of(plane, namespace);
    for subject in subjects() {
        door.judge(&subject).await;
    }
    door.judge_pairs().await;
    let faults = door.faults;
    assert!(
        faults.is_empty(),
        "{} of {}: {faults:#?}",
        faults.len(),
        door.asked
    );
}

/// As many patients at a time: each waits most of the time.
const AT_ONCE: usize = 16;

/// A world in which every subject can become a patient.
async fn ward(subjects: &[Subject]) -> World {
    let mut world = World::with_seed("both-directions.json").await;
    let seed = world.control.state().await.unwrap();
    let state = tenant::with_patients(&seed, subjects);
    world.control.put_state(&state).await.unwrap();
    for (collection, id) in tenant::adoptable_ids(&state) {
        world.changes.adopt(collection, &id);
    }
    // Where labels are ignored or answers lag, a leaf does not show.
    let flags = json!({"audienceManager": {"validateMergeRule": true}, "experiencePlatform": {
        "externalAudienceLabels": "stored", "readAfterWriteDelayMs": 0, "deletedReadableMs": 0,
    }});
    world.control.flags(&flags).await.unwrap();
    // The chart grants one Secret by its name; here others are named too.
    world.restart_as_administrator(&[]).await;
    world.apply_secret(SECRET).await;
    let wrong = json!({"clientId": "another-client", "clientSecret": "wrong"});
    let wrong = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adobe-oauth-wrong"},
        "stringData": wrong});
    world.apply(&wrong).await;
    for (number, name) in [(900, CONNECTION), (901, SECOND_CONNECTION)] {
        let mut connection = table_of_connection::connection(number);
        connection["metadata"]["name"] = json!(name);
        world.apply(&connection).await;
    }
    world
}

#[expect(
    clippy::disallowed_methods,
    reason = "`LEAF` plays a part of the leaves again"
)]
#[tokio::test]
async fn every_leaf_shows_or_is_explained_and_the_way_back_restores_all() {
    let only = std::env::var("LEAF").unwrap_or_default();
    let subjects = subjects();
    let world = ward(&subjects).await;
    let chosen = subjects
        .iter()
        .filter(|subject| subject.leaf.name().contains(&only));
    let turns = patient::Turns::default();
    let treated = chosen.map(|subject| remote::treat(Patient::of(&world, subject, &turns)));
    let rows: Vec<remote::Row> = futures::stream::iter(treated)
        .buffered(AT_ONCE)
        .collect()
        .await;
    let faults: Vec<&String> = rows.iter().flat_map(|row| &row.faults).collect();
    let report = remote::report(&rows);
    assert!(faults.is_empty(), "{} {faults:#?}\n{report}", faults.len());
    let standing: Vec<String> = rows.iter().flat_map(|row| row.standing.clone()).collect();
    let standing: Vec<&str> = standing.iter().map(String::as_str).collect();
    let leaked = judges::faults(&world, &standing).await;
    assert!(leaked.is_empty(), "{leaked:#?}");
    if only.is_empty() {
        insta::assert_snapshot!(report);
    }
}
