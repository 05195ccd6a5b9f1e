//! The JSON of Audience Manager into the records of the core. Unknown fields are passed over, unknown words are kept,
//! a record without its id or its place is none.

use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    CompanyId, DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::rights::Rights;
use audience_sharing_core::domain::text::resolve_entities;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Me;
use crate::serde_helpers::{numbers, optional_number, optional_word, text, texts};

/// A record from one element of a list.
pub(super) fn from_bytes<W: DeserializeOwned, T>(
    element: &[u8],
    read: fn(W) -> Option<T>,
) -> Option<T> {
    serde_json::from_slice(element).ok().and_then(read)
}

/// A record from an object.
pub(super) fn from_value<W: DeserializeOwned, T>(
    object: Value,
    read: fn(W) -> Option<T>,
) -> Option<T> {
    serde_json::from_value(object).ok().and_then(read)
}

pub(super) fn resolved(text: Box<str>) -> Box<str> {
    if text.contains('&') {
        resolve_entities(&text).into()
    } else {
        text
    }
}

/// Whether the texts of an object came HTML-escaped although every request asks for plain ones (audience-manager.md
/// §1.4). Only a rule can tell: no rule holds an `&` of its own outside of quotation marks, while in a name `&amp;` may
/// be what a person wrote.
pub(super) fn is_escaped(rule: &str) -> bool {
    let entities = ["&quot;", "&lt;", "&gt;", "&amp;", "&#"];
    !rule.contains(['"', '<', '>']) && entities.iter().any(|entity| rule.contains(entity))
}

/// How the texts of one object are read.
fn reader(rule: &str) -> impl Fn(Box<str>) -> Box<str> + use<> {
    let escaped = is_escaped(rule);
    move |text| match escaped {
        true => resolved(text),
        false => text,
    }
}

fn code(code: Option<Box<str>>, read: impl Fn(Box<str>) -> Box<str>) -> Option<IntegrationCode> {
    code.filter(|code| !code.is_empty())
        .map(|code| IntegrationCode::new(read(code)))
}

pub(super) fn activity(word: Option<Box<str>>) -> Activity {
    let word = word.unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "active" | "1" | "true" => Activity::Active,
        "inactive" | "0" | "false" => Activity::Inactive,
        _ => Activity::Other(word),
    }
}

pub(super) fn me(body: &[u8]) -> Option<Me> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        #[serde(default, deserialize_with = "optional_number")]
        pid: Option<u64>,
        /// Samples have it as `admin` too (audience-manager.md §6.4).
        is_admin: Option<Value>,
        admin: Option<Value>,
    }
    let User {
        pid,
        is_admin,
        admin,
    } = serde_json::from_slice(body).ok()?;
    Some(Me {
        company: pid.map(CompanyId)?,
        administrator: is_admin.or(admin).and_then(|told| told.as_bool()),
    })
}

/// The rights of an element that tells them, if it lacks one.
pub(super) fn lacking(element: &[u8]) -> Option<Rights> {
    #[derive(Deserialize)]
    struct Permitted {
        #[serde(default, deserialize_with = "texts")]
        permissions: Option<Vec<Box<str>>>,
    }
    let Permitted { permissions } = serde_json::from_slice(element).ok()?;
    let rights = Rights::of(permissions?.iter().map(|word| &**word));
    (!rights.is_empty() && !rights.is_whole()).then_some(rights)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDataSource {
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    pid: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    unique_trait_integration_codes: Option<bool>,
    unique_segment_integration_codes: Option<bool>,
    #[serde(default, deserialize_with = "texts")]
    data_export_restrictions: Option<Vec<Box<str>>>,
}

impl WireDataSource {
    pub(super) fn read(self) -> Option<DataSource> {
        Some(DataSource {
            id: DataSourceId(self.data_source_id?),
            company: self.pid.map(CompanyId),
            name: resolved(self.name),
            description: resolved(self.description),
            unique_trait_codes: self.unique_trait_integration_codes.unwrap_or_default(),
            unique_segment_codes: self.unique_segment_integration_codes.unwrap_or_default(),
            restrictions: Restrictions::new(self.data_export_restrictions.unwrap_or_default()),
        })
    }
}

/// The id alone of an object that else cannot be read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireId {
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
}

pub(super) fn trait_sid(element: &[u8]) -> Option<TraitSid> {
    from_bytes(element, |id: WireId| id.sid.map(TraitSid))
}

