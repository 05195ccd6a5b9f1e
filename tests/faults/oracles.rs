//! The judges O1 to O8 of peers.md §4.6: what must hold of every run, whatever went wrong in it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Once};

use serde_json::{Map, Value, json};

use crate::choke_point::{Call, System};
use crate::cluster::{Change, ChangeKind, Key};
use crate::operator::{OWNER, SECRET, World};
use crate::standing::{self, of_ours};
use crate::verdict;

pub(crate) const AUDIENCES: &str = "audience-sharing.dev/v1alpha1/sharedaudiences";

/// Who made a folder stands nowhere but in the status: if the process dies before it is written, it is nobody's.
pub(crate) fn forget_authors(end: &mut Value) {
    for resource in end["resources"].as_array_mut().into_iter().flatten() {
        if let Some(recorded) = resource["status"]["audienceManager"].as_object_mut() {
            recorded.remove("createdTraitFolderIds");
            recorded.remove("createdSegmentFolderIds");
        }
    }
}

/// Both systems and the resources without what differs from run to run: ids and times. Equal runs end equal (O1).
pub(crate) fn masked_end(world: &World) -> Value {
    let state = world.tenant();
    let labels = labels(&state);
    let resources: Vec<Value> = world
        .audiences()
        .into_iter()
        .chain(world.connections())
        .collect();
    let mut end = json!({
        "resources": resources, "audiences": state["audiences"],
        "traits": state["traits"], "segments": state["segments"], "dataSources": state["dataSources"],
        "traitFolders": state["traitFolders"], "segmentFolders": state["segmentFolders"],
        "destinations": state["destinations"], "mappings": live_mappings(&state),
    });
    mask(&mut end, &labels);
    for collection in [
        "audiences",
        "traits",
        "segments",
        "dataSources",
        "traitFolders",
        "segmentFolders",
        "mappings",
    ] {
        let objects = end[collection].as_array_mut().into_iter().flatten();
        let mut texts: Vec<String> = objects.map(|object| object.to_string()).collect();
        texts.sort();
        end[collection] = json!(texts);
    }
    end
}

/// A name for every number that the systems give out.
fn labels(state: &Value) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (collection, id) in [
        ("traits", "sid"),
        ("segments", "sid"),
        ("dataSources", "dataSourceId"),
        ("traitFolders", "folderId"),
        ("segmentFolders", "folderId"),
    ] {
        for object in state[collection].as_array().into_iter().flatten() {
            let name = match object["integrationCode"].as_str() {
                Some(code) => code,
                None => object["name"].as_str().unwrap_or_default(),
            };
            labels.insert(object[id].to_string(), format!("<{collection} {name}>"));
        }
    }
    for mapping in live_mappings(state) {
        let segment = labels.get(&mapping["sid"].to_string());
        let segment = segment.map_or("", String::as_str);
        let label = format!("<mapping of {segment} to {}>", mapping["destinationId"]);
        labels.insert(mapping["destinationMappingId"].to_string(), label);
    }
    // What is made outside of Experience Platform has an id of its making.
    for object in state["audiences"].as_array().into_iter().flatten() {
        let id = object["id"].as_str().unwrap_or_default();
        let made = object["description"]
            .to_string()
            .contains("[audience-sharing:");
        if made || object["originName"] == "AUDIENCE_MANAGER" {
            let label = format!("<audience {} of {}>", object["name"], object["originName"]);
            labels.insert(id.into(), label);
        }
    }
    labels
}

/// A deleted mapping is kept, and says nothing.
fn live_mappings(state: &Value) -> Vec<Value> {
    let mappings = state["mappings"].as_array().into_iter().flatten();
    let live = mappings.filter(|mapping| mapping["elementStatus"] != "deleted");
    live.cloned().collect()
}

/// Times and versions; `items`, which are exact to a percent of their limits only.
const VOLATILE: [&str; 17] = [
    "creationTime",
    "createEpoch",
    "createTime",
    "updateTime",
    "creationTimestamp",
    "deletionTimestamp",
    "resourceVersion",
    "uid",
    "lastTransitionTime",
    "lastHandledReconcileAt",
    "traitRuleVersion",
    "annotations",
    "customNamespaceId",
    "customNamespaceCode",
    "updateEpoch",
    "_etag",
    "items",
];

