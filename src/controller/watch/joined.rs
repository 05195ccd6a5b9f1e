//! The watches of several namespaces as one stream of events.
//!
//! A cache takes one list, and swaps it for all it held. So one list goes through: that of all namespaces, complete once
//! the last of them is. Later, a list of one namespace comes as single events, and as deletions of what it lacks.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::watcher::{Error, Event};

type Events<K> = BoxStream<'static, Result<Event<DeserializeGuard<K>>, Error>>;

/// Joins the watches, each of one namespace; a single one, of a namespace or of all, goes through as it is.
pub(super) fn joined<K>(mut watches: Vec<(String, Events<K>)>) -> Events<K>
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    match watches.len() {
        1 => watches.remove(0).1,
        _ => join(watches).boxed(),
    }
}

fn join<K>(
    watches: Vec<(String, Events<K>)>,
) -> impl Stream<Item = Result<Event<DeserializeGuard<K>>, Error>>
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let mut join = Join::of(watches.iter().map(|(namespace, _)| namespace.clone()));
    let named = watches
        .into_iter()
        .map(|(namespace, events)| events.map(move |event| (namespace.clone(), event)));
    let events = stream::select_all(named).flat_map(move |(namespace, event)| {
        let events = match event {
            Ok(event) => join.take(&namespace, event).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(events)
    });
    stream::iter([Ok(Event::Init)]).chain(events)
}

type Key = (String, String);

struct Join<K> {
    /// Not listed yet, not even once.
    unlisted: BTreeSet<String>,
    known: BTreeSet<Key>,
    /// What the lists under way named.
    listed: BTreeSet<Key>,
    /// What came while the list went through, and has a place behind it only.
    late: BTreeMap<Key, Event<DeserializeGuard<K>>>,
}

impl<K: Resource<DynamicType = ()>> Join<K> {
    fn of(namespaces: impl Iterator<Item = String>) -> Self {
        Self {
            unlisted: namespaces.collect(),
            known: BTreeSet::new(),
            listed: BTreeSet::new(),
            late: BTreeMap::new(),
        }
    }

    fn take(
        &mut self,
        namespace: &str,
        event: Event<DeserializeGuard<K>>,
    ) -> Vec<Event<DeserializeGuard<K>>> {
        let listing = !self.unlisted.is_empty();
        match event {
            Event::Init => {
                self.listed.retain(|(of, _)| of != namespace);
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(key(namespace, object.meta()));
                self.exists(namespace, object, listing)
            }
            Event::Apply(object) => self.exists(namespace, object, listing),
            Event::Delete(object) => {
                let key = key(namespace, object.meta());
                self.known.remove(&key);
                self.goes(key, Event::Delete(object), listing)
            }
            Event::InitDone => self.listed(namespace, listing),
        }
    }

    fn exists(
        &mut self,
        namespace: &str,
        object: DeserializeGuard<K>,
        listing: bool,
    ) -> Vec<Event<DeserializeGuard<K>>> {
        let key = key(namespace, object.meta());
        self.late.remove(&key);
        let known = !self.known.insert(key.clone());
        match (listing, &object.0) {
            (false, _) => vec![Event::Apply(object)],
            // What the list says of it is no longer true, and cannot be taken out.
            (true, Err(_)) if known => self.goes(key, Event::Apply(object), listing),
            (true, _) => vec![Event::InitApply(object)],
        }
    }

    fn goes(
        &mut self,
        key: Key,
        event: Event<DeserializeGuard<K>>,
        listing: bool,
    ) -> Vec<Event<DeserializeGuard<K>>> {
        match listing {
            true => {
                self.late.insert(key, event);
                Vec::new()
            }
            false => vec![event],
        }
    }

    /// The list of a namespace is complete: what it lacks is gone.
    fn listed(&mut self, namespace: &str, listing: bool) -> Vec<Event<DeserializeGuard<K>>> {
        let gone: Vec<Key> = self
            .known
            .difference(&self.listed)
            .filter(|(of, _)| of == namespace)
            .cloned()
            .collect();
        self.listed.retain(|(of, _)| of != namespace);
        let mut events = Vec::new();
        for key in gone {
            self.known.remove(&key);
            events.extend(self.goes(key.clone(), lacking(key), listing));
        }
        if self.unlisted.remove(namespace) && self.unlisted.is_empty() {
            events.push(Event::InitDone);
            events.extend(std::mem::take(&mut self.late).into_values());
        }
        events
    }
}

fn key(namespace: &str, metadata: &ObjectMeta) -> Key {
    (
        namespace.to_owned(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// A deletion of which only the name is known; the cache has the rest.
fn lacking<K>((namespace, name): Key) -> Event<DeserializeGuard<K>> {
    Event::Delete(DeserializeGuard(Err(InvalidObject {
        error: String::new(),
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            ..ObjectMeta::default()
        },
    })))
}
