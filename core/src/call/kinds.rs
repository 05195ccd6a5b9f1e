//! The kinds of remote objects: how each is found, judged, called and applied. A file per kind, which nothing outside
//! names but for what its calls carry; what a plan makes of it is decided elsewhere.

mod audience;
pub mod coded;
mod common;
mod data_source;
mod destination;
mod folder;
mod segment;
mod r#trait;

pub use audience::AudienceLookUp;
pub use common::Never;
pub use folder::NewFolder;
