//! What is known of one connection's two tenants: compact records, found by id and by natural key.
//!
//! Lists and answers are folded in; folding says which keys it touched, so that only what changed is planned again.
//! A list that began before a write knows nothing of it, and absence from a list proves nothing (design.md §4.2, §4.3).

mod destinations;
mod record;
mod rights;
mod sent;
mod table;

use std::collections::{BTreeMap, BTreeSet};

pub use destinations::ListedMappings;
pub use record::{AudienceNaturalKey, Coverage, Key};
pub use rights::{KnownRights, fold_rights};
pub use sent::SentText;
pub use table::{Entry, Record, Table, may_be_behind};

use crate::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitReference,
};
use crate::domain::destination::{Destination, Mapping};
use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{
    AudienceId, CompanyId, SandboxId, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use crate::domain::source::AudienceManagerSelector;

/// The number of a remote call; later calls have greater ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Milliseconds on the engine's monotonic clock, handed in with each answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where ids are valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    pub company: Option<CompanyId>,
    /// Learned from the audiences themselves; unknown while the sandbox holds none (experience-platform.md §4.2).
    pub sandbox: Option<SandboxId>,
}

/// Who uses a trait, as one look-up answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    pub seen: Sequence,
    pub segments: Vec<(SegmentSid, Box<str>)>,
}

/// The traits that a user's words fit, as one look-up answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTraits {
    pub seen: Sequence,
    pub sids: Vec<TraitSid>,
}

/// A rule that a user wrote, whichever the shared trait is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleContent {
    pub template: Box<str>,
    /// Of the traits that it names by a key, in the order of the keys.
    pub sids: Vec<TraitSid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleVerdict {
    pub seen: Sequence,
    pub accepted: bool,
}

/// More contents than this are asked about again: 1,000 of the longest rules are 8 MB.
const RULE_VERDICTS_MAX: usize = 1_000;

/// The sids that a search answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    pub seen: Sequence,
    pub sids: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Inventory {
    pub tenant: Tenant,
    pub data_sources: Table<DataSource>,
    pub trait_folders: Table<TraitFolder>,
    pub segment_folders: Table<SegmentFolder>,
    pub traits: Table<Trait>,
    pub segments: Table<Segment>,
    pub audiences: Table<Audience>,
    pub destinations: Table<Destination>,
    /// Of the segments that are known; a destination may hold thousands of others.
    pub mappings: Table<Mapping>,
    pub trait_users: BTreeMap<TraitSid, Users>,
    /// What the words by which users name foreign traits were answered.
    pub named_traits: BTreeMap<TraitReference, FoundTraits>,
    /// What Audience Manager's validation said of the rules that users wrote.
    pub rule_verdicts: BTreeMap<RuleContent, RuleVerdict>,
    /// What Audience Manager answered to a code or a name, in all data sources.
    pub searches: BTreeMap<AudienceManagerSelector, Findings>,
    pub rights: KnownRights,
    /// Folders that we created: only these are ever deleted (design.md §4.6).
    pub created_folders: CreatedFolders,
}

/// Folders that we created; a folder can carry no mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedFolders {
    pub traits: BTreeSet<TraitFolderId>,
    pub segments: BTreeSet<SegmentFolderId>,
    /// Created, or perhaps created, with an answer that named no id (audience-manager.md §3.3) or with none at all: no
    /// folder had the name before, so the one that the next reading of the tree shows is ours.
    pending_trait_folder: Option<(TraitFolderId, Box<str>)>,
    pending_segment_folder: Option<(SegmentFolderId, Box<str>)>,
}

impl Inventory {
    /// The answer to a create of a trait folder below the root.
    pub fn fold_trait_folder_created(
        &mut self,
        at: Sequence,
        now: Moment,
        name: &str,
        answer: Option<TraitFolder>,
    ) -> Vec<Key> {
        match answer {
            Some(folder) => {
                self.created_folders.traits.insert(folder.id);
                self.trait_folders.fold_written(at, now, folder)
            }
            None => {
                self.fold_trait_folder_unresolved(name, true);
                Vec::new()
            }
        }
    }

