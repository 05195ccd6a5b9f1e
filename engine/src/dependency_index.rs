//! The dependency index: from a key that was touched to the shares that must be reconciled again.
//!
//! Small lists in place of sets: nearly every key has one dependent, and there are several keys for each of many shares.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::domain::identifier::{DestinationId, ModelId};
use audience_sharing_core::inventory::Key;

#[derive(Debug, Default)]
pub(super) struct DependencyIndex {
    shares: BTreeMap<Arc<Key>, Vec<Arc<ShareName>>>,
    /// In the order of the keys.
    keys: BTreeMap<Arc<ShareName>, Box<[Arc<Key>]>>,
}

impl DependencyIndex {
    /// Replaces what `share` depends on.
    pub(super) fn set(&mut self, share: &ShareName, keys: BTreeSet<Key>) {
        let known = self.keys.get(share);
        if known.is_some_and(|known| known.iter().map(|key| &**key).eq(&keys)) {
            return;
        }
        self.remove(share);
        let share = Arc::new(share.clone());
        let keys = keys.into_iter().map(|key| self.shared(key));
        let keys: Box<[Arc<Key>]> = keys.collect::<Vec<_>>().into();
        for key in &keys {
            let shares = self.shares.entry(key.clone()).or_default();
            shares.reserve_exact(1);
            shares.push(share.clone());
        }
        self.keys.insert(share, keys);
    }

    /// The key as it is kept already, if it is.
    fn shared(&self, key: Key) -> Arc<Key> {
        match self.shares.get_key_value(&key) {
            Some((known, _)) => known.clone(),
            None => Arc::new(key),
        }
    }

    pub(super) fn remove(&mut self, share: &ShareName) {
        for key in self.keys.remove(share).into_iter().flatten() {
            if let Some(shares) = self.shares.get_mut(&key) {
                shares.retain(|other| **other != *share);
                if shares.is_empty() {
                    self.shares.remove(&key);
                }
            }
        }
    }

    pub(super) fn is_needed(&self, key: &Key) -> bool {
        self.shares.contains_key(key)
    }

    pub(super) fn shares(&self) -> impl Iterator<Item = &ShareName> {
        self.keys.keys().map(Arc::as_ref)
    }

    /// Whether any share depends on a destination: only then are they listed.
    pub(super) fn wants_destinations(&self) -> bool {
        let found = self.next_from(&Key::Destination(DestinationId(0)));
        matches!(found, Some(Key::Destination(_) | Key::DestinationName(_)))
    }

    /// Whether any share depends on a model: only then are they listed.
    pub(super) fn wants_models(&self) -> bool {
        let found = self.next_from(&Key::Model(ModelId(0)));
        matches!(found, Some(Key::Model(_) | Key::Baseline(_)))
    }

    /// Keys of one kind are neighbors in the map, so that a look at the next one is enough: this is asked with every
    /// reconcile.
    fn next_from(&self, first: &Key) -> Option<&Key> {
        let from_there = (Bound::Included(first), Bound::Unbounded);
        let mut found = self.shares.range::<Key, _>(from_there);
        found.next().map(|(key, _)| &**key)
    }

    pub(super) fn of(&self, touched: &[Key]) -> BTreeSet<ShareName> {
        touched
            .iter()
            .filter_map(|key| self.shares.get(key))
            .flatten()
            .map(|share| (**share).clone())
            .collect()
    }
}
