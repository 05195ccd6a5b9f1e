//! Last step: what a look found, as the whole status. Pure.

mod uses;

use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::experience_platform::Lifecycle;
use audience_sharing_core::domain::identifier::{
    AudienceId, CompanyId, DataSourceId, SandboxId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::audience;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::shared_audience::{
    AdditionalSegmentStatus, AudienceManagerStatus, Direction, SharedAudienceStatus, SourceStatus,
};
use crate::api::{SharedAudience, TenantStatus};
use crate::controller::conditions::{ConditionStatus, ConditionType, Conditions};
use crate::controller::requested;
use crate::engine::{Obstacle, Origin, Settled};

/// What was found, however it went.
pub(super) struct Verdict {
    settled: Option<Settled>,
    pub(super) obstacle: Option<Obstacle>,
    suspended: bool,
}

impl Verdict {
    pub(super) fn of_settled(settled: Settled) -> Self {
        let obstacle = settled.obstacle.clone();
        Self {
            settled: Some(settled),
            obstacle,
            suspended: false,
        }
    }

    pub(super) fn suspended() -> Self {
        Self {
            settled: None,
            obstacle: None,
            suspended: true,
        }
    }

    pub(super) fn unresolved(obstacle: Obstacle) -> Self {
        Self {
            settled: None,
            obstacle: Some(obstacle),
            suspended: false,
        }
    }
}

/// What an earlier look wrote down: ids and where they are valid, nothing else.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) source: Option<AudienceId>,
    pub(super) data_source: Option<DataSourceId>,
    pub(super) objects: audience::Recorded,
    pub(super) tenant: Tenant,
}

impl Recorded {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.trait_sid.is_none()
            && self.objects.segment_sid.is_none()
            && self.objects.additional_segments.is_empty()
    }
}

pub(super) fn recorded(audience: &SharedAudience) -> Recorded {
    let Some(status) = &audience.status else {
        return Recorded::default();
    };
    let objects = status.audience_manager.as_ref();
    let tenant = status.tenant.as_ref();
    Recorded {
        source: status
            .source
            .as_ref()
            .and_then(|source| source.id.as_deref())
            .map(AudienceId::new),
        data_source: objects
            .and_then(|objects| id(objects.data_source_id))
            .map(DataSourceId),
        objects: audience::Recorded {
            trait_sid: objects
                .and_then(|objects| id(objects.trait_sid))
                .map(TraitSid),
            segment_sid: objects
                .and_then(|objects| id(objects.segment_sid))
                .map(SegmentSid),
            observed: objects
                .and_then(|objects| objects.observed)
                .unwrap_or_default(),
            additional_segments: objects
                .into_iter()
                .flat_map(|objects| &objects.additional_segments)
                .filter_map(|segment| {
                    Some((
                        segment.key.as_str().into(),
                        SegmentSid(id(Some(segment.sid))?),
                    ))
                })
                .collect(),
            mappings: objects.map_or_else(Vec::new, uses::recorded_mappings),
            traits: objects.map_or_else(Vec::new, uses::recorded_traits),
        },
        tenant: Tenant {
            company: tenant
                .and_then(|tenant| id(tenant.company_id))
                .map(CompanyId),
            sandbox: tenant
                .and_then(|tenant| tenant.sandbox_id.as_deref())
                .map(SandboxId::new),
        },
    }
}

fn id(recorded: Option<i64>) -> Option<u64> {
    recorded.and_then(|id| u64::try_from(id).ok())
}

fn stored(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
}

/// The whole status after a look; equal to the known one where nothing moved.
pub(super) fn after(
    audience: &SharedAudience,
    verdict: &Verdict,
    now: Timestamp,
    pause: Option<Duration>,
) -> SharedAudienceStatus {
    let known = audience.status.clone().unwrap_or_default();
    let mut status = SharedAudienceStatus {
        observed_generation: audience.metadata.generation,
        conditions: conditions(audience, verdict, now),
        next_attempt_time: next_attempt(&known, verdict, now, pause),
        last_handled_reconcile_at: known.last_handled_reconcile_at.clone(),
        ..known
    };
    if let Some(settled) = &verdict.settled {
        record(&mut status, settled);
        if !settled
            .obstacle
            .as_ref()
            .is_some_and(|obstacle| obstacle.of_connection)
        {
            status.last_handled_reconcile_at = requested::value(audience);
        }
    }
    status
}

fn record(status: &mut SharedAudienceStatus, settled: &Settled) {
    if let Some(origin) = &settled.source {
        status.source = Some(source(origin));
    }
    status.last_applied_hash.clone_from(&settled.applied_hash);
    let Some(standing) = &settled.standing else {
        return;
    };
    let foundation = &settled.foundation;
    status.audience_manager = Some(AudienceManagerStatus {
        data_source_id: foundation.data_source.and_then(|id| stored(id.0)),
        trait_folder_id: foundation.trait_folder.and_then(|id| stored(id.0)),
        segment_folder_id: foundation.segment_folder.and_then(|id| stored(id.0)),
        profile_merge_rule_data_source_id: foundation.merge_rule.id().and_then(|id| stored(id.0)),
        trait_sid: standing.trait_sid.and_then(|sid| stored(sid.0)),
        segment_sid: standing.segment_sid.and_then(|sid| stored(sid.0)),
        observed: standing.observed.then_some(true),
        destinations: uses::destinations(None, &standing.mappings),
        additional_segments: standing
            .additional_segments
            .iter()
            .filter_map(|(key, sid)| {
                Some(AdditionalSegmentStatus {
                    key: key.to_string(),
                    sid: stored(sid.0)?,
                    traits: uses::traits(key, &standing.traits),
                    destinations: uses::destinations(Some(key), &standing.mappings),
                })
            })
            .collect(),
    });
    status.tenant = Some(TenantStatus {
        company_id: settled.tenant.company.and_then(|id| stored(id.0)),
        sandbox_id: settled.tenant.sandbox.as_ref().map(ToString::to_string),
    });
}

