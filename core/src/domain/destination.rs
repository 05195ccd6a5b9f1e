//! Destinations of Audience Manager and the mappings of segments to them, as compact records (audience-manager.md §6.1,
//! §6.2).

use super::audience_manager::Activity;
use super::identifier::{DestinationId, MappingId, SegmentSid};
use super::labels::Restrictions;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationKind {
    /// `PUSH`; serialized ones take many segments in one address. `None`: not shown.
    Url { serial: Option<bool> },
    /// `ADS`; with one key, or with a key for each segment. `None`: not shown.
    Cookie { key_per_segment: Option<bool> },
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
    /// `mappingAutoFiller`: Audience Manager chooses the alias. `None`: not shown.
    pub fills_alias: Option<bool>,
    /// `dataExportLabels`: what it uses data for. `None`: not shown, which is not "none".
    pub labels: Option<Restrictions>,
    /// `updateTime`, in milliseconds.
    pub updated: Option<u64>,
    /// It was read by its id since it changed last: what it lacks then, Audience Manager does not show.
    pub was_read: bool,
    /// Its mappings come with the list; else they have a list of their own.
    pub tells_mappings: bool,
}

impl Destination {
    /// Whether all is known that its own read shows: a list may leave most of it out (§2.9).
    pub fn is_whole(&self) -> bool {
        let told = match self.kind {
            DestinationKind::Url { serial } => serial.is_some(),
            DestinationKind::Cookie { key_per_segment } => key_per_segment.is_some(),
            DestinationKind::ServerToServer | DestinationKind::Other(_) => true,
        };
        self.was_read || told && self.fills_alias.is_some() && self.labels.is_some()
    }

    /// As a list shows it, with what it leaves out as it is `known`, while neither the kind nor the time of the last
    /// change moved.
    #[must_use]
    pub fn completed(self, known: &Self) -> Self {
        let same_kind = std::mem::discriminant(&self.kind) == std::mem::discriminant(&known.kind);
        if self.is_whole() || self.updated.is_none() || self.updated != known.updated || !same_kind
        {
            return self;
        }
        Self {
            kind: known.kind.clone(),
            fills_alias: known.fills_alias,
            labels: known.labels.clone(),
            was_read: known.was_read,
            ..self
        }
    }
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

/// Whether a mapping has a key (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Refused,
    /// It depends on what Audience Manager does not show: the declaration decides.
    Unknown,
}

/// Which keys a mapping needs (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub url: Need,
    pub alias: Need,
    pub value_alias: Need,
}

impl DestinationKind {
    /// `None`: the API maps nothing to such a destination.
    pub fn needs(&self) -> Option<Needs> {
        let need = |shown: Option<bool>| match shown {
            Some(true) => Need::Required,
            Some(false) => Need::Refused,
            None => Need::Unknown,
        };
        let (url, alias, value_alias) = match self {
            Self::Url { serial } => (
                need(serial.map(|serial| !serial)),
                need(*serial),
                Need::Refused,
            ),
            Self::ServerToServer => (Need::Refused, Need::Required, Need::Refused),
            Self::Cookie { key_per_segment } => {
                (Need::Refused, need(*key_per_segment), Need::Required)
            }
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
            Self::Url { serial: Some(true) } => "serialized URL",
            Self::Url { .. } => "URL",
            Self::Cookie {
                key_per_segment: Some(false),
            } => "cookie with a single key",
            Self::Cookie {
                key_per_segment: Some(true),
            } => "cookie with a key for each segment",
            Self::Cookie {
                key_per_segment: None,
            } => "cookie",
            Self::ServerToServer => "server-to-server",
            Self::Other(word) => word,
        }
    }
}
