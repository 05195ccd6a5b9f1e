//! What a reconcile of a connection found, as its whole status. Pure.

use audience_sharing_core::domain::reason::{Aspect, Reason};
use audience_sharing_core::plan::limits::{ItemCount, ItemCounts};
use audience_sharing_core::plan::shared_objects::MergeRule;
use jiff::Timestamp;

use crate::api::common::Condition;
use crate::api::sharing_connection::{
    ConnectionAudienceManagerStatus, ControlledDataSourceStatus, ItemCountStatus, ItemCountsStatus,
    SharingConnectionStatus,
};
use crate::api::{DeletionWaitStatus, SharingConnection, TenantStatus};
use crate::controller::conditions::{
    ConditionStatus, ConditionType, Conditions, Judgment, failed, not_checked, stored_differently,
    succeeded,
};
use crate::controller::ids::{stored_id, tenant};
use audience_sharing_engine::{Problem, Report};

#[derive(Default)]
pub(super) struct Finding {
    report: Option<Report>,
    problem: Option<Problem>,
    /// The problem is the Secret's.
    of_secret: bool,
    /// It is being deleted, and nothing remote can be: for how long that has lasted.
    pub(super) deletion_wait: Option<DeletionWaitStatus>,
}

impl Finding {
    pub(super) fn without_credential(problem: Problem) -> Self {
        Self {
            of_secret: true,
            ..Self::without_report(problem)
        }
    }

    /// What the engine found is not reported, since this comes first.
    pub(super) fn without_report(problem: Problem) -> Self {
        Self {
            problem: Some(problem),
            ..Self::default()
        }
    }

    pub(super) fn of_report(report: Report) -> Self {
        let pending = (!report.ready).then(|| {
            let message = "Both systems are being read for the first time.".into();
            Problem::new(Reason::Progressing, message).of_connection()
        });
        let problem = report
            .failure
            .clone()
            .or_else(|| report.shared_objects.problem.clone())
            .or(pending);
        Self {
            report: Some(report),
            problem,
            ..Self::default()
        }
    }

    /// The connection is being deleted, and this blocks the deletion of its shared objects.
    pub(super) fn held_back(problem: Problem, of_secret: bool) -> Self {
        let message = format!(
            "{} The connection is released when its shared objects are deleted. To release it without that, set \
             spec.deletionPolicy to Retain.",
            problem.message
        );
        Self {
            of_secret,
            ..Self::without_report(Problem { message, ..problem })
        }
    }

    /// The connection is being deleted and waits for its audiences, of which at most eight are named. `problem`: why they cannot be
    /// deleted, where it is the connection's.
    pub(super) fn waits_for_audiences(
        audiences: &[String],
        problem: Option<Problem>,
        of_secret: bool,
    ) -> Self {
        let mut names = audiences.to_vec();
        names.sort();
        let more = names.len().saturating_sub(NAMED_MAX);
        names.truncate(NAMED_MAX);
        let rest = if more > 0 { " and others" } else { "" };
        let names = names.join(", ");
        let problem = match problem {
            Some(problem) => Problem {
                message: format!(
                    "{} The remote objects of SharedAudiences that need this connection cannot be deleted meanwhile: \
                     {names}{rest}.",
                    problem.message
                ),
                ..problem
            },
            None => Problem::new(
                Reason::Progressing,
                format!(
                    "SharedAudiences still need this connection: {names}{rest}. Delete them first."
                ),
            ),
        };
        Self {
            of_secret,
            ..Self::without_report(problem.of_connection())
        }
    }

    pub(super) fn waiting(self, deletion_wait: Option<DeletionWaitStatus>) -> Self {
        Self {
            deletion_wait,
            ..self
        }
    }
}

const NAMED_MAX: usize = 8;

pub(super) fn after(
    connection: &SharingConnection,
    finding: &Finding,
    handled: Option<String>,
    now: Timestamp,
) -> SharingConnectionStatus {
    let known = connection.own_status().cloned().unwrap_or_default();
    let mut status = SharingConnectionStatus {
        observed_generation: connection.metadata.generation,
        recorded_by: connection.metadata.uid.clone(),
        conditions: conditions(connection, finding, now),
        last_handled_reconcile_at: handled.or_else(|| known.last_handled_reconcile_at.clone()),
        deletion_wait: finding.deletion_wait.clone(),
        ..known
    };
    if let Some(report) = finding.report.as_ref().filter(|report| report.ready) {
        record(&mut status, report);
    }
    status
}

