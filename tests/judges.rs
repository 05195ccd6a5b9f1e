//! The judges of a run that was interrupted: the simulator's state and log, and what passed the gates. They know what
//! was declared, and nothing of how it was reached.

use std::collections::{BTreeMap, BTreeSet};

use audience_sharing_operator::api::common::Condition;
use audience_sharing_operator::controller::conditions::laws;
use serde_json::Value;
use testbed::{Ledger, Passage, Target};

use crate::harness::World;
use crate::standing;

/// What is wrong with the tenant, where these audiences are declared and stand as `Ready`, and no other is.
pub(crate) async fn faults(world: &World, declared: &[&str]) -> Vec<String> {
    let state = world.tenant().await;
    let duplicates = standing::duplicates(&world.namespace, &state, false);
    let mut faults: Vec<String> = duplicates
        .into_iter()
        .map(|key| format!("twice: {key}"))
        .collect();
    let (mut recorded, mut recorded_mappings) = (BTreeSet::new(), BTreeSet::new());
    for name in declared {
        let audience = world.get("sharedaudience", name).await;
        let connection = audience["spec"]["connectionRef"]["name"].as_str().unwrap();
        let connection = world.get("sharingconnection", connection).await;
        let difference = standing::difference(&world.namespace, &audience, &connection, &state);
        faults.extend(
            difference.map(|difference| format!("{name} is not as declared: {difference}")),
        );
        recorded.extend(standing::recorded_ids(&audience));
        recorded_mappings.extend(standing::recorded_mappings(&audience));
    }
    let leaked = standing::leaked_mappings(&world.namespace, &state, &recorded_mappings, |_| false);
    faults.extend(leaked);
    for collection in ["traits", "segments"] {
        let leaked = standing::of_ours(&world.namespace, &state, collection)
            .filter(|object| !recorded.contains(&object["sid"].to_string()));
        faults.extend(leaked.map(|object| format!("in no status: {collection} {object}")));
    }
    faults
}

/// How often the tenant was changed, by kind of change, since the log was cleared: a write that was refused, and one
/// that had no effect, is none.
pub(crate) async fn changes(world: &World) -> BTreeMap<String, usize> {
    let mut changes = BTreeMap::new();
    for call in world.control.calls().await.unwrap() {
        let accepted = call
            .status
            .is_some_and(|status| (200..300).contains(&status));
        let reads = call.path.contains("validate");
        if call.is_write() && accepted && !reads {
            *changes
                .entry(template(&call.method, &call.path))
                .or_default() += 1;
        }
    }
    changes
}

/// The kind of a call: method and path without ids and namespace.
pub(crate) fn template(method: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        let is_id = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_namespace = parts.last() == Some(&"namespaces");
        parts.push(match (is_id, is_namespace) {
            (true, _) => "{id}",
            (_, true) => "{namespace}",
            _ => part,
        });
    }
    format!("{method} {}", parts.join("/"))
}

pub(crate) fn is_of_lease(passage: &Passage) -> bool {
    passage.target == Target::Kubernetes && passage.path.contains("/leases")
}

pub(crate) fn is_of_event(passage: &Passage) -> bool {
    passage.target == Target::Kubernetes && passage.path.ends_with("/events")
}

/// A look at the Lease of an organisation, or its renewal: one comes every 5 s.
pub(crate) fn is_of_organization(passage: &Passage) -> bool {
    let path = &passage.path;
    is_of_lease(passage) && !path.ends_with("/leases") && !path.contains("/replica-")
}

/// Looks at both systems twice: the first look takes in what trails behind a verdict (an Event), the second must write
/// nothing but the echo of the request.
pub(crate) async fn assert_calm(world: &World, ledger: &Ledger, name: &str) {
    world.look_now(name).await;
    let before = ledger.passages().len();
    world.look_now(name).await;
    let writes: Vec<String> = ledger
        .passages()
        .split_off(before)
        .iter()
        .filter(|passage| passage.is_write() && !is_of_lease(passage))
        .map(|passage| template(&passage.method, &passage.path))
        .collect();
    let echo = format!(
        "PATCH /apis/audience-sharing.dev/v1alpha1/namespaces/{{namespace}}/sharedaudiences/{name}/status"
    );
    assert_eq!(writes, [echo], "written at rest");
}

/// Whatever is seen of a custom resource that was looked at, its conditions keep the laws.
pub(crate) fn check_status(object: &Value) {
    let Some(generation) = object["status"]["observedGeneration"].as_i64() else {
        return;
    };
    let conditions: Vec<Condition> =
        serde_json::from_value(object["status"]["conditions"].clone()).unwrap();
    laws::check_laws(&conditions, generation).unwrap();
}
