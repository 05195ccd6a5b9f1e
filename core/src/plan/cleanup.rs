//! What becomes of what a resource made, in whichever direction, when it is deleted or its source is gone.

use super::input::Cleanup;
use super::to_audience_manager::deletion::{self as to_audience_manager, RecordedObjects};
use super::to_experience_platform::{RecordedAudience, deletion as to_experience_platform};
use super::{DeletionInput, Plan};
use crate::ownership::Left;

/// What was made, as far as it is recorded or declared.
#[derive(Clone, Copy, Debug)]
pub enum Made<'a> {
    InAudienceManager(RecordedObjects<'a>),
    InExperiencePlatform(&'a RecordedAudience),
}

impl Made<'_> {
    /// How many objects it may be.
    pub fn count(&self) -> usize {
        match self {
            Self::InAudienceManager(RecordedObjects { ids, declared, .. }) => {
                2 + ids.additional_segments.len() + ids.mappings.len() + declared.len()
            }
            Self::InExperiencePlatform(_) => 2,
        }
    }
}

/// Plans what is due; a settled plan means that it is done. `state` names what the status records and is left, since it is
/// not ours any more.
pub fn plan_cleanup(deletion: DeletionInput<'_, Made<'_>>, cleanup: Cleanup<'_>) -> Plan<Left> {
    match deletion.recorded {
        Made::InAudienceManager(recorded) => {
            to_audience_manager::clean_up_objects(deletion.with(recorded), cleanup)
        }
        Made::InExperiencePlatform(recorded) => {
            to_experience_platform::clean_up_audience(deletion.with(recorded), cleanup)
        }
    }
}
