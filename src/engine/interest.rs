//! Who depends on what: from a key that was touched to the shares that must be looked at again.

use std::collections::{BTreeMap, BTreeSet};

use audience_sharing_core::compose::ShareName;
use audience_sharing_core::inventory::Key;

#[derive(Debug, Default)]
pub(super) struct Interest {
    shares: BTreeMap<Key, BTreeSet<ShareName>>,
    keys: BTreeMap<ShareName, BTreeSet<Key>>,
}

impl Interest {
    /// Replaces what `share` depends on.
    pub(super) fn set(&mut self, share: &ShareName, keys: BTreeSet<Key>) {
        if self.keys.get(share) == Some(&keys) {
            return;
        }
        self.remove(share);
        for key in &keys {
            self.shares
                .entry(key.clone())
                .or_default()
                .insert(share.clone());
        }
        self.keys.insert(share.clone(), keys);
    }

    pub(super) fn remove(&mut self, share: &ShareName) {
        for key in self.keys.remove(share).into_iter().flatten() {
            if let Some(shares) = self.shares.get_mut(&key) {
                shares.remove(share);
                if shares.is_empty() {
                    self.shares.remove(&key);
                }
            }
        }
    }

    pub(super) fn of(&self, touched: &[Key]) -> BTreeSet<ShareName> {
        touched
            .iter()
            .filter_map(|key| self.shares.get(key))
            .flatten()
            .cloned()
            .collect()
    }
}
