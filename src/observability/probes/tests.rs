//! The three paths over a real socket.
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads what a probe reads, over a socket"
)]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{CancellationToken, Metrics, Readiness, SocketAddr, serve, watch};

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    let request = format!("GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is taken");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("an answer of text");
    answer
}

async fn started(readiness: &Readiness, stop: &CancellationToken) -> SocketAddr {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    serve(
        any_port,
        Metrics::default(),
        readiness.clone(),
        stop.clone(),
    )
    .await
    .expect("a free port")
}

#[tokio::test]
async fn ready_names_what_is_missing_until_all_is_there() {
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let address = started(&readiness, &stop).await;
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("waiting for: controllers\n"),
        "{answer}"
    );

    let (audiences, audiences_ready) = watch::channel(false);
    let (connections, connections_ready) = watch::channel(false);
    readiness.follow("SharedAudience watch", audiences_ready);
    readiness.follow("SharingConnection watch", connections_ready);
    let answer = get(address, "/readyz").await;
    assert!(
        answer.ends_with("waiting for: SharedAudience watch, SharingConnection watch\n"),
        "{answer}"
    );
    audiences.send_replace(true);
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503")
            && answer.ends_with("waiting for: SharingConnection watch\n"),
        "{answer}"
    );
    connections.send_replace(true);
    let answer = get(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_process_that_is_not_ready_is_alive() {
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let answer = get(started(&readiness, &stop).await, "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn metrics_say_which_form_they_have() {
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let answer = get(started(&readiness, &stop).await, "/metrics").await;
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn a_stop_closes_the_port() {
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let address = started(&readiness, &stop).await;
    get(address, "/livez").await;
    stop.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
