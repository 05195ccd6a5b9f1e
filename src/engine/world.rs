//! What an engine decides from: the inventory, the claims, the settings, and what is known to stop the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audience_sharing_core::compose::{ConnectionSettings, Mode, ShareName};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Inventory, Tenant};
use audience_sharing_core::plan::{Call, Claims, Living, Plan, foundation};

use super::EngineObserver;
use super::interest::Interest;
use super::request::Obstacle;
use crate::adobe::Error;

/// What the decisions are made from; everything but the traffic.
pub(super) struct World {
    pub(super) settings: ConnectionSettings,
    pub(super) inventory: Inventory,
    pub(super) claims: Claims,
    pub(super) living: Arc<dyn Living + Send + Sync>,
    pub(super) interest: Interest,
    pub(super) recorded_foundation: foundation::Recorded,
    /// What the labels of the managed audiences ask for, where they ask for anything.
    pub(super) controls: BTreeMap<ShareName, ExportControls>,
    pub(super) recorded_tenant: Tenant,
    /// A full pass has ended well: absence can be judged.
    pub(super) ready: bool,
    /// What stops the whole connection.
    pub(super) failure: Option<Obstacle>,
    /// A call for the shared objects failed.
    pub(super) foundation_failure: Option<Obstacle>,
    pub(super) foundation_needed: bool,
    pub(super) observer: Arc<dyn EngineObserver>,
}

impl World {
    /// The connection's failure, as its audiences tell it.
    pub(super) fn not_ready(&self) -> Option<Obstacle> {
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.of_connection || !self.ready)?;
        Some(Obstacle {
            of_connection: true,
            disposition: Disposition::Wait,
            ..failure.clone()
        })
    }

    /// What a failed call means to a person.
    pub(super) fn obstacle(&self, call: &Call, error: &Error) -> Obstacle {
        let what = call.label();
        let refused = error.reason() == Reason::RequestRefused
            && !error.is_not_found()
            && !error.is_conflict();
        if refused && let Some(to) = call.moves_to() {
            return self.not_moved(call, to, &format!(": {error}"));
        }
        // No API lists profile merge rules: that one is missing shows when a segment that names it is refused.
        match foundation::unlisted_merge_rule(call, &self.inventory).filter(|_| refused) {
            None => Obstacle::failed(&what, error),
            Some(id) => Obstacle {
                reason: Reason::ProfileMergeRuleNotFound,
                disposition: error.disposition(),
                message: format!(
                    "Could not {what}: {error}. The connection names the profile merge rule with data source {id}, \
                     which Audience Manager does not list. Correct spec.audienceManager.profileMergeRule.dataSourceId \
                     of the SharingConnection, or leave it out for the account's default."
                ),
                of_connection: false,
            },
        }
    }

    /// An object stayed in its data source although it was told to go to another one.
    pub(super) fn not_moved(&self, call: &Call, to: DataSourceId, because: &str) -> Obstacle {
        Obstacle {
            reason: Reason::MoveRefused,
            disposition: Disposition::Stalled,
            message: format!(
                "Could not {} to data source {to}, whose export controls are those of the source's labels{because}. It \
                 stays where it is and is used under the export controls of its present data source. Audience Manager \
                 seems not to move an object between data sources: the way is a new one, with a new sid, no members at \
                 first, and destinations, models and segments that must be told of it. If that is acceptable, delete \
                 this SharedAudience and create it again; else take back the change of the labels.",
                call.label()
            ),
            of_connection: false,
        }
    }

    /// The shared objects, with what the labels of all audiences need.
    pub(super) fn foundation_plan(&self, mode: Mode) -> Plan<foundation::Standing> {
        self.foundation_with(&self.controls.values().copied().collect(), mode)
    }

    fn foundation_with(
        &self,
        needed: &BTreeSet<ExportControls>,
        mode: Mode,
    ) -> Plan<foundation::Standing> {
        foundation::plan(
            &self.settings,
            &self.recorded_foundation,
            needed,
            &self.inventory,
            mode,
        )
    }

    /// The shared objects that an audience under these controls needs, if they stand; `Err(None)` while calls are due
    /// for them.
    pub(super) fn foundation_for(
        &mut self,
        mode: Mode,
        controls: ExportControls,
    ) -> Result<foundation::Standing, Option<Obstacle>> {
        self.foundation_needed |= mode == Mode::Manage;
        let plan = self.foundation_with(&BTreeSet::from([controls]), mode);
        let told = |obstacle: &Obstacle| Obstacle {
            of_connection: true,
            disposition: Disposition::Wait,
            ..obstacle.clone()
        };
        if let Some(hold) = plan.holds.into_iter().next() {
            return Err(Some(told(&hold.into())));
        }
        if plan.steps.is_empty() {
            return Ok(plan.standing);
        }
        Err(self.foundation_failure.as_ref().map(told))
    }
}
