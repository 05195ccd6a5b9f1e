//! Which resources exist: a guard that asks this needs three answers.

use std::collections::BTreeSet;

use crate::compose::ShareName;

/// Whether a resource exists, as far as this process can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    Exists,
    /// It does not exist, or it is being deleted.
    Gone,
    /// It is in a namespace that this process does not watch.
    Unknown,
}

/// Which `SharedAudience` resources exist, of this connection or another.
pub trait Existing: std::fmt::Debug {
    fn existence(&self, share: &ShareName) -> Existence;

    /// Whether it may still be there, be it only to be deleted.
    fn remains(&self, share: &ShareName) -> bool {
        self.existence(share) != Existence::Gone
    }
}

/// All that exist, where every namespace is watched.
impl Existing for BTreeSet<ShareName> {
    fn existence(&self, share: &ShareName) -> Existence {
        match self.contains(share) {
            true => Existence::Exists,
            false => Existence::Gone,
        }
    }
}