    /// The same for a segment folder.
    pub fn fold_segment_folder_created(
        &mut self,
        at: Sequence,
        now: Moment,
        name: &str,
        answer: Option<SegmentFolder>,
    ) -> Vec<Key> {
        match answer {
            Some(folder) => {
                self.created_folders.segments.insert(folder.id);
                self.segment_folders.fold_written(at, now, folder)
            }
            None => {
                self.fold_segment_folder_unresolved(name, true);
                Vec::new()
            }
        }
    }

    /// A create of a trait folder below the root failed: its outcome is `unknown`, or the name was taken.
    pub fn fold_trait_folder_unresolved(&mut self, name: &str, unknown: bool) {
        let key = (TraitFolderId(0), Box::from(name));
        self.trait_folders.fold_unresolved(key.clone());
        self.created_folders.pending_trait_folder = unknown.then_some(key);
    }

    /// The same for a segment folder.
    pub fn fold_segment_folder_unresolved(&mut self, name: &str, unknown: bool) {
        let key = (SegmentFolderId(0), Box::from(name));
        self.segment_folders.fold_unresolved(key.clone());
        self.created_folders.pending_segment_folder = unknown.then_some(key);
    }

    /// The whole tree of trait folders.
    pub fn fold_trait_folders(
        &mut self,
        started: Sequence,
        now: Moment,
        tree: Vec<TraitFolder>,
    ) -> Vec<Key> {
        let touched = self
            .trait_folders
            .fold_whole_list(started, now, tree, Vec::new());
        if let Some(key) = &self.created_folders.pending_trait_folder {
            let folders = &self.trait_folders;
            let found = folders.find(key).map(|entry| entry.record.id).next();
            if found.is_some() || folders.is_free(key) {
                self.created_folders.traits.extend(found);
                self.created_folders.pending_trait_folder = None;
            }
        }
        touched
    }

    /// The same for segment folders.
    pub fn fold_segment_folders(
        &mut self,
        started: Sequence,
        now: Moment,
        tree: Vec<SegmentFolder>,
    ) -> Vec<Key> {
        let touched = self
            .segment_folders
            .fold_whole_list(started, now, tree, Vec::new());
        if let Some(key) = &self.created_folders.pending_segment_folder {
            let folders = &self.segment_folders;
            let found = folders.find(key).map(|entry| entry.record.id).next();
            if found.is_some() || folders.is_free(key) {
                self.created_folders.segments.extend(found);
                self.created_folders.pending_segment_folder = None;
            }
        }
        touched
    }

    /// What earlier lists of the collections without a filter lacked may exist by now: look once more before a create.
    pub fn expect_another_list(&mut self) {
        self.data_sources.expect_another_list();
        self.trait_folders.expect_another_list();
        self.segment_folders.expect_another_list();
    }

    /// What Audience Manager's validation answered.
    pub fn fold_rule_verdict(&mut self, content: RuleContent, verdict: RuleVerdict) {
        if self.rule_verdicts.len() >= RULE_VERDICTS_MAX {
            self.rule_verdicts.clear();
        }
        self.rule_verdicts.insert(content, verdict);
    }

    /// Folds the audiences of a full list; the sandbox they name is the tenant's.
    ///
    /// Returns the keys that were touched.
    pub fn fold_audiences(
        &mut self,
        started: Sequence,
        now: Moment,
        items: Vec<Audience>,
        undecodable: &[AudienceId],
    ) -> Vec<Key> {
        if let Some(sandbox) = items.iter().find_map(|audience| audience.sandbox.clone()) {
            self.tenant.sandbox = Some(sandbox);
        }
        self.audiences
            .fold_list(started, now, Coverage::Whole, items, undecodable)
    }
}
