//! What a look at a connection found, as its whole status. Pure.

use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::{Aspect, Reason};
use audience_sharing_core::plan::limits::{ItemCount, ItemCounts};
use audience_sharing_core::plan::shared_objects::MergeRule;
use jiff::Timestamp;

use crate::api::sharing_connection::{
    ConnectionAudienceManagerStatus, ControlledDataSourceStatus, ItemCountStatus, ItemCountsStatus,
    SharingConnectionStatus,
};
use crate::api::{DeletionWaitStatus, SharingConnection, TenantStatus};
use crate::controller::conditions::{
    ConditionStatus, ConditionType, Conditions, stored_differently,
};
use audience_sharing_engine::{Problem, Report};

pub(super) struct Findings {
    report: Option<Report>,
    problem: Option<Problem>,
    /// The obstacle is the Secret's.
    of_secret: bool,
    /// It leaves, and nothing remote can be deleted: for how long that has lasted.
    pub(super) deletion_wait: Option<DeletionWaitStatus>,
}

impl Findings {
    pub(super) fn without_credential(problem: Problem) -> Self {
        Self {
            report: None,
            problem: Some(problem),
            of_secret: true,
            deletion_wait: None,
        }
    }

    /// What the engine found is not told, since this comes first.
    pub(super) fn without_report(problem: Problem) -> Self {
        Self {
            report: None,
            problem: Some(problem),
            of_secret: false,
            deletion_wait: None,
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
            of_secret: false,
            deletion_wait: None,
        }
    }

    /// The connection leaves, and this stands in the way of deleting its shared objects.
    pub(super) fn held_back(problem: Problem, of_secret: bool) -> Self {
        Self {
            report: None,
            problem: Some(Problem {
                message: format!(
                    "{} The connection goes when its shared objects are deleted; set spec.deletionPolicy to Retain to \
                     let it go without that.",
                    problem.message
                ),
                ..problem
            }),
            of_secret,
            deletion_wait: None,
        }
    }

