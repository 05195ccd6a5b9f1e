//! Audiences of Experience Platform that are shared.

use audience_sharing_core::domain::experience_platform::{Audience, AudienceKind, Lifecycle};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::source::SourceId;

/// The source that is this audience of Experience Platform.
pub(crate) fn of_audience(id: &str) -> SourceId {
    SourceId::Audience(AudienceId::new(id))
}

pub(crate) fn source(id: &str, name: &str) -> Audience {
    Audience {
        id: AudienceId::new(id),
        name: name.into(),
        description: "".into(),
        names_description: true,
        kind: AudienceKind::SegmentDefinition,
        namespace: "AEPSegments".into(),
        origin: "REAL_TIME_CUSTOMER_PROFILE".into(),
        key: None,
        expression: None,
        lifecycle: Lifecycle::Published,
        labels: Some(UsageLabels::default()),
        dependents: [].into(),
        dependencies: [].into(),
        sandbox: None,
    }
}
