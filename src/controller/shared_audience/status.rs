//! Last step: what a look found, as the whole status. Pure.

mod used_by;
mod uses;

use std::time::Duration;

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::{
    AudienceId, CompanyId, DataSourceId, SandboxId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::labels::ExportControl;
use audience_sharing_core::domain::pql::{self, Certainty};
use audience_sharing_core::domain::reason::{Aspect, Reason};
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::source::audience_manager::Home;
use audience_sharing_core::plan::{to_audience_manager, to_experience_platform};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::experience_platform::{ExperiencePlatformStatus, PqlStatus, Strategy};
use crate::api::shared_audience as api;
use crate::api::shared_audience::{
    AdditionalSegmentStatus, AudienceManagerStatus, Direction, SharedAudienceStatus, SourceKind,
    SourceStatus,
};
use crate::api::{DeletionWaitStatus, SharedAudience, TenantStatus};
use crate::controller::conditions::{
    ConditionStatus, ConditionType, Conditions, stored_differently,
};
use crate::controller::requested;
use audience_sharing_engine::{Origin, Problem, ReconcileOutcome};

/// What was found, however it went.
pub(super) struct Verdict {
    reconciled: Option<ReconcileOutcome>,
    pub(super) problem: Option<Problem>,
    suspended: bool,
    /// The request to look for users that was handled.
    looked_for_users: Option<String>,
    /// For how long its remote objects could not be deleted.
    pub(super) deletion_wait: Option<DeletionWaitStatus>,
}

impl Verdict {
    /// A failure of the connection is told once, there, and waited for here.
    pub(super) fn of_reconciled(
        reconciled: ReconcileOutcome,
        connection: &str,
        looked_for_users: Option<String>,
    ) -> Self {
        let problem = reconciled
            .problem
            .clone()
            .map(|problem| match problem.of_connection {
                true => super::dependency_not_ready(connection),
                false => problem,
            });
        Self {
            reconciled: Some(reconciled),
            problem,
            suspended: false,
            looked_for_users,
            deletion_wait: None,
        }
    }

    pub(super) fn suspended() -> Self {
        Self {
            reconciled: None,
            problem: None,
            suspended: true,
            looked_for_users: None,
            deletion_wait: None,
        }
    }

    pub(super) fn unresolved(problem: Problem) -> Self {
        Self {
            reconciled: None,
            problem: Some(problem),
            suspended: false,
            looked_for_users: None,
            deletion_wait: None,
        }
    }
}

impl Verdict {
    pub(super) fn cannot_delete(problem: Problem, so_far: DeletionWaitStatus) -> Self {
        Self {
            deletion_wait: Some(so_far),
            ..Self::unresolved(problem)
        }
    }
}

/// What an earlier look wrote down: ids and where they are valid, nothing else.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) source: Option<SourceId>,
    /// Of a source of Audience Manager.
    pub(super) home: Option<Home>,
    /// Of our objects in Audience Manager.
    pub(super) data_source: Option<DataSourceId>,
    pub(super) objects: to_audience_manager::RecordedIds,
    pub(super) audience: to_experience_platform::RecordedAudience,
    pub(super) tenant: Tenant,
}

