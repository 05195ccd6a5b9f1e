//! The custom resources, as Rust types: what a user may write, what `status` says, and the definitions made from both.
//!
//! Types, their schema and their defaults only. It knows no client, no engine and no Adobe system, and decides nothing.

pub mod activation;
pub mod annotations;
pub mod common;
pub mod experience_platform;
pub mod models;
pub mod shared_audience;
pub mod sharing_connection;
pub mod used_by;
pub mod word;

pub mod crd;
pub mod reference;

#[cfg(test)]
mod tests;

pub use common::{
    AdoptionPolicy, DeletionPolicy, DeletionWaitStatus, SourceGonePolicy, TenantStatus,
};
pub use shared_audience::{SharedAudience, SharedAudienceSpec, SharedAudienceStatus};
pub use sharing_connection::{SharingConnection, SharingConnectionSpec, SharingConnectionStatus};

/// The group of every resource.
pub const GROUP: &str = "audience-sharing.dev";
/// The one version that is served and stored.
pub const VERSION: &str = "v1alpha1";
