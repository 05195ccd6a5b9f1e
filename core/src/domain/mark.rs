//! Whose a remote object is: the mark at the end of its description (design.md §4.6).
//!
//! Reads and writes marks as text. It never decides what follows from one; the judgment does.

use std::fmt;
use std::sync::Arc;

/// How every mark begins.
const OPENING: &str = "[audience-sharing:";
const CLOSING: char = ']';

/// Who operates: one per fleet of operators that share what they own. 1–64 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(Box<str>);

/// The name of a Kubernetes object or namespace: 1–253 lower-case letters, digits, `-` and `.`, beginning and ending
/// with a letter or digit. Shared, for it is kept wherever something is asked by who shares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Arc<str>);

/// The first 8 hexadecimal digits of a resource's uid. It distinguishes a resource from an earlier one of the same name: one that
/// was deleted and created again, or restored into another cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidPrefix([u8; Self::DIGITS]);

/// The key of an entry of a list: 1–32 lower-case letters, digits and hyphens, a letter or digit first and last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(Box<str>);

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must have {rule}; this one has {length} characters")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
    length: usize,
}

fn part_of_mark<'a>(
    text: &'a str,
    fits: bool,
    what: &'static str,
    rule: &'static str,
) -> Result<&'a str, InvalidName> {
    let length = text.chars().count();
    let invalid = InvalidName { what, rule, length };
    if fits { Ok(text) } else { Err(invalid) }
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
        let rule = "1 to 64 letters, digits, dots, underscores and hyphens";
        part_of_mark(text, fits, "an owner id", rule).map(|text| Self(text.into()))
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
        let rule = "1 to 253 lower-case letters, digits, hyphens and dots, a letter or digit first and last";
        part_of_mark(text, fits, "a resource name", rule).map(|text| Self(text.into()))
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

impl EntryKey {
    const LENGTH_MAX: usize = 32;

    /// # Errors
    /// The text is no key.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_name = ResourceName::parse(text).is_ok() && !text.contains('.');
        let fits = is_name && text.len() <= Self::LENGTH_MAX;
        let rule =
            "1 to 32 lower-case letters, digits and hyphens, a letter or digit first and last";
        part_of_mark(text, fits, "a key", rule).map(|text| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl UidPrefix {
    const DIGITS: usize = 8;

    /// Of a uid as Kubernetes gives it: its first digits in lower case, filled up with zeros where it has fewer.
    pub fn of(uid: &str) -> Self {
        let mut digits = [b'0'; Self::DIGITS];
        let found = uid.bytes().filter(u8::is_ascii_hexdigit);
        for (digit, found) in digits.iter_mut().zip(found) {
            *digit = found.to_ascii_lowercase();
        }
        Self(digits)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits: [u8; Self::DIGITS] = text.as_bytes().try_into().ok()?;
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        digits.iter().all(is_digit).then_some(Self(digits))
    }
}

impl fmt::Display for UidPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|digit| write!(formatter, "{}", char::from(*digit)))
    }
}

