//! What is known of one connection's two tenants.

use std::collections::{BTreeMap, BTreeSet};

use super::adobe_sharing::AdobeSharing;
use super::clock::{Moment, Sequence};
use super::key::{Coverage, Key};
use super::record::Record;
use super::table::Table;
use crate::domain::adobe_sharing::DATA_SOURCES;
use crate::domain::audience_manager::TraitReference;
use crate::domain::identifier::{
    AudienceId, CompanyId, DataSourceId, ModelId, SandboxId, SegmentFolderId, SegmentSid,
    TraitFolderId, TraitSid,
};
use crate::domain::labels::Restrictions;
use crate::domain::model::LastRun;
use crate::domain::source::AudienceManagerSelector;
use crate::kinds::{self, Audience};

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

/// How many members a segment has, as one look-up answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members {
    pub seen: Sequence,
    /// `None`: the answer did not say.
    pub members: Option<u64>,
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

macro_rules! inventory {
    ([$($kind:ident: $table:ident,)+]) => {
        /// Of mappings only those of the segments that are known; a destination may hold thousands of others.
        #[derive(Debug, Default)]
        pub struct Inventory {
            pub tenant: Tenant,
            $(pub $table: Table<kinds::$kind>,)+
            pub trait_users: BTreeMap<TraitSid, Users>,
            /// How many members segments have, where that was asked for.
            pub members: BTreeMap<SegmentSid, Members>,
            /// How the last run of each model ended.
            pub model_runs: BTreeMap<ModelId, LastRun>,
            /// What the words by which users name foreign traits were answered.
            pub named_traits: BTreeMap<TraitReference, FoundTraits>,
            /// What Audience Manager's validation said of the rules that users wrote.
            pub rule_verdicts: BTreeMap<RuleContent, RuleVerdict>,
            /// What Audience Manager answered to a code or a name, in all data sources.
            pub searches: BTreeMap<AudienceManagerSelector, Findings>,
            /// Where Adobe's own sharing has made its objects.
            pub adobe_sharing: AdobeSharing,
            /// Whether the technical account is one, as far as Audience Manager says.
            pub administrator: Option<bool>,
            /// Folders that we created: only these are ever deleted (design.md §4.6).
            pub created_folders: CreatedFolders,
        }
    };
}
with_every_kind!(inventory);

/// Folders that we created; a folder can carry no mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedFolders {
    pub traits: BTreeSet<TraitFolderId>,
    pub segments: BTreeSet<SegmentFolderId>,
    /// Created, or perhaps created, with an answer that named no id (audience-manager.md §3.3) or with none at all: no
    /// folder had the name before, so the one that the next reading of the tree shows is ours.
    pub(crate) pending_trait_folder: Option<(TraitFolderId, Box<str>)>,
    pub(crate) pending_segment_folder: Option<(SegmentFolderId, Box<str>)>,
}

impl Inventory {
    /// The data sources in which Adobe's own sharing puts its objects, by what was found in them or by their names.
    pub fn adobes_data_sources(&self) -> impl Iterator<Item = DataSourceId> {
        let named = self.data_sources.iter().filter(|entry| {
            let source = &entry.record;
            DATA_SOURCES.contains(&&*source.name)
                && !self.adobe_sharing.data_sources.contains(&source.id)
        });
        let found = self.adobe_sharing.data_sources.iter().copied();
        found.chain(named.map(|entry| entry.record.id))
    }

    /// The names of export controls that the tenant's data sources carry.
    pub(crate) fn shown_restrictions(&self) -> Restrictions {
        let shown = self.data_sources.iter();
        Restrictions::new(shown.flat_map(|entry| entry.record.restrictions.names()))
    }

    /// What earlier lists of the collections without a filter lacked may exist by now: look once more before a create.
    pub fn expect_another_list(&mut self) {
        self.data_sources.expect_another_list();
        self.trait_folders.expect_another_list();
        self.segment_folders.expect_another_list();
        self.models.expect_another_list();
    }

    /// Forgets what no job needs any more ([`Table::forget`]). Of the rules that users wrote an accepted one stays, up to
    /// [`RULE_VERDICTS_MAX`].
    pub fn forget(&mut self, before: Sequence, is_needed: &dyn Fn(&Key) -> bool) {
        macro_rules! forget_in_every_table {
            ([$($kind:ident: $table:ident,)+]) => {
                $(self.$table.forget(before, is_needed);)+
            };
        }
        // Models are listed every few hours only: what their last list showed stays.
        let mut models = std::mem::take(&mut self.models);
        with_every_kind!(forget_in_every_table);
        let listed = models.listed_at(Coverage::Whole);
        models.forget(listed.map_or(before, |at| at.min(before)), is_needed);
        self.models = models;
        self.trait_users.retain(|_, users| users.seen >= before);
        self.members.retain(|_, known| known.seen >= before);
        self.named_traits.retain(|_, found| found.seen >= before);
        self.searches.retain(|_, findings| findings.seen >= before);
        self.rule_verdicts
            .retain(|_, verdict| verdict.accepted || verdict.seen >= before);
    }

    /// What Audience Manager's validation answered.
    pub fn apply_rule_verdict(&mut self, content: RuleContent, verdict: RuleVerdict) {
        if self.rule_verdicts.len() >= RULE_VERDICTS_MAX {
            self.rule_verdicts.clear();
        }
        self.rule_verdicts.insert(content, verdict);
    }

    /// Applies a full list of audiences; the sandbox they name is the tenant's.
    ///
    /// Returns the keys that were touched.
    pub fn apply_audiences(
        &mut self,
        started: Sequence,
        now: Moment,
        items: Vec<Audience>,
        undecodable: &[Option<AudienceId>],
    ) -> Vec<Key> {
        if let Some(sandbox) = items.iter().find_map(|audience| audience.sandbox.clone()) {
            self.tenant.sandbox = Some(sandbox);
        }
        self.audiences
            .apply_list(started, now, Coverage::Whole, items, undecodable)
    }
}

/// A whole tree of folders. The folder whose create named no id is the one that the tree shows under its name.
pub fn apply_tree<R: Record>(
    table: &mut Table<R>,
    (created, pending): (&mut BTreeSet<R::Id>, &mut Option<R::NaturalKey>),
    (started, now): (Sequence, Moment),
    tree: Vec<R>,
    undecodable: Vec<Option<R::Id>>,
) -> Vec<Key> {
    let touched = table.apply_whole_list(started, now, tree, undecodable);
    if let Some(key) = pending {
        let found = table.find(key).map(|entry| entry.record.id()).next();
        if found.is_some() || table.is_free(key) {
            created.extend(found);
            *pending = None;
        }
    }
    touched
}
