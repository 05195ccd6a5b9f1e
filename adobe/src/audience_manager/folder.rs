//! Folders of traits and of segments (audience-manager.md §3.3).

use audience_sharing_core::domain::audience_manager::{SegmentFolder, TraitFolder};
use audience_sharing_core::domain::identifier::{SegmentFolderId, TraitFolderId};
use serde_json::json;

use super::super::error::{CallKind, Error};
use super::super::gateway::CallContext;
use super::super::lease_guard::LeaseGuard;
use super::wire::{Folder, WireFolder};
use super::{AudienceManager, Deleted, operation};

/// 2,000 folders (§2.7), nested in one element, at some hundred bytes each; ten times that for long names.
const TREE_BYTES_MAX: usize = 4 << 20;

impl AudienceManager {
    /// Every folder of traits, the root with id 0 included.
    ///
    /// # Errors
    /// A tree that cannot be read whole is an error: what it hides could be the folder that is looked for.
    pub async fn trait_folders(&self, context: &CallContext) -> Result<Vec<TraitFolder>, Error> {
        let folders = self
            .folders(context, "trait-folders.list", "/folders/traits/")
            .await?;
        Ok(folders.into_iter().map(TraitFolder::from).collect())
    }

    /// Every folder of segments, the root with id 0 included.
    ///
    /// # Errors
    /// As for [`Self::trait_folders`].
    pub async fn segment_folders(
        &self,
        context: &CallContext,
    ) -> Result<Vec<SegmentFolder>, Error> {
        let folders = self
            .folders(context, "segment-folders.list", "/folders/segments/")
            .await?;
        Ok(folders.into_iter().map(SegmentFolder::from).collect())
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn trait_folder(
        &self,
        context: &CallContext,
        id: TraitFolderId,
    ) -> Result<TraitFolder, Error> {
        let path = format!("/folders/traits/{id}");
        let folder = self
            .folder(context, "trait-folders.read", path, id.0)
            .await?;
        Ok(TraitFolder::from(folder))
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn segment_folder(
        &self,
        context: &CallContext,
        id: SegmentFolderId,
    ) -> Result<SegmentFolder, Error> {
        let path = format!("/folders/segments/{id}");
        let folder = self
            .folder(context, "segment-folders.read", path, id.0)
            .await?;
        Ok(SegmentFolder::from(folder))
    }

    /// `None` where the answer does not show the folder: it was made, and its id is found in the tree.
    ///
    /// # Errors
    /// `is_conflict` if the parent has a folder of that name.
    pub async fn create_trait_folder(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        parent: TraitFolderId,
        name: &str,
    ) -> Result<Option<TraitFolder>, Error> {
        let folder = self
            .create_folder(
                context,
                lease_guard,
                "trait-folders.create",
                "/folders/traits/",
                parent.0,
                name,
            )
            .await?;
        Ok(folder.map(TraitFolder::from))
    }

    /// As [`Self::create_trait_folder`].
    ///
    /// # Errors
    /// `is_conflict` if the parent has a folder of that name.
    pub async fn create_segment_folder(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        parent: SegmentFolderId,
        name: &str,
    ) -> Result<Option<SegmentFolder>, Error> {
        let path = "/folders/segments/";
        let folder = self
            .create_folder(
                context,
                lease_guard,
                "segment-folders.create",
                path,
                parent.0,
                name,
            )
            .await?;
        Ok(folder.map(SegmentFolder::from))
    }

    /// Nothing is deleted if the folder is not as expected.
    ///
    /// # Errors
    /// `DeletionBlocked` if it holds anything, `is_not_found` if it was gone already.
    pub async fn delete_trait_folder(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &TraitFolder,
    ) -> Result<Deleted<TraitFolder>, Error> {
        let this = self.together(2);
        let read = this.trait_folder(context, expected.id).await?;
        if read != *expected {
            return Ok(Deleted::Changed(read));
        }
        let path = format!("/folders/traits/{}", expected.id);
        this.delete(context, lease_guard, "trait-folders.delete", path)
            .await?;
        Ok(Deleted::Done)
    }

    /// As [`Self::delete_trait_folder`].
    ///
    /// # Errors
    /// `DeletionBlocked` if it holds anything, `is_not_found` if it was gone already.
    pub async fn delete_segment_folder(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &SegmentFolder,
    ) -> Result<Deleted<SegmentFolder>, Error> {
        let this = self.together(2);
        let read = this.segment_folder(context, expected.id).await?;
        if read != *expected {
            return Ok(Deleted::Changed(read));
        }
        let path = format!("/folders/segments/{}", expected.id);
        this.delete(context, lease_guard, "segment-folders.delete", path)
            .await?;
        Ok(Deleted::Done)
    }

    async fn folders(
        &self,
        context: &CallContext,
        name: &'static str,
        path: &'static str,
    ) -> Result<Vec<Folder>, Error> {
        let body = self.list_whole(context, name, path, TREE_BYTES_MAX).await?;
        tree(&body).ok_or_else(|| {
            operation(name, CallKind::List).unexpected("the body is no tree of folders")
        })
    }

    async fn folder(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
        id: u64,
    ) -> Result<Folder, Error> {
        let body = self.read(context, name, path).await?;
        serde_json::from_slice::<WireFolder>(&body)
            .ok()
            .and_then(WireFolder::alone)
            .filter(|folder| folder.id == id)
            .ok_or_else(|| {
                operation(name, CallKind::Read).unexpected("the body holds no such folder")
            })
    }

    async fn create_folder(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        operation_name: &'static str,
        path: &str,
        parent: u64,
        name: &str,
    ) -> Result<Option<Folder>, Error> {
        let operation = operation(operation_name, CallKind::Create);
        let sent = json!({"name": name, "parentFolderId": parent});
        let body = self
            .write(context, lease_guard, operation, path.into(), Some(&sent))
            .await?;
        Ok(serde_json::from_slice::<WireFolder>(&body)
            .ok()
            .and_then(WireFolder::created)
            .filter(|folder| folder.parent == parent && &*folder.name == name))
    }
}

fn tree(body: &[u8]) -> Option<Vec<Folder>> {
    let roots: Vec<WireFolder> = serde_json::from_slice(body).ok()?;
    let mut folders = Vec::new();
    roots
        .into_iter()
        .try_for_each(|root| root.flatten_into(0, &mut folders))?;
    // An empty list is no tree: the root at least is always there.
    (!folders.is_empty()).then_some(folders)
}

#[cfg(test)]
mod tests {
    use super::{Folder, tree};

    #[test]
    fn a_tree_becomes_a_list_with_its_root() {
        let body = br#"[{"folderId":0,"name":"All Traits","subFolders":[
            {"folderId":5,"parentFolderId":0,"name":"A &amp; B","path":"/All Traits/A","subFolders":[
                {"folderId":"6","name":"C","subFolders":null}]},
            {"folderId":7,"parentFolderId":0,"name":null}]}]"#;
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

    #[test]
    fn a_tree_that_may_hide_a_folder_is_none() {
        for body in [
            "[]",
            "{}",
            "<html>",
            r#"[{"folderId":0,"subFolders":[{"name":"no id"}]}]"#,
        ] {
            assert!(tree(body.as_bytes()).is_none(), "{body}");
        }
    }
}
