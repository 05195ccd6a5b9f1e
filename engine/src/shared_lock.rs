//! What the engines of one organisation share: the turn to write the objects that all its connections share.
//!
//! Each engine has an inventory of its own. Without the turn two of them that start together would each look, find no
//! data source, and make one.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Counts the writes so far; held while one is under way.
#[derive(Clone, Debug, Default)]
pub struct SharedObjectsLock(Arc<Mutex<u64>>);

/// How many writes of shared objects an engine knows of: what it listed is at least that young.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WritesSeen(u64);

impl SharedObjectsLock {
    /// An engine holds it, or a write is under way.
    pub fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The writes that have been answered; what is listed from here on shows them. `None` while one is under way.
    pub(super) fn answered(&self) -> Option<WritesSeen> {
        let writes = self.0.try_lock().ok()?;
        Some(WritesSeen(*writes))
    }

    /// The turn, if there was no write since `seen`; else how many writes there were: list first.
    pub(super) async fn take(self, seen: WritesSeen) -> Result<Taken, WritesSeen> {
        let writes = self.0.lock_owned().await;
        match *writes == seen.0 {
            true => Ok(Taken(writes)),
            false => Err(WritesSeen(*writes)),
        }
    }
}

pub(super) struct Taken(OwnedMutexGuard<u64>);

impl Taken {
    /// The write was sent, whatever came of it.
    pub(super) fn written(mut self) -> WritesSeen {
        *self.0 += 1;
        WritesSeen(*self.0)
    }
}
