//! Usage labels that nobody can tell, or that cannot be put on the audience: what a person has to do.

use crate::blocker::Blocker;
use crate::compose::DesiredAudience;
use crate::domain::experience_platform::{Audience, NewAudience, NewForm};
use crate::domain::labels::{Unlabelled, UsageLabels};
use crate::domain::reason::Reason;

const WHERE: &str = "in Audience Manager under Audience Data, Data Sources, Data Export Controls";

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
pub(super) fn lacking(desired: &DesiredAudience, found: &Audience) -> UsageLabels {
    match &found.labels {
        Some(found) => desired.new.labels.missing_from(found),
        None => desired.new.labels.clone(),
    }
}

/// Why it is not known which labels the audience needs. `state`: it stands already, and stays as it is.
pub(super) fn unknown(desired: &DesiredAudience, state: Option<&Audience>) -> Option<Blocker> {
    let because = match desired.controls.unlabelled(&desired.declared_labels)? {
        Unlabelled::Control { name, data_source } => format!(
            "Data source {data_source} has the export control {name:?}, and which usage label says the same is not known. \
             Look it up {WHERE}, and write its label, one of core/C5, core/C6 and core/C7, into \
             target.experiencePlatform.dataUsageLabels."
        ),
        Unlabelled::Hidden(data_source) => format!(
            "Audience Manager does not show the export controls of data source {data_source}, which traits of the source \
             are in. Ask its provider what the data may be used for, and write the labels into \
             target.experiencePlatform.dataUsageLabels."
        ),
        Unlabelled::Unsaid => format!(
            "Audience Manager does not tell which data sources the traits of {} are in. Look up their export controls \
             {WHERE}, and write the labels into target.experiencePlatform.dataUsageLabels.",
            desired.source
        ),
    };
    let so_far = match state {
        None => "No audience was created".to_owned(),
        Some(found) => format!("Audience {} {:?} was not labelled", found.id, found.name),
    };
    Some(Blocker::new(
        Reason::UsageLabelsUnknown,
        format!("{so_far}: {because}"),
    ))
}

/// What Adobe's connector delivers is read-only, and labelled by Adobe's own link.
pub(super) fn of_connectors(desired: &DesiredAudience, connectors: &Audience) -> Option<Blocker> {
    let lacking = desired
        .declared_labels
        .missing_from(connectors.labels.as_ref()?);
    (!lacking.is_empty()).then(|| {
        Blocker::new(
            Reason::UsageLabelsRefused,
            format!(
                "Adobe's source connector delivers audience {} {:?}, which nobody else writes, and it lacks {}. Set the \
                 labels in Experience Platform by hand, or take them out of target.experiencePlatform.dataUsageLabels.",
                connectors.id,
                connectors.name,
                lacking.listed()
            ),
        )
    })
}
