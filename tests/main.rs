//! The operator's real binary against a real API server and the simulator, each a process of its own.
//!
//! One control plane serves the whole run; every test has its own namespace, simulator and operator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adobe_sharing;
mod attempts;
mod calls;
mod change_judge;
mod corpus;
mod destinations;
mod evidence;
mod harness;
mod judged;
mod judges;
mod killed;
mod labels;
mod leaves;
mod models;
mod noticed;
mod platform;
mod pruned;
mod readings;
mod replicas;
mod rights;
mod rooms;
mod rules;
mod standing;
mod stored;
mod strangers;
mod told;
mod used_by;
