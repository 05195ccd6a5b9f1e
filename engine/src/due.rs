//! The scopes that must be planned again, in the order in which they became due, each at most once.
//!
//! A queue in place of calls from one scope to the next: scopes wake each other, and recursion over thousands of them
//! would overflow the stack.

use std::collections::{BTreeSet, VecDeque};

use audience_sharing_core::compose::ShareName;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    SharedObjects,
    Audience(ShareName),
}

#[derive(Debug, Default)]
pub(super) struct Due {
    queue: VecDeque<Scope>,
    queued: BTreeSet<Scope>,
}

impl Due {
    pub(super) fn push(&mut self, scope: Scope) {
        if self.queued.insert(scope.clone()) {
            self.queue.push_back(scope);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Scope> {
        let scope = self.queue.pop_front()?;
        self.queued.remove(&scope);
        Some(scope)
    }
}
