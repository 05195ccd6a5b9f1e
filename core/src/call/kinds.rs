//! The kinds of remote objects, each with what calls about it carry and how they are shown.

mod audience;
mod common;
mod data_source;
mod destination;
mod folder;
mod segment;
mod r#trait;

pub use audience::AudienceLookUp;
pub use common::Never;
pub use folder::NewFolder;
