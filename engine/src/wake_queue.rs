//! Queues in which an entry waits at most once: as long as the number of resources at most, however often each is woken.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use tokio::sync::mpsc;

/// In the order in which they came, each at most once.
#[derive(Debug)]
pub struct UniqueQueue<T> {
    queue: VecDeque<T>,
    queued: HashSet<T>,
}

impl<T> Default for UniqueQueue<T> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            queued: HashSet::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> UniqueQueue<T> {
    /// An entry that waits already keeps its place.
    pub fn push(&mut self, entry: T) {
        if self.queued.insert(entry.clone()) {
            self.queue.push_back(entry);
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        let entry = self.queue.pop_front()?;
        self.queued.remove(&entry);
        if self.queue.is_empty() {
            // Gives back the memory of the thousands that a start brings.
            self.queue.shrink_to_fit();
            self.queued.shrink_to_fit();
        }
        Some(entry)
    }
}

/// Wakes the reader of the queue; never waits, and never fails.
#[derive(Debug)]
pub struct Waker<T> {
    queue: Arc<Mutex<UniqueQueue<T>>>,
    signal: mpsc::Sender<()>,
}

/// What was woken; ends when the last [`Waker`] is gone.
#[derive(Debug)]
pub struct Woken<T> {
    queue: Arc<Mutex<UniqueQueue<T>>>,
    signal: mpsc::Receiver<()>,
}

/// The two ends of one queue.
pub fn wake_queue<T: Clone + Eq + Hash>() -> (Waker<T>, Woken<T>) {
    let queue = Arc::new(Mutex::default());
    let (sender, receiver) = mpsc::channel(1);
    let waker = Waker {
        queue: queue.clone(),
        signal: sender,
    };
    let woken = Woken {
        queue,
        signal: receiver,
    };
    (waker, woken)
}

impl<T> Clone for Waker<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            signal: self.signal.clone(),
        }
    }
}

impl<T: Clone + Eq + Hash> Waker<T> {
    pub fn wake(&self, entry: T) {
        lock(&self.queue).push(entry);
        // If the channel is full, the reader has been signaled already; if it is closed, there is no reader.
        let _ = self.signal.try_send(());
    }
}

impl<T: Clone + Eq + Hash> Woken<T> {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            if let Some(entry) = lock(&self.queue).pop() {
                return Some(entry);
            }
            self.signal.recv().await?;
        }
    }

    pub fn into_stream(self) -> impl Stream<Item = T> {
        futures::stream::unfold(self, |mut woken| async move {
            let entry = woken.next().await?;
            Some((entry, woken))
        })
    }
}

fn lock<T>(queue: &Mutex<UniqueQueue<T>>) -> MutexGuard<'_, UniqueQueue<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_waits_at_most_once_and_the_end_comes_after_the_last() {
        let (waker, mut woken) = wake_queue();
        let other = waker.clone();
        for _ in 0..1_000 {
            waker.wake("b");
            other.wake("a");
        }
        assert_eq!(lock(&woken.queue).queue.len(), 2);
        drop((waker, other));
        let all = futures::executor::block_on(async {
            let mut all = Vec::new();
            while let Some(entry) = woken.next().await {
                all.push(entry);
            }
            all
        });
        assert_eq!(all, ["b", "a"]);
    }
}
