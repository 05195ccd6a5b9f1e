//! The folders of traits and of segments, which differ in nothing but what they hold. A folder carries no mark.

use super::common::{Never, named};
use crate::call::Kind;
use crate::domain::audience_manager::{SegmentFolder, TraitFolder};
use crate::domain::field::Field;
use crate::domain::identifier::{CompanyId, SegmentFolderId, TraitFolderId};
use crate::facts::{At, Known, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record, apply_tree};
use crate::ownership::Judged;

/// A folder below the root that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFolder {
    pub name: Box<str>,
    /// Whose it is, where that is known.
    pub company: Option<CompanyId>,
}

named!(NewFolder);

macro_rules! folder {
    ($folder:ident, $id:ident, $noun:literal, $table:ident, $created:ident, $pending:ident) => {
        impl Record for $folder {
            type Id = $id;
            type NaturalKey = ($id, Box<str>);

            fn id(&self) -> $id {
                self.id
            }
            fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey> {
                std::iter::once((self.parent, self.name.clone()))
            }
            fn coverage(&self) -> Coverage {
                Coverage::Whole
            }
            fn stored(&self, field: Field) -> Option<&str> {
                (field == Field::Name).then_some(&*self.name)
            }
            fn keys(&self, keys: &mut Vec<Key>) {
                keys.push(Key::SharedObjects);
            }
        }

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

            fn new_texts(new: &NewFolder) -> Vec<(Field, &str)> {
                vec![(Field::Name, &new.name)]
            }
        }

        impl Known for $folder {
            type Listed = Self;

            fn queried(query: &Never) -> Self::NaturalKey {
                match *query {}
            }
            fn created(new: &NewFolder) -> Self::NaturalKey {
                ($id(0), new.name.clone())
            }
            fn apply_list(
                inventory: &mut Inventory,
                (): &(),
                listing: Listing<Self, $id>,
                at: At,
            ) -> Vec<Key> {
                let created = &mut inventory.created_folders;
                let created = (&mut created.$created, &mut created.$pending);
                apply_tree(
                    &mut inventory.$table,
                    created,
                    (at.sent, at.now),
                    listing.items,
                    listing.undecodable,
                )
            }
            fn apply_created(
                inventory: &mut Inventory,
                _: &NewFolder,
                new: &Self,
                _: At,
            ) -> Vec<Key> {
                inventory.created_folders.$created.insert(new.id);
                Vec::new()
            }
            fn unresolved(inventory: &mut Inventory, new: &NewFolder, at: At, unknown: bool) {
                let key = Self::created(new);
                inventory.created_folders.$pending = unknown.then(|| key.clone());
                inventory.$table.apply_unresolved(at.answered, key);
            }
            fn apply_gone(inventory: &mut Inventory, id: &$id) {
                inventory.created_folders.$created.remove(id);
            }
        }
    };
}

folder!(
    TraitFolder,
    TraitFolderId,
    "trait",
    trait_folders,
    traits,
    pending_trait_folder
);
folder!(
    SegmentFolder,
    SegmentFolderId,
    "segment",
    segment_folders,
    segments,
    pending_segment_folder
);
