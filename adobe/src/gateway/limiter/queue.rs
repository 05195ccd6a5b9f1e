//! A queue that is served round robin: one entry of each key in turn, the entries of one key in their order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct FairQueue<T> {
    keys: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<T>>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            keys: VecDeque::new(),
            waiting: HashMap::new(),
        }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn join(&mut self, key: &Arc<str>, entry: T) {
        let entries = self.waiting.entry(key.clone()).or_default();
        if entries.is_empty() {
            self.keys.push_back(key.clone());
        }
        entries.push_back(entry);
    }

    /// All entries of one key.
    pub(super) fn take(&mut self, key: &str) -> Option<(Arc<str>, VecDeque<T>)> {
        let taken = self.waiting.remove_entry(key)?;
        self.keys.retain(|known| **known != *key);
        Some(taken)
    }

    /// The entry that leaves next.
    pub(super) fn first(&self) -> Option<&T> {
        let key = self.keys.front()?;
        self.waiting.get(key)?.front()
    }

    pub(super) fn leave(&mut self) -> Option<T> {
        let key = self.keys.pop_front()?;
        let entries = self.waiting.get_mut(&key)?;
        let entry = entries.pop_front();
        if entries.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.keys.push_back(key);
        }
        entry
    }
}
