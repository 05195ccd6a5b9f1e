//! Events by hand through the guard, and one list and watch through a client and a controller.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, Response};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use kube::runtime::controller::{Action, Controller};
use serde_json::{Value, json};

use super::{
    Api, DeserializeGuard, Event, Listeners, Metrics, StreamExt, UndecodedSet, from_events,
    guarded, watcher,
};

/// A Lease in generation 1; `changes` are merged into its metadata.
fn lease(name: &str, changes: Value) -> Value {
    let mut metadata =
        json!({"name": name, "namespace": "marketing", "uid": name, "generation": 1});
    metadata
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": metadata, "spec": {"leaseDurationSeconds": 15},
    })
}

fn undecoded(name: &str) -> Value {
    let mut object = lease(name, json!({"generation": 4}));
    object["spec"]["leaseDurationSeconds"] = json!("fifteen");
    object
}

fn decode(object: Value) -> DeserializeGuard<Lease> {
    serde_json::from_value(object).unwrap()
}

fn names<S>(stream: &mut (impl futures::Stream<Item = Result<Lease, S>> + Unpin)) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(Some(Ok(object))) = futures::FutureExt::now_or_never(stream.next()) {
        names.push(object.metadata.name.unwrap());
    }
    names
}

fn listeners(metrics: &Metrics) -> Listeners {
    Listeners {
        metrics: metrics.clone(),
        undecoded: UndecodedSet::default(),
        report_undecoded: audience_sharing_engine::wake_queue().0,
    }
}

type Feed = mpsc::UnboundedSender<Result<Event<DeserializeGuard<Lease>>, watcher::Error>>;

/// A guarded watch that is fed by hand.
macro_rules! fed {
    ($feed:ident, $metrics:ident, $watch:ident, $stream:ident) => {
        let ($feed, events): (Feed, _) = mpsc::unbounded();
        let $metrics = Metrics::default();
        let $watch = from_events(events, &listeners(&$metrics), |_: &Lease, _| {});
        let mut $stream = Box::pin($watch.stream);
    };
}

#[tokio::test]
async fn one_bad_object_and_one_error_stop_nothing() {
    fed!(feed, metrics, watch, stream);
    feed.unbounded_send(Ok(Event::Init)).unwrap();
    feed.unbounded_send(Ok(Event::InitApply(decode(lease("a", json!({}))))))
        .unwrap();
    feed.unbounded_send(Ok(Event::InitApply(decode(undecoded("b")))))
        .unwrap();
    feed.unbounded_send(Err(watcher::Error::NoResourceVersion))
        .unwrap();
    feed.unbounded_send(Ok(Event::InitApply(decode(lease("c", json!({}))))))
        .unwrap();
    assert_eq!(names(&mut stream), ["a", "c"]);
    assert!(!*watch.ready.borrow(), "the list is not complete");
    feed.unbounded_send(Ok(Event::InitDone)).unwrap();
    assert!(names(&mut stream).is_empty());
    assert!(*watch.ready.borrow());
    assert_eq!(watch.store.len(), 2);
    let errors = "audience_sharing_watch_errors_total{kind=\"Lease\"} 1\n";
    assert!(metrics.encode().contains(errors), "{}", metrics.encode());
}

#[tokio::test]
async fn an_object_that_no_longer_decodes_leaves_the_store_until_it_is_edited() {
    fed!(feed, metrics, watch, stream);
    for event in [
        Event::Init,
        Event::InitApply(decode(lease("a", json!({})))),
        Event::InitDone,
    ] {
        feed.unbounded_send(Ok(event)).unwrap();
    }
    names(&mut stream);
    feed.unbounded_send(Ok(Event::Apply(decode(undecoded("a")))))
        .unwrap();
    names(&mut stream);
    assert_eq!(watch.store.len(), 0);
    feed.unbounded_send(Ok(Event::Apply(decode(lease(
        "a",
        json!({"generation": 5}),
    )))))
    .unwrap();
    assert_eq!(names(&mut stream), ["a"]);
    assert_eq!(watch.store.len(), 1);
}

