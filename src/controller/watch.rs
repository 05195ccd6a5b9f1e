//! Watches that one bad object, one lost connection or one slow store cannot stop (rust-operators.md §E.1–3).
//!
//! Each watch has its own backoff; its errors are logged, counted and dropped, so that a controller's joint backoff
//! never arms. What does not decode is set aside, and never reaches a store or a reconciler.

#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::Arc;

use futures::{Stream, StreamExt, future};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::Api;
use kube::core::{DeserializeGuard, Resource};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Predicate, WatchStreamExt, predicates};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// Where `kubectl apply` keeps a copy of the whole object; nobody here reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a watch has to tell beside its objects. It is called in the task that polls the watch: it must not block.
pub trait WatchObserver: Send + Sync + 'static {
    /// The watch of `kind` failed and begins again after a backoff.
    fn on_watch_error(&self, kind: &str);

    /// A stored object does not decode. Whoever implements it may say so on the object itself, with an Event or a merge
    /// patch of `status.conditions` by its reference: no typed status write can be made for it. Told once per version
    /// of the object, and again after a relist.
    fn on_unreadable(&self, object: Unreadable);
}

/// An object that the operator cannot read: it waits for an edit.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub reference: ObjectReference,
    pub generation: Option<i64>,
    /// The decoder's message: which field or variant. It may quote a value of the object.
    pub error: String,
}

/// A watch that is set up; nothing runs until `stream` is polled.
pub struct Guarded<K, S>
where
    K: Resource + Clone + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    /// What was last seen of every readable object, without managed fields and the last-applied annotation.
    pub store: Store<K>,
    /// The objects as they change in generation, annotations, finalizers or by a deletion that begins; never an error.
    pub stream: S,
    /// True from the first complete list on. `Store::wait_until_ready` wakes one waiter only (measured.md §6).
    pub ready: watch::Receiver<bool>,
}

impl<K, S> Debug for Guarded<K, S>
where
    K: Resource + Clone + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guarded").field("ready", &self.ready).finish_non_exhaustive()
    }
}

/// Watches `api` by list and watch. `stream` suits `Controller::for_stream(stream, store)`.
pub fn guarded<K>(
    api: Api<K>,
    config: watcher::Config,
    observer: Arc<dyn WatchObserver>,
) -> Guarded<K, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let guarded_api: Api<DeserializeGuard<K>> = guard(api);
    from_events(watcher(guarded_api, config).default_backoff(), observer)
}

/// The same request paths for a type that always decodes.
fn guard<K>(api: Api<K>) -> Api<DeserializeGuard<K>>
where
    K: Resource<DynamicType = ()>,
{
    match api.namespace() {
        Some(namespace) => Api::namespaced_with(api.clone().into_client(), namespace, &()),
        None => Api::all(api.into_client()),
    }
}

fn from_events<K>(
    events: impl Stream<Item = Result<Event<DeserializeGuard<K>>, watcher::Error>> + Send + 'static,
    observer: Arc<dyn WatchObserver>,
) -> Guarded<K, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let (tell_ready, ready) = watch::channel(false);
    let stream = events
        .filter_map(move |event| future::ready(readable(event, &*observer).map(Ok)))
        .modify(strip)
        .reflect(writer)
        .inspect(move |event| {
            if matches!(event, Ok(Event::InitDone)) {
                tell_ready.send_replace(true);
            }
        })
        .touched_objects()
        .predicate_filter(
            predicates::generation
                .combine(predicates::annotations)
                .combine(predicates::finalizers)
                .combine(deletion),
            predicates::Config::default(),
        );
    Guarded { store, stream, ready }
}

/// The event of a readable object. An object that was readable and no longer is leaves the store, as if deleted: what
/// was read last may be far from what it says now.
fn readable<K>(
    event: Result<Event<DeserializeGuard<K>>, watcher::Error>,
    observer: &dyn WatchObserver,
) -> Option<Event<K>>
where
    K: Resource<DynamicType = ()>,
{
    let kind = K::kind(&());
    let decoded = |object: DeserializeGuard<K>| match object {
        DeserializeGuard(Ok(object)) => Some(object),
        DeserializeGuard(Err(invalid)) => {
            let object = PartialReference::<K>::of(&invalid.metadata);
            tracing::warn!(
                kind = &*kind, namespace = object.namespace, name = object.name,
                "an object does not decode and is left alone until it is edited"
            );
            observer.on_unreadable(Unreadable {
                reference: object,
                generation: invalid.metadata.generation,
                error: invalid.error,
            });
            None
        }
    };
    match event {
        Ok(Event::Apply(object)) => decoded(object).map(Event::Apply),
        Ok(Event::InitApply(object)) => decoded(object).map(Event::InitApply),
        Ok(Event::Delete(object)) => object.0.ok().map(Event::Delete),
        Ok(Event::Init) => Some(Event::Init),
        Ok(Event::InitDone) => Some(Event::InitDone),
        Err(error) => {
            tracing::warn!(kind = &*kind, reason = brief(&error), "a watch failed and begins again");
            observer.on_watch_error(&kind);
            None
        }
    }
}
