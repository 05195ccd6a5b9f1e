//! The kinds of remote objects. All that exists once per kind is generated from the one list here: the calls, the answers,
//! the tables of the inventory, and how each is sent. What a kind is, `kinds/<kind>.rs` says: how it is found, judged,
//! called and applied. What a plan makes of it is decided elsewhere.

pub mod audience;
pub mod coded;
pub mod common;
mod data_source;
mod destination;
pub mod folder;
pub mod model;
mod segment;
mod r#trait;

pub(crate) use crate::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
pub(crate) use crate::domain::destination::{Destination, Mapping};
pub(crate) use crate::domain::experience_platform::Audience;
pub(crate) use crate::domain::model::Model;

/// Hands the list to a macro, before whatever else that takes: the kind, which is also the name of its calls and answers,
/// and the name of its table.
#[macro_export]
macro_rules! with_every_kind {
    ($then:ident $($rest:tt)*) => {
        $then! {
            [
                DataSource: data_sources,
                TraitFolder: trait_folders,
                SegmentFolder: segment_folders,
                Trait: traits,
                Segment: segments,
                Audience: audiences,
                Destination: destinations,
                Mapping: mappings,
                Model: models,
            ]
            $($rest)*
        }
    };
}

/// The same for every kind of a call, or of a response; what is of no kind follows.
macro_rules! on_every_kind {
    ($of:ident: $value:expr, $each:pat => $same:expr, $($other:pat => $then:expr),+ $(,)?) => {
        with_every_kind!(match_every_kind $of $value, $each => $same, $($other => $then),+)
    };
}

macro_rules! match_every_kind {
    (
        [$($kind:ident: $table:ident,)+]
        $of:ident $value:expr, $each:pat => $same:expr, $($other:pat => $then:expr),+
    ) => {
        match $value {
            $($of::$kind($each) => $same,)+
            $($other => $then,)+
        }
    };
}
