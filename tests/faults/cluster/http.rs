//! The model's HTTP face: requests as kube sends them, answers and watches as the API server writes them.

#![expect(
    clippy::disallowed_methods,
    reason = "a watch ends after a time, which is virtual here, or when something changes"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, stream};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Change, ChangeKind, Cluster, Key, Refusal};
use crate::virtual_time;

/// How a request is served: a reader may be told the past, and a watch may be slow, repeat itself or end early.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Service {
    /// What is read is as it was this many changes of the resource ago.
    pub(crate) changes_ago: usize,
    /// A watch tells each change this much later.
    pub(crate) lag: Duration,
    /// A watch tells each change twice.
    pub(crate) repeats: bool,
    /// A watch ends after this many changes.
    pub(crate) ends_after: Option<usize>,
}

/// A request, read.
struct Asked {
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
    status: bool,
    query: BTreeMap<String, String>,
}

/// `None`: a path that the model does not serve.
fn read(request: &Request<Bytes>) -> Option<Asked> {
    let path = request.uri().path();
    let mut parts = path.trim_matches('/').split('/');
    let group = match parts.next()? {
        "api" => parts.next()?.to_owned(),
        "apis" => format!("{}/{}", parts.next()?, parts.next()?),
        _ => return None,
    };
    let mut next = parts.next()?;
    let mut namespace = None;
    if next == "namespaces" {
        namespace = Some(parts.next()?.to_owned());
        next = parts.next()?;
    }
    let query = request.uri().query().unwrap_or_default();
    Some(Asked {
        resource: format!("{group}/{next}"),
        namespace,
        name: parts.next().map(str::to_owned),
        status: parts.next() == Some("status"),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
    })
}

impl Asked {
    fn key(&self, body: &Value) -> Key {
        let name = self.name.clone();
        Key {
            resource: self.resource.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: name.unwrap_or_else(|| {
                body["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            }),
        }
    }

    fn field_name(&self) -> Option<&str> {
        self.query
            .get("fieldSelector")?
            .strip_prefix("metadata.name=")
    }
}

pub(crate) fn is_watch(request: &Request<Bytes>) -> bool {
    request
        .uri()
        .query()
        .is_some_and(|query| query.contains("watch=true"))
}

pub(crate) fn answer(
    cluster: &Cluster,
    request: &Request<Bytes>,
    service: Service,
) -> Response<Body> {
    let Some(asked) = read(request) else {
        return refused(&Refusal::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        ));
    };
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let key = asked.key(&body);
    let result = match (request.method(), &asked.name) {
        (&Method::GET, None) if is_watch(request) => return watch(cluster, &asked, service),
        (&Method::GET, None) => Ok(Arc::new(list(cluster, &asked, service))),
        (&Method::GET, Some(_)) => cluster.get(&key, service.changes_ago),
        (&Method::POST, None) => cluster.create(&key, body),
        (&Method::PUT, Some(_)) => cluster.replace(&key, body),
        (&Method::PATCH, Some(_)) if asked.status => cluster.apply_status(&key, &body),
        (&Method::PATCH, Some(_)) => cluster.merge(&key, &body),
        (&Method::DELETE, Some(_)) => cluster.delete(&key, &body["preconditions"]),
        _ => Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method",
        )),
    };
    match result {
        Ok(value) => whole(200, &value),
        Err(refusal) => refused(&refusal),
    }
}

fn list(cluster: &Cluster, asked: &Asked, service: Service) -> Value {
    let (mut items, version) = cluster.list(
        &asked.resource,
        asked.namespace.as_deref(),
        asked.field_name(),
        service.changes_ago,
    );
    if let Some(label) = asked.query.get("labelSelector") {
        // That it is there, whatever its value: no other selector is used.
        items.retain(|object| object["metadata"]["labels"].get(label).is_some());
    }
    json!({
        "kind": "List", "apiVersion": "v1",
        "metadata": {"resourceVersion": version.to_string()},
        "items": items,
    })
}

fn watch(cluster: &Cluster, asked: &Asked, service: Service) -> Response<Body> {
    let number = |name: &str| {
        asked
            .query
            .get(name)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let watch = Watch {
        cluster: cluster.clone(),
        changed: cluster.subscribe(),
        resource: asked.resource.clone(),
        namespace: asked.namespace.clone(),
        name: asked.field_name().map(str::to_owned),
        version: number("resourceVersion").unwrap_or_default(),
        until: Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(300)),
        left: service.ends_after,
        service,
    };
    Response::new(Body::from_stream(watch.lines()))
}

struct Watch {
    cluster: Cluster,
    changed: tokio::sync::watch::Receiver<u64>,
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
    version: u64,
    until: Instant,
    left: Option<usize>,
    service: Service,
}

impl Watch {
    fn lines(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
        stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            let (text, goes_on) = watch.next().await?;
            Some((Ok(Bytes::from(text)), goes_on.then_some(watch)))
        })
    }

    /// The lines of the next changes, and whether more may come; `None` when its time is over.
    async fn next(&mut self) -> Option<(String, bool)> {
        loop {
            if self.left == Some(0) {
                return None;
            }
            // Seen before it is looked: a change between the two is told at once.
            self.changed.borrow_and_update();
            let changes = match self.cluster.changes_after(&self.resource, self.version) {
                Ok(changes) => changes,
                Err(refusal) => {
                    return Some((line("ERROR", &status(&refusal)), false));
                }
            };
            if let Some(last) = changes.last() {
                self.version = last.version;
            }
            let mut told: Vec<_> = changes.iter().filter(|change| self.shows(change)).collect();
            if let Some(left) = &mut self.left {
                told.truncate(*left);
                *left -= told.len();
            }
            if !told.is_empty() {
                if !self.service.lag.is_zero() {
                    virtual_time::passes(self.service.lag).await;
                }
                let times = if self.service.repeats { 2 } else { 1 };
                let lines = told.iter().map(|change| event(change).repeat(times));
                return Some((lines.collect(), true));
            }
            tokio::select! {
                _ = self.changed.changed() => {}
                () = tokio::time::sleep_until(self.until) => return None,
            }
        }
    }

    fn shows(&self, change: &Change) -> bool {
        let key = &change.key;
        self.namespace
            .as_ref()
            .is_none_or(|namespace| *namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

fn event(change: &Change) -> String {
    let kind = match change.kind {
        ChangeKind::Added => "ADDED",
        ChangeKind::Modified => "MODIFIED",
        ChangeKind::Deleted => "DELETED",
    };
    line(kind, &change.object)
}

fn line(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn status(refusal: &Refusal) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": refusal.message, "reason": refusal.reason, "code": refusal.code,
    })
}

/// A refusal as the API server writes it.
pub(crate) fn refused(refusal: &Refusal) -> Response<Body> {
    whole(refusal.code, &status(refusal))
}

fn whole(code: u16, value: &Value) -> Response<Body> {
    let response = Response::builder()
        .status(code)
        .header("content-type", "application/json");
    response.body(Body::from(value.to_string())).unwrap()
}
