//! What went wrong, in words for the status: what happened to which object, what was not changed, what to do. No time, no
//! count, no request id. It decides nothing.

use adobe_client::{Error, Kind};
use audience_sharing_core::call::{Call, Operation};
use audience_sharing_core::domain::experience_platform::{Audience, Sandbox};
use audience_sharing_core::domain::identifier::{DataSourceId, SandboxName};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::SegmentRule;
use audience_sharing_core::facts::{Answer, Response};
use audience_sharing_core::inventory::Coverage;
use audience_sharing_core::plan::shared_objects;

use super::request::Problem;
use super::state::EngineState;

/// Of a refused rule.
const TRAITS_SHOWN_MAX: usize = 8;

impl EngineState {
    /// What a failed call means to a person.
    pub(super) fn problem(&self, call: &Call, error: &Error) -> Problem {
        let what = call.label();
        let refused = error.kind() == Kind::RequestRefused;
        if refused && let Some(to) = call.moves_to() {
            return self.not_moved(call, to, &format!(": {error}"));
        }
        if refused && let Some(labels) = call.labels() {
            return not_labelled(call, labels, Some(error));
        }
        match self.explanation(call, error) {
            None => Problem::failed(&what, error),
            Some((reason, explanation)) => {
                Problem::new(reason, format!("Could not {what}: {error}. {explanation}"))
            }
        }
    }

    /// What an answer shows to be undone although it says that it is done.
    pub(super) fn undone(&self, call: &Call, response: &Response) -> Option<Problem> {
        if let Some(to) = unmoved(call, response) {
            return Some(self.not_moved(call, to, ", although it was answered as done"));
        }
        unlabelled(call, response).map(|labels| not_labelled(call, &labels, None))
    }

    /// An object stayed in its data source although an update moved it to another one.
    fn not_moved(&self, call: &Call, to: DataSourceId, because: &str) -> Problem {
        Problem::new(
            Reason::MoveRefused,
            format!(
                "Could not {} to data source {to}, whose export controls are those of the source's labels{because}. It \
                 stays where it is and is used under the export controls of its present data source. Audience Manager \
                 seems not to move an object between data sources: the way is a new one, with a new sid, no members at \
                 first, and destinations, models and segments that must be told of it. If that is acceptable, delete \
                 this SharedAudience and create it again; else take back the change of the labels.",
                call.label()
            ),
        )
    }

    /// Where the refusal of a call says less than what is known of its object.
    fn explanation(&self, call: &Call, error: &Error) -> Option<(Reason, String)> {
        let refused = matches!(error.kind(), Kind::RequestRefused | Kind::DeletionBlocked);
        // Which code such a refusal has is not documented (audience-manager.md §8.5).
        let export_control = error.code().is_some_and(|code| {
            let code = code.to_ascii_uppercase();
            code.contains("EXPORT_CONTROL") || code.contains("EXPORT_RESTRICTION")
        });
        match call {
            Call::Segment(Operation::Create(new)) if export_control => {
                Some(self.export_controlled(&new.rule))
            }
            Call::Segment(Operation::Update(expected, change)) if export_control => {
                Some(self.export_controlled(change.rule.as_ref().unwrap_or(&expected.rule)))
            }
            Call::Mapping(Operation::Create(_) | Operation::Update(..)) if export_control => Some((
                Reason::ExportControlled,
                "A data export control of the segment's traits or of its profile merge rule meets a label of the \
                 destination. Change the control or the label in Audience Manager, or take the destination out."
                    .into(),
            )),
            Call::Mapping(Operation::Create(new)) if refused => Some((
                Reason::RequestRefused,
                format!(
                    "Correct what the destination is given; if it takes no mapping from the API, or a data export control \
                     forbids it, Audience Manager says so under Audience Data > Destinations > {} > Segment Mappings.",
                    new.destination_name
                ),
            )),
            Call::Segment(Operation::Delete(_)) if refused => Some((
                Reason::DeletionBlocked,
                "A segment that is mapped to a destination cannot be deleted. Remove the mappings that were made by hand, \
                 in Audience Manager under Audience Data > Destinations, or set deletionPolicy to Retain."
                    .into(),
            )),
            // No API lists profile merge rules: that one is missing shows when a segment that names it is refused.
            _ if error.kind() == Kind::RequestRefused => {
                let id = shared_objects::unlisted_merge_rule(call, &self.inventory)?;
                Some((
                    Reason::ProfileMergeRuleNotFound,
                    format!(
                        "The connection names the profile merge rule with data source {id}, which Audience Manager does \
                         not list. Correct spec.audienceManager.profileMergeRule.dataSourceId of the SharingConnection, \
                         or leave it out for the account's default."
                    ),
                ))
            }
            _ => None,
        }
    }

