//! What Experience Platform holds, as compact records: only what deciding needs.

use super::identifier::{AudienceId, SandboxId};
use super::labels::ExportControls;

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
    pub description: Box<str>,
    pub kind: AudienceKind,
    /// Compared without case (§3.3).
    pub namespace: Box<str>,
    pub origin: Box<str>,
    pub lifecycle: Lifecycle,
    /// What its usage labels ask of Audience Manager; all other labels are passed over. `None` where the answer did not
    /// name any labels, not even none.
    pub controls: Option<ExportControls>,
    /// The sandbox that answered; absent in some samples (§2.3).
    pub sandbox: Option<SandboxId>,
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
