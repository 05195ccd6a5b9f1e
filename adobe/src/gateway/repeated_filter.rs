//! Whether a filter that a list is given several times counts each time (audience-manager.md §2.8): what the answers of one
//! tenant showed so far. It sends nothing.

use std::sync::atomic::{AtomicU8, Ordering};

/// Of one credential, and so of one tenant.
#[derive(Debug, Default)]
pub(crate) struct RepeatedFilter(AtomicU8);

/// So many lists must have lacked what its own list showed: of one the object may be younger than the first list.
const DOUBTS: u8 = 2;
const PROVEN: u8 = u8::MAX;

impl RepeatedFilter {
    pub(crate) fn is_proven(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PROVEN
    }

    /// From then on each is asked for by itself.
    pub(crate) fn is_refuted(&self) -> bool {
        (DOUBTS..PROVEN).contains(&self.0.load(Ordering::Relaxed))
    }

    /// One answer showed objects of two of them.
    pub(crate) fn prove(&self) {
        self.0.store(PROVEN, Ordering::Relaxed);
    }

    pub(crate) fn refute(&self) {
        self.0.store(DOUBTS, Ordering::Relaxed);
    }

    /// A list showed nothing of one of them, and its own list does.
    pub(crate) fn doubt(&self) {
        let more = |seen: u8| (seen < DOUBTS).then(|| seen + 1);
        // Proven or refuted before, it stays so.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}
