//! The Audience Sharing Operator: keeps audiences that are declared in Kubernetes shared between Adobe Experience
//! Platform and Adobe Audience Manager.
//!
//! The layers are packages, each importing only those below it: this one (`command`, `controller`), `engine`,
//! `adobe-client`, `core`.

pub mod api;
pub mod command;
pub mod controller;
mod declaration;
pub mod observability;
