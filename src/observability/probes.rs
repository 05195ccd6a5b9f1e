//! `/livez`, `/readyz` and `/metrics` on one address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

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

/// Serves until `stop`.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
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
        .route("/metrics", get(move || async move { metrics.encode() }));
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!("the probes ended: {error}");
        }
    });
    Ok(())
}