    /// The connection leaves and waits for its audiences, of which at most eight are named. `problem`: why they cannot be
    /// deleted, where it is the connection's.
    pub(super) fn leaving(audiences: &[String], problem: Option<Problem>, of_secret: bool) -> Self {
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
            report: None,
            problem: Some(problem.of_connection()),
            of_secret,
            deletion_wait: None,
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
    findings: &Findings,
    handled: Option<String>,
    now: Timestamp,
) -> SharingConnectionStatus {
    let known = connection.own_status().cloned().unwrap_or_default();
    let mut status = SharingConnectionStatus {
        observed_generation: connection.metadata.generation,
        recorded_by: connection.metadata.uid.clone(),
        conditions: conditions(connection, findings, now),
        last_handled_reconcile_at: handled.or_else(|| known.last_handled_reconcile_at.clone()),
        deletion_wait: findings.deletion_wait.clone(),
        ..known
    };
    if let Some(report) = findings.report.as_ref().filter(|report| report.ready) {
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

fn stored(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
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
    let tenant = status.tenant.take().unwrap_or_default();
    status.tenant = Some(TenantStatus {
        company_id: report
            .tenant
            .company
            .and_then(|id| stored(id.0))
            .or(tenant.company_id),
        sandbox_id: report
            .tenant
            .sandbox
            .as_ref()
            .map(|id| id.as_str().into())
            .or(tenant.sandbox_id),
    });
    let told = status.items.as_ref().map(items_told).unwrap_or_default();
    if report.items.is_news_after(told) {
        status.items = Some(items(&report.items));
    }
    let observed_state = &report.shared_objects.observed_state;
    let created = &report.shared_objects.created_folders;
    status.audience_manager = Some(ConnectionAudienceManagerStatus {
        data_source_id: observed_state.data_source.and_then(|id| stored(id.0)),
        data_source_observed: observed_state.adobes.then_some(true),
        controlled_data_sources: observed_state
            .controlled
            .iter()
            .filter(|found| found.ours)
            .filter_map(|found| {
                Some(ControlledDataSourceStatus {
                    labels: found.controls.to_string(),
                    data_source_id: stored(found.place.data_source.0)?,
                })
            })
            .collect(),
        trait_folder_id: observed_state.trait_folder.and_then(|id| stored(id.0)),
        segment_folder_id: observed_state.segment_folder.and_then(|id| stored(id.0)),
        profile_merge_rule_data_source_id: observed_state
            .merge_rule
            .id()
            .and_then(|id| stored(id.0)),
        created_trait_folder_ids: created
            .traits
            .iter()
            .filter_map(|id| stored(id.0))
            .take(IDS_MAX)
            .collect(),
        created_segment_folder_ids: created
            .segments
            .iter()
            .filter_map(|id| stored(id.0))
            .take(IDS_MAX)
            .collect(),
    });
}

fn items(counts: &ItemCounts) -> ItemCountsStatus {
    let of = |item: ItemCount| ItemCountStatus {
        count: stored(item.count).unwrap_or(i64::MAX),
        limit: stored(item.limit).unwrap_or(i64::MAX),
    };
    ItemCountsStatus {
        trait_folders: of(counts.trait_folders),
        traits: of(counts.traits),
        segments: of(counts.segments),
    }
}

fn items_told(status: &ItemCountsStatus) -> ItemCounts {
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

fn conditions(
    connection: &SharingConnection,
    findings: &Findings,
    now: Timestamp,
) -> Vec<crate::api::common::Condition> {
    let known = connection
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    let generation = connection.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::after(known, generation, now);
    match &findings.problem {
        None => {
            conditions = conditions.set(
                ConditionType::Ready,
                ConditionStatus::True,
                Reason::Succeeded,
                "Both systems answer and the shared objects are in order.",
            )
        }
        Some(problem) => {
            conditions = conditions.set(
                ConditionType::Ready,
                ConditionStatus::False,
                problem.reason,
                &problem.message,
            );
            let kind = if problem.disposition() == Disposition::Stalled {
                ConditionType::Stalled
            } else {
                ConditionType::Reconciling
            };
            conditions = conditions.set(
                kind,
                ConditionStatus::True,
                problem.reason,
                &problem.message,
            );
        }
    }
    conditions = credentials(conditions, findings);
    if let Some(report) = &findings.report {
        conditions = reachable(conditions, report);
        conditions = shared_objects_ready(conditions, report);
        conditions = merge_rule(conditions, report);
    }
    conditions.finish()
}

fn credentials<'a>(mut conditions: Conditions<'a>, findings: &Findings) -> Conditions<'a> {
    let failure = findings
        .report
        .as_ref()
        .and_then(|report| report.failure.as_ref());
    let refused = failure.filter(|failure| failure.reason.aspect() == Aspect::Credentials);
    match (&findings.problem, refused) {
        (Some(problem), _) if findings.of_secret => {
            conditions = conditions.set(
                ConditionType::CredentialsReady,
                ConditionStatus::False,
                problem.reason,
                &problem.message,
            );
        }
        (_, Some(refused)) => {
            conditions = conditions.set(
                ConditionType::CredentialsReady,
                ConditionStatus::False,
                refused.reason,
                &refused.message,
            )
        }
        (_, None) if findings.report.as_ref().is_some_and(|report| report.ready) => {
            conditions = conditions.set(
                ConditionType::CredentialsReady,
                ConditionStatus::True,
                Reason::Succeeded,
                "Adobe accepts the credential.",
            );
        }
        (_, None) => {
            conditions = conditions.set(
                ConditionType::CredentialsReady,
                ConditionStatus::Unknown,
                Reason::Pending,
                "The credential was not used yet.",
            )
        }
    }
    conditions
}

fn reachable<'a>(mut conditions: Conditions<'a>, report: &Report) -> Conditions<'a> {
    let sides = [
        (
            ConditionType::AudienceManagerReachable,
            Aspect::AudienceManager,
            "Audience Manager answers.",
        ),
        (
            ConditionType::ExperiencePlatformReachable,
            Aspect::ExperiencePlatform,
            "Experience Platform answers.",
        ),
    ];
    for (kind, side, answers) in sides {
        match report.failure.as_ref() {
            Some(failure) if failure.reason.aspect() == side => {
                conditions = conditions.set(
                    kind,
                    ConditionStatus::False,
                    failure.reason,
                    &failure.message,
                );
            }
            Some(_) => {
                conditions = conditions.set(
                    kind,
                    ConditionStatus::Unknown,
                    Reason::Pending,
                    "Another failure comes first; see Ready.",
                )
            }
            None if report.ready => {
                conditions = conditions.set(kind, ConditionStatus::True, Reason::Succeeded, answers)
            }
            None => {
                conditions = conditions.set(
                    kind,
                    ConditionStatus::Unknown,
                    Reason::Pending,
                    "Not asked yet.",
                )
            }
        }
    }
    conditions
}