fn mask(value: &mut Value, labels: &BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            object.retain(|field, _| !VOLATILE.contains(&field.as_str()));
            object.values_mut().for_each(|member| mask(member, labels));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, labels)),
        Value::Number(number) => {
            if let Some(label) = labels.get(&number.to_string()) {
                *value = json!(label);
            }
        }
        Value::String(text) => {
            for (id, label) in labels {
                if text.contains(id.as_str()) {
                    *text = text.replace(id.as_str(), label);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Where two ends differ, briefly.
pub(crate) fn first_difference(path: &str, left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let fields: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            fields.into_iter().find_map(|field| {
                let of =
                    |object: &Map<String, Value>| object.get(field).cloned().unwrap_or_default();
                first_difference(&format!("{path}.{field}"), &of(left), &of(right))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(at, (left, right))| {
                first_difference(&format!("{path}[{at}]"), left, right)
            })
        }
        _ => (left != right).then(|| format!("{path}: {left} instead of {right}")),
    }
}

/// O3: every object that carries our mark stands in the status of a resource, unless it was `retained`.
pub(crate) fn leaks(world: &World, retained: &BTreeSet<String>) -> Vec<String> {
    let state = world.tenant();
    let (mut known, mut mappings) = (BTreeSet::new(), BTreeSet::new());
    // Who stands as declared has taken over what an earlier one of its name retained.
    let mut ready = Vec::new();
    for audience in world.audiences() {
        if verdict::ready(&audience).0 == "True" {
            ready.push(standing::mark(OWNER, &audience));
        }
        known.extend(standing::recorded_ids(&audience));
        mappings.extend(standing::recorded_mappings(&audience));
    }
    let kinds = [
        ("traits", "sid"),
        ("segments", "sid"),
        ("audiences", "id"),
        ("models", "algoModelId"),
    ];
    let standing = kinds.into_iter().flat_map(|(collection, id)| {
        of_ours(OWNER, &state, collection).map(move |object| (&object[id], object))
    });
    // Without a credential for ten minutes an object goes, what it made stays, and that is told (design.md §4.8).
    let released = RELEASED.take();
    let is_retained = |object: &Value| {
        let text = object["description"].as_str().unwrap_or_default();
        let mut kept = retained.iter().chain(&released);
        kept.any(|part| text.contains(part.as_str()))
            && !ready.iter().any(|mark| text.contains(mark))
    };
    let leaked = standing::leaked_mappings(OWNER, &state, &mappings, is_retained);
    let leaked = leaked.into_iter().map(|mapping| format!("O3: {mapping}"));
    standing
        .filter(|(id, object)| !known.contains(&id.to_string()) && !is_retained(object))
        .map(|(id, object)| {
            format!(
                "O3: {id} {} {} is in no status",
                object["name"], object["description"]
            )
        })
        .chain(leaked)
        .collect()
}

/// How often each object was changed or deleted by a write, by its key; what was changed on the way counts too (O4).
pub(crate) fn disturbances(snapshots: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for pair in snapshots.windows(2) {
        for (collection, id) in [
            ("traits", "sid"),
            ("segments", "sid"),
            ("dataSources", "dataSourceId"),
            ("traitFolders", "folderId"),
            ("segmentFolders", "folderId"),
            ("mappings", "destinationMappingId"),
            ("audiences", "id"),
        ] {
            let after = pair[1][collection].as_array().into_iter().flatten();
            let after: BTreeMap<String, &Value> = after
                .map(|object| (object[id].to_string(), object))
                .collect();
            for before in pair[0][collection].as_array().into_iter().flatten() {
                let what = match after.get(&before[id].to_string()) {
                    None => "deleted",
                    Some(now) if !is_as_it_was(now, before) => "changed",
                    Some(_) => continue,
                };
                let key = match before["integrationCode"].as_str() {
                    Some(code) => code.to_owned(),
                    None => before["name"].to_string(),
                };
                *counts
                    .entry(format!("{collection} {key} {what}"))
                    .or_default() += 1;
            }
        }
    }
    counts
}

/// Experience Platform itself notes at an audience who depends on it.
fn is_as_it_was(found: &Value, before: &Value) -> bool {
    let (Value::Object(found), Value::Object(before)) = (found, before) else {
        return false;
    };
    let told = |object: &Map<String, Value>| {
        let fields = object.iter().filter(|(field, _)| *field != "dependents");
        fields
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<Map<_, _>>()
    };
    found == before || told(found) == told(before)
}

/// The mappings in the statuses of resources that were leaving at this version: they stand until their resource is gone,
/// also on a segment that another resource has taken over, which may or may not take them over too.
fn mappings_of_leaving(changes: &[Change], version: u64) -> BTreeSet<String> {
    let mut leaving: BTreeMap<&Key, &Change> = BTreeMap::new();
    for change in changes {
        if change.version > version {
            break;
        }
        let leaves = change.object["metadata"]["deletionTimestamp"].is_string();
        match leaves && change.kind != ChangeKind::Deleted {
            true => leaving.insert(&change.key, change),
            false => leaving.remove(&change.key),
        };
    }
    let recorded = leaving.values();
    recorded
        .flat_map(|change| standing::recorded_mappings(&change.object))
        .collect()
}

fn without_mappings<'a>(state: &'a Value, ids: &BTreeSet<String>) -> Cow<'a, Value> {
    if ids.is_empty() {
        return Cow::Borrowed(state);
    }
    let mut state = state.clone();
    if let Some(mappings) = state["mappings"].as_array_mut() {
        mappings.retain(|mapping| !ids.contains(&mapping["destinationMappingId"].to_string()));
    }
    Cow::Owned(state)
}

