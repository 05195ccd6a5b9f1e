//! What a person does in Adobe's user interfaces, through the control port: objects come, change and go without a call
//! in the log. Fills in what the service would, validates nothing: a test may want an odd object.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::audience_manager::{
    check_code, data_sources, destinations, mappings, models, segments, traits,
};
use crate::changes::Author;
use crate::experience_platform::audience;
use crate::gateway::Caller;
use crate::store::{Key, Kind, Object, text_of};
use crate::world::World;

/// A person who copies what a client creates: the copy has an id of its own, and everything else of the original but
/// `changes`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Copying {
    /// A member of the state document.
    pub collection: String,
    /// A JSON merge patch.
    pub changes: Value,
    /// How many objects are copied, each once; absent: all.
    #[serde(default)]
    pub times: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Copies(Vec<Copying>);

impl Copies {
    pub(crate) fn new(copies: Vec<Copying>) -> Self {
        Self(copies)
    }

    /// What becomes of an object of this kind, copy by copy.
    fn take(&mut self, kind: Kind) -> Vec<Value> {
        let fitting = self
            .0
            .iter_mut()
            .filter(|copying| copying.collection == kind.name() && copying.times != Some(0));
        fitting
            .map(|copying| {
                copying.times = copying.times.map(|times| times - 1);
                copying.changes.clone()
            })
            .collect()
    }
}

/// Copies an object that a client created just now, if a person does such a thing.
pub(crate) fn copy(world: &mut World, kind: Kind, object: &Object) {
    let author = std::mem::replace(&mut world.author, Author::Person);
    for changes in world.copies.take(kind) {
        let mut copy = object.clone();
        copy.remove(kind.id_field());
        let mut copy = Value::Object(copy);
        merge(&mut copy, &changes);
        if is_allowed(world, kind, &copy) {
            // The copy has an id that no object has, so that nothing else refuses it.
            let _ = insert(world, kind, copy);
        }
    }
    world.author = author;
}

/// The service refuses a second object with one integration code where codes are unique.
fn is_allowed(world: &World, kind: Kind, copy: &Value) -> bool {
    let source = copy["dataSourceId"].as_u64().unwrap_or_default();
    let code = copy["integrationCode"].as_str();
    check_code(world, kind, source, code, None).is_ok()
}

pub(crate) fn create(world: &mut World, collection: &str, object: Value) -> Result<Value, String> {
    world.settle();
    insert(world, kind_of(collection)?, object)
}

fn insert(world: &mut World, kind: Kind, object: Value) -> Result<Value, String> {
    let collection = kind.name();
    let Value::Object(given) = object else {
        return Err(format!("an object of {collection} is a JSON object"));
    };
    let mut object = defaults(world, kind);
    object.extend(given);
    let key = Key::of(kind, &object)
        .ok_or_else(|| format!("{} of {collection} is of the wrong type", kind.id_field()))?;
    let taken = match kind {
        Kind::Traits | Kind::Segments => [Kind::Traits, Kind::Segments]
            .iter()
            .any(|kind| world.store.get(*kind, &key).is_some()),
        _ => world.store.get(kind, &key).is_some(),
    };
    if taken {
        return Err(format!("{collection} has {} already", key.to_value()));
    }
    world.store.set(kind, key, Some(object.clone()));
    world.commit();
    Ok(Value::Object(object))
}

pub(crate) fn patch(
    world: &mut World,
    collection: &str,
    id: &str,
    patch: &Value,
) -> Result<Value, String> {
    world.settle();
    let (kind, key, before) = find(world, collection, id)?;
    let mut after = Value::Object(before.clone());
    merge(&mut after, patch);
    let Value::Object(mut after) = after else {
        return Err("the patch must be a JSON object".to_owned());
    };
    if Key::of(kind, &after).as_ref() != Some(&key) && kind != Kind::Sandboxes {
        return Err(format!("{} cannot be changed", kind.id_field()));
    }
    match kind {
        Kind::Traits => traits::touch(world, &before, &mut after),
        Kind::Segments => segments::touch(world, &mut after),
        Kind::DataSources => {
            after.insert("updateTime".to_owned(), json!(world.now_ms()));
        }
        Kind::Audiences => audience::touch(world, &mut after),
        Kind::MergePolicies => {
            after.insert("updateEpoch".to_owned(), json!(world.now_ms() / 1000));
        }
        Kind::Destinations => destinations::touch(world, &mut after),
        Kind::Mappings => {
            mappings::touch(world, &mut after);
        }
        Kind::Models => models::touch(world, &mut after),
        Kind::TraitFolders
        | Kind::SegmentFolders
        | Kind::Sandboxes
        | Kind::ExternalAudienceOperations
        | Kind::ExternalAudienceRuns => {}
    }
    // A sandbox that was reset has another id (experience-platform.md §4.2).
    let new_key = Key::of(kind, &after).ok_or_else(|| format!("{collection} needs an id"))?;
    if new_key != key {
        world.store.set(kind, key, None);
    }
    world.store.set(kind, new_key, Some(after.clone()));
    world.commit();
    Ok(Value::Object(after))
}

pub(crate) fn delete(world: &mut World, collection: &str, id: &str) -> Result<(), String> {
    world.settle();
    let (kind, key, _) = find(world, collection, id)?;
    world.store.set(kind, key, None);
    world.commit();
    Ok(())
}

fn kind_of(collection: &str) -> Result<Kind, String> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.name() == collection)
        .ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            format!("there is no collection {collection}: it is one of {names}")
        })
}

/// By id; a sandbox by its name as well.
fn find(world: &World, collection: &str, id: &str) -> Result<(Kind, Key, Object), String> {
    let kind = kind_of(collection)?;
    let key = match kind.is_audience_manager() {
        true => id.parse().ok().map(Key::Number),
        false => Some(Key::Text(id.to_owned())),
    };
    let by_id = key.and_then(|key| world.store.get(kind, &key).map(|object| (key, object)));
    let found = by_id.or_else(|| {
        let named = world
            .store
            .all(kind)
            .find(|object| kind == Kind::Sandboxes && text_of(object, "name") == Some(id))?;
        Key::of(kind, named).map(|key| (key, named))
    });
    found
        .map(|(key, object)| (kind, key, object.clone()))
        .ok_or_else(|| format!("{collection} has no {id}"))
}

fn defaults(world: &mut World, kind: Kind) -> Object {
    let mut caller = Caller::nobody();
    if let Some(credential) = world.credentials.first() {
        caller.pid = credential.pid.unwrap_or(0);
        caller.organization = credential.organization_id.clone();
    }
    let id = world.store.new_id(kind);
    match kind {
        Kind::DataSources => data_sources::blank(world, &caller, id),
        Kind::Traits => traits::blank(world, &caller, id),
        Kind::Segments => segments::blank(world, &caller, id),
        Kind::TraitFolders | Kind::SegmentFolders => Object::from_iter([
            ("folderId".to_owned(), json!(id)),
            ("pid".to_owned(), json!(caller.pid)),
            ("parentFolderId".to_owned(), json!(0)),
        ]),
        Kind::Destinations => destinations::blank(world, &caller, id),
        Kind::Mappings => mappings::blank(world, caller.pid, id),
        Kind::Models => models::blank(world, &caller, id),
        Kind::Sandboxes
        | Kind::MergePolicies
        | Kind::ExternalAudienceOperations
        | Kind::ExternalAudienceRuns => Object::from_iter([
            (kind.id_field().to_owned(), json!(world.uuid())),
            ("imsOrgId".to_owned(), json!(caller.organization)),
        ]),
        Kind::Audiences => audience::by_hand(world, &caller),
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}
