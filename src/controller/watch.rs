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
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, NamespaceResourceScope, Resource};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates};
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
        formatter
            .debug_struct("Guarded")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

/// Watches `api` by list and watch. `stream` suits `Controller::for_stream(stream, store)`.
pub fn guarded<K>(
    api: Api<K>,
    config: watcher::Config,
    observer: Arc<dyn WatchObserver>,
) -> Guarded<K, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let namespace = api.namespace().map(str::to_owned);
    let api: Api<DeserializeGuard<K>> = match namespace {
        Some(namespace) => Api::namespaced(api.into_client(), &namespace),
        None => Api::all(api.into_client()),
    };
    from_events(watcher(api, config).default_backoff(), observer)
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
    let known = store.clone();
    let stream = events
        .filter_map(move |event| future::ready(readable(event, &known, &*observer).map(Ok)))
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
            PredicateConfig::default(),
        );
    Guarded {
        store,
        stream,
        ready,
    }
}

/// The event as the store shall see it. An object that was readable and no longer is leaves the store, as a relist would
/// make it: what was read last may be far from what it says now.
fn readable<K>(
    event: Result<Event<DeserializeGuard<K>>, watcher::Error>,
    known: &Store<K>,
    observer: &dyn WatchObserver,
) -> Option<Event<K>>
where
    K: Resource<DynamicType = ()> + Clone,
{
    match event {
        Ok(Event::Apply(DeserializeGuard(Ok(object)))) => Some(Event::Apply(object)),
        Ok(Event::InitApply(DeserializeGuard(Ok(object)))) => Some(Event::InitApply(object)),
        Ok(Event::Apply(DeserializeGuard(Err(invalid)))) => {
            let last = last_known(known, &invalid.metadata);
            set_aside::<K>(invalid, observer);
            last.map(Event::Delete)
        }
        Ok(Event::InitApply(DeserializeGuard(Err(invalid)))) => {
            set_aside::<K>(invalid, observer);
            None
        }
        Ok(Event::Delete(DeserializeGuard(Ok(object)))) => Some(Event::Delete(object)),
        Ok(Event::Delete(DeserializeGuard(Err(invalid)))) => {
            last_known(known, &invalid.metadata).map(Event::Delete)
        }
        Ok(Event::Init) => Some(Event::Init),
        Ok(Event::InitDone) => Some(Event::InitDone),
        Err(error) => {
            let kind = K::kind(&());
            tracing::warn!(
                kind = &*kind,
                reason = brief(&error),
                "a watch failed and begins again"
            );
            observer.on_watch_error(&kind);
            None
        }
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

fn set_aside<K: Resource<DynamicType = ()>>(invalid: InvalidObject, observer: &dyn WatchObserver) {
    let InvalidObject { error, metadata } = invalid;
    tracing::warn!(
        kind = &*K::kind(&()),
        namespace = metadata.namespace,
        name = metadata.name,
        "an object does not decode and is left alone until it is edited"
    );
    observer.on_unreadable(Unreadable {
        reference: reference::<K>(&metadata),
        generation: metadata.generation,
        error,
    });
}

fn reference<K: Resource<DynamicType = ()>>(metadata: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        field_path: None,
    }
}

/// Takes out what nobody here reads: two thirds of the memory of a watched object (measured.md §6).
fn strip<K: Resource>(object: &mut K) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// Passes an object whose deletion began, whatever else stayed the same.
fn deletion<K: Resource>(object: &K) -> Option<u64> {
    Some(u64::from(object.meta().deletion_timestamp.is_some()))
}

/// What went wrong in words without an address, a token or a body: kube's own texts repeat their source.
fn brief(error: &watcher::Error) -> String {
    let of_client = |step: &str, error: &kube::Error| match error {
        kube::Error::Api(status) => format!("{step}: {} ({})", status.reason, status.code),
        kube::Error::SerdeError(_) => format!("{step}: an answer that does not decode"),
        _ => format!("{step}: the API server did not answer"),
    };
    match error {
        watcher::Error::InitialListFailed(error) => of_client("list", error),
        watcher::Error::WatchStartFailed(error) => of_client("start of the watch", error),
        watcher::Error::WatchFailed(error) => of_client("watch", error),
        watcher::Error::WatchError(status) => format!("watch: {} ({})", status.reason, status.code),
        watcher::Error::NoResourceVersion => "list: no resourceVersion".into(),
    }
}
