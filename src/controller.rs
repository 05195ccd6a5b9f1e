//! Kubernetes in and out: streams of objects in, conditions, Events and Leases out.
//!
//! It never decides what to write to Adobe, and never writes a field that a user owns.

pub mod backoff;
pub mod conditions;
pub mod events;
pub mod lease;
pub mod watch;
