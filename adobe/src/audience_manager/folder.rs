//! Folders of traits and of segments (audience-manager.md §3.3): one list is the whole tree. They are never changed.

use std::convert::Infallible;

use audience_sharing_core::domain::audience_manager::{SegmentFolder, TraitFolder};
use audience_sharing_core::domain::identifier::{SegmentFolderId, TraitFolderId};
use audience_sharing_core::facts::Listing;
use audience_sharing_core::kinds::folder::NewFolder;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use super::service::OfAudienceManager;
use super::wire::resolved;
use crate::resource::{Creation, Field, List, Resource, Words, unchanged, words};
use crate::serde_helpers::{optional_number, text};

/// 2,000 folders (§2.7), nested in one element, at some hundred bytes each; ten times that for long names.
const TREE_BYTES_MAX: usize = 4 << 20;

macro_rules! folder {
    ($folder:ident, $id:ident, $word:literal, $path:literal) => {
        impl Resource for $folder {
            type Service = OfAudienceManager;
            const WORDS: Words = words!($word);
            const CHANGED_BY: Option<Method> = None;
            const ELEMENT_BYTES_MAX: usize = TREE_BYTES_MAX;
            const IS_TREE: bool = true;
            const MAY_BE_CREATED_UNSEEN: bool = true;

            /// A read may leave out the parent; then it is the root.
            fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
                WireFolder::deserialize(wire).ok()?.folder().map(Self::from)
            }

            fn decode_id(element: &[u8]) -> Option<$id> {
                let folder: WireFolder = serde_json::from_slice(element).ok()?;
                folder.folder_id.map($id)
            }

            fn decode_element(element: &[u8], listing: &mut Listing<Self, $id>) -> bool {
                let Some(tree) = Tree::read(element) else {
                    return false;
                };
                listing.items.extend(tree.folders.into_iter().map(Self::from));
                let unreadable = tree.unreadable.into_iter();
                listing.undecodable.extend(unreadable.map(|id| id.map($id)));
                true
            }

            fn path(id: &$id) -> String {
                format!("{}{id}", $path)
            }

            fn list((): &()) -> List {
                List::new(Self::WORDS.list, $path.to_owned())
            }

            fn look_up(never: &Infallible) -> List {
                match *never {}
            }

            fn fits(never: &Infallible, _: &Self) -> bool {
                match *never {}
            }

            /// Below the root. One published client of four names the company too (§3.3).
            fn creation(new: &NewFolder) -> Creation {
                let NewFolder { name, company } = new;
                let sent = json!({"name": name, "parentFolderId": 0});
                let with_company = company.map(|company| {
                    json!({"name": name, "parentFolderId": 0, "pid": company.0})
                });
                Creation {
                    or_else: with_company,
                    ..Creation::new(concat!($word, ".create"), $path, sent)
                }
            }

            fn is_created(new: &NewFolder, shown: &Self) -> bool {
                shown.id != $id(0) && shown.parent == $id(0) && shown.name == new.name
            }

            fn changes(&self, change: &()) -> Result<Vec<Field>, &'static str> {
                unchanged::<Self>(change)
            }

            fn is_server_owned(_: &str) -> bool {
                false
            }
        }

        impl From<Folder> for $folder {
            fn from(Folder { id, parent, name }: Folder) -> Self {
                Self {
                    id: $id(id),
                    parent: $id(parent),
                    name,
                }
            }
        }
    };
}

folder!(
    TraitFolder,
    TraitFolderId,
    "trait-folders",
    "/folders/traits/"
);
folder!(
    SegmentFolder,
    SegmentFolderId,
    "segment-folders",
    "/folders/segments/"
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFolder {
    #[serde(default, deserialize_with = "optional_number")]
    folder_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    parent_folder_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    sub_folders: Option<Vec<Value>>,
}

/// A folder of either kind.
#[derive(Debug, PartialEq, Eq)]
struct Folder {
    id: u64,
    parent: u64,
    name: Box<str>,
}

impl WireFolder {
    fn folder(self) -> Option<Folder> {
        Some(Folder {
            id: self.folder_id?,
            parent: self.parent_folder_id.unwrap_or(0),
            name: resolved(self.name),
        })
    }
}

/// A root and all below it. A folder that cannot be read hides what is below it, and no other.
#[derive(Default)]
struct Tree {
    folders: Vec<Folder>,
    /// The id of each that cannot be read, where at least that can.
    unreadable: Vec<Option<u64>>,
}

impl Tree {
    /// `None` if its root cannot be read. The root's parent is the root.
    fn read(root: &[u8]) -> Option<Self> {
        let mut tree = Self::default();
        tree.add(serde_json::from_slice(root).ok()?, 0);
        (!tree.folders.is_empty()).then_some(tree)
    }

    fn add(&mut self, wire: Value, parent: u64) {
        let id = wire.get("folderId").cloned();
        let read = WireFolder::deserialize(wire).ok().and_then(|mut wire| {
            wire.parent_folder_id.get_or_insert(parent);
            let below = wire.sub_folders.take();
            Some((wire.folder()?, below.unwrap_or_default()))
        });
        let Some((folder, below)) = read else {
            self.unreadable
                .push(id.and_then(|id| optional_number(id).ok()?));
            return;
        };
        let id = folder.id;
        self.folders.push(folder);
        for wire in below {
            self.add(wire, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, Tree};

    fn tree(body: &str) -> Option<Vec<Folder>> {
        Tree::read(body.as_bytes()).map(|tree| tree.folders)
    }

    #[test]
    fn a_tree_becomes_a_list_with_its_root() {
        let body = r#"{"folderId":0,"name":"All Traits","subFolders":[
            {"folderId":5,"parentFolderId":0,"name":"A &amp; B","path":"/All Traits/A","subFolders":[
                {"folderId":"6","name":"C","subFolders":null}]},
            {"folderId":7,"parentFolderId":0,"name":null}]}"#;
        let expected = [
            (0, 0, "All Traits"),
            (5, 0, "A & B"),
            (6, 5, "C"),
            (7, 0, ""),
        ]
        .map(|(id, parent, name)| Folder {
            id,
            parent,
            name: name.into(),
        });
        assert_eq!(tree(body).expect("a tree"), expected);
    }
}
