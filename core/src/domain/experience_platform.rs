//! What Experience Platform holds, as compact records: only what deciding needs.

use std::fmt;

use super::identifier::{AudienceId, SandboxId};
use super::labels::{ExportControls, UsageLabels};

/// `lifecycleState`, whose spellings vary (experience-platform.md §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    Draft,
    /// `published`, and its deprecated name `active`.
    Published,
    Inactive,
    /// `archived` and `deleted`.
    Deleted,
    /// A state that this version does not know, kept as it came.
    Other(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceKind {
    SegmentDefinition,
    /// `ExternalSegment`; Adobe's specification says `ExternalAudience` (§3.3).
    External,
    Other(Box<str>),
}

/// An audience of Experience Platform; a segment definition is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    pub id: AudienceId,
    pub name: Box<str>,
    /// Empty where the answer did not name it.
    pub description: Box<str>,
    /// Whether it did: some answers leave it out, and the labels (§3.11).
    pub names_description: bool,
    pub kind: AudienceKind,
    /// Compared without case (§3.3).
    pub namespace: Box<str>,
    pub origin: Box<str>,
    /// Of an audience that Experience Platform does not evaluate itself.
    pub key: Option<AudienceKey>,
    /// What a definition tests, as `pql/text` in one spelling: of one that carries a mark, and of one that tests the
    /// membership of a trait or segment. No other expression is compared with anything. One that cannot be read is as it came.
    pub expression: Option<Box<str>>,
    pub lifecycle: Lifecycle,
    /// `None` where the answer did not name any labels, not even none.
    pub labels: Option<UsageLabels>,
    /// The segment definitions that depend on it.
    pub dependents: Box<[AudienceId]>,
    /// Of a segment definition: the audiences that it depends on.
    pub dependencies: Box<[AudienceId]>,
    /// The sandbox that answered; absent in some samples (§2.3).
    pub sandbox: Option<SandboxId>,
}

impl Audience {
    /// What its usage labels ask of Audience Manager.
    pub fn controls(&self) -> Option<ExportControls> {
        self.labels.as_ref().map(UsageLabels::controls)
    }
}

/// Under which membership on a profile says that it is in an external audience (§3.3, §5.3): unique in a sandbox, as far
/// as the form of Adobe's own ids shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudienceKey {
    /// In lower case: Adobe's samples spell one namespace in several ways.
    namespace: Box<str>,
    audience_id: Box<str>,
}

impl AudienceKey {
    pub fn new(namespace: &str, audience_id: &str) -> Self {
        Self {
            namespace: namespace.to_ascii_lowercase().into(),
            audience_id: audience_id.into(),
        }
    }

    pub fn audience_id(&self) -> &str {
        &self.audience_id
    }
}

/// An audience that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudience {
    pub name: Box<str>,
    /// The user's text and the mark.
    pub description: Box<str>,
    pub labels: UsageLabels,
    pub form: NewForm,
}

/// What is made, and by which service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewForm {
    /// `ExternalSegment` of the profile service (§5.6 W1).
    External {
        namespace: Box<str>,
        audience_id: Box<str>,
    },
    /// Metadata alone, of the external audiences service (§5.6 W2).
    MetadataOnly {
        namespace: Box<str>,
        audience_id: Box<str>,
    },
    /// A definition that Experience Platform evaluates in batches (§5.6 W4).
    SegmentDefinition { expression: Box<str> },
}

impl NewForm {
    /// `None` for a definition, whose id the service chooses.
    pub fn key(&self) -> Option<AudienceKey> {
        match self {
            Self::External {
                namespace,
                audience_id,
            }
            | Self::MetadataOnly {
                namespace,
                audience_id,
            } => Some(AudienceKey::new(namespace, audience_id)),
            Self::SegmentDefinition { .. } => None,
        }
    }
}

/// The fields of an audience that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceChange {
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub expression: Option<Box<str>>,
    /// Added to those that the audience has when it is written: none is ever removed.
    pub labels: UsageLabels,
    /// `true` publishes it again.
    pub publish: bool,
    /// `true` takes it out of use; never both.
    pub deactivate: bool,
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
            Self::Other(other) => other,
        })
    }
}

/// `state` of a sandbox (experience-platform.md §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub name: Box<str>,
    /// `active`, or what else the service said.
    pub state: Box<str>,
}

impl Sandbox {
    pub fn is_active(&self) -> bool {
        self.state.eq_ignore_ascii_case("active")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Sandbox;

    #[rstest]
    #[case::active("active", true)]
    #[case::in_capitals("ACTIVE", true)]
    #[case::being_made("creating", false)]
    #[case::deleted("deleted", false)]
    #[case::of_a_later_version("inactive", false)]
    fn a_sandbox_works_only_while_it_says_so(#[case] state: &str, #[case] active: bool) {
        let sandbox = Sandbox {
            name: "prod".into(),
            state: state.into(),
        };
        assert_eq!(sandbox.is_active(), active);
    }
}
