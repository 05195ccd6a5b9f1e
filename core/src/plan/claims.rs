//! Who may share a source when several `SharedAudience` objects ask for it (design.md §4.6).

use std::collections::BTreeMap;

use crate::compose::ShareName;
use crate::domain::source::SourceId;
use crate::existence::{Existence, Existing};

/// When a claimant was created: seconds, as Kubernetes stamps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CreatedAt(pub i64);

/// The sources that the `SharedAudience` objects of one connection ask for.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Nearly always one.
    claimants: BTreeMap<SourceId, Vec<(ShareName, CreatedAt)>>,
    sources: BTreeMap<ShareName, SourceId>,
}

impl Claims {
    /// Records what `share` asks for; returns the others whose turn this may change.
    pub fn claim(
        &mut self,
        share: &ShareName,
        source: &SourceId,
        created: CreatedAt,
    ) -> Vec<ShareName> {
        let mut others = Vec::new();
        if self
            .sources
            .get(share)
            .is_some_and(|claimed| claimed != source)
        {
            others = self.release(share);
        }
        self.sources.insert(share.clone(), source.clone());
        let claimants = self.claimants.entry(source.clone()).or_default();
        match claimants.iter_mut().find(|(known, _)| known == share) {
            Some((_, known)) => *known = created,
            None => {
                others.extend(claimants.iter().map(|(other, _)| other.clone()));
                claimants.reserve_exact(1);
                claimants.push((share.clone(), created));
            }
        }
        others
    }

    /// All that is asked for, each once.
    pub fn claimed(&self) -> impl Iterator<Item = &SourceId> {
        self.claimants.keys()
    }

    pub fn claimants(&self) -> impl Iterator<Item = &ShareName> {
        self.sources.keys()
    }

    /// Forgets a claimant; returns the others that asked for the same source.
    pub fn release(&mut self, share: &ShareName) -> Vec<ShareName> {
        let Some(source) = self.sources.remove(share) else {
            return Vec::new();
        };
        let Some(claimants) = self.claimants.get_mut(&source) else {
            return Vec::new();
        };
        claimants.retain(|(known, _)| known != share);
        let others: Vec<_> = claimants.iter().map(|(other, _)| other.clone()).collect();
        if claimants.is_empty() {
            self.claimants.remove(&source);
        }
        others
    }

    /// The one claimant that shares `source`, of `share` and the others that live: whose mark it carries, else the older, else
    /// the first by name.
    pub fn holder(
        &self,
        share: &ShareName,
        source: &SourceId,
        marked: Option<&ShareName>,
        existing: &dyn Existing,
    ) -> Option<&ShareName> {
        let is_valid = |claimant: &ShareName| {
            claimant == share || existing.existence(claimant) == Existence::Exists
        };
        let claimants = self.claimants.get(source)?;
        if let Some(marked) = marked.filter(|marked| is_valid(marked))
            && let Some((holder, _)) = claimants.iter().find(|(known, _)| known == marked)
        {
            return Some(holder);
        }
        eldest(claimants, is_valid)
    }
}

/// The oldest of the valid, else the first by name.
fn eldest(
    claimants: &[(ShareName, CreatedAt)],
    is_valid: impl Fn(&ShareName) -> bool,
) -> Option<&ShareName> {
    let valid = claimants.iter().filter(|(claimant, _)| is_valid(claimant));
    let eldest = valid.min_by(|(a, a_created), (b, b_created)| (a_created, a).cmp(&(b_created, b)));
    eldest.map(|(claimant, _)| claimant)
}
