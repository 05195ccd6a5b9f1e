//! Kubernetes in and out: watches, reconcilers, status, finalizers, leases. Turns a spec into `core`'s types, hands
//! them to the engine, and writes down what comes back.
//!
//! It never talks to Adobe and decides nothing about remote objects.

pub mod run;

pub mod shared_audience;
pub mod sharing_connection;

mod admission;
mod context;
mod deadline;
mod definition;
mod engines;
mod freshness;
mod leaving;
mod publish;
mod quarantine;
mod replicas;
mod requested;
mod unreadable;

pub mod backoff;
pub mod conditions;
pub mod events;
pub mod lease;
pub mod watch;

pub use context::Settings;
