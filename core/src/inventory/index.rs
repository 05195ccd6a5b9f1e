//! The ids of what has one key, in the order of the ids.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

#[derive(Debug)]
pub(super) struct Index<Key, Id>(BTreeMap<Key, Vec<Id>>);

impl<Key, Id> Default for Index<Key, Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Key: Ord, Id: Ord> Index<Key, Id> {
    pub(super) fn get(&self, key: &Key) -> &[Id] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn range(&self, keys: impl RangeBounds<Key>) -> impl Iterator<Item = (&Key, &Id)> {
        let ids = self.0.range(keys);
        ids.flat_map(|(key, ids)| ids.iter().map(move |id| (key, id)))
    }

    pub(super) fn insert(&mut self, key: Key, id: Id) {
        let ids = self.0.entry(key).or_default();
        if let Err(place) = ids.binary_search(&id) {
            // Nearly always one.
            ids.reserve_exact(1);
            ids.insert(place, id);
        }
    }

    pub(super) fn remove(&mut self, key: &Key, id: &Id) {
        let Some(ids) = self.0.get_mut(key) else {
            return;
        };
        ids.retain(|known| known != id);
        if ids.is_empty() {
            self.0.remove(key);
        }
    }
}
