//! What to do: decisions as functions of values.
//!
//! Nothing here waits, logs, reads a clock, or knows Kubernetes or HTTP. What happens outside comes in as a value
//! ([`inventory`]), what shall happen goes out as one ([`plan`]).

#[macro_use]
pub mod kinds;

pub mod blocker;
pub mod call;
pub mod compose;
pub mod domain;
pub mod existence;
pub mod facts;
pub mod inventory;
pub mod ownership;
pub mod plan;
