//! How many audiences are created or only looked at side by side. What waits for the rate limiter holds a place among the
//! reconciles that run, and those are bounded: some places are kept for edits and deletions, however many others wait.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

use crate::api::SharedAudience;

/// An audience that found no place is woken when one becomes free. This is for the case that whoever was woken instead does
/// not take it, for example since it was deleted meanwhile.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Admission {
    places: usize,
    waiting: Mutex<Waiting>,
    wake: mpsc::UnboundedSender<ObjectRef<SharedAudience>>,
}

#[derive(Default)]
struct Waiting {
    taken: usize,
    line: VecDeque<ObjectRef<SharedAudience>>,
    /// What is in the line.
    known: HashSet<ObjectRef<SharedAudience>>,
}

/// A place; given back when it is dropped.
pub(super) struct Place(Arc<Admission>);

impl Admission {
    pub(super) fn new(
        places: usize,
        wake: mpsc::UnboundedSender<ObjectRef<SharedAudience>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            places,
            waiting: Mutex::default(),
            wake,
        })
    }

    /// `None`: all places are taken. The audience is woken when it is its turn.
    pub(super) fn enter(self: &Arc<Self>, audience: ObjectRef<SharedAudience>) -> Option<Place> {
        let mut waiting = self.waiting();
        if waiting.taken < self.places {
            waiting.taken += 1;
            return Some(Place(self.clone()));
        }
        if waiting.known.insert(audience.clone()) {
            waiting.line.push_back(audience);
        }
        None
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.taken -= 1;
        if let Some(next) = waiting.line.pop_front() {
            waiting.known.remove(&next);
            // Nobody is left to wake when the process ends.
            let _ = self.0.wake.send(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::ObjectRef;
    use tokio::sync::mpsc;

    use super::Admission;
    use crate::api::SharedAudience;

    fn named(name: &str) -> ObjectRef<SharedAudience> {
        ObjectRef::new(name).within("marketing")
    }

    #[test]
    fn who_finds_no_place_is_woken_in_turn_and_once() {
        let (wake, mut woken) = mpsc::unbounded_channel();
        let admission = Admission::new(2, wake);
        let first = admission.enter(named("first"));
        let second = admission.enter(named("second"));
        assert!(first.is_some() && second.is_some());
        for name in ["third", "fourth", "third"] {
            assert!(admission.enter(named(name)).is_none(), "{name}");
        }
        assert!(woken.try_recv().is_err());
        drop(first);
        assert_eq!(woken.try_recv(), Ok(named("third")));
        assert!(woken.try_recv().is_err());
        let third = admission.enter(named("third"));
        assert!(third.is_some());
        drop(second);
        assert_eq!(woken.try_recv(), Ok(named("fourth")));
        // It was deleted meanwhile: the next audience takes its place.
        assert!(admission.enter(named("fifth")).is_some());
        drop(third);
        assert!(woken.try_recv().is_err(), "nobody waits any more");
    }
}
