//! Last step: what a reconcile found, as the whole status. Pure.

mod used_by;

use std::time::Duration;

use audience_sharing_core::compose::Strategy;
use audience_sharing_core::domain::identifier::{SegmentSid, TraitSid};
use audience_sharing_core::domain::labels::ExportControl;
use audience_sharing_core::domain::pql::{self, Certainty};
use audience_sharing_core::domain::reason::{Aspect, Reason};
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::plan::to_audience_manager::ObservedState;
use audience_sharing_engine::{Origin, Problem, ReconcileOutcome};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::outcome::dependency_not_ready;
use super::{activation, models};
use crate::api::common::Condition;
use crate::api::experience_platform::{ExperiencePlatformStatus, PqlStatus};
use crate::api::shared_audience as api;
use crate::api::shared_audience::{
    AdditionalSegmentStatus, AdobesPairStatus, AudienceManagerStatus, Direction,
    SharedAudienceStatus, SourceKind, SourceStatus,
};
use crate::api::{DeletionWaitStatus, SharedAudience};
use crate::controller::conditions::{
    ConditionStatus, ConditionType, Conditions, Judgment, failed, not_checked, stored_differently,
    succeeded,
};
use crate::controller::ids::{stored_id, tenant};
use crate::controller::requested;
use crate::declaration::AudienceDeclaration;

/// What was found, however it went.
#[derive(Default)]
pub(super) struct Verdict {
    reconciled: Option<ReconcileOutcome>,
    pub(super) problem: Option<Problem>,
    /// The last verdict holds.
    suspended: bool,
    /// The request for users that was handled.
    users_requested: Option<String>,
    /// For how long its remote objects could not be deleted.
    pub(super) deletion_wait: Option<DeletionWaitStatus>,
}

impl Verdict {
    /// A failure of the connection is reported once, there, and waited for here.
    pub(super) fn of_reconciled(
        reconciled: ReconcileOutcome,
        connection: &str,
        users_requested: Option<String>,
    ) -> Self {
        let problem = reconciled.problem.clone();
        Self {
            problem: problem.map(|problem| match problem.of_connection {
                true => dependency_not_ready(connection),
                false => problem,
            }),
            reconciled: Some(reconciled),
            users_requested,
            ..Self::default()
        }
    }

    pub(super) fn suspended() -> Self {
        Self {
            suspended: true,
            ..Self::default()
        }
    }

    /// Not while reconciliation is paused or the connection fails: then the two systems were not read.
    fn handles_requests(&self) -> bool {
        let of_connection = |problem: &Problem| problem.of_connection;
        !self.suspended && !self.problem.as_ref().is_some_and(of_connection)
    }

    pub(super) fn unresolved(problem: Problem, deletion_wait: Option<DeletionWaitStatus>) -> Self {
        Self {
            problem: Some(problem),
            deletion_wait,
            ..Self::default()
        }
    }
}

/// The whole status after a verdict; equal to the known one where nothing moved.
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
        last_handled_reconcile_at: match verdict.handles_requests() {
            true => requested::value(audience),
            false => known.last_handled_reconcile_at.clone(),
        },
        deletion_wait: verdict.deletion_wait.clone().map(Box::new),
        ..known
    };
    if let Some(reconciled) = &verdict.reconciled {
        record(&mut status, reconciled, verdict.users_requested.clone());
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
        status.tenant = Some(tenant(&reconciled.tenant));
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
            .and_then(|id| stored_id(id.0)),
        export_controls: reconciled.controls.iter().map(export_control).collect(),
        trait_folder_id: shared_objects.trait_folder.and_then(|id| stored_id(id.0)),
        segment_folder_id: shared_objects.segment_folder.and_then(|id| stored_id(id.0)),
        profile_merge_rule_data_source_id: shared_objects
            .merge_rule
            .id()
            .and_then(|id| stored_id(id.0)),
        trait_sid: observed_state.trait_sid.and_then(|sid| stored_id(sid.0)),
        segment_sid: observed_state.segment_sid.and_then(|sid| stored_id(sid.0)),
        observed: observed_state.observed.then_some(true),
        adobe_sharing: observed_state.adobes.and_then(|pair| {
            Some(Box::new(AdobesPairStatus {
                trait_sid: stored_id(pair.trait_sid.0)?,
                segment_sid: pair.segment_sid.and_then(|sid| stored_id(sid.0)),
                data_source_id: stored_id(pair.data_source.0)?,
            }))
        }),
        destinations: activation::destinations(None, &observed_state.mappings),
        additional_segments: observed_state
            .additional_segments
            .iter()
            .filter_map(|(key, sid)| {
                Some(AdditionalSegmentStatus {
                    key: key.to_string(),
                    sid: stored_id(sid.0)?,
                    traits: activation::traits(key, &observed_state.traits),
                    destinations: activation::destinations(Some(key), &observed_state.mappings),
                })
            })
            .collect(),
        models: models::status(&observed_state.models),
    });
}

/// How a segment definition refers to what is shared: the source itself, or its audience there.
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
        data_source_id: origin.data_source.and_then(|id| stored_id(id.0)),
    }
}

