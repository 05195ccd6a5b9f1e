//! Folders of traits and of segments (audience-manager.md §3.3): one list is the whole tree. They are never changed.

use std::convert::Infallible;

use audience_sharing_core::call::kinds::NewFolder;
use audience_sharing_core::domain::audience_manager::{SegmentFolder, TraitFolder};
use audience_sharing_core::domain::identifier::{SegmentFolderId, TraitFolderId};
use audience_sharing_core::facts::Listing;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::json;

use super::service::OfAudienceManager;
use super::wire::resolved;
use crate::resource::{Creation, Field, List, Location, Resource, Words, unchanged, words};
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
                let mut folders = Vec::new();
                let root = serde_json::from_slice::<WireFolder>(element).ok();
                let read = root.and_then(|root| root.flatten_into(0, &mut folders));
                listing.items.extend(folders.into_iter().map(Self::from));
                read.is_some()
            }

            fn location(id: &$id) -> Location {
                Location::Alone(format!("{}{id}", $path))
            }

            fn path(&self) -> String {
                format!("{}{}", $path, self.id)
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

            /// Below the root.
            fn creation(new: &NewFolder) -> Creation {
                let sent = json!({"name": new.name, "parentFolderId": 0});
                Creation::new(concat!($word, ".create"), $path, sent)
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
    sub_folders: Option<Vec<WireFolder>>,
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

    /// This folder and all below it; `None` if any has no id. The root's parent is the root.
    fn flatten_into(mut self, parent: u64, folders: &mut Vec<Folder>) -> Option<()> {
        self.parent_folder_id.get_or_insert(parent);
        let below = self.sub_folders.take();
        let folder = self.folder()?;
        let id = folder.id;
        folders.push(folder);
        let mut below = below.into_iter().flatten();
        below.try_for_each(|folder| folder.flatten_into(id, folders))
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, WireFolder};

    fn tree(body: &str) -> Option<Vec<Folder>> {
        let mut folders = Vec::new();
        let root: WireFolder = serde_json::from_str(body).ok()?;
        root.flatten_into(0, &mut folders).map(|()| folders)
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
