//! Every request to the API server has an answer, or an error, in bounded time (L10): a request that a proxy swallowed
//! would be awaited for ever, and its sender would be deaf meanwhile: the first list of a kind, the start of a watch.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use tower::BoxError;

/// Longer than the API server itself works at a request, which is a minute.
const ANSWER_WITHIN: Duration = Duration::from_secs(70);

/// The same client; each of its requests is given up when the whole answer is not there in time. Of a watch, which goes on
/// for minutes, that is the head of the answer; a watch that falls silent afterwards is begun again by `kube`'s watcher.
pub(super) fn on_every_request(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let answer = tokio::time::timeout(ANSWER_WITHIN, answer(&client, request)).await;
            answer.unwrap_or_else(|late| Err(late.into()))
        }
    });
    Client::new(service, namespace)
}

async fn answer(client: &Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let is_watch = is_watch(&request);
    let answer = client.send(request).await?;
    if is_watch {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    let whole = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, Body::from(whole)))
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "watch" && value != "false")
}
