//! The one list of kinds. All that exists once per kind is generated from it: the calls, the answers, the tables of the
//! inventory, and what is the same for a call of every kind. What a kind is stands in `call/kinds/<kind>.rs`.

pub(crate) use crate::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
pub(crate) use crate::domain::destination::{Destination, Mapping};
pub(crate) use crate::domain::experience_platform::Audience;

/// Hands the list to a macro, before whatever else that takes: the kind, which is also the name of its calls and answers,
/// and the name of its table.
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
