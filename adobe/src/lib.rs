//! Adobe's services: one gateway per credential, and behind it one generic client under a typed one for each service.
//!
//! Every call to Adobe passes the [`gateway`]; beneath it a [`transport`] carries a request out and an answer in.
//! This room knows no Kubernetes, no custom resource and no plan. It never decides what to write, never keeps an
//! answer's body beyond its decoding, and never prints a secret, a token, a body or a query string.

pub mod network;
pub mod transport;

pub mod credential;
pub mod endpoints;
pub mod error;
pub mod lease_guard;
pub mod observer;
pub mod service;

pub mod gateway;

pub mod audience_manager;
pub mod experience_platform;

pub mod listing;

mod body;
mod client;
mod paging;
mod resource;
mod serde_helpers;

#[cfg(test)]
mod scripted;

pub use client::Client;
pub use error::{Effect, Error, Kind};
pub use resource::Resource;
