//! What is known of one connection's two tenants.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::{Moment, Sequence};
use super::key::{Coverage, Key};
use super::record::Record;
use super::rights::KnownRights;
use super::table::Table;
use crate::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitReference,
};
use crate::domain::destination::{Destination, Mapping};
use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{
    AudienceId, CompanyId, SandboxId, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use crate::domain::source::AudienceManagerSelector;

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
    /// A create of a trait folder below the root failed, or was answered without an id: its outcome is `unknown`, or the
    /// name was taken.
    pub fn apply_trait_folder_unresolved(&mut self, name: &str, unknown: bool) {
        let key = (TraitFolderId(0), Box::from(name));
        self.trait_folders.apply_unresolved(key.clone());
        self.created_folders.pending_trait_folder = unknown.then_some(key);
    }

    /// The same for a segment folder.
    pub fn apply_segment_folder_unresolved(&mut self, name: &str, unknown: bool) {
        let key = (SegmentFolderId(0), Box::from(name));
        self.segment_folders.apply_unresolved(key.clone());
        self.created_folders.pending_segment_folder = unknown.then_some(key);
    }

    /// The whole tree of trait folders.
    pub fn apply_trait_folders(
        &mut self,
        started: Sequence,
        now: Moment,
        tree: Vec<TraitFolder>,
    ) -> Vec<Key> {
        let created = &mut self.created_folders;
        let pending = (&mut created.traits, &mut created.pending_trait_folder);
        apply_tree(&mut self.trait_folders, pending, (started, now), tree)
    }

    /// The same for segment folders.
    pub fn apply_segment_folders(
        &mut self,
        started: Sequence,
        now: Moment,
        tree: Vec<SegmentFolder>,
    ) -> Vec<Key> {
        let created = &mut self.created_folders;
        let pending = (&mut created.segments, &mut created.pending_segment_folder);
        apply_tree(&mut self.segment_folders, pending, (started, now), tree)
    }

    /// What earlier lists of the collections without a filter lacked may exist by now: look once more before a create.
    pub fn expect_another_list(&mut self) {
        self.data_sources.expect_another_list();
        self.trait_folders.expect_another_list();
        self.segment_folders.expect_another_list();
    }

    /// What Audience Manager's validation answered.
    pub fn apply_rule_verdict(&mut self, content: RuleContent, verdict: RuleVerdict) {
        if self.rule_verdicts.len() >= RULE_VERDICTS_MAX {
            self.rule_verdicts.clear();
        }
        self.rule_verdicts.insert(content, verdict);
    }

    /// Folds the audiences of a full list; the sandbox they name is the tenant's.
    ///
    /// Returns the keys that were touched.
    pub fn apply_audiences(
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
            .apply_list(started, now, Coverage::Whole, items, undecodable)
    }
}

/// The folder whose create named no id is the one that the tree shows under its name.
fn apply_tree<R: Record>(
    table: &mut Table<R>,
    (created, pending): (&mut BTreeSet<R::Id>, &mut Option<R::NaturalKey>),
    (started, now): (Sequence, Moment),
    tree: Vec<R>,
) -> Vec<Key> {
    let touched = table.apply_whole_list(started, now, tree, Vec::new());
    if let Some(key) = pending {
        let found = table.find(key).map(|entry| entry.record.id()).next();
        if found.is_some() || table.is_free(key) {
            created.extend(found);
            *pending = None;
        }
    }
    touched
}