/// A watch that was interrupted sees no deletion; its next list lacks the object.
#[tokio::test]
async fn an_undecoded_object_that_a_new_list_lacks_is_gone() {
    let (feed, events): (Feed, _) = mpsc::unbounded();
    let listeners = listeners(&Metrics::default());
    let watch = from_events(events, &listeners, |_: &Lease, _| {});
    let mut stream = Box::pin(watch.stream);
    let is_known = || listeners.undecoded.contains::<Lease>("marketing", "a");
    for event in [
        Event::Init,
        Event::InitApply(decode(undecoded("a"))),
        Event::InitDone,
    ] {
        feed.unbounded_send(Ok(event)).unwrap();
    }
    names(&mut stream);
    assert!(is_known());
    feed.unbounded_send(Ok(Event::Init)).unwrap();
    names(&mut stream);
    assert!(is_known(), "until the list is complete");
    feed.unbounded_send(Ok(Event::InitDone)).unwrap();
    names(&mut stream);
    assert!(!is_known());
}

#[tokio::test]
async fn what_nobody_reads_is_not_kept() {
    fed!(feed, metrics, watch, stream);
    let metadata = json!({
        "managedFields": [{"manager": "kubectl"}], "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "crm"},
    });
    feed.unbounded_send(Ok(Event::Apply(decode(lease("a", metadata)))))
        .unwrap();
    names(&mut stream);
    let kept = watch.store.state().remove(0);
    assert_eq!(kept.metadata.managed_fields, None);
    assert_eq!(kept.metadata.labels, None);
    let annotations: Vec<_> = kept.metadata.annotations.iter().flatten().collect();
    assert_eq!(annotations, [(&"team".to_owned(), &"crm".to_owned())]);
}

#[tokio::test]
async fn only_what_a_user_changes_passes() {
    fed!(feed, _metrics, watch, stream);
    let mut resync = |because: &str, metadata: Value| {
        feed.unbounded_send(Ok(Event::Apply(decode(lease("a", metadata)))))
            .unwrap();
        (because.to_owned(), names(&mut stream).len())
    };
    let (deleted, finalizers) = ("2026-01-01T00:00:00Z", ["audience-sharing.dev/finalizer"]);
    let passed = [
        resync("new", json!({})),
        resync("status only", json!({"resourceVersion": "2"})),
        resync(
            "last-applied only",
            json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
        ),
        resync(
            "annotation",
            json!({"annotations": {"audience-sharing.dev/approve": "1"}}),
        ),
        resync("generation", json!({"generation": 2})),
        resync(
            "finalizer",
            json!({"generation": 2, "finalizers": finalizers}),
        ),
        resync(
            "deletion",
            json!({"generation": 2, "finalizers": finalizers, "deletionTimestamp": deleted}),
        ),
    ];
    let counts: Vec<_> = passed
        .iter()
        .map(|(because, count)| (because.as_str(), *count))
        .collect();
    assert_eq!(
        counts,
        [
            ("new", 1),
            ("status only", 0),
            ("last-applied only", 0),
            ("annotation", 1),
            ("generation", 1),
            ("finalizer", 1),
            ("deletion", 1),
        ]
    );
    assert_eq!(watch.store.len(), 1);
}

/// Answers a list with one good and one bad object, and a watch that says nothing more.
fn client(paths: Arc<Mutex<Vec<String>>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let watching = query.contains("watch=true");
        paths
            .lock()
            .unwrap()
            .push(format!("{} watch={watching}", request.uri().path()));
        let body = if watching {
            axum::body::Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>())
        } else {
            let items = [lease("a", json!({"resourceVersion": "1"})), undecoded("b")];
            json!({"metadata": {"resourceVersion": "7"}, "items": items})
                .to_string()
                .into()
        };
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    Client::new(service, "default")
}

#[tokio::test(start_paused = true)]
async fn a_controller_reconciles_what_is_readable() {
    let paths = Arc::default();
    let api = Api::<DeserializeGuard<Lease>>::namespaced(client(Arc::clone(&paths)), "marketing");
    let watch = guarded(
        vec![api],
        &listeners(&Metrics::default()),
        |_: &Lease, _| {},
    );
    let mut reconciled = Controller::for_stream(watch.stream, watch.store)
        .run(
            |_, _| std::future::ready(Ok::<_, Infallible>(Action::await_change())),
            |_, _, _| Action::await_change(),
            Arc::new(()),
        )
        .boxed();
    let reconciled = reconciled.next().await;
    let (reference, _) = reconciled.unwrap().unwrap();
    assert_eq!(reference.name, "a");
    assert!(*watch.ready.borrow());
    let path = "/apis/coordination.k8s.io/v1/namespaces/marketing/leases";
    assert_eq!(paths.lock().unwrap()[0], format!("{path} watch=false"));
}