/// O6: `Ready=True` of a generation is told only if the systems were as it declares at some moment since it was written.
/// `states`: each with the version of the cluster that stood then, oldest first.
pub(crate) fn untrue_verdicts(world: &World, states: &[(u64, Arc<Value>)]) -> Vec<String> {
    let changes = world.cluster.changes();
    let mut written: BTreeMap<(String, i64), u64> = BTreeMap::new();
    let mut judged = BTreeSet::new();
    let mut untrue = Vec::new();
    let connections = world.connections();
    let by_hand = world.choke_point.by_hand();
    for change in changes
        .iter()
        .filter(|change| change.key.resource == AUDIENCES)
    {
        if change.kind == ChangeKind::Deleted {
            continue;
        }
        let audience = &change.object;
        let uid = audience["metadata"]["uid"].to_string();
        let generation = audience["metadata"]["generation"]
            .as_i64()
            .unwrap_or_default();
        let since = *written
            .entry((uid.clone(), generation))
            .or_insert(change.version);
        let observed = audience["status"]["observedGeneration"].as_i64();
        let conditions = audience["status"]["conditions"].as_array();
        let ready = conditions
            .into_iter()
            .flatten()
            .any(|found| found["type"] == "Ready" && found["status"] == "True");
        if !ready || observed != Some(generation) || !judged.insert((uid, generation)) {
            continue;
        }
        // What a person changes is noticed within a pass: until then no verdict knows of it. The object may have been
        // another's, who handed it over since.
        let mark = standing::mark(OWNER, audience);
        let code = &audience["spec"]["source"]["experiencePlatform"]["id"];
        let touched = |(version, object): &(u64, Value)| {
            let text = |field: &str| object[field].as_str().unwrap_or_default();
            let of_source = code
                .as_str()
                .is_some_and(|code| text("integrationCode").starts_with(code));
            *version <= change.version && (text("description").contains(&mark) || of_source)
        };
        if by_hand.iter().any(touched) {
            continue;
        }
        let connection = connections
            .iter()
            .find(|found| found["metadata"]["name"] == audience["spec"]["connectionRef"]["name"]);
        let Some(connection) = connection else {
            continue;
        };
        // The state that stood when the generation was written counts, and all until the verdict.
        let first = states
            .partition_point(|(version, _)| *version < since)
            .saturating_sub(1);
        let until = states.partition_point(|(version, _)| *version <= change.version);
        let until = until.max(first + 1).min(states.len());
        let sources = sources_of(audience, &states[..until]);
        let mut leaving = mappings_of_leaving(&changes, change.version);
        let taken_over = standing::recorded_mappings(audience);
        leaving.retain(|id| !taken_over.contains(id));
        let differences: Vec<_> = states[first..until]
            .iter()
            .map(|(_, state)| {
                let state = without_mappings(state, &leaving);
                let each = sources.iter();
                let pairs =
                    each.flat_map(|source| sources.iter().map(move |other| (*source, *other)));
                let mut found = pairs.map(|seen| {
                    standing::difference_from(OWNER, audience, connection, &state, seen)
                });
                let first = found.next().flatten();
                match found.any(|difference| difference.is_none()) {
                    true => None,
                    false => first,
                }
            })
            .collect();
        if differences.iter().all(Option::is_some) {
            let name = &audience["metadata"]["name"];
            untrue.push(format!(
                "O6: {name} generation {generation} was called ready, and never was as declared: {:?}",
                differences.last()
            ));
        }
    }
    untrue
}

