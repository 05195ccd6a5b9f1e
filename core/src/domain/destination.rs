//! Destinations of Audience Manager and the mappings of segments to them, as compact records (audience-manager.md §6.1,
//! §6.2).

use super::audience_manager::Activity;
use super::identifier::{DestinationId, MappingId, SegmentSid};
use super::labels::Restrictions;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationKind {
    /// `PUSH`; serialized ones take many segments in one address.
    Url { serial: bool },
    /// `ADS`; with one key, or with a key for each segment.
    Cookie { key_per_segment: bool },
    /// `S2S`
    ServerToServer,
    /// People-based, Analytics, device-based and whatever comes later: mapped in the user interface alone (§6.1).
    Other(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub id: DestinationId,
    pub name: Box<str>,
    pub kind: DestinationKind,
    pub activity: Activity,
    /// `mappingAutoFiller`: Audience Manager chooses the alias.
    pub fills_alias: bool,
    /// `dataExportLabels`: what it uses data for.
    pub labels: Restrictions,
    /// Its mappings came with it; else they have a list of their own.
    pub tells_mappings: bool,
}

/// What a mapping hands to its destination; which of them it needs depends on the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingKeys {
    pub url: Option<Box<str>>,
    /// `traitAlias`
    pub alias: Option<Box<str>>,
    pub value_alias: Option<Box<str>>,
}

/// A segment's mapping to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub id: MappingId,
    pub segment: SegmentSid,
    pub keys: MappingKeys,
    /// As they were read: `2012-07-04`.
    pub start: Option<Box<str>>,
    pub end: Option<Box<str>>,
    pub activity: Activity,
}

impl Mapping {
    /// One of which only the ids are known.
    pub fn known_by_ids(id: MappingId, segment: SegmentSid) -> Self {
        Self {
            id,
            segment,
            keys: MappingKeys::default(),
            start: None,
            end: None,
            activity: Activity::Active,
        }
    }
}

/// A mapping that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMapping {
    pub destination: DestinationId,
    /// For messages.
    pub destination_name: Box<str>,
    pub segment: SegmentSid,
    pub keys: MappingKeys,
    pub start: Option<Box<str>>,
    pub end: Option<Box<str>>,
}

/// The fields of a mapping that change; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingChange {
    pub keys: MappingKeys,
    /// The declared one, sent with every change of a mapping that declares one: a date that was read and sent again
    /// moves by a day (§6.2).
    pub start: Option<Box<str>>,
    pub end: Option<EndChange>,
    /// `true` sets the mapping active again.
    pub activate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndChange {
    Set(Box<str>),
    Clear,
}

/// A date as a user declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: Box<str>,
    /// The day before, as which Audience Manager shows it (§6.2).
    pub eve: Box<str>,
}

impl Day {
    /// Whether `shown` means this day; whatever follows the date in it says nothing.
    pub fn is_shown_as(&self, shown: &str) -> bool {
        let date = shown.get(..self.date.len()).unwrap_or(shown);
        *date == *self.date || *date == *self.eve
    }
}

/// Which keys a mapping needs (§6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub url: bool,
    pub alias: bool,
    pub value_alias: bool,
}

impl DestinationKind {
    /// `None`: the API maps nothing to such a destination.
    pub fn needs(&self) -> Option<Needs> {
        let (url, alias, value_alias) = match self {
            Self::Url { serial: false } => (true, false, false),
            Self::Url { serial: true } | Self::ServerToServer => (false, true, false),
            Self::Cookie {
                key_per_segment: true,
            } => (false, true, true),
            Self::Cookie {
                key_per_segment: false,
            } => (false, false, true),
            Self::Other(_) => return None,
        };
        Some(Needs {
            url,
            alias,
            value_alias,
        })
    }

    /// In the words of the user interface.
    pub fn label(&self) -> &str {
        match self {
            Self::Url { serial: false } => "URL",
            Self::Url { serial: true } => "serialized URL",
            Self::Cookie {
                key_per_segment: false,
            } => "cookie with a single key",
            Self::Cookie {
                key_per_segment: true,
            } => "cookie with a key for each segment",
            Self::ServerToServer => "server-to-server",
            Self::Other(word) => word,
        }
    }
}
