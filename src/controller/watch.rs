//! One guarded watch per kind: pruned, cached, with a backoff of its own.
//!
//! Errors are logged and counted here and never reach a controller, so that no watch can hold up another. An object
//! that does not decode stops nothing: the others go on, it waits for an edit.

mod joined;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;
use std::pin::Pin;

use futures::{Stream, StreamExt};
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{
    Predicate, PredicateConfig, WatchStreamExt, predicates, watcher as watch_kind,
};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::publish;
use super::undecoded::{Undecoded, UndecodedSet};
use crate::observability::metrics::Metrics;
use audience_sharing_engine::Waker;

pub(super) struct Guarded<K: Resource<DynamicType = ()> + 'static> {
    pub(super) store: Store<K>,
    pub(super) stream: Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>,
    /// The first list is in the cache. Learned from the stream: `Store::wait_until_ready` wakes one waiter only.
    pub(super) ready: watch::Receiver<bool>,
}

/// Who hears of what the watches saw.
#[derive(Clone)]
pub(super) struct Listeners {
    pub(super) metrics: Metrics,
    pub(super) undecoded: UndecodedSet,
    pub(super) report_undecoded: Waker<Undecoded>,
}

/// Watches every object of a kind, one list and watch for each of `apis`. Status writes pass no predicate, so that the
/// operator does not wake itself. `in_cache`: called with each object that the cache has by now, and whether it is gone.
pub(super) fn guarded<K>(
    apis: Vec<Api<DeserializeGuard<K>>>,
    listeners: &Listeners,
    in_cache: impl FnMut(&K, bool) + Send + 'static,
) -> Guarded<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let watches = apis.into_iter().map(|api| {
        let namespace = api.namespace().unwrap_or_default().to_owned();
        let events = watch_kind(api, watcher::Config::default());
        (namespace, events.default_backoff().boxed())
    });
    from_events(joined::joined(watches.collect()), listeners, in_cache)
}

fn from_events<K>(
    events: impl Stream<Item = Result<Event<DeserializeGuard<K>>, watcher::Error>> + Send + 'static,
    listeners: &Listeners,
    mut in_cache: impl FnMut(&K, bool) + Send + 'static,
) -> Guarded<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store::<K>();
    let (listed, ready) = watch::channel(false);
    let kind = K::kind(&()).into_owned();
    let known = store.clone();
    let listeners = listeners.clone();
    let stream = events
        .filter_map(move |event| {
            let event = match event {
                Ok(event) => {
                    note_undecoded(&event, &listeners.undecoded);
                    decoded(event, &known, &listeners.report_undecoded)
                }
                Err(error) => {
                    listeners.metrics.watch_failed(&kind);
                    tracing::warn!(
                        kind,
                        "the watch failed and is tried again: {}",
                        describe(&error)
                    );
                    None
                }
            };
            std::future::ready(event.map(Ok::<_, watcher::Error>))
        })
        .modify(prune)
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::InitDone) => drop(listed.send_replace(true)),
            Ok(Event::Apply(object)) => in_cache(object, false),
            Ok(Event::Delete(object)) => in_cache(object, true),
            Ok(Event::Init | Event::InitApply(_)) | Err(_) => {}
        })
        .touched_objects()
        .predicate_filter(
            predicates::generation
                .combine(predicates::finalizers)
                .combine(predicates::annotations)
                .combine(deletion),
            PredicateConfig::default(),
        );
    Guarded {
        store,
        stream: Box::pin(stream),
        ready,
    }
}

/// A deletion moves no generation of an object that has no finalizer left.
fn deletion<K: Resource>(object: &K) -> Option<u64> {
    use std::hash::Hasher;
    let mut hasher = std::hash::DefaultHasher::new();
    object
        .meta()
        .deletion_timestamp
        .as_ref()
        .map(|time| time.0.as_second())
        .hash(&mut hasher);
    object.meta().uid.hash(&mut hasher);
    Some(hasher.finish())
}

/// An object that does not decode exists all the same.
fn note_undecoded<K>(event: &Event<DeserializeGuard<K>>, undecoded: &UndecodedSet)
where
    K: Resource<DynamicType = ()>,
{
    match event {
        Event::Init => undecoded.begin_list::<K>(),
        Event::InitDone => undecoded.end_list::<K>(),
        Event::InitApply(guard) | Event::Apply(guard) => {
            undecoded.note::<K>(guard.meta(), guard.0.is_ok());
        }
        Event::Delete(guard) => undecoded.note::<K>(guard.meta(), true),
    }
}

/// The event for the cache. An object that was readable and no longer is leaves the cache, as the next list
/// would make it: what was read last may be far from what it says now.
fn decoded<K>(
    event: Event<DeserializeGuard<K>>,
    known: &Store<K>,
    report: &Waker<Undecoded>,
) -> Option<Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
{
    match event {
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
        Event::InitApply(DeserializeGuard(Ok(object))) => Some(Event::InitApply(object)),
        Event::InitApply(DeserializeGuard(Err(invalid))) => {
            report.wake(Undecoded::of::<K>(&invalid.metadata));
            None
        }
        Event::Apply(DeserializeGuard(Ok(object))) => Some(Event::Apply(object)),
        Event::Apply(DeserializeGuard(Err(invalid))) => {
            report.wake(Undecoded::of::<K>(&invalid.metadata));
            last_known(known, &invalid.metadata).map(Event::Delete)
        }
        Event::Delete(DeserializeGuard(Ok(object))) => Some(Event::Delete(object)),
        Event::Delete(guard) => last_known(known, guard.meta()).map(Event::Delete),
    }
}

fn last_known<K>(known: &Store<K>, metadata: &ObjectMeta) -> Option<K>
where
    K: Resource<DynamicType = ()> + Clone,
{
    let mut key = ObjectRef::new(metadata.name.as_deref()?);
    if let Some(namespace) = &metadata.namespace {
        key = key.within(namespace);
    }
    known.get(&key).map(|object| (*object).clone())
}

/// Two thirds of a cached object is never read here.
fn prune<K: Resource>(object: &mut K) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.labels = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

fn describe(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => publish::describe(error),
        watcher::Error::WatchError(status) => {
            format!("the API server ended it with {}", status.code)
        }
        _ => "the API server could not be watched".into(),
    }
}
