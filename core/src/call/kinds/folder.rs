//! The folders of traits and of segments.

use super::common::{Never, kept_in, named};
use crate::call::Kind;
use crate::domain::audience_manager::{SegmentFolder, TraitFolder};
use crate::domain::field::Field;
use crate::ownership::Judged;

/// A folder below the root that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFolder {
    pub name: Box<str>,
}

named!(NewFolder);

/// The two trees of folders differ in nothing but what they hold.
macro_rules! folder {
    ($folder:ident, $noun:literal, $table:ident) => {
        impl Judged for $folder {
            const NOUN: &'static str = concat!($noun, " folder");
        }

        impl Kind for $folder {
            const PLURAL: &'static str = concat!($noun, " folders");
            type Scope = ();
            type Query = Never;
            type New = NewFolder;
            /// A folder is never changed.
            type Change = ();

            kept_in!($table, $folder);

            fn new_texts(new: &NewFolder) -> Vec<(Field, &str)> {
                vec![(Field::Name, &new.name)]
            }
        }
    };
}

folder!(TraitFolder, "trait", trait_folders);
folder!(SegmentFolder, "segment", segment_folders);
