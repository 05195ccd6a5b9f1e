//! Usage labels that cannot be determined or cannot be put on the audience: what a person has to do.

use crate::blocker::Blocker;
use crate::compose::DesiredAudience;
use crate::domain::experience_platform::{Audience, NewAudience, NewForm};
use crate::domain::labels::UsageLabels;
use crate::ownership::object_name;

/// Metadata alone is made without labels (experience-platform.md §3.8) and gets them right after.
pub(super) fn at_creation(new: &NewAudience) -> NewAudience {
    let labels = match new.form {
        NewForm::MetadataOnly { .. } => UsageLabels::default(),
        NewForm::External { .. } | NewForm::SegmentDefinition { .. } => new.labels.clone(),
    };
    NewAudience {
        labels,
        ..new.clone()
    }
}

/// The labels that shall be on the audience and are not; all of them where the answer did not say.
pub(super) fn lacking_labels(desired: &DesiredAudience, found: &Audience) -> UsageLabels {
    match &found.labels {
        Some(found) => desired.new.labels.missing_from(found),
        None => desired.new.labels.clone(),
    }
}

/// Why it is not known which labels the audience needs. `state`: it exists already, and stays as it is.
pub(super) fn unknown(desired: &DesiredAudience, state: Option<&Audience>) -> Option<Blocker> {
    let because = desired.controls.unlabelled(&desired.declared_labels)?;
    Some(Blocker::UsageLabelsUnknown {
        source: desired.source.clone(),
        audience: state.map(object_name),
        because,
    })
}

/// What Adobe's connector delivers is read-only, and labelled by Adobe's own link.
pub(super) fn of_connectors(desired: &DesiredAudience, connectors: &Audience) -> Option<Blocker> {
    let lacking = desired
        .declared_labels
        .missing_from(connectors.labels.as_ref()?);
    (!lacking.is_empty()).then(|| Blocker::UsageLabelsRefused {
        audience: object_name(connectors),
        lacking,
    })
}
