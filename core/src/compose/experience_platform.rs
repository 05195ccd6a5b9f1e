//! A trait or segment of Audience Manager, as Experience Platform should hold it (design.md §2, AAM → AEP).

use super::text::{DESCRIPTION_CHARS_MAX, object_name};
use crate::domain::audience_manager::Activity;
use crate::domain::experience_platform::{AudienceKey, NewAudience, NewForm};
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::{SourceControls, UsageLabels};
use crate::domain::mark::{Mark, describe};
use crate::domain::pql;
use crate::domain::source::{AudienceManagerSelector, SourceId, SourceKind};

/// `originName` of what Adobe's source connector delivers (experience-platform.md §3.3).
pub const CONNECTOR_ORIGIN: &str = "AUDIENCE_MANAGER";
/// What some of Adobe's samples have instead of the two (§3.3).
const EITHER: &str = "AAM";
/// Ours, so that no audience of the connector's can have the same key.
const METADATA: &str = "AudienceManagerSharing";

/// How the audience is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    #[default]
    ExternalAudience,
    MetadataOnly,
    /// A PQL mirror over the connector's audience.
    SegmentDefinition,
}

/// A trait or segment of Audience Manager, as an audience that Experience Platform should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToExperiencePlatform {
    pub source: AudienceManagerSelector,
    pub strategy: Strategy,
    /// `None`: the source's own name.
    pub name: Option<Box<str>>,
    /// `None`: the source's own description.
    pub description: Option<Box<str>>,
    /// Beside those that the source's export controls ask for.
    pub labels: UsageLabels,
}

/// The source, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceManagerSource {
    pub kind: SourceKind,
    pub sid: u64,
    pub name: Box<str>,
    pub description: Box<str>,
    pub data_source: DataSourceId,
    pub activity: Activity,
    pub controls: SourceControls,
}

impl AudienceManagerSource {
    pub fn id(&self) -> SourceId {
        SourceId::of(self.kind, self.sid)
    }
}

/// The one audience of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAudience {
    pub mark: Mark,
    pub source: SourceId,
    pub new: NewAudience,
    /// The labels that the user declares; `new` has them, and those for the controls.
    pub declared_labels: UsageLabels,
    pub controls: SourceControls,
    /// Where Adobe's connector would deliver the source; the first is the more likely one.
    pub connector: [AudienceKey; 2],
}

/// The key of the strategy `ExternalAudience`, under which Adobe's source connector delivers a trait or segment too
/// (experience-platform.md §5.2); `None` for an audience of Experience Platform.
pub fn external_key(source: &SourceId) -> Option<AudienceKey> {
    let (kind, sid) = source.audience_manager()?;
    Some(AudienceKey::new(namespace(kind), &sid.to_string()))
}

/// The key of the strategy `MetadataOnly`.
pub fn metadata_key(source: &SourceId) -> Option<AudienceKey> {
    let (kind, sid) = source.audience_manager()?;
    Some(AudienceKey::new(METADATA, &metadata_id(kind, sid)))
}

/// The PQL of the strategy `SegmentDefinition`: true for the members that the connector delivers
/// (experience-platform.md §5.6 W4).
pub fn mirror(source: &SourceId) -> Option<Box<str>> {
    let (kind, sid) = source.audience_manager()?;
    Some(membership_of(kind, sid))
}

fn membership_of(kind: SourceKind, sid: u64) -> Box<str> {
    pql::membership(namespace(kind), &sid.to_string()).into()
}

fn namespace(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Trait => pql::TRAITS,
        SourceKind::Segment => pql::SEGMENTS,
    }
}

/// Begins with a letter: a number alone may be refused (experience-platform.md §3.8).
fn metadata_id(kind: SourceKind, sid: u64) -> String {
    match kind {
        SourceKind::Trait => format!("aam_trait_{sid}"),
        SourceKind::Segment => format!("aam_seg_{sid}"),
    }
}

/// The audience that `target` asks for, given its source. It carries `mark`.
pub fn compose_audience(
    mark: Mark,
    target: &ToExperiencePlatform,
    source: &AudienceManagerSource,
) -> DesiredAudience {
    let (namespace, sid) = (namespace(source.kind), source.sid.to_string());
    let form = match target.strategy {
        Strategy::ExternalAudience => NewForm::External {
            namespace: namespace.into(),
            audience_id: sid.as_str().into(),
        },
        Strategy::MetadataOnly => NewForm::MetadataOnly {
            namespace: METADATA.into(),
            audience_id: metadata_id(source.kind, source.sid).into(),
        },
        Strategy::SegmentDefinition => NewForm::SegmentDefinition {
            expression: membership_of(source.kind, source.sid),
        },
    };
    let text = target.description.as_deref().unwrap_or(&source.description);
    DesiredAudience {
        source: source.id(),
        new: NewAudience {
            name: object_name(target.name.as_deref().unwrap_or(&source.name)),
            description: describe(text, &mark, DESCRIPTION_CHARS_MAX).into(),
            labels: source.controls.labels(&target.labels),
            form,
        },
        declared_labels: target.labels.clone(),
        controls: source.controls.clone(),
        connector: [namespace, EITHER].map(|namespace| AudienceKey::new(namespace, &sid)),
        mark,
    }
}
