//! Whose a remote object is: the mark at the end of its description (design.md §4.6).
//!
//! Reads and writes marks as text. It never decides what follows from one; claims do.

use std::fmt;

/// How every mark begins.
const OPENING: &str = "[audience-sharing:";
const CLOSING: char = ']';

/// Who operates: one per fleet of operators that share what they own. 1–64 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(Box<str>);

/// The name of a Kubernetes object or namespace: 1–253 lower-case letters, digits, `-` and `.`, beginning and ending
/// with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Box<str>);

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must have {rule}; this one has {length} characters")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
    length: usize,
}

impl OwnerId {
    const LENGTH_MAX: usize = 64;

    /// # Errors
    /// The text is no owner id.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        match fits {
            true => Ok(Self(text.into())),
            false => Err(InvalidName {
                what: "an owner id",
                rule: "1 to 64 letters, digits, dots, underscores and hyphens",
                length: text.chars().count(),
            }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl ResourceName {
    /// A DNS subdomain's, the longest that Kubernetes takes for a name.
    const LENGTH_MAX: usize = 253;

    /// # Errors
    /// The text is no name that Kubernetes takes.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| is_inner(byte) || matches!(byte, b'.' | b'-'))
            && text.bytes().next().is_some_and(is_inner)
            && text.bytes().next_back().is_some_and(is_inner);
        match fits {
            true => Ok(Self(text.into())),
            false => Err(InvalidName {
                what: "a resource name",
                rule: "1 to 253 lower-case letters, digits, hyphens and dots, a letter or digit first and last",
                length: text.chars().count(),
            }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What the end of a description says about who made the object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// `[audience-sharing:<owner>/<namespace>/<name>]`: the objects of one `SharedAudience`.
    Audience {
        owner: OwnerId,
        namespace: ResourceName,
        name: ResourceName,
    },
    /// `[audience-sharing:<owner>]`: the data source, which all connections of one owner share.
    DataSource { owner: OwnerId },
}

impl Mark {
    /// The mark that a description ends in, white space behind it apart. Entities are resolved before.
    ///
    /// `None` for everything that [`Mark`] would not print itself: a mark elsewhere in the text, cut off, or with a part
    /// too many, proves nothing.
    pub fn read(description: &str) -> Option<Self> {
        split(description).1
    }

    pub const fn owner(&self) -> &OwnerId {
        match self {
            Self::Audience { owner, .. } | Self::DataSource { owner } => owner,
        }
    }

    fn parse(inside: &str) -> Option<Self> {
        let mut parts = inside.split('/');
        let owner = OwnerId::parse(parts.next()?).ok()?;
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Some(Self::DataSource { owner }),
            (Some(namespace), Some(name), None) => Some(Self::Audience {
                owner,
                namespace: ResourceName::parse(namespace).ok()?,
                name: ResourceName::parse(name).ok()?,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience {
                owner,
                namespace,
                name,
            } => {
                write!(formatter, "{OPENING}{owner}/{namespace}/{name}{CLOSING}")
            }
            Self::DataSource { owner } => write!(formatter, "{OPENING}{owner}{CLOSING}"),
        }
    }
}

/// The description to write: the user's text, trimmed, with the mark at its end. A mark that the text already ends in
/// is replaced.
pub fn describe(user_text: &str, mark: &Mark) -> String {
    match strip(user_text) {
        "" => mark.to_string(),
        text => format!("{text} {mark}"),
    }
}

/// The user's text of a description, trimmed, without the mark at its end.
pub fn strip(description: &str) -> &str {
    split(description).0
}

/// The text, trimmed, and the mark behind it.
fn split(description: &str) -> (&str, Option<Mark>) {
    let whole = description.trim();
    let parted = whole
        .strip_suffix(CLOSING)
        .and_then(|open| open.rsplit_once(OPENING));
    match parted.and_then(|(text, inside)| Some((text, Mark::parse(inside)?))) {
        Some((text, mark)) => (text.trim_end(), Some(mark)),
        None => (whole, None),
    }
}