/// The states in which the source of `audience` stood differently.
fn sources_of<'a>(audience: &Value, states: &'a [(u64, Arc<Value>)]) -> Vec<&'a Value> {
    let mut sources: Vec<&Value> = states.iter().map(|(_, state)| &**state).collect();
    // The other system's side depends on both.
    sources.dedup_by_key(|state| {
        let source = standing::source(audience, state);
        (source.cloned(), standing::is_delivered(audience, state))
    });
    sources
}

/// Calls that a resting operator does not make (O8).
pub(crate) fn writes_at_rest(calls: &[Call]) -> Vec<String> {
    let writes = calls
        .iter()
        .filter(|call| call.is_write() && !call.is_of_lease());
    writes
        .map(|call| format!("O8: a write at rest: {call}"))
        .collect()
}

pub(crate) fn remote_calls(calls: &[Call]) -> usize {
    calls
        .iter()
        .filter(|call| call.system != System::Kubernetes)
        .count()
}

thread_local! {
    /// The log of a single case is shown to the person who repeats it.
    static SHOWN: Cell<bool> = const { Cell::new(false) };
    static PANICS: Cell<usize> = const { Cell::new(0) };
    /// How the marks of audiences end that were released without a deletion, as the audit trail told it.
    static RELEASED: Cell<BTreeSet<String>> = const { Cell::new(BTreeSet::new()) };
}

static TOLD: Mutex<Option<String>> = Mutex::new(None);

/// Panics are counted by thread, since a world lives on one (O5); the log is read for secrets and tokens (O7).
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            usual(panic);
        }));
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_writer(|| Listener)
            .try_init();
    });
    PANICS.set(0);
    RELEASED.take();
}

pub(crate) fn show_log() {
    SHOWN.set(true);
}

pub(crate) fn is_shown() -> bool {
    SHOWN.get()
}

pub(crate) fn heard() -> Vec<String> {
    let panics = PANICS.get();
    let panicked = (panics > 0).then(|| format!("O5: {panics} panics"));
    let told = TOLD.lock().unwrap().clone();
    panicked
        .into_iter()
        .chain(told.map(|line| format!("O7: told in the log: {line}")))
        .collect()
}

/// `<namespace>/<name>` as the line names the audience, and what stands behind the owner in its mark.
fn released_name(line: &str) -> Option<String> {
    let (_, named) = line.split_once("marketing/")?;
    let name: String = named
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .collect();
    Some(format!("/marketing/{name}#"))
}

struct Listener;

impl std::io::Write for Listener {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // The simulator's tokens begin as every JSON web token does.
        if text.contains(SECRET) || text.contains("eyJ") {
            *TOLD.lock().unwrap() = Some(text.clone().into_owned());
        }
        if text.contains("released without deleting its remote objects") {
            let mut released = RELEASED.take();
            released.extend(released_name(&text));
            RELEASED.set(released);
        }
        if SHOWN.get() {
            println!("{}", text.trim_end());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
