//! The Audience Sharing Operator: keeps audiences that are declared in Kubernetes shared between Adobe Experience
//! Platform and Adobe Audience Manager.
//!
//! Rooms, each importing only those below it: `command`, `controller`, `engine`, `adobe`; `core` is a package of its own.

pub mod adobe;
pub mod api;
pub mod command;
pub mod controller;
pub mod engine;
pub mod observability;
