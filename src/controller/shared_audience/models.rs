//! Models in the status: read from it and written to it.

use audience_sharing_core::domain::identifier::{ModelId, TraitSid};
use audience_sharing_core::domain::mark::EntryKey;
use audience_sharing_core::domain::model::LastRun;
use audience_sharing_core::plan::to_audience_manager::KnownModel;

use crate::api::models as api;
use crate::api::shared_audience::AudienceManagerStatus;
use crate::controller::ids::{recorded_id, stored_id};

pub(super) fn recorded(objects: &AudienceManagerStatus) -> Vec<KnownModel> {
    let read = |found: &api::ModelStatus| {
        let traits = found.traits.iter().filter_map(|one| {
            let sid = recorded_id(Some(one.sid))?;
            Some((one.key.as_str().into(), TraitSid(sid)))
        });
        Some(KnownModel {
            key: EntryKey::parse(&found.key).ok()?,
            id: ModelId(recorded_id(Some(found.id))?),
            last_run: match found.last_run {
                None => LastRun::None,
                Some(api::LastRun::Failed) => LastRun::Failed,
                Some(api::LastRun::WithData) => LastRun::WithData,
                Some(api::LastRun::WithoutData) => LastRun::WithoutData,
            },
            traits: traits.collect(),
        })
    };
    objects.models.iter().filter_map(read).collect()
}

pub(super) fn status(observed_state: &[KnownModel]) -> Vec<api::ModelStatus> {
    let write = |known: &KnownModel| {
        let traits = known.traits.iter().filter_map(|(key, sid)| {
            Some(api::AlgorithmicTraitStatus {
                key: key.to_string(),
                sid: stored_id(sid.0)?,
            })
        });
        Some(api::ModelStatus {
            key: known.key.to_string(),
            id: stored_id(known.id.0)?,
            last_run: match known.last_run {
                LastRun::None => None,
                LastRun::Failed => Some(api::LastRun::Failed),
                LastRun::WithData => Some(api::LastRun::WithData),
                LastRun::WithoutData => Some(api::LastRun::WithoutData),
            },
            traits: traits.collect(),
        })
    };
    observed_state.iter().filter_map(write).collect()
}
