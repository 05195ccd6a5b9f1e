//! What a person does in Adobe's user interfaces, through the control port: objects come, change and go without a call
//! in the log. Fills in what the service would, validates nothing: a test may want an odd object.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::service::Service;
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
    pub(crate) fn take(&mut self, kind: Kind) -> Vec<Value> {
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

/// A person at work; whoever called it ends the write.
pub(crate) struct Person<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) services: &'static [&'static dyn Service],
}

impl Person<'_> {
    /// Copies an object that a client created just now, unless the service refuses such a copy.
    pub(crate) fn copy(&mut self, kind: Kind, object: &Object, changes: &Value) {
        let mut copy = object.clone();
        copy.remove(kind.id_field());
        let mut copy = Value::Object(copy);
        merge(&mut copy, changes);
        let mut owners = self.services.iter().filter(|service| service.owns(kind));
        if owners.all(|service| service.accepts(self.world, kind, &copy)) {
            // The copy has an id that no object has, so that nothing else refuses it.
            let _ = self.insert(kind, copy);
        }
    }

    pub(crate) fn create(&mut self, collection: &str, object: Value) -> Result<Value, String> {
        self.insert(kind_of(collection)?, object)
    }

    fn insert(&mut self, kind: Kind, object: Value) -> Result<Value, String> {
        let collection = kind.name();
        let Value::Object(given) = object else {
            return Err(format!("an object of {collection} is a JSON object"));
        };
        let mut object = self.defaults(kind, &given);
        object.extend(given);
        let key = Key::of(kind, &object)
            .ok_or_else(|| format!("{} of {collection} is of the wrong type", kind.id_field()))?;
        let store = &mut self.world.store;
        let taken = match kind {
            Kind::Traits | Kind::Segments => [Kind::Traits, Kind::Segments]
                .iter()
                .any(|kind| store.get(*kind, &key).is_some()),
            _ => store.get(kind, &key).is_some(),
        };
        if taken {
            return Err(format!("{collection} has {} already", key.to_value()));
        }
        store.set(kind, key, Some(object.clone()));
        Ok(Value::Object(object))
    }

    pub(crate) fn patch(
        &mut self,
        collection: &str,
        id: &str,
        patch: &Value,
    ) -> Result<Value, String> {
        let (kind, key, before) = find(self.world, collection, id)?;
        let mut after = Value::Object(before.clone());
        merge(&mut after, patch);
        let Value::Object(mut after) = after else {
            return Err("the patch must be a JSON object".to_owned());
        };
        if Key::of(kind, &after).as_ref() != Some(&key) && kind != Kind::Sandboxes {
            return Err(format!("{} cannot be changed", kind.id_field()));
        }
        for service in self.services.iter().filter(|service| service.owns(kind)) {
            service.touch(self.world, kind, &before, &mut after);
        }
        // A sandbox that was reset has another id (experience-platform.md §4.2).
        let new_key = Key::of(kind, &after).ok_or_else(|| format!("{collection} needs an id"))?;
        if new_key != key {
            self.world.store.set(kind, key, None);
        }
        self.world.store.set(kind, new_key, Some(after.clone()));
        Ok(Value::Object(after))
    }

    pub(crate) fn delete(&mut self, collection: &str, id: &str) -> Result<(), String> {
        let (kind, key, removed) = find(self.world, collection, id)?;
        self.world.store.set(kind, key, None);
        for service in self.services.iter().filter(|service| service.owns(kind)) {
            service.removed(self.world, kind, &removed);
        }
        Ok(())
    }

    fn defaults(&mut self, kind: Kind, written: &Object) -> Object {
        let mut caller = Caller::nobody();
        if let Some(credential) = self.world.credentials.first() {
            caller.pid = credential.pid.unwrap_or(0);
            caller.organization = credential.organization_id.clone();
        }
        let owner = self.services.iter().find(|service| service.owns(kind));
        owner
            .map(|service| service.blank(self.world, &caller, kind, written))
            .unwrap_or_default()
    }
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
    let key = match kind.has_numbers() {
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