pub(super) fn segment_sid(element: &[u8]) -> Option<SegmentSid> {
    from_bytes(element, |id: WireId| id.sid.map(SegmentSid))
}

pub(super) fn data_source_id(element: &[u8]) -> Option<DataSourceId> {
    from_bytes(element, |id: WireId| id.data_source_id.map(DataSourceId))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireTrait {
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    trait_type: Box<str>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    #[serde(default, deserialize_with = "optional_word")]
    integration_code: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    folder_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    trait_rule: Box<str>,
    #[serde(default, deserialize_with = "optional_number")]
    ttl: Option<u64>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
}

impl WireTrait {
    pub(super) fn read(self) -> Option<Trait> {
        let read = reader(&self.trait_rule);
        Some(Trait {
            sid: TraitSid(self.sid?),
            kind: match &*self.trait_type {
                "ON_BOARDED_TRAIT" => TraitKind::Onboarded,
                "RULE_BASED_TRAIT" => TraitKind::RuleBased,
                "ALGO_TRAIT" => TraitKind::Algorithmic,
                _ => TraitKind::Other(self.trait_type),
            },
            name: read(self.name),
            description: read(self.description),
            integration_code: code(self.integration_code, &read),
            data_source: DataSourceId(self.data_source_id?),
            folder: TraitFolderId(self.folder_id?),
            rule: read(self.trait_rule),
            ttl_days: self.ttl.and_then(|days| u32::try_from(days).ok()),
            activity: activity(self.status),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSegment {
    #[serde(default, deserialize_with = "optional_number")]
    sid: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    #[serde(default, deserialize_with = "optional_word")]
    integration_code: Option<Box<str>>,
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    folder_id: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    segment_rule: Box<str>,
    #[serde(default, deserialize_with = "optional_number")]
    merge_rule_data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "numbers")]
    trait_data_source_ids: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "optional_word")]
    status: Option<Box<str>>,
}

impl WireSegment {
    pub(super) fn read(self) -> Option<Segment> {
        let read = reader(&self.segment_rule);
        let description = read(self.description);
        let told = self
            .trait_data_source_ids
            .filter(|_| Mark::read(&description).is_none());
        Some(Segment {
            sid: SegmentSid(self.sid?),
            name: read(self.name),
            trait_data_sources: told.map(|ids| ids.into_iter().map(DataSourceId).collect()),
            description,
            integration_code: code(self.integration_code, &read),
            data_source: DataSourceId(self.data_source_id?),
            folder: SegmentFolderId(self.folder_id?),
            rule: read(self.segment_rule),
            merge_rule: self
                .merge_rule_data_source_id
                .filter(|id| *id != 0)
                .map(DataSourceId),
            activity: activity(self.status),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFolder {
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
pub(super) struct Folder {
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) name: Box<str>,
}

impl WireFolder {
    /// This folder and all below it; `None` if any has no id. The root's parent is the root.
    pub(super) fn flatten_into(self, parent: u64, folders: &mut Vec<Folder>) -> Option<()> {
        let id = self.folder_id?;
        let parent = self.parent_folder_id.unwrap_or(parent);
        folders.push(Folder {
            id,
            parent,
            name: resolved(self.name),
        });
        self.sub_folders
            .into_iter()
            .flatten()
            .try_for_each(|folder| folder.flatten_into(id, folders))
    }

    /// One folder, as a read answers it; below the root where it does not name its parent.
    pub(super) fn alone(self) -> Option<Folder> {
        Some(Folder {
            id: self.folder_id?,
            parent: self.parent_folder_id.unwrap_or(0),
            name: resolved(self.name),
        })
    }

    /// What a create answered, if it says where the folder stands.
    pub(super) fn created(self) -> Option<Folder> {
        let id = self.folder_id.filter(|id| *id != 0)?;
        Some(Folder {
            id,
            parent: self.parent_folder_id?,
            name: resolved(self.name),
        })
    }
}

impl From<Folder> for TraitFolder {
    fn from(Folder { id, parent, name }: Folder) -> Self {
        Self {
            id: TraitFolderId(id),
            parent: TraitFolderId(parent),
            name,
        }
    }
}

impl From<Folder> for SegmentFolder {
    fn from(Folder { id, parent, name }: Folder) -> Self {
        Self {
            id: SegmentFolderId(id),
            parent: SegmentFolderId(parent),
            name,
        }
    }
}