/// What the end of a description says about who made the object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// `[audience-sharing:<owner>/<namespace>/<name>#<uid>]`: the objects of one `SharedAudience`; with `:<key>` behind the
    /// uid, what one entry of its lists declares that no key of the service distinguishes.
    Audience {
        owner: OwnerId,
        namespace: ResourceName,
        name: ResourceName,
        /// `None` in a mark that was written before marks carried it.
        uid: Option<UidPrefix>,
        entry: Option<EntryKey>,
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

    /// The same mark for a resource of this owner and name with any uid: what an index is keyed by.
    #[must_use]
    pub fn of_any_uid(&self) -> Self {
        match self {
            Self::Audience {
                owner,
                namespace,
                name,
                uid: _,
                entry,
            } => Self::Audience {
                owner: owner.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                uid: None,
                entry: entry.clone(),
            },
            Self::DataSource { .. } => self.clone(),
        }
    }

    /// The same mark by another owner id.
    #[must_use]
    pub fn with_owner(mut self, new: OwnerId) -> Self {
        match &mut self {
            Self::Audience { owner, .. } | Self::DataSource { owner } => *owner = new,
        }
        self
    }

    /// The same resource's mark on what the entry with this key declares.
    #[must_use]
    pub fn of_entry(mut self, key: Option<EntryKey>) -> Self {
        if let Self::Audience { entry, .. } = &mut self {
            *entry = key;
        }
        self
    }

    /// The key of the entry that declares the object.
    pub const fn entry(&self) -> Option<&EntryKey> {
        match self {
            Self::Audience { entry, .. } => entry.as_ref(),
            Self::DataSource { .. } => None,
        }
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
            (Some(namespace), Some(resource), None) => {
                let (name, incarnation) = parted(resource, '#');
                let (uid, entry) = incarnation.map_or((None, None), |text| {
                    let (uid, entry) = parted(text, ':');
                    (Some(uid), entry)
                });
                let entry = entry.map(EntryKey::parse).transpose().ok()?;
                let uid = uid.map(|digits| UidPrefix::parse(digits).ok_or(()));
                Some(Self::Audience {
                    owner,
                    namespace: ResourceName::parse(namespace).ok()?,
                    name: ResourceName::parse(name).ok()?,
                    uid: uid.transpose().ok()?,
                    entry,
                })
            }
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
                uid,
                entry,
            } => {
                write!(formatter, "{OPENING}{owner}/{namespace}/{name}")?;
                if let Some(uid) = uid {
                    write!(formatter, "#{uid}")?;
                    if let Some(entry) = entry {
                        write!(formatter, ":{entry}")?;
                    }
                }
                write!(formatter, "{CLOSING}")
            }
            Self::DataSource { owner } => write!(formatter, "{OPENING}{owner}{CLOSING}"),
        }
    }
}

/// The description to write: the user's text, trimmed, with the mark at its end. A mark that the text already ends in
/// is replaced. The text is cut so that the whole has at most `chars_max` characters; the mark is never cut.
pub fn describe(user_text: &str, mark: &Mark, chars_max: usize) -> String {
    let mark = mark.to_string();
    let room = chars_max.saturating_sub(mark.chars().count() + 1);
    let text = strip(user_text);
    let end = text
        .char_indices()
        .nth(room)
        .map_or(text.len(), |(end, _)| end);
    match text[..end].trim_end() {
        "" => mark,
        text => format!("{text} {mark}"),
    }
}

/// The user's text of a description, trimmed, without the mark at its end.
pub fn strip(description: &str) -> &str {
    split(description).0
}