fn conditions(audience: &SharedAudience, verdict: &Verdict, now: Timestamp) -> Vec<Condition> {
    let known = audience
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    let generation = audience.metadata.generation.unwrap_or_default();
    let conditions = Conditions::after(known, generation, now);
    if verdict.suspended {
        return suspended(conditions);
    }
    let declared = AudienceDeclaration::of(audience);
    let synced = match declared.to_experience_platform {
        false => ConditionType::AudienceManagerSynced,
        true => ConditionType::ExperiencePlatformSynced,
    };
    let found = || succeeded("The connection and the source were found.");
    let problem = verdict.problem.as_ref();
    let (ready, references, objects) = match (problem, &verdict.reconciled) {
        (None, reconciled) => {
            let good = as_declared(reconciled.as_ref(), &declared);
            (good.clone(), found(), good)
        }
        (Some(problem), _) if problem.reason.aspect() == Aspect::References => {
            (failed(problem), failed(problem), not_checked())
        }
        (Some(problem), Some(_)) => (failed(problem), found(), failed(problem)),
        (Some(problem), None) => (failed(problem), not_checked(), not_checked()),
    };
    // That Adobe's link fills a trait that the operator made is not documented (design.md §2).
    let members = "Adobe's own data link moves the members, and the operator does not see it. Compare the populations in \
                   both systems a day after the link was set up.";
    conditions
        .with_problem(problem)
        .with([
            (ConditionType::Ready, ready),
            (ConditionType::ReferencesResolved, references),
            (synced, objects),
            (
                ConditionType::MembersArriving,
                (
                    ConditionStatus::Unknown,
                    Reason::LinkUnproven,
                    members.into(),
                ),
            ),
        ])
        .finish()
}

/// The last verdict stays, since nothing new is judged.
fn suspended(conditions: Conditions<'_>) -> Vec<Condition> {
    let conditions = conditions.keep_known();
    conditions
        .set(
            ConditionType::Suspended,
            ConditionStatus::True,
            Reason::Suspended,
            "Reconciliation is paused: nothing is changed in either system, and the other conditions are those of the \
             last reconcile. Set spec.suspend to false to continue.",
        )
        .finish()
}

/// Why nothing is left to do.
fn as_declared(reconciled: Option<&ReconcileOutcome>, declared: &AudienceDeclaration) -> Judgment {
    let observed_state = reconciled.and_then(|reconciled| reconciled.observed_state.as_ref());
    let audience = reconciled.and_then(|reconciled| reconciled.audience.as_ref());
    if let Some(reconciled) = reconciled.filter(|found| !found.stored_differently.is_empty()) {
        let (reason, message) = stored_differently(&reconciled.stored_differently);
        return (ConditionStatus::True, reason, message);
    }
    let observed = |reason, message: &str| (ConditionStatus::True, reason, message.to_owned());
    match (observed_state, audience) {
        (Some(observed_state), _) if observed_state.observed => observed(
            Reason::AdobeSharingActive,
            "Adobe's own sharing made the trait and the segment; they are observed and never changed.",
        ),
        (_, Some(audience)) if audience.observed => observed(
            Reason::DeliveredByConnector,
            "Adobe's source connector delivers the audience; it is observed and never changed.",
        ),
        (_, Some(_)) if declared.strategy == Strategy::SegmentDefinition => succeeded(
            "The segment definition exists in Experience Platform as declared. It is evaluated in batches, once a day.",
        ),
        (_, Some(_)) => succeeded("The audience exists in Experience Platform as declared."),
        (Some(observed_state), None) => {
            let (status, reason, message) = beside_adobes(observed_state, declared.moves_over);
            match &observed_state.advised_against {
                Some(sentence) => (status, reason, format!("{message} {sentence}")),
                None => (status, reason, message),
            }
        }
        (None, None) => succeeded("All objects exist in Audience Manager as declared."),
    }
}

/// Ours exists as declared; whether Adobe's own pair does, and what that means.
fn beside_adobes(observed_state: &ObservedState, moves_over: bool) -> Judgment {
    let as_declared = "All objects exist in Audience Manager as declared.";
    let sids = |shared_trait: Option<TraitSid>, segment: Option<SegmentSid>| {
        let shared_trait = shared_trait.map(|sid| format!("trait {sid}"));
        let segment = segment.map(|sid| format!("segment {sid}"));
        let both: Vec<String> = shared_trait.into_iter().chain(segment).collect();
        both.join(" and ")
    };
    match (observed_state.adobes, observed_state.data_source) {
        (Some(pair), _) => (
            ConditionStatus::True,
            Reason::AdobeSharingActive,
            format!(
                "{as_declared} Adobe's own sharing has made {} of this audience too, in data source {}; they are observed \
                 and never changed. This resource's own {} stay in use. To use Adobe's in their place, set \
                 spec.target.audienceManager.adobeSharing to MoveOver.",
                sids(Some(pair.trait_sid), pair.segment_sid),
                pair.data_source,
                sids(observed_state.trait_sid, observed_state.segment_sid),
            ),
        ),
        (None, Some(data_source)) if moves_over => succeeded(&format!(
            "{as_declared} Adobe's own sharing has made no trait of this audience yet, so its own stay in use. If the audience \
             is activated and none appears within a day, data source {data_source} may be in the way, since it takes each \
             integration code once: give it another name in Audience Manager and in spec.audienceManager.dataSource of the \
             connection, so that Adobe makes its own."
        )),
        (None, _) => succeeded(as_declared),
    }
}

/// Kept while it lies ahead, so that a reconcile that finds nothing new writes nothing.
fn next_attempt(
    known: &SharedAudienceStatus,
    verdict: &Verdict,
    now: Timestamp,
    pause: Option<Duration>,
) -> Option<Time> {
    verdict.problem.as_ref()?;
    let pause = pause?;
    if let Some(planned) = known.next_attempt_time.as_ref().filter(|time| time.0 > now) {
        return Some(Time::clone(planned));
    }
    let at = now.checked_add(pause).ok()?;
    Timestamp::from_second(at.as_second()).ok().map(Time)
}
