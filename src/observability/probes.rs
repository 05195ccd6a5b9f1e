//! `/livez`, `/readyz` and `/metrics` on one address.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// The form of [`Metrics::encode`]; under `text/plain` a collector reads it as the older one.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What must be there before the operator counts as ready, by name.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Vec<Part>>>);

type Part = (&'static str, watch::Receiver<bool>);

impl Readiness {
    /// Ready no sooner than this is.
    pub fn follow(&self, name: &'static str, ready: watch::Receiver<bool>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, ready));
    }

    /// What is missing; nothing is followed before the controllers are wired.
    fn missing(&self) -> Vec<&'static str> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match parts.is_empty() {
            true => vec!["controllers"],
            false => parts
                .iter()
                .filter(|(_, ready)| !*ready.borrow())
                .map(|(name, _)| *name)
                .collect(),
        }
    }
}

/// Serves until `stop`; answers the address that it listens on, with the port where 0 was given.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let ready = move || {
        let missing = readiness.missing();
        async move {
            match missing.is_empty() {
                true => (StatusCode::OK, "ok\n".to_owned()),
                false => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("waiting for: {}\n", missing.join(", ")),
                ),
            }
        }
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(move || async move { ([(CONTENT_TYPE, OPENMETRICS)], metrics.encode()) }),
        );
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!("the probes ended: {error}");
        }
    });
    Ok(bound)
}