    fn export_controlled(&self, rule: &str) -> (Reason, String) {
        let sids = SegmentRule::parse(rule).map(|rule| rule.traits());
        let sids = sids.into_iter().flatten();
        let named = sids.map(|sid| match self.inventory.traits.get(&sid) {
            Some(entry) => format!("{sid} {:?}", entry.record.name),
            None => sid.to_string(),
        });
        let named: Vec<_> = named.take(TRAITS_SHOWN_MAX).collect();
        let message = format!(
            "A data export control of the data source of one of the traits {} forbids it. Change the control in Audience \
             Manager, or take the trait out of the rule.",
            named.join(", ")
        );
        (Reason::ExportControlled, message)
    }
}

/// A job that reached its bound.
pub(super) fn does_not_converge(call: &Call) -> Problem {
    Problem::new(
        Reason::DoesNotConverge,
        format!(
            "The operator keeps changing its plan; the next call would be to {}. It stopped, and tries again later. Report \
             it with the operator's log.",
            call.label()
        ),
    )
}

/// A write that was answered as done, and is planned again.
pub(super) fn not_stored(call: &Call) -> Problem {
    Problem::new(
        Reason::DoesNotConverge,
        format!(
            "The service answers as done, and does not store it: {call}. The operator does not repeat it at once, and tries \
             again later. Check whether another program changes the object back, or a proxy answers in the place of the \
             service."
        ),
    )
}

pub(super) fn not_shown_yet(call: &Call) -> Problem {
    Problem::new(
        Reason::UnexpectedAnswer,
        format!(
            "Could not {}: {} does not find it. It may have been written less than a minute ago, and not show yet: nothing \
             was made in its place, and nothing else was changed.",
            call.label(),
            call.system()
        ),
    )
}

/// A company has data sources. Where the first list holds none, nothing is decided before another list says so too.
pub(super) fn unlisted(call: &Call, state: &EngineState) -> Option<Problem> {
    let table = &state.inventory.data_sources;
    let unlisted =
        matches!(call, Call::DataSource(Operation::List(()))) && !table.is_listed(Coverage::Whole);
    unlisted.then(|| {
        Problem::new(
            Reason::UnexpectedAnswer,
            "Audience Manager listed no data source at all; nothing was changed. The operator asks again. If this lasts, \
             check in Audience Manager under Audience Data, Data Sources whether the credential may see the data sources."
                .into(),
        )
    })
}

pub(super) fn judge_sandbox(name: &SandboxName, sandboxes: &[Sandbox]) -> Option<Problem> {
    let (reason, message) = match sandboxes
        .iter()
        .find(|sandbox| *sandbox.name == *name.as_str())
    {
        None => (
            Reason::SandboxNotFound,
            format!(
                "The credential sees no active sandbox named {name}; nothing was changed. Correct the name in a new \
                 connection, activate the sandbox, or add it to the role of the credential in Experience Platform."
            ),
        ),
        Some(sandbox) if !sandbox.is_active() => (
            Reason::SandboxNotActive,
            format!(
                "Sandbox {name} is {}, not active; nothing was changed. Wait until it is, or activate it.",
                sandbox.state
            ),
        ),
        Some(_) => return None,
    };
    Some(Problem::new(reason, message).of_connection())
}

/// Where an object was to go, if the answer to its update shows that it did not.
fn unmoved(call: &Call, response: &Response) -> Option<DataSourceId> {
    let stands_in = match response {
        Response::Trait(Answer::Written(written)) => written.data_source,
        Response::Segment(Answer::Written(written)) => written.data_source,
        _ => return None,
    };
    call.moves_to().filter(|to| *to != stands_in)
}

/// Labels that were to be put on an audience, if the answer shows that they were not.
fn unlabelled(call: &Call, response: &Response) -> Option<UsageLabels> {
    let Response::Audience(Answer::Written(Audience {
        labels: Some(found),
        ..
    })) = response
    else {
        return None;
    };
    let lacking = call.labels()?.missing_from(found);
    (!lacking.is_empty()).then_some(lacking)
}

/// Adobe's pages disagree about labels on an audience that is made from outside (experience-platform.md §4.4).
/// `error`: why, where the call was refused; else the answer shows it.
fn not_labelled(call: &Call, labels: &UsageLabels, error: Option<&Error>) -> Problem {
    let because = match (error, call) {
        (Some(error), Call::Audience(Operation::Create(_))) => {
            format!(": {error}. None is made without them.")
        }
        (Some(error), _) => format!(": {error}. It stands without them."),
        (None, _) => ", although it was answered as done. It stands without them.".to_owned(),
    };
    Problem::new(
        Reason::UsageLabelsRefused,
        format!(
            "Could not {} with the usage labels {}{because} If Experience Platform takes no labels on an audience of this \
             kind, share the source from a new SharedAudience with the strategy SegmentDefinition, or set the labels in \
             Experience Platform by hand.",
            call.label(),
            labels.listed()
        ),
    )
}
