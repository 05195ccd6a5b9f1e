//! What a `SharedAudience` shares, in either system.

use std::fmt;

use super::identifier::{AudienceId, IntegrationCode, SegmentSid, TraitSid};

/// The one object that is shared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceId {
    /// Of Experience Platform.
    Audience(AudienceId),
    /// Of Audience Manager.
    Trait(TraitSid),
    /// Of Audience Manager.
    Segment(SegmentSid),
}

impl SourceId {
    pub fn of(kind: SourceKind, sid: u64) -> Self {
        match kind {
            SourceKind::Trait => Self::Trait(TraitSid(sid)),
            SourceKind::Segment => Self::Segment(SegmentSid(sid)),
        }
    }

    /// Kind and sid in Audience Manager.
    pub fn audience_manager(&self) -> Option<(SourceKind, u64)> {
        match self {
            Self::Trait(sid) => Some((SourceKind::Trait, sid.0)),
            Self::Segment(sid) => Some((SourceKind::Segment, sid.0)),
            Self::Audience(_) => None,
        }
    }

    /// With the word for its kind, for messages: `trait 77`.
    pub fn named(&self) -> String {
        let kind = match self {
            Self::Audience(_) => "audience",
            Self::Trait(_) => "trait",
            Self::Segment(_) => "segment",
        };
        format!("{kind} {self}")
    }

    pub fn audience(&self) -> Option<&AudienceId> {
        match self {
            Self::Audience(id) => Some(id),
            Self::Trait(_) | Self::Segment(_) => None,
        }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience(id) => id.fmt(formatter),
            Self::Trait(sid) => sid.fmt(formatter),
            Self::Segment(sid) => sid.fmt(formatter),
        }
    }
}

/// The two kinds of Audience Manager's objects that can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    Trait,
    Segment,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Trait => "trait",
            Self::Segment => "segment",
        })
    }
}

/// A trait or a segment of Audience Manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AudienceManagerSelector {
    pub kind: SourceKind,
    pub naming: Naming,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    Sid(u64),
    /// It must fit one object of the company; the first resolution is pinned by its sid.
    IntegrationCode(IntegrationCode),
    /// The exact name; the same holds.
    Name(Box<str>),
}

impl Naming {
    /// An object with this name and code is what is meant, as far as it says; a sid alone says it all.
    pub fn fits(&self, name: &str, code: Option<&IntegrationCode>) -> bool {
        match self {
            Self::Sid(_) => true,
            Self::IntegrationCode(wanted) => code == Some(wanted),
            Self::Name(wanted) => *name == **wanted,
        }
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sid(sid) => sid.fmt(formatter),
            Self::IntegrationCode(code) => write!(formatter, "with integration code {code}"),
            Self::Name(name) => write!(formatter, "named {name:?}"),
        }
    }
}
