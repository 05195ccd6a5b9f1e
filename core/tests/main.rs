//! Plans, carried out against a small model of Audience Manager: where they lead, what they never touch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod inventory;
mod model;
mod plans;
mod stories;
