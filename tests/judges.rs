//! The judges of a run that was interrupted: the simulator's state and log, and what passed the gates. They know what
//! was declared, and nothing of how it was reached.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testbed::{Ledger, Passage, Target};

use crate::harness::World;

/// What is wrong with the tenant, where these audiences are declared and stand as `Ready`, and no other is.
pub(crate) async fn faults(world: &World, declared: &[&str]) -> Vec<String> {
    let state = world.control.state().await.unwrap();
    let connection = world.get("sharingconnection", "acme").await;
    let mut faults = duplicates(&world.namespace, &state);
    let mut recorded = BTreeSet::new();
    for name in declared {
        let audience = world.get("sharedaudience", name).await;
        let difference = difference(&world.namespace, &audience, &connection, &state).err();
        faults.extend(
            difference.map(|difference| format!("{name} is not as declared: {difference}")),
        );
        recorded.extend(recorded_sids(&audience));
    }
    for collection in ["traits", "segments"] {
        let leaked = of_ours(&world.namespace, &state, collection)
            .filter(|object| !recorded.contains(&object["sid"].to_string()));
        faults.extend(leaked.map(|object| format!("in no status: {collection} {object}")));
    }
    faults
}

/// Why Audience Manager is not as the audience declares it, read from design.md §2 and from no code of the operator's.
/// For sources by id, and segments without a description of their own.
fn difference(
    owner: &str,
    audience: &Value,
    connection: &Value,
    state: &Value,
) -> Result<(), String> {
    let metadata = &audience["metadata"];
    let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
    let mark = format!(
        "[audience-sharing:{owner}/{}/{}]",
        namespace.unwrap_or_default(),
        name.unwrap_or_default()
    );
    let id = &audience["spec"]["source"]["experiencePlatform"]["id"];
    let source = one(state, "audiences", &[("id", id)])?;
    let place = &connection["spec"]["audienceManager"];
    let root = json!(0);
    let named = |collection: &str, field: &str| {
        one(
            state,
            collection,
            &[("name", &place[field]), ("parentFolderId", &root)],
        )
    };
    let data_source =
        &one(state, "dataSources", &[("name", &place["dataSource"])])?["dataSourceId"];
    let trait_folder = &named("traitFolders", "traitFolder")?["folderId"];
    let segment_folder = &named("segmentFolders", "segmentFolder")?["folderId"];
    let target = &audience["spec"]["target"]["audienceManager"];
    let or = |declared: &Value, otherwise: &Value| match declared {
        Value::Null => otherwise.clone(),
        declared => declared.clone(),
    };
    let name = or(&target["name"], &source["name"]);
    let text = source["description"].as_str().unwrap_or_default().trim();
    let description = json!(format!("{text} {mark}").trim());
    let find = |collection, code: &Value| {
        one(
            state,
            collection,
            &[("dataSourceId", data_source), ("integrationCode", code)],
        )
    };

    let made = find("traits", id)?;
    let key = place["traitRuleKey"].as_str().unwrap_or_default();
    let ttl = or(&target["ttlDays"], &json!(120));
    let id = id.as_str().unwrap_or_default();
    let rule = json!(format!("{key} == \"{id}\""));
    expect(
        made,
        &[
            ("name", &name),
            ("description", &description),
            ("traitRule", &rule),
            ("ttl", &ttl),
        ],
    )?;
    expect(made, &[("folderId", trait_folder)])?;
    let sid = format!("{}T", made["sid"]);
    let segment = find("segments", &json!(id))?;
    expect(
        segment,
        &[
            ("name", &name),
            ("description", &description),
            ("segmentRule", &json!(sid)),
        ],
    )?;
    expect(segment, &[("folderId", segment_folder)])?;

    let declared = target["additionalSegments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for additional in &declared {
        let key = additional["key"].as_str().unwrap_or_default();
        let segment = find("segments", &json!(format!("{id}.{key}")))?;
        let rule = additional["rule"]
            .as_str()
            .unwrap_or_default()
            .replace("{trait}", &sid);
        expect(
            segment,
            &[("name", &additional["name"]), ("segmentRule", &json!(rule))],
        )?;
        expect(
            segment,
            &[("description", &json!(mark)), ("folderId", segment_folder)],
        )?;
    }
    let standing = state["segments"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|segment| {
            segment["description"]
                .as_str()
                .is_some_and(|text| text.contains(&mark))
        });
    match standing.count() {
        count if count == declared.len() + 1 => Ok(()),
        count => Err(format!(
            "{count} segments stand, {} are declared",
            declared.len() + 1
        )),
    }
}

/// The one object with these fields.
fn one<'a>(
    state: &'a Value,
    collection: &str,
    fields: &[(&str, &Value)],
) -> Result<&'a Value, String> {
    let objects = state[collection].as_array().into_iter().flatten();
    let found: Vec<&Value> = objects
        .filter(|object| expect(object, fields).is_ok())
        .collect();
    match found[..] {
        [one] => Ok(one),
        _ => Err(format!("{} of {collection} have {fields:?}", found.len())),
    }
}

fn expect(object: &Value, fields: &[(&str, &Value)]) -> Result<(), String> {
    match fields
        .iter()
        .find(|(field, wanted)| object[*field] != **wanted)
    {
        None => Ok(()),
        Some((field, wanted)) => Err(format!("{field} is {}, not {wanted}", object[*field])),
    }
}

/// Objects of ours under one key.
fn duplicates(owner: &str, state: &Value) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut keys = Vec::new();
    for (collection, parent, key) in [
        ("traits", "dataSourceId", "integrationCode"),
        ("segments", "dataSourceId", "integrationCode"),
        ("dataSources", "pid", "name"),
    ] {
        let objects = of_ours(owner, state, collection);
        keys.extend(
            objects.map(|object| format!("{collection} {} {}", object[parent], object[key])),
        );
    }
    // A folder carries no mark.
    for collection in ["traitFolders", "segmentFolders"] {
        let folders = state[collection].as_array().into_iter().flatten();
        keys.extend(folders.map(|folder| {
            format!(
                "{collection} {} {}",
                folder["parentFolderId"], folder["name"]
            )
        }));
    }
    keys.retain(|key| !seen.insert(key.clone()));
    keys.into_iter()
        .map(|key| format!("twice: {key}"))
        .collect()
}

fn of_ours<'a>(owner: &str, state: &'a Value, collection: &str) -> impl Iterator<Item = &'a Value> {
    let mark = format!("[audience-sharing:{owner}");
    let objects = state[collection].as_array().into_iter().flatten();
    objects.filter(move |object| {
        let description = object["description"].as_str();
        description.is_some_and(|text| text.contains(&mark))
    })
}

fn recorded_sids(audience: &Value) -> Vec<String> {
    let recorded = &audience["status"]["audienceManager"];
    let additional = recorded["additionalSegments"]
        .as_array()
        .into_iter()
        .flatten();
    let additional = additional.map(|segment| segment["sid"].to_string());
    [&recorded["traitSid"], &recorded["segmentSid"]]
        .map(ToString::to_string)
        .into_iter()
        .chain(additional)
        .collect()
}

/// How often the tenant was changed, by kind of change, since the log was cleared: a write that was refused, and one
/// that had no effect, is none.
pub(crate) async fn changes(world: &World) -> BTreeMap<String, usize> {
    let mut changes = BTreeMap::new();
    for call in world.control.calls().await.unwrap() {
        let accepted = call
            .status
            .is_some_and(|status| (200..300).contains(&status));
        let reads = call.path.ends_with("/bulk-get") || call.path.contains("validate");
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