/// The shared objects that the status names as made by the operator, for a person.
pub(super) fn shared_objects(connection: &SharingConnection) -> String {
    let status = connection.status.as_ref();
    let Some(known) = status.and_then(|status| status.audience_manager.as_ref()) else {
        return "none is recorded".into();
    };
    let observed = known.data_source_observed.unwrap_or_default();
    let shared = known.data_source_id.filter(|_| !observed);
    let controlled = known.controlled_data_sources.iter();
    let data_sources = shared
        .into_iter()
        .chain(controlled.map(|known| known.data_source_id));
    let data_sources = data_sources.map(|id| format!("data source {id}"));
    let trait_folders = known.created_trait_folder_ids.iter();
    let segment_folders = known.created_segment_folder_ids.iter();
    let all: Vec<String> = data_sources
        .chain(trait_folders.map(|id| format!("trait folder {id}")))
        .chain(segment_folders.map(|id| format!("segment folder {id}")))
        .collect();
    match all.is_empty() {
        true => "none is recorded".into(),
        false => all.join(", "),
    }
}

fn record(status: &mut SharingConnectionStatus, report: &Report) {
    let mismatch = report.failure.as_ref().is_some_and(|failure| {
        matches!(
            failure.reason,
            Reason::TenantMismatch | Reason::SandboxReset
        )
    });
    if mismatch {
        return; // what is recorded stays: it says where the objects are
    }
    let (known, observed) = (
        status.tenant.take().unwrap_or_default(),
        tenant(&report.tenant),
    );
    status.tenant = Some(TenantStatus {
        company_id: observed.company_id.or(known.company_id),
        sandbox_id: observed.sandbox_id.or(known.sandbox_id),
    });
    let known = status.items.as_ref().map(known_items).unwrap_or_default();
    if report.items.is_news_after(known) {
        status.items = Some(items(&report.items));
    }
    let observed_state = &report.shared_objects.observed_state;
    let created = &report.shared_objects.created_folders;
    status.audience_manager = Some(ConnectionAudienceManagerStatus {
        data_source_id: observed_state.data_source.and_then(|id| stored_id(id.0)),
        data_source_observed: observed_state.adobes.then_some(true),
        controlled_data_sources: observed_state
            .controlled
            .iter()
            .filter(|found| found.ours)
            .filter_map(|found| {
                Some(ControlledDataSourceStatus {
                    labels: found.controls.to_string(),
                    data_source_id: stored_id(found.place.data_source.0)?,
                })
            })
            .collect(),
        trait_folder_id: observed_state.trait_folder.and_then(|id| stored_id(id.0)),
        segment_folder_id: observed_state.segment_folder.and_then(|id| stored_id(id.0)),
        profile_merge_rule_data_source_id: observed_state
            .merge_rule
            .id()
            .and_then(|id| stored_id(id.0)),
        created_trait_folder_ids: ids(created.traits.iter().map(|id| id.0)),
        created_segment_folder_ids: ids(created.segments.iter().map(|id| id.0)),
    });
}

fn ids(ids: impl Iterator<Item = u64>) -> Vec<i64> {
    ids.filter_map(stored_id).take(IDS_MAX).collect()
}

fn items(counts: &ItemCounts) -> ItemCountsStatus {
    let of = |item: ItemCount| ItemCountStatus {
        count: stored_id(item.count).unwrap_or(i64::MAX),
        limit: stored_id(item.limit).unwrap_or(i64::MAX),
    };
    ItemCountsStatus {
        trait_folders: of(counts.trait_folders),
        traits: of(counts.traits),
        segments: of(counts.segments),
    }
}

fn known_items(status: &ItemCountsStatus) -> ItemCounts {
    let of = |item: &ItemCountStatus| ItemCount {
        count: u64::try_from(item.count).unwrap_or_default(),
        limit: u64::try_from(item.limit).unwrap_or_default(),
    };
    ItemCounts {
        trait_folders: of(&status.trait_folders),
        traits: of(&status.traits),
        segments: of(&status.segments),
    }
}

const IDS_MAX: usize = 16;

