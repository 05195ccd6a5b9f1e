//! The rights that Audience Manager shows to be missing. Where it shows no rights everything is allowed: without
//! role-based access everybody may.

use std::collections::BTreeMap;

use crate::domain::identifier::{DataSourceId, SegmentSid, TraitSid};
use crate::domain::rights::Rights;

#[derive(Debug, Default)]
pub struct KnownRights {
    /// Whether the technical account is one, as far as Audience Manager says.
    pub administrator: Option<bool>,
    pub data_sources: BTreeMap<DataSourceId, Rights>,
    pub traits: BTreeMap<TraitSid, Rights>,
    pub segments: BTreeMap<SegmentSid, Rights>,
}

/// Applies what a list shows of the objects `listed`; `lacking` are those among them that lack a right. Returns the objects
/// whose rights changed.
pub fn apply_rights<Id: Copy + Ord>(
    known: &mut BTreeMap<Id, Rights>,
    listed: impl IntoIterator<Item = Id>,
    lacking: Vec<(Id, Rights)>,
) -> Vec<Id> {
    let lacking: BTreeMap<Id, Rights> = lacking.into_iter().collect();
    let mut changed = Vec::new();
    if known.is_empty() && lacking.is_empty() {
        return changed;
    }
    for id in listed {
        let now = lacking.get(&id).copied();
        if known.get(&id).copied() == now {
            continue;
        }
        changed.push(id);
        match now {
            Some(rights) => known.insert(id, rights),
            None => known.remove(&id),
        };
    }
    changed
}