fn shared_objects_ready<'a>(mut conditions: Conditions<'a>, report: &Report) -> Conditions<'a> {
    let observed_state = &report.shared_objects.observed_state;
    let kind = ConditionType::SharedObjectsReady;
    if let Some(problem) = &report.shared_objects.problem {
        conditions = conditions.set(
            kind,
            ConditionStatus::False,
            problem.reason,
            &problem.message,
        );
    } else if observed_state.adobes {
        conditions = conditions.set(
            kind,
            ConditionStatus::True,
            Reason::AdobeSharingActive,
            "Adobe's own sharing made the data source: what is in it is observed. Set adoptionPolicy to Always to take it over.",
        );
    } else if observed_state.data_source.is_some()
        && observed_state.trait_folder.is_some()
        && observed_state.segment_folder.is_some()
    {
        let (reason, message) = match observed_state.stored_differently.as_slice() {
            [] => (
                Reason::Succeeded,
                "The data source and both folders stand.".to_owned(),
            ),
            told => stored_differently(told),
        };
        conditions = conditions.set(kind, ConditionStatus::True, reason, message);
    } else {
        let reason = if report.shared_objects.needed {
            Reason::Progressing
        } else {
            Reason::NotNeededYet
        };
        conditions = conditions.set(
            kind,
            ConditionStatus::Unknown,
            reason,
            "The data source and the folders are made when the first audience needs them.",
        );
    }
    conditions
}

/// No public API creates or reads a profile merge rule (audience-manager.md §7).
fn merge_rule<'a>(mut conditions: Conditions<'a>, report: &Report) -> Conditions<'a> {
    let kind = ConditionType::ProfileMergeRuleReady;
    match report.shared_objects.observed_state.merge_rule {
        MergeRule::Listed(_) => {
            conditions = conditions.set(kind, ConditionStatus::True, Reason::Succeeded, "The profile merge rule's data source is among those of the account.");
        }
        MergeRule::NotListed(id) => conditions = conditions.set(
            kind,
            ConditionStatus::Unknown,
            Reason::NotVerifiable,
            format!(
                "Audience Manager does not list data source {id}, and no API tells whether a profile merge rule has it. \
                 An administrator finds the id in Audience Manager under Audience Data, Profile Merge Rules."
            ),
        ),
        MergeRule::AccountDefault => conditions = conditions.set(
            kind,
            ConditionStatus::Unknown,
            Reason::NotVerifiable,
            "New segments get the account's default profile merge rule, which no API tells. For No Cross-Device Profile \
             with Device Profile, an administrator creates that rule in Audience Manager and its data source id is set in \
             spec.audienceManager.profileMergeRule.",
        ),
    }
    conditions
}
