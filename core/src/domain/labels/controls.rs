//! Export controls, and the names under which a data source and a destination carry them.

use std::fmt;

/// What the data of a data source may not be used for (audience-manager.md §8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExportControl {
    PersonalData,
    OffSiteAds,
    OnSiteAds,
    OnSitePersonalization,
}

impl ExportControl {
    pub const ALL: [Self; 4] = [
        Self::PersonalData,
        Self::OffSiteAds,
        Self::OnSiteAds,
        Self::OnSitePersonalization,
    ];

    /// The usage label that says the same in Experience Platform.
    pub const fn label(self) -> &'static str {
        match self {
            Self::PersonalData => "core/C3",
            Self::OffSiteAds => "core/C5",
            Self::OnSiteAds => "core/C6",
            Self::OnSitePersonalization => "core/C7",
        }
    }

    /// The label without its collection: `C3`.
    pub fn code(self) -> &'static str {
        let label = self.label();
        label.split_once('/').map_or(label, |(_, code)| code)
    }

    /// In the words that an administrator looks for.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::PersonalData => "no combination with PII",
            Self::OffSiteAds => "no off-site ad targeting",
            Self::OnSiteAds => "no on-site ad targeting",
            Self::OnSitePersonalization => "no on-site personalization",
        }
    }

    /// Its name in `dataExportRestrictions`. Of the four two were ever seen (audience-manager.md §3.4); a guessed name
    /// could be taken for another control, or for none.
    pub const fn restriction(self) -> Option<&'static str> {
        match self {
            Self::PersonalData => Some("PII"),
            Self::OnSitePersonalization => Some("ONSITE_PERSONALIZATION"),
            Self::OffSiteAds | Self::OnSiteAds => None,
        }
    }

    /// Names that it may have (§3.4): one is used only where the tenant itself shows it.
    const fn candidates(self) -> &'static [&'static str] {
        match self {
            Self::OnSiteAds => &[
                "ONSITE_ADVERTISING",
                "ONSITE_TARGETING",
                "ONSITE_AD_TARGETING",
            ],
            Self::OffSiteAds => &[
                "OFFSITE_ADVERTISING",
                "OFFSITE_TARGETING",
                "CROSS_SITE_TARGETING",
                "OFFSITE_AD_TARGETING",
            ],
            Self::PersonalData | Self::OnSitePersonalization => &[],
        }
    }

    /// Its name as it is proven, else the one candidate among the names that the tenant's data sources carry.
    fn spelled(self, shown: &Restrictions) -> Option<&str> {
        let is_candidate = |name: &&str| {
            let mut candidates = self.candidates().iter();
            candidates.any(|candidate| candidate.eq_ignore_ascii_case(name))
        };
        let mut found = shown.names().filter(is_candidate);
        match (self.restriction(), found.next(), found.next()) {
            (Some(name), ..) | (None, Some(name), None) => Some(name),
            (None, ..) => None,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of export controls, in one byte: each of many thousand audiences keeps one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportControls(u8);

impl ExportControls {
    pub const NONE: Self = Self(0);

    /// What the labels ask for; labels that no control stands for ask for nothing.
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let asked = |label: &str| {
            ExportControl::ALL
                .into_iter()
                .find(|control| control.label().eq_ignore_ascii_case(label))
        };
        labels.into_iter().filter_map(asked).collect()
    }

    /// Reads what [`Self`] prints; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut sets = Self::combinations();
        sets.find(|controls| controls.to_string() == text)
    }

    /// Every set but the empty one.
    pub fn combinations() -> impl Iterator<Item = Self> {
        (1..1 << ExportControl::ALL.len()).map(Self)
    }

    pub fn iter(self) -> impl Iterator<Item = ExportControl> {
        let of_set = move |control: &ExportControl| self.contains(*control);
        ExportControl::ALL.into_iter().filter(of_set)
    }

    pub const fn contains(self, control: ExportControl) -> bool {
        self.0 & control.bit() != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What `dataExportRestrictions` takes; `None` if one of them has no name that is proven or that the tenant shows.
    ///
    /// `shown`: the names that its data sources carry.
    pub fn restrictions(self, shown: &Restrictions) -> Option<Restrictions> {
        let names = self.iter().map(|control| control.spelled(shown));
        let names: Option<Vec<_>> = names.collect();
        Some(Restrictions::new(names?))
    }
}

impl FromIterator<ExportControl> for ExportControls {
    fn from_iter<Controls: IntoIterator<Item = ExportControl>>(controls: Controls) -> Self {
        Self(
            controls
                .into_iter()
                .fold(0, |set, control| set | control.bit()),
        )
    }
}

/// `C3+C5`, in the order of the labels; nothing for the empty set.
impl fmt::Display for ExportControls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, control) in self.iter().enumerate() {
            formatter.write_str(if index == 0 { "" } else { "+" })?;
            formatter.write_str(control.code())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ExportControls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ExportControls({self})")
    }
}

/// The names in `dataExportRestrictions` of a data source, or in `dataExportLabels` of a destination, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions(Box<[Box<str>]>);

impl Restrictions {
    pub fn new<Name: Into<Box<str>>>(names: impl IntoIterator<Item = Name>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// The controls among them whose names are known.
    pub fn controls(&self) -> ExportControls {
        self.names().filter_map(control_of).collect()
    }

    /// The names among them that no control is known by.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| control_of(name).is_none())
    }

    /// The first of `wanted` that cannot be among them.
    ///
    /// Where a control's name is not known, a name that is not known must stand for it: there have to be as many as
    /// there are such controls. Which of them a name means cannot be determined, so what a person set is believed.
    pub fn missing(&self, wanted: ExportControls) -> Option<ExportControl> {
        let mut unknown = self.unknown().count();
        let has = self.controls();
        wanted.iter().find(|control| match control.restriction() {
            Some(_) => !has.contains(*control),
            None if unknown == 0 => true,
            None => {
                unknown -= 1;
                false
            }
        })
    }

    /// The names that both carry: the data may not go where one of them applies. Unknown names meet too.
    pub fn shared_with<'a>(&'a self, labels: &'a Self) -> impl Iterator<Item = &'a str> {
        self.names()
            .filter(|name| labels.names().any(|label| label.eq_ignore_ascii_case(name)))
    }
}

fn control_of(name: &str) -> Option<ExportControl> {
    let named = |control: &ExportControl| {
        let known = control.restriction();
        known.is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    ExportControl::ALL.into_iter().find(named)
}
