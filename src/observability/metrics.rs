//! The metrics, in OpenMetrics text. Labels are words from fixed lists, never names or ids.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use adobe_client::observer::{CallRecord, Observer, Outcome};
use audience_sharing_engine::EngineObserver;

type Labels = Vec<(&'static str, String)>;

/// Cheap to clone; all clones count in one place.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    calls: Family<Labels, Counter>,
    call_seconds: Histogram,
    resyncs: Family<Labels, Counter>,
    pass_seconds: Histogram,
    skipped: Family<Labels, Counter>,
    plans: Counter,
    watch_errors: Family<Labels, Counter>,
    released: Counter,
    reconciles: Family<Labels, Counter>,
    leases_held: Gauge,
    replicas_alive: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("audience_sharing");
        let known = &mut registry;
        Self(Arc::new(Inner {
            calls: registered(
                known,
                "adobe_calls",
                "Requests to Adobe by system, operation and outcome",
                Default::default(),
            ),
            call_seconds: registered(
                known,
                "adobe_call_seconds",
                "How long requests to Adobe took",
                Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            ),
            resyncs: registered(
                known,
                "passes",
                "Full reads of both systems by outcome",
                Default::default(),
            ),
            pass_seconds: registered(
                known,
                "pass_seconds",
                "How long full reads of both systems took",
                Histogram::new(exponential_buckets(0.05, 2.0, 14)),
            ),
            skipped: registered(
                known,
                "skipped_elements",
                "Elements of lists that were too large or could not be decoded, by list, counted in every full read",
                Default::default(),
            ),
            plans: registered(
                known,
                "plans",
                "Plans computed for audiences",
                Default::default(),
            ),
            watch_errors: registered(
                known,
                "watch_errors",
                "Failed Kubernetes watches by kind",
                Default::default(),
            ),
            released: registered(
                known,
                "released_without_deletion",
                "Audiences released while their remote objects stay, since nothing could delete them in time",
                Default::default(),
            ),
            reconciles: registered(
                known,
                "reconciles",
                "Looks at custom resources by kind and by the reason of the Ready condition that they came to",
                Default::default(),
            ),
            leases_held: registered(
                known,
                "leases_held",
                "Organisations whose Lease this process holds",
                Default::default(),
            ),
            replicas_alive: registered(
                known,
                "replicas_alive",
                "Replicas that share the organizations, as this process sees them",
                Default::default(),
            ),
            registry,
        }))
    }
}

fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// The whole registry as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.0.registry).is_err() {
            // Writing into a string fails for no other reason than memory.
            let _ = text.write_str("# EOF\n");
        }
        text
    }

    pub fn watch_failed(&self, kind: &str) {
        self.0
            .watch_errors
            .get_or_create(&vec![("kind", kind.to_owned())])
            .inc();
    }

    pub fn released_without_deletion(&self) {
        self.0.released.inc();
    }

    /// A reconcile of a custom resource came to a status.
    pub fn reconciled(&self, kind: &str, reason: &str) {
        let labels = vec![("kind", kind.to_owned()), ("reason", reason.to_owned())];
        self.0.reconciles.get_or_create(&labels).inc();
    }

    pub fn lease_taken(&self) {
        self.0.leases_held.inc();
    }

    pub fn lease_lost(&self) {
        self.0.leases_held.dec();
    }

    pub fn replicas_alive(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.replicas_alive.set(count);
    }
}

impl Observer for Metrics {
    fn on_call(&self, call: CallRecord) {
        let outcome = match call.outcome {
            Outcome::Succeeded => "Succeeded".to_owned(),
            Outcome::Failed(kind) => format!("{kind:?}"),
        };
        let labels = vec![
            ("system", call.system.as_str().to_owned()),
            ("operation", call.operation.to_owned()),
            ("outcome", outcome),
        ];
        self.0.calls.get_or_create(&labels).inc();
        self.0.call_seconds.observe(call.duration.as_secs_f64());
    }
}

impl EngineObserver for Metrics {
    fn on_resync(&self, succeeded: bool, seconds: f64) {
        let outcome = if succeeded { "Succeeded" } else { "Failed" };
        self.0
            .resyncs
            .get_or_create(&vec![("outcome", outcome.to_owned())])
            .inc();
        self.0.pass_seconds.observe(seconds);
    }

    fn on_skipped(&self, list: &'static str, count: usize) {
        if count > 0 {
            let labels = vec![("list", list.to_owned())];
            self.0.skipped.get_or_create(&labels).inc_by(count as u64);
        }
    }

    fn on_plan(&self) {
        self.0.plans.inc();
    }
}