pub(super) fn recorded(audience: &SharedAudience) -> Recorded {
    let Some(status) = audience.own_status() else {
        return Recorded::default();
    };
    let objects = status.audience_manager.as_ref();
    let tenant = status.tenant.as_ref();
    let source = status.source.as_ref().and_then(recorded_source);
    let platform = status.experience_platform.as_ref();
    Recorded {
        home: source.as_ref().and_then(|source| {
            let (kind, _) = source.audience_manager()?;
            let data_source = id(status.source.as_ref()?.data_source_id)?;
            Some((kind, DataSourceId(data_source)))
        }),
        source,
        audience: to_experience_platform::RecordedAudience {
            audience: platform
                .and_then(|audience| audience.id.as_deref())
                .map(AudienceId::new),
            observed: platform
                .and_then(|audience| audience.observed)
                .unwrap_or_default(),
        },
        data_source: objects
            .and_then(|objects| id(objects.data_source_id))
            .map(DataSourceId),
        objects: to_audience_manager::RecordedIds {
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

/// Some of its objects were created or found already.
pub(super) fn has_objects(audience: &SharedAudience) -> bool {
    let Some(status) = &audience.status else {
        return false;
    };
    let objects = status.audience_manager.as_ref();
    let platform = status.experience_platform.as_ref();
    objects.is_some_and(|objects| objects.trait_sid.is_some() || objects.segment_sid.is_some())
        || platform.is_some_and(|platform| platform.id.is_some())
}

fn recorded_source(source: &SourceStatus) -> Option<SourceId> {
    let id = source.id.as_deref()?;
    match source.kind {
        None | Some(SourceKind::Audience) => Some(SourceId::Audience(AudienceId::new(id))),
        Some(SourceKind::Trait) => Some(SourceId::Trait(TraitSid(id.parse().ok()?))),
        Some(SourceKind::Segment) => Some(SourceId::Segment(SegmentSid(id.parse().ok()?))),
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
    let known = audience.own_status().cloned().unwrap_or_default();
    let mut status = SharedAudienceStatus {
        observed_generation: audience.metadata.generation,
        recorded_by: audience.metadata.uid.clone(),
        conditions: conditions(audience, verdict, now),
        next_attempt_time: next_attempt(&known, verdict, now, pause).map(Box::new),
        last_handled_reconcile_at: known.last_handled_reconcile_at.clone(),
        deletion_wait: verdict.deletion_wait.clone().map(Box::new),
        ..known
    };
    if let Some(reconciled) = &verdict.reconciled {
        record(&mut status, reconciled, verdict.looked_for_users.clone());
        if !reconciled
            .problem
            .as_ref()
            .is_some_and(|problem| problem.of_connection)
        {
            status.last_handled_reconcile_at = requested::value(audience);
        }
    }
    status
}

/// Of an audience, in the status.
const LABELS_SHOWN_MAX: usize = 64;

/// Of a label in the status, as of one that is declared; a longer one is left out, for half of it would be another.
const LABEL_CHARS_MAX: usize = 128;

fn record(
    status: &mut SharedAudienceStatus,
    reconciled: &ReconcileOutcome,
    handled: Option<String>,
) {
    if let Some(origin) = &reconciled.source {
        status.source = Some(source(origin));
    }
    status
        .last_applied_hash
        .clone_from(&reconciled.applied_hash);
    if reconciled.observed_state.is_some() || reconciled.audience.is_some() {
        status.tenant = Some(TenantStatus {
            company_id: reconciled.tenant.company.and_then(|id| stored(id.0)),
            sandbox_id: reconciled
                .tenant
                .sandbox
                .as_ref()
                .map(|id| id.as_str().into()),
        });
    }
    if let Some(audience) = &reconciled.audience {
        status.experience_platform = Some(Box::new(ExperiencePlatformStatus {
            id: audience.id.as_ref().map(ToString::to_string),
            audience_id: audience.audience_id.as_ref().map(ToString::to_string),
            namespace: audience.namespace.as_ref().map(ToString::to_string),
            data_usage_labels: audience
                .labels
                .iter()
                .filter(|label| label.as_str().chars().count() <= LABEL_CHARS_MAX)
                .take(LABELS_SHOWN_MAX)
                .map(ToString::to_string)
                .collect(),
            observed: audience.observed.then_some(true),
        }));
    }
    status.used_by = used_by::after(status.used_by.take(), &reconciled.used_by, handled);
    if let Some(reference) = reference(reconciled) {
        status.pql = Some(reference);
    }
    let Some(observed_state) = &reconciled.observed_state else {
        return;
    };
    let shared_objects = &reconciled.shared_objects;
    status.audience_manager = Some(AudienceManagerStatus {
        data_source_id: observed_state
            .data_source
            .or(shared_objects.data_source)
            .and_then(|id| stored(id.0)),
        export_controls: reconciled.controls.iter().map(export_control).collect(),
        trait_folder_id: shared_objects.trait_folder.and_then(|id| stored(id.0)),
        segment_folder_id: shared_objects.segment_folder.and_then(|id| stored(id.0)),
        profile_merge_rule_data_source_id: shared_objects
            .merge_rule
            .id()
            .and_then(|id| stored(id.0)),
        trait_sid: observed_state.trait_sid.and_then(|sid| stored(sid.0)),
        segment_sid: observed_state.segment_sid.and_then(|sid| stored(sid.0)),
        observed: observed_state.observed.then_some(true),
        destinations: uses::destinations(None, &observed_state.mappings),
        additional_segments: observed_state
            .additional_segments
            .iter()
            .filter_map(|(key, sid)| {
                Some(AdditionalSegmentStatus {
                    key: key.to_string(),
                    sid: stored(sid.0)?,
                    traits: uses::traits(key, &observed_state.traits),
                    destinations: uses::destinations(Some(key), &observed_state.mappings),
                })
            })
            .collect(),
    });
}

/// How a segment definition refers to what is shared: the source itself, or what stands for it.
fn reference(reconciled: &ReconcileOutcome) -> Option<PqlStatus> {
    let reference = match &reconciled.audience {
        Some(audience) => {
            let id = audience.id.as_ref()?.as_str();
            match (
                audience.namespace.as_deref()?,
                audience.audience_id.as_deref()?,
            ) {
                (_, audience_id) if audience_id == id => pql::evaluated(id),
                (namespace, audience_id) => pql::external(namespace, audience_id, id),
            }
        }
        None => pql::evaluated(reconciled.source.as_ref()?.id.audience()?.as_str()),
    }?;
    let word = |certainty| match certainty {
        Certainty::Documented => "Documented".into(),
        Certainty::Inferred => "Inferred".into(),
    };
    Some(PqlStatus {
        text: reference.text,
        text_certainty: word(reference.text_certainty),
        json: reference.json,
        json_certainty: word(reference.json_certainty),
    })
}

fn export_control(control: ExportControl) -> api::ExportControl {
    match control {
        ExportControl::PersonalData => api::ExportControl::NoPersonalData,
        ExportControl::OffSiteAds => api::ExportControl::NoOffSiteAds,
        ExportControl::OnSiteAds => api::ExportControl::NoOnSiteAds,
        ExportControl::OnSitePersonalization => api::ExportControl::NoOnSitePersonalization,
    }
}

/// Characters of a name that are kept; Experience Platform states no bound.
const NAME_CHARS_MAX: usize = 255;

/// Characters of a lifecycle's word that are kept.
const WORD_CHARS_MAX: usize = 32;

fn source(origin: &Origin) -> SourceStatus {
    let (direction, kind) = match &origin.id {
        SourceId::Audience(_) => (Direction::ToAudienceManager, SourceKind::Audience),
        SourceId::Trait(_) => (Direction::ToExperiencePlatform, SourceKind::Trait),
        SourceId::Segment(_) => (Direction::ToExperiencePlatform, SourceKind::Segment),
    };
    let lifecycle: String = origin.lifecycle.chars().take(WORD_CHARS_MAX).collect();
    SourceStatus {
        direction: Some(direction),
        kind: Some(kind),
        id: Some(origin.id.to_string()),
        name: Some(origin.name.chars().take(NAME_CHARS_MAX).collect()),
        lifecycle: Some(lifecycle.as_str().into()),
        data_source_id: origin.data_source.and_then(|id| stored(id.0)),
    }
}

fn conditions(
    audience: &SharedAudience,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<crate::api::common::Condition> {
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
    let Some(problem) = &verdict.problem else {
        let (reason, message) = succeeded(verdict.reconciled.as_ref(), audience.spec.strategy());
        let respelled = verdict.reconciled.as_ref();
        let respelled = respelled.map_or(&[][..], |reconciled| &reconciled.stored_differently);
        let (reason, message) = match respelled {
            [] => (reason, message.to_owned()),
            _ => stored_differently(respelled),
        };
        conditions = conditions.set(
            ConditionType::Ready,
            ConditionStatus::True,
            reason,
            message.as_str(),
        );
        conditions = conditions.set(
            ConditionType::ReferencesResolved,
            ConditionStatus::True,
            Reason::Succeeded,
            "The connection and the source were found.",
        );
        conditions = conditions.set(synced(audience), ConditionStatus::True, reason, message);
        conditions = members(conditions);
        return conditions.finish();
    };
    let (reason, message) = (problem.reason, &problem.message);
    conditions = conditions.set(
        ConditionType::Ready,
        ConditionStatus::False,
        reason,
        message,
    );
    match reason.aspect() == Aspect::References {
        true => {
            conditions = conditions.set(
                ConditionType::ReferencesResolved,
                ConditionStatus::False,
                reason,
                message,
            )
        }
        false => {
            conditions = conditions.set(
                ConditionType::ReferencesResolved,
                ConditionStatus::True,
                Reason::Succeeded,
                "The connection and the source were found.",
            );
            conditions = conditions.set(synced(audience), ConditionStatus::False, reason, message);
        }
    }
    match problem.disposition() {
        Disposition::Stalled => {
            conditions = conditions.set(
                ConditionType::Stalled,
                ConditionStatus::True,
                reason,
                message,
            )
        }
        Disposition::Retry | Disposition::RetryAfter(_) | Disposition::Wait => {
            conditions = conditions.set(
                ConditionType::Reconciling,
                ConditionStatus::True,
                reason,
                message,
            );
        }
    }
    conditions.finish()
}

/// The condition of the system that is written to.
fn synced(audience: &SharedAudience) -> ConditionType {
    match audience.spec.source.audience_manager {
        None => ConditionType::AudienceManagerSynced,
        Some(_) => ConditionType::ExperiencePlatformSynced,
    }
}

/// What a good end is called.
fn succeeded(reconciled: Option<&ReconcileOutcome>, strategy: Strategy) -> (Reason, &'static str) {
    let observed_state = reconciled.and_then(|reconciled| reconciled.observed_state.as_ref());
    let audience = reconciled.and_then(|reconciled| reconciled.audience.as_ref());
    match (observed_state, audience) {
        (Some(observed_state), _) if observed_state.observed => (
            Reason::AdobeSharingActive,
            "Adobe's own sharing made the trait and the segment; they are observed and never changed.",
        ),
        (_, Some(audience)) if audience.observed => (
            Reason::DeliveredByConnector,
            "Adobe's source connector delivers the audience; it is observed and never changed.",
        ),
        (_, Some(_)) if strategy == Strategy::SegmentDefinition => (
            Reason::Succeeded,
            "The segment definition stands in Experience Platform as declared; it is evaluated in batches, once a day.",
        ),
        (_, Some(_)) => (
            Reason::Succeeded,
            "The audience stands in Experience Platform as declared.",
        ),
        (_, None) => (
            Reason::Succeeded,
            "Everything stands in Audience Manager as declared.",
        ),
    }
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

/// Kept while it lies ahead, so that looking alone writes nothing.
fn next_attempt(
    known: &SharedAudienceStatus,
    verdict: &Verdict,
    now: Timestamp,
    pause: Option<Duration>,
) -> Option<Time> {
    verdict.problem.as_ref()?;
    let pause = pause?;
    if let Some(stands) = known.next_attempt_time.as_ref().filter(|time| time.0 > now) {
        return Some(Time::clone(stands));
    }
    let at = now.checked_add(pause).ok()?;
    Timestamp::from_second(at.as_second()).ok().map(Time)
}
