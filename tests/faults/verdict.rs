//! What must hold of a world that has come to rest, whatever happened in it: judged by the manifests alone, with no other
//! run to compare with.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::Change;
use crate::operator::{OWNER, World};
use crate::oracles;
use crate::oracles::writes_at_rest;
use crate::run::{LOOK, PATIENCE, REST};
use crate::standing;
use crate::virtual_time;

/// Waits until all is as declared and nothing is written any more, then judges. `retained`: the marks whose objects may
/// stay without a resource.
pub(crate) async fn at_rest(world: &World, retained: &BTreeSet<String>) -> Vec<String> {
    let point = &world.choke_point;
    let started = tokio::time::Instant::now();
    let mut seen = point.count();
    loop {
        virtual_time::passes(LOOK).await;
        let calm = writes_at_rest(&point.calls()[seen..]).is_empty();
        if calm && differences(world).is_empty() || started.elapsed() > PATIENCE {
            break;
        }
        seen = point.count();
    }
    // What another connection changed is seen in the next full pass.
    virtual_time::passes(REST).await;
    let (until_rest, version) = (point.count(), world.cluster.version());
    virtual_time::passes(REST).await;
    let state = world.tenant();
    let snapshots = point.snapshots();
    let mut failures = point.violations();
    failures.extend(differences(world));
    failures.extend(
        standing::duplicates(OWNER, &state, false)
            .into_iter()
            .map(|twice| format!("O2: twice: {twice}")),
    );
    failures.extend(oracles::leaks(world, retained));
    failures.extend(world.changes.violations());
    failures.extend(oracles::untrue_verdicts(world, &snapshots));
    failures.extend(oracles::heard());
    let (announced, changed) = changed_since(world, version);
    let writes = writes_at_rest(&point.calls()[until_rest..]);
    if writes.len() > announced {
        failures.extend(writes);
        failures.extend(changed);
    }
    failures
}

/// Nothing is wrong once all is at rest.
pub(crate) async fn ends_well(world: &World) {
    let failures = at_rest(world, &BTreeSet::new()).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

/// What was written at rest: how often an object that fails by itself, and is looked at again slowly, said when; and
/// all else, for whoever reads of it.
fn changed_since(world: &World, version: u64) -> (usize, Vec<String>) {
    let changes = world.cluster.changes();
    let of_ours = |resource: &str| resource.starts_with("audience-sharing.dev");
    let (before, after): (Vec<_>, Vec<_>) = changes
        .iter()
        .filter(|change| of_ours(&change.key.resource))
        .partition(|change| change.version <= version);
    let known = |change: &&&Change| before.iter().rfind(|known| known.key == change.key);
    let told = after.iter().filter_map(|change| {
        let known = known(&change)?;
        let (was, is) = (&known.object["status"], &change.object["status"]);
        oracles::first_difference(&format!("O8: {}", change.key.name), is, was)
    });
    let told: Vec<String> = told.collect();
    let (announced, changed): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|change| change.contains(".nextAttemptTime: "));
    (announced.len(), changed)
}

/// O1: every audience stands as it declares and says so; of several that ask for one source, one does, and the others
/// say who; nothing that leaves is left.
pub(crate) fn differences(world: &World) -> Vec<String> {
    let (state, audiences, connections) = (world.tenant(), world.audiences(), world.connections());
    let mut wrong = Vec::new();
    for resource in audiences.iter().chain(&connections) {
        if resource["metadata"]["deletionTimestamp"].is_string() {
            wrong.push(format!("O1: {} still leaves", resource["metadata"]["name"]));
        }
    }
    for audience in &audiences {
        let name = &audience["metadata"]["name"];
        let asks_for_the_same = |other: &&Value| {
            other["spec"]["source"] == audience["spec"]["source"]
                && other["metadata"]["name"] != *name
        };
        let rivals: Vec<&Value> = audiences.iter().filter(asks_for_the_same).collect();
        let (verdict, reason) = ready(audience);
        if reason == "SourceClaimed" {
            if rivals.iter().all(|rival| ready(rival).1 == "SourceClaimed") {
                wrong.push(format!("O1: {name} yields to nobody"));
            }
            continue;
        }
        if let Some(refused) = standing::refusal(OWNER, audience, &state) {
            if reason != refused || !is_current(audience) {
                wrong.push(format!("O1: {name} is {verdict} {reason}, not {refused}"));
            }
            continue;
        }
        if verdict != "True" || !is_current(audience) {
            wrong.push(format!("O1: {name} is {verdict} {reason}"));
        }
        if rivals.iter().any(|rival| ready(rival).0 == "True") {
            wrong.push(format!("O1: {name} is not alone with its source"));
        }
        let of_audience = |connection: &&Value| {
            connection["metadata"]["name"] == audience["spec"]["connectionRef"]["name"]
        };
        match connections.iter().find(of_audience) {
            None => wrong.push(format!("O1: {name} has no connection")),
            Some(connection) => wrong.extend(
                standing::difference(OWNER, audience, connection, &state)
                    .map(|difference| format!("O1: {name}: {difference}")),
            ),
        }
    }
    wrong
}

/// Status and reason of `Ready`.
pub(crate) fn ready(resource: &Value) -> (String, String) {
    let conditions = resource["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready");
    let text = |field: &str| ready.map_or("", |ready| ready[field].as_str().unwrap_or_default());
    (text("status").to_owned(), text("reason").to_owned())
}

fn is_current(resource: &Value) -> bool {
    resource["status"]["observedGeneration"] == resource["metadata"]["generation"]
}
