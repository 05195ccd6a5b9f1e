//! The operator's real binary against a real API server and the simulator, each a process of its own.
//!
//! One control plane serves the whole run; every test has its own namespace, simulator and operator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod at_rest;
mod attempts;
mod bad_input;
mod calls;
mod change_judge;
mod corpus;
mod destinations;
mod engine;
mod harness;
mod judged;
mod judges;
mod killed;
mod labels;
mod leaves;
mod loops;
mod noticed;
mod openapi;
mod platform;
mod pruned;
mod replicas;
mod rights;
mod rooms;
mod rules;
mod standing;
mod strangers;
mod tenant;
mod tenants;
mod to_experience_platform;
mod told;
mod used_by;
mod virtual_time;
mod world;
