//! What the process reports of itself: metrics, logs, probes. It changes nothing that it observes.

pub mod logging;
pub mod metrics;
pub mod probes;
