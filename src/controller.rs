//! Kubernetes in and out: watches, reconcilers, status, finalizers, leases. Hands what a manifest declares to the engine,
//! and reports what comes back.
//!
//! It never talks to Adobe and decides nothing about remote objects.

pub mod run;

pub mod shared_audience;
pub mod sharing_connection;

mod admission;
mod context;
mod deadline;
mod definition;
mod deletion_wait;
mod engines;
mod freshness;
mod ids;
mod locked;
mod publish;
mod quarantine;
mod replicas;
mod report_undecoded;
mod requested;
mod sent;
mod settings;
mod undecoded;

pub mod backoff;
mod by_uid;
pub mod conditions;
pub mod events;
pub mod lease;
pub mod watch;

pub use settings::{Scope, Settings};