fn conditions(connection: &SharingConnection, finding: &Finding, now: Timestamp) -> Vec<Condition> {
    let known = connection
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    let generation = connection.metadata.generation.unwrap_or_default();
    let platform = reachable(
        finding,
        Aspect::ExperiencePlatform,
        "Experience Platform answers.",
    );
    let audience_manager = reachable(
        finding,
        Aspect::AudienceManager,
        "Audience Manager answers.",
    );
    Conditions::after(known, generation, now)
        .with_problem(finding.problem.as_ref())
        .with([
            (ConditionType::Ready, ready(finding)),
            (ConditionType::CredentialsReady, credentials(finding)),
            (ConditionType::AudienceManagerReachable, audience_manager),
            (ConditionType::ExperiencePlatformReachable, platform),
            (
                ConditionType::SharedObjectsReady,
                shared_objects_ready(finding),
            ),
            (ConditionType::ProfileMergeRuleReady, merge_rule(finding)),
        ])
        .finish()
}

fn ready(finding: &Finding) -> Judgment {
    match &finding.problem {
        None => succeeded("Both systems answer and the shared objects are as declared."),
        Some(problem) => failed(problem),
    }
}

fn credentials(finding: &Finding) -> Judgment {
    let report = finding.report.as_ref();
    let failure = report.and_then(|report| report.failure.as_ref());
    let refused = failure.filter(|failure| failure.reason.aspect() == Aspect::Credentials);
    match (&finding.problem, refused) {
        (Some(problem), _) if finding.of_secret => failed(problem),
        (_, Some(refused)) => failed(refused),
        (_, None) if report.is_some_and(|report| report.ready) => {
            succeeded("Adobe accepts the credential.")
        }
        (_, None) => not_checked(),
    }
}

fn reachable(finding: &Finding, system: Aspect, answers: &str) -> Judgment {
    match &finding.report {
        Some(report) => match &report.failure {
            Some(failure) if failure.reason.aspect() == system => failed(failure),
            None if report.ready => succeeded(answers),
            Some(_) | None => not_checked(),
        },
        None => not_checked(),
    }
}

fn shared_objects_ready(finding: &Finding) -> Judgment {
    let Some(report) = &finding.report else {
        return not_checked();
    };
    let observed = &report.shared_objects.observed_state;
    let is_complete = observed.data_source.is_some()
        && observed.trait_folder.is_some()
        && observed.segment_folder.is_some();
    match &report.shared_objects.problem {
        Some(problem) => failed(problem),
        None if observed.adobes => (
            ConditionStatus::True,
            Reason::AdobeSharingActive,
            "Adobe's own sharing made the data source: what is in it is observed. To take it over, set adoptionPolicy to \
             Always."
                .into(),
        ),
        None if is_complete && observed.stored_differently.is_empty() => {
            succeeded("The data source and both folders exist.")
        }
        None if is_complete => {
            let (reason, message) = stored_differently(&observed.stored_differently);
            (ConditionStatus::True, reason, message)
        }
        None => (
            ConditionStatus::Unknown,
            match report.shared_objects.needed {
                true => Reason::Progressing,
                false => Reason::NotNeededYet,
            },
            "The data source and the folders are created when the first audience needs them.".into(),
        ),
    }
}

/// No public API creates or reads a profile merge rule (audience-manager.md §7).
fn merge_rule(finding: &Finding) -> Judgment {
    let not_verifiable = |message| (ConditionStatus::Unknown, Reason::NotVerifiable, message);
    let Some(report) = &finding.report else {
        return not_checked();
    };
    match report.shared_objects.observed_state.merge_rule {
        MergeRule::Listed(_) => {
            succeeded("The profile merge rule's data source is among those of the account.")
        }
        MergeRule::NotListed(id) => not_verifiable(format!(
            "Audience Manager does not list data source {id}, and no API shows whether a profile merge rule has it. An \
             administrator finds the id in Audience Manager under Audience Data, Profile Merge Rules."
        )),
        MergeRule::AccountDefault => not_verifiable(
            "New segments get the account's default profile merge rule, which no API shows. For No Cross-Device Profile \
             with Device Profile, an administrator creates that rule in Audience Manager and sets its data source id in \
             spec.audienceManager.profileMergeRule."
                .into(),
        ),
    }
}
