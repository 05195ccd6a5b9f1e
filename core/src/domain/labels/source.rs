//! What may not be done with an audience that comes from Audience Manager: as the data sources that count for it show.

use std::collections::BTreeMap;

use super::controls::{ExportControls, Restrictions};
use super::usage::UsageLabels;
use crate::domain::identifier::DataSourceId;

/// The export controls of all data sources that count for a trait or segment, as far as they can be determined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceControls {
    known: UsageLabels,
    /// Each of them: what it forbids may change.
    sources: Box<[DataSourceId]>,
    /// Names that no label is known for, each with a data source that carries it.
    unknown: Box<[(Box<str>, DataSourceId)]>,
    /// The first data source that the credential is not shown.
    hidden: Option<DataSourceId>,
    /// The answer did not say which data sources count.
    unsaid: bool,
}

/// Why the labels of an audience are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlabelled {
    /// No label is known for an export control.
    Control {
        name: Box<str>,
        data_source: DataSourceId,
    },
    /// The controls of a data source are not shown.
    Hidden(DataSourceId),
    /// The answer did not include the data sources of the traits of a segment.
    Unsaid,
}

impl SourceControls {
    /// `None` for a data source that the credential is not shown, as those of other providers.
    pub fn of<'a>(
        sources: impl IntoIterator<Item = (DataSourceId, Option<&'a Restrictions>)>,
    ) -> Self {
        let sources: Vec<_> = sources.into_iter().collect();
        let shown = || {
            let shown = sources.iter();
            shown.filter_map(|(id, restrictions)| Some((*id, (*restrictions)?)))
        };
        let mut unknown = BTreeMap::new();
        for (id, restrictions) in shown() {
            for name in restrictions.unknown() {
                let first = (name.into(), id);
                unknown.entry(name.to_ascii_lowercase()).or_insert(first);
            }
        }
        Self {
            known: union(shown().map(|(_, restrictions)| restrictions.controls())),
            unknown: unknown.into_values().collect(),
            hidden: sources
                .iter()
                .find(|(_, restrictions)| restrictions.is_none())
                .map(|(id, _)| *id),
            unsaid: false,
            sources: sources.iter().map(|(id, _)| *id).collect(),
        }
    }

    /// Of a segment whose answer did not say which data sources its traits are in.
    #[must_use]
    pub fn unsaid(self) -> Self {
        Self {
            unsaid: true,
            ..self
        }
    }

    pub fn told_by(&self) -> impl Iterator<Item = DataSourceId> {
        self.sources.iter().copied()
    }

    /// The labels that say the same, beside those that a user declares.
    pub fn labels(&self, declared: &UsageLabels) -> UsageLabels {
        self.known.clone().with(declared)
    }

    /// What cannot be determined, and what the declared labels leave open.
    ///
    /// A name that no label is known for stands for one of the controls whose names are not known: there have to be as
    /// many labels of those as there are such names. Where nothing at all is known, a person who declares any label has looked.
    /// Which label means what cannot be checked, so what a person declares is believed.
    pub fn unlabelled(&self, declared: &UsageLabels) -> Option<Unlabelled> {
        let nameless = declared.controls().iter();
        let nameless = nameless.filter(|control| control.restriction().is_none());
        if let Some((name, data_source)) = self.unknown.get(nameless.count()) {
            return Some(Unlabelled::Control {
                name: name.clone(),
                data_source: *data_source,
            });
        }
        if !declared.is_empty() {
            return None;
        }
        let hidden = self.hidden.map(Unlabelled::Hidden);
        hidden.or(self.unsaid.then_some(Unlabelled::Unsaid))
    }
}

/// The labels of an audience that comes from Audience Manager: what any of the sources that count forbids, the whole may
/// not be used for. Those are the data sources of its traits, the profile merge rule and that rule's data source, never
/// the segment's own (audience-manager.md §3.2).
pub fn union(controls: impl IntoIterator<Item = ExportControls>) -> UsageLabels {
    controls
        .into_iter()
        .fold(ExportControls::NONE, ExportControls::union)
        .labels()
}
