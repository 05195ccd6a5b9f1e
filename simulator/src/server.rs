//! Serves a router on a socket. The difference to `axum::serve`: a response marked `ConnectionLost` closes the
//! connection without a byte.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::exchange::ConnectionLost;

/// Runs until the future is dropped; every connection is a task of its own.
pub async fn serve(listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, router.clone()));
            }
            // A client that gave up early, or no file descriptor left: neither ends the server, neither may spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is dropped by a fault")
    }
}

impl std::error::Error for Lost {}

async fn connection(stream: TcpStream, router: Router) {
    // Without this, small answers wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: axum::http::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let response = match router.oneshot(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if response.extensions().get::<ConnectionLost>().is_some() {
                return Err(Lost);
            }
            Ok(response)
        }
    });
    // An error here is a client that went away, or the fault above.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