/// The text before the first separator, and what follows it.
fn parted(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use rstest::rstest;

    use super::{EntryKey, Mark, OwnerId, ResourceName, UidPrefix, describe, strip};

    /// No text of these tests is longer.
    const LONG: usize = 100_000;

    fn audience(owner: &str, namespace: &str, name: &str) -> Mark {
        Mark::Audience {
            owner: OwnerId::parse(owner).expect("an owner id"),
            namespace: ResourceName::parse(namespace).expect("a namespace"),
            name: ResourceName::parse(name).expect("a name"),
            uid: None,
            entry: None,
        }
    }

    fn with_uid(mark: Mark, digits: &str) -> Mark {
        match mark {
            Mark::Audience {
                owner,
                namespace,
                name,
                ..
            } => Mark::Audience {
                owner,
                namespace,
                name,
                uid: Some(UidPrefix::of(digits)),
                entry: None,
            },
            Mark::DataSource { .. } => mark,
        }
    }

    fn data_source(owner: &str) -> Mark {
        Mark::DataSource {
            owner: OwnerId::parse(owner).expect("an owner id"),
        }
    }

    fn gamers() -> Mark {
        audience("eu-prod", "marketing", "loyal-gamers")
    }

    #[rstest]
    #[case::alone("[audience-sharing:eu-prod/marketing/loyal-gamers]", Some(gamers()))]
    #[case::with_uid(
        "[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d]",
        Some(with_uid(gamers(), "0a1b2c3d"))
    )]
    #[case::of_an_entry(
        "[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d:look-alikes]",
        Some(with_uid(gamers(), "0a1b2c3d").of_entry(EntryKey::parse("look-alikes").ok()))
    )]
    #[case::entry_empty("[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d:]", None)]
    #[case::entry_in_capitals("[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d:A]", None)]
    #[case::entry_without_uid("[audience-sharing:eu-prod/marketing/loyal-gamers:a]", None)]
    #[case::two_entries("[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d:a:b]", None)]
    #[case::uid_in_capitals("[audience-sharing:eu-prod/marketing/loyal-gamers#0A1B2C3D]", None)]
    #[case::uid_cut("[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3]", None)]
    #[case::uid_too_long("[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d4]", None)]
    #[case::uid_empty("[audience-sharing:eu-prod/marketing/loyal-gamers#]", None)]
    #[case::two_uids(
        "[audience-sharing:eu-prod/marketing/loyal-gamers#0a1b2c3d#0a1b2c3d]",
        None
    )]
    #[case::uid_of_a_data_source("[audience-sharing:eu-prod#0a1b2c3d]", None)]
    #[case::behind_text(
        "Who plays. [audience-sharing:eu-prod/marketing/loyal-gamers]",
        Some(gamers())
    )]
    #[case::before_white_space(
        "[audience-sharing:eu-prod/marketing/loyal-gamers] \n",
        Some(gamers())
    )]
    #[case::the_last_of_two(
        "[audience-sharing:other] [audience-sharing:eu-prod]",
        Some(data_source("eu-prod"))
    )]
    #[case::a_data_source("[audience-sharing:A.b_c-1]", Some(data_source("A.b_c-1")))]
    #[case::not_at_the_end("[audience-sharing:eu-prod] and more", None)]
    #[case::not_closed("[audience-sharing:eu-prod", None)]
    #[case::cut_at_the_front("sharing:eu-prod]", None)]
    #[case::no_owner("[audience-sharing:]", None)]
    #[case::empty_owner("[audience-sharing:/marketing/loyal-gamers]", None)]
    #[case::two_parts("[audience-sharing:eu-prod/marketing]", None)]
    #[case::four_parts("[audience-sharing:eu-prod/marketing/loyal-gamers/x]", None)]
    #[case::a_space_inside("[audience-sharing:eu-prod /marketing/loyal-gamers]", None)]
    #[case::a_capital_in_the_name("[audience-sharing:eu-prod/marketing/Loyal]", None)]
    #[case::another_word("[Audience-Sharing:eu-prod]", None)]
    #[case::still_escaped("[audience-sharing:eu&amp;prod]", None)]
    #[case::brackets_inside("[audience-sharing:eu-prod]]", None)]
    #[case::nothing("", None)]
    fn marks_are_read_at_the_end_only(#[case] description: &str, #[case] mark: Option<Mark>) {
        assert_eq!(Mark::read(description), mark);
    }

    #[rstest]
    #[case::no_text("", "[audience-sharing:eu-prod/marketing/loyal-gamers]")]
    #[case::only_space("  ", "[audience-sharing:eu-prod/marketing/loyal-gamers]")]
    #[case::text(
        " Who plays. ",
        "Who plays. [audience-sharing:eu-prod/marketing/loyal-gamers]"
    )]
    #[case::another_mark(
        "Who plays. [audience-sharing:x]",
        "Who plays. [audience-sharing:eu-prod/marketing/loyal-gamers]"
    )]
    #[case::a_mark_elsewhere(
        "[audience-sharing:x] was theirs",
        "[audience-sharing:x] was theirs [audience-sharing:eu-prod/marketing/loyal-gamers]"
    )]
    fn descriptions_end_in_the_mark(#[case] text: &str, #[case] description: &str) {
        assert_eq!(describe(text, &gamers(), LONG), description);
    }

    #[rstest]
    #[case::marked("Who plays. [audience-sharing:eu-prod]", "Who plays.")]
    #[case::unmarked(" Who plays. ", "Who plays.")]
    #[case::malformed(
        "Who plays. [audience-sharing:a b]",
        "Who plays. [audience-sharing:a b]"
    )]
    fn only_a_mark_is_stripped(#[case] description: &str, #[case] text: &str) {
        assert_eq!(strip(description), text);
    }

    #[test]
    fn names_are_bounded() {
        assert!(OwnerId::parse(&"a".repeat(64)).is_ok());
        assert!(OwnerId::parse(&"a".repeat(65)).is_err());
        assert!(ResourceName::parse(&"a".repeat(253)).is_ok());
        assert!(ResourceName::parse(&"a".repeat(254)).is_err());
        for text in ["", "-a", "a-", ".a", "a/b", "A", "a]", "é"] {
            assert!(ResourceName::parse(text).is_err(), "{text:?}");
        }
        let error = OwnerId::parse("eu prod").expect_err("a space is no part of it");
        assert_eq!(
            error.to_string(),
            "an owner id must have 1 to 64 letters, digits, dots, underscores and hyphens; this one has 7 characters"
        );
    }

    #[test]
    fn names_are_kept_as_they_were_written() {
        assert_eq!(
            OwnerId::parse("EU_prod.1").expect("an owner id").as_str(),
            "EU_prod.1"
        );
        assert_eq!(
            ResourceName::parse("loyal.gamers-1")
                .expect("a name")
                .as_str(),
            "loyal.gamers-1"
        );
    }

    #[rstest]
    #[case::of_kubernetes("0A1B2C3D-4e5f-4a6b-8c7d-112233445566", "0a1b2c3d")]
    #[case::hyphen_first("-0a-1b2c3d4e", "0a1b2c3d")]
    #[case::short("12", "12000000")]
    #[case::none("", "00000000")]
    fn a_uid_is_told_by_its_first_digits(#[case] uid: &str, #[case] digits: &str) {
        assert_eq!(UidPrefix::of(uid).to_string(), digits);
    }

    fn marks() -> impl Strategy<Value = Mark> {
        let owner = "[A-Za-z0-9._-]{1,64}";
        let name = "[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?";
        prop_oneof![
            owner.prop_map(|owner| data_source(&owner)),
            (owner, name, name)
                .prop_map(|(owner, namespace, name)| audience(&owner, &namespace, &name)),
            (owner, name, name, "[0-9a-f]{8}").prop_map(|(owner, namespace, name, uid)| with_uid(
                audience(&owner, &namespace, &name),
                &uid
            )),
        ]
    }

    /// Text of any kind, and text that ends in a mark, or in what looks like one.
    fn texts() -> impl Strategy<Value = String> {
        let endings = prop_oneof![
            Just(String::new()),
            marks().prop_map(|mark| mark.to_string()),
            Just("[audience-sharing:".to_owned()),
            Just("]".to_owned()),
        ];
        (any::<String>(), endings).prop_map(|(text, ending)| text + &ending)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in texts(), mark in marks()) {
            assert_eq!(Mark::read(&describe(&text, &mark, LONG)), Some(mark));
        }

        #[test]
        fn the_mark_is_never_cut(text in texts(), mark in marks(), chars_max in 0..300_usize) {
            let description = describe(&text, &mark, chars_max);
            let of_mark = mark.to_string().chars().count();
            assert_eq!(describe(&description, &mark, chars_max), description);
            assert!(description.chars().count() <= chars_max.max(of_mark));
            assert_eq!(Mark::read(&description), Some(mark));
        }

        #[test]
        fn describing_again_changes_nothing(text in texts(), mark in marks()) {
            let description = describe(&text, &mark, LONG);
            assert_eq!(describe(&description, &mark, LONG), description);
        }

        #[test]
        fn stripping_gives_the_text_of_the_user(text in any::<String>(), mark in marks()) {
            // Random characters form no mark: that would need the nineteen of its opening in a row.
            assert_eq!(strip(&describe(&text, &mark, LONG)), text.trim());
        }

        #[test]
        fn a_description_without_its_mark_has_the_same_text(text in texts(), mark in marks()) {
            assert_eq!(strip(&describe(&text, &mark, LONG)), strip(&text));
        }
    }
}
