//! What users settle for a connection or an audience beside its objects.

use crate::domain::identifier::DataSourceId;
use crate::domain::mark::OwnerId;

/// What to do with objects that exist already and carry no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// Only if they are equal to what is declared.
    IfEqual,
    /// Take them over and change them.
    Always,
    /// Leave them alone and say so.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Manage,
    /// Wait for Adobe's own sharing and report; write nothing.
    Observe,
}

/// What becomes of what was made of a source that was deleted or deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceGonePolicy {
    /// It stays as it is.
    Retain,
    /// It stays, and is out of use until the source is back.
    Pause,
    /// It is deleted as if the share had gone.
    Delete,
}

/// What a connection settles for all its audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    pub owner: OwnerId,
    /// Owner ids that this operator had before: their marks are those of predecessors.
    pub previous_owners: Vec<OwnerId>,
    pub data_source: Box<str>,
    pub trait_folder: Box<str>,
    pub segment_folder: Box<str>,
    /// `None`: the account's default.
    pub merge_rule: Option<DataSourceId>,
    /// The key of the trait rule, `segid` in Adobe's own traits (audience-manager.md §4.3).
    pub trait_rule_key: Box<str>,
    pub adoption: AdoptionPolicy,
}
