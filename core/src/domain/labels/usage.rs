//! Usage labels as Experience Platform writes them: `core/C5`, `custom/partners-only`.

use std::collections::BTreeSet;
use std::fmt;

use super::controls::ExportControls;

/// Bytes of a label that a user declares; Adobe states no bound.
const LENGTH_MAX: usize = 128;

const CORE: &str = "core/";
const CUSTOM: &str = "custom/";

/// One usage label. Core labels are kept in capitals behind their collection: Adobe's own samples spell `core/c1` too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageLabel(Box<str>);

/// A text that is no label of Experience Platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no usage label: write core/ and one of C1 to C12, I1, I2, S1 and S2, or custom/ and the name of a label \
     of your organisation"
)]
pub struct UnknownLabel {
    text: Box<str>,
}

impl UsageLabel {
    /// A label that a user declares.
    ///
    /// # Errors
    /// It is neither one of the core labels nor of the form `custom/<name>`, of 128 bytes at most. Whether the
    /// organisation has a custom label of that name only Experience Platform knows.
    pub fn parse(text: &str) -> Result<Self, UnknownLabel> {
        let label = Self::read(text);
        match label.is_core() || label.is_custom() {
            true => Ok(label),
            false => Err(UnknownLabel {
                text: text.chars().take(LENGTH_MAX).collect(),
            }),
        }
    }

    /// A label that Experience Platform answered, whether this version knows it or not.
    pub fn read(text: &str) -> Self {
        match text.get(..CORE.len()) {
            Some(collection) if collection.eq_ignore_ascii_case(CORE) => {
                let name = text[CORE.len()..].to_ascii_uppercase();
                Self(format!("{CORE}{name}").into())
            }
            _ => Self(text.into()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_core(&self) -> bool {
        let Some((kind, number)) = self
            .0
            .strip_prefix(CORE)
            .and_then(|name| name.split_at_checked(1))
        else {
            return false;
        };
        let last = match kind {
            "C" => 12,
            "I" | "S" => 2,
            _ => return false,
        };
        (1..=last).any(|known: u8| number == known.to_string())
    }

    fn is_custom(&self) -> bool {
        let name = self.0.strip_prefix(CUSTOM).unwrap_or_default();
        let fits = |character: char| !character.is_control() && !matches!(character, '/' | ' ');
        !name.is_empty() && self.0.len() <= LENGTH_MAX && name.chars().all(fits)
    }
}

impl fmt::Display for UsageLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The usage labels of an audience, or those that a user declares: in order, each once. A slice, since each of many
/// thousand audiences keeps one, mostly an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLabels(Box<[UsageLabel]>);

impl FromIterator<UsageLabel> for UsageLabels {
    fn from_iter<Labels: IntoIterator<Item = UsageLabel>>(labels: Labels) -> Self {
        let sorted: BTreeSet<UsageLabel> = labels.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

impl UsageLabels {
    /// Labels that a user declares (`dataUsageLabels`).
    ///
    /// # Errors
    /// The first that Experience Platform has not.
    pub fn parse<'a>(labels: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownLabel> {
        labels.into_iter().map(UsageLabel::parse).collect()
    }

    /// Labels that Experience Platform answered.
    pub fn read<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        labels.into_iter().map(UsageLabel::read).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &UsageLabel> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and those that are declared beside them: a declaration adds, it never takes away.
    #[must_use]
    pub fn with(self, declared: &Self) -> Self {
        let declared = declared.0.iter().cloned();
        self.0.into_iter().chain(declared).collect()
    }

    /// Those that `found` lacks: what is to be written so that no label of the audience is removed.
    #[must_use]
    pub fn missing_from(&self, found: &Self) -> Self {
        let lacks = |label: &&UsageLabel| found.0.binary_search(label).is_err();
        self.iter().filter(lacks).cloned().collect()
    }

    /// `core/C3, core/C5`
    pub fn listed(&self) -> String {
        let labels: Vec<&str> = self.iter().map(UsageLabel::as_str).collect();
        labels.join(", ")
    }

    /// What they ask of Audience Manager.
    pub fn controls(&self) -> ExportControls {
        ExportControls::of_labels(self.iter().map(UsageLabel::as_str))
    }
}
