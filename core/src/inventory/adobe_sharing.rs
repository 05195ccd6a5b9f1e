//! Where Adobe's own sharing has made its objects: in which data sources, as far as they were looked for. What follows from
//! it is the plan's to say.

use std::collections::BTreeSet;

use super::clock::Sequence;
use super::table::Table;
use crate::domain::adobe_sharing::is_pair_trait;
use crate::domain::audience_manager::{DataSource, Trait};
use crate::domain::identifier::DataSourceId;

/// What is known of it.
#[derive(Debug, Default)]
pub struct AdobeSharing {
    /// Where such a trait was found.
    pub(super) data_sources: BTreeSet<DataSourceId>,
    /// When the traits of every data source were last looked through.
    pub looked_through: Option<Sequence>,
    /// The data sources of the last list; `None` before the first.
    known: Option<BTreeSet<DataSourceId>>,
    /// A data source has appeared since the traits were last looked through.
    pub is_due: bool,
}

impl AdobeSharing {
    /// The answer to [`crate::call::Call::FindAdobeSharing`].
    pub(crate) fn apply(&mut self, at: Sequence, data_sources: BTreeSet<DataSourceId>) {
        if self.looked_through.is_some_and(|known| known > at) {
            return;
        }
        self.looked_through = Some(at);
        self.is_due = false;
        self.data_sources.extend(data_sources);
    }

    /// Traits that were found, wherever they are.
    pub(crate) fn note<'a>(&mut self, found: impl IntoIterator<Item = &'a Trait>) {
        let adobes = found.into_iter().filter(|found| is_pair_trait(found));
        self.data_sources
            .extend(adobes.map(|found| found.data_source));
    }

    /// A pair was found here.
    pub fn note_pair(&mut self, data_source: DataSourceId) {
        self.data_sources.insert(data_source);
    }

    /// One that we made holds nothing of Adobe's.
    pub(crate) fn note_created(&mut self, data_source: DataSourceId) {
        if let Some(known) = &mut self.known {
            known.insert(data_source);
        }
    }

    /// A list of the data sources: Adobe's may be among the new ones.
    pub(crate) fn note_sources(&mut self, listed: &Table<DataSource>) {
        let now: BTreeSet<_> = listed.iter().map(|entry| entry.record.id).collect();
        let is_new = |known: &BTreeSet<DataSourceId>| !now.is_subset(known);
        self.is_due |= self.known.as_ref().is_some_and(is_new);
        self.known = Some(now);
    }
}