/// Characters of a name that are kept; Experience Platform states no bound.
const NAME_CHARS_MAX: usize = 255;

fn source(origin: &Origin) -> SourceStatus {
    SourceStatus {
        direction: Some(Direction::ToAudienceManager),
        id: Some(origin.id.to_string()),
        name: Some(origin.name.chars().take(NAME_CHARS_MAX).collect()),
        lifecycle: Some(match &origin.lifecycle {
            Lifecycle::Draft => "draft".into(),
            Lifecycle::Published => "published".into(),
            Lifecycle::Inactive => "inactive".into(),
            Lifecycle::Deleted => "deleted".into(),
            Lifecycle::Other(other) => other.chars().take(32).collect(),
        }),
    }
}

fn conditions(
    audience: &SharedAudience,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let known = audience
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    let generation = audience.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::after(known, generation, now);
    if verdict.suspended {
        let message =
            "spec.suspend is set: nothing is changed in either system. Unset it to go on.";
        conditions = conditions.set(
            ConditionType::Ready,
            ConditionStatus::False,
            Reason::Suspended,
            message,
        );
        conditions = conditions.set(
            ConditionType::Suspended,
            ConditionStatus::True,
            Reason::Suspended,
            message,
        );
        return conditions.finish();
    }
    let Some(obstacle) = &verdict.obstacle else {
        let standing = verdict
            .settled
            .as_ref()
            .and_then(|settled| settled.standing.as_ref());
        let (reason, message) = match standing.is_some_and(|standing| standing.observed) {
            true => (
                Reason::AdobeSharingActive,
                "Adobe's own sharing made the trait and the segment; they are observed and never changed.",
            ),
            false => (
                Reason::Succeeded,
                "Everything stands in Audience Manager as declared.",
            ),
        };
        conditions = conditions.set(ConditionType::Ready, ConditionStatus::True, reason, message);
        conditions = conditions.set(
            ConditionType::ReferencesResolved,
            ConditionStatus::True,
            Reason::Succeeded,
            "The connection and the source were found.",
        );
        conditions = conditions.set(
            ConditionType::AudienceManagerSynced,
            ConditionStatus::True,
            reason,
            message,
        );
        conditions = members(conditions);
        return conditions.finish();
    };
    let message = told(audience, obstacle);
    let reason = if obstacle.of_connection {
        Reason::DependencyNotReady
    } else {
        obstacle.reason
    };
    conditions = conditions.set(
        ConditionType::Ready,
        ConditionStatus::False,
        reason,
        &message,
    );
    match is_of_reference(reason) {
        true => {
            conditions = conditions.set(
                ConditionType::ReferencesResolved,
                ConditionStatus::False,
                reason,
                &message,
            )
        }
        false => {
            conditions = conditions.set(
                ConditionType::ReferencesResolved,
                ConditionStatus::True,
                Reason::Succeeded,
                "The connection and the source were found.",
            );
            conditions = conditions.set(
                ConditionType::AudienceManagerSynced,
                ConditionStatus::False,
                reason,
                &message,
            );
        }
    }
    match obstacle.disposition {
        Disposition::Stalled => {
            conditions = conditions.set(
                ConditionType::Stalled,
                ConditionStatus::True,
                reason,
                &message,
            )
        }
        Disposition::Retry | Disposition::RetryAfter(_) | Disposition::Wait => {
            conditions = conditions.set(
                ConditionType::Reconciling,
                ConditionStatus::True,
                reason,
                &message,
            );
        }
    }
    conditions.finish()
}

/// That Adobe's link fills a trait that the operator made is not documented (design.md §2).
fn members(mut conditions: Conditions<'_>) -> Conditions<'_> {
    conditions = conditions.set(ConditionType::MembersArriving,
        ConditionStatus::Unknown,
        Reason::LinkUnproven,
        "Members travel by Adobe's own data link, which this operator does not see. Compare the populations in both \
         systems a day after the link was set up.",
    );
    conditions
}

/// A failure of the connection is told once, there.
fn told(audience: &SharedAudience, obstacle: &Obstacle) -> String {
    match obstacle.of_connection {
        true => super::dependency_not_ready(&audience.spec.connection_ref.name).message,
        false => obstacle.message.clone(),
    }
}

fn is_of_reference(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ConnectionNotFound
            | Reason::DependencyNotReady
            | Reason::SourceNotFound
            | Reason::SourceAmbiguous
            | Reason::SharingLoop
            | Reason::Progressing
    )
}

/// Kept while it lies ahead, so that looking alone writes nothing.
fn next_attempt(
    known: &SharedAudienceStatus,
    verdict: &Verdict,
    now: Timestamp,
    pause: Option<Duration>,
) -> Option<Time> {
    verdict.obstacle.as_ref()?;
    let pause = pause?;
    if let Some(stands) = known.next_attempt_time.as_ref().filter(|time| time.0 > now) {
        return Some(stands.clone());
    }
    let at = now.checked_add(pause).ok()?;
    Timestamp::from_second(at.as_second()).ok().map(Time)
}
